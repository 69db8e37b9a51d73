import os
import signal

import pytest

from subrosa.runtime.signals import Wish, Wishes


@pytest.mark.asyncio
async def test_signals_are_wishes_in_their_order() -> None:
    wishes = Wishes()
    wishes.on_signals()
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR2):
        os.kill(os.getpid(), number)
        assert (await wishes.next()).value == number
    assert [wish.value.name for wish in Wish] == ["SIGHUP", "SIGUSR1", "SIGUSR2"]
