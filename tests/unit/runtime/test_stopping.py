import asyncio
import os
import signal

import pytest

from subrosa.runtime.stopping import Stop

pytestmark = pytest.mark.asyncio


async def test_the_first_wish_drains_and_the_second_insists() -> None:
    stop = Stop()
    stop.on_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.asked.wait()
    assert not stop.now.is_set()
    os.kill(os.getpid(), signal.SIGINT)
    await stop.now.wait()


async def test_what_is_done_before_the_end_is_done() -> None:
    stop, done = Stop(), asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    await stop.unless_now(work())
    assert done.is_set()


async def test_it_is_broken_off_when_someone_insists() -> None:
    stop = Stop()
    loop = asyncio.get_running_loop()
    ending = loop.create_task(stop.unless_now(_for_ever()))
    await asyncio.sleep(0)
    stop.ask()
    stop.ask()
    await asyncio.wait_for(ending, 5)


async def _for_ever() -> None:
    await asyncio.Event().wait()
