"""A worker that is told to load, switch and forget, and never to serve: with real rules, in this process."""

import asyncio
import contextlib
import logging
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from subrosa.runtime.workers.channel import Channel
from subrosa.runtime.workers.messages import (
    Alive,
    Done,
    Drain,
    Failed,
    Flush,
    Forget,
    Load,
    Loaded,
    Lock,
    Message,
    Start,
    Switch,
    Switched,
)
from subrosa.runtime.workers.worker import Worker
from subrosa.settings import Settings
from unit.loading.directories import GOOD

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Bench:
    """A worker, and the supervisor's end of its channel."""

    def __init__(self, worker: Worker, channel: Channel, rules: Path) -> None:
        self.worker = worker
        self.channel = channel
        self.rules = rules

    def load(self, number: int, rules: str = "") -> None:
        message = Load(number=number, generation=number, rules=rules or str(self.rules), today="2026-11-25")
        self.channel.send(message)

    async def hear(self, kind: Any) -> Any:
        """The next message that is no sign of life."""
        async with asyncio.timeout(30):
            message: Message | None = Alive(evidence="")
            while isinstance(message, Alive):
                message = await self.channel.receive()
        assert isinstance(message, kind), message
        return message


@contextlib.asynccontextmanager
async def working(tmp_path: Path) -> AsyncIterator[Bench]:
    shutil.copytree(GOOD, tmp_path / "rules/0")
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    settings = Settings(state_dir=state).model_dump_json(by_alias=True, exclude_unset=True)
    ours, theirs = socket.socketpair()
    worker = Worker(await Channel.of(theirs), Start(settings=settings, sockets=((),), metrics=str(tmp_path)))
    bench = Bench(worker, await Channel.of(ours), tmp_path / "rules")
    running = asyncio.get_running_loop().create_task(worker.run())
    try:
        yield bench
    finally:
        await bench.channel.close()
        await asyncio.wait_for(running, 30)
        await worker._channel.close()


async def test_what_is_loaded_is_in_force_only_after_the_switch(tmp_path: Path) -> None:
    async with working(tmp_path) as bench:
        bench.load(1)
        loaded = await bench.hear(Loaded)
        before = bench.worker._policy
        assert before is None

        bench.channel.send(Switch(number=1))
        assert await bench.hear(Switched) == Switched(number=1)
        policy = bench.worker._policy
        assert policy is not None
        assert (policy.digest, policy.generation) == (loaded.digest, 1)


async def test_what_cannot_be_loaded_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with working(tmp_path) as bench:
        bench.load(1, "/nowhere")
        failed = await bench.hear(Failed)

        assert failed.number == 1
        assert "/nowhere" in failed.fault
        assert bench.worker._built == {}


@pytest.mark.parametrize("finished", [True, False])
async def test_what_is_forgotten_is_kept_by_nobody(tmp_path: Path, finished: bool) -> None:
    async with working(tmp_path) as bench:
        bench.load(1)
        if finished:
            await bench.hear(Loaded)
        bench.channel.send(Forget(number=1))
        bench.load(2)
        if not finished:
            await bench.hear(Loaded)
        assert (await bench.hear(Loaded)).number == 2

        assert set(bench.worker._built) == {2}
        assert bench.worker._forgotten == set()


async def test_a_switch_lets_go_of_what_nobody_asked_for_again(tmp_path: Path) -> None:
    async with working(tmp_path) as bench:
        for number in (1, 2):
            bench.load(number)
            await bench.hear(Loaded)
        bench.channel.send(Switch(number=2))
        await bench.hear(Switched)

        assert bench.worker._built == {}


async def test_the_switch_that_refuses_everything_is_read_at_the_start_and_turned_when_told(
    tmp_path: Path,
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/lockdown").touch()
    async with working(tmp_path) as bench:
        for on, number in ((True, 1), (False, 2), (True, 3)):
            if number > 1:
                bench.channel.send(Lock(on=on, number=number))
                assert await bench.hear(Done) == Done(number=number)
            else:
                bench.channel.send(Flush(number=0))
                await bench.hear(Done)
            assert bench.worker._lockdown.on is on
        bench.channel.send(Flush(number=8))
        assert await bench.hear(Done) == Done(number=8)


async def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    async with working(tmp_path) as bench:
        bench.channel.send(Drain())
        async with asyncio.timeout(30):
            await bench.worker._ending.wait()
