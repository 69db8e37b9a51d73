"""What signals ask of a running gateway; taken from the start on, obeyed once it runs."""

import asyncio
import signal
from enum import Enum


class Wish(Enum):
    """What a signal asks for."""

    RELOAD = signal.SIGHUP
    LOCK = signal.SIGUSR1
    UNLOCK = signal.SIGUSR2


class Wishes:
    """Those not fulfilled yet, oldest first."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Wish] = asyncio.Queue()

    def on_signals(self) -> None:
        """Take the signals, which would end the process otherwise."""
        for wish in Wish:
            asyncio.get_running_loop().add_signal_handler(wish.value, self._waiting.put_nowait, wish)

    async def next(self) -> Wish:
        """The next, once there is one."""
        return await self._waiting.get()
