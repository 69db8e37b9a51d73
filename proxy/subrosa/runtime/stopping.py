"""How a gateway is asked to end: once to drain, twice to end at once."""

import asyncio
import signal
from collections.abc import Coroutine

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """The two wishes, as events."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.now = asyncio.Event()

    def ask(self) -> None:
        """Ask, or insist."""
        (self.now if self.asked.is_set() else self.asked).set()

    def on_signals(self) -> None:
        """Take SIGTERM and SIGINT for a wish."""
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self.ask)

    async def unless_now(self, work: Coroutine[object, object, None]) -> None:
        """Do what is to be done before the end, or as much as is done when someone insists."""
        async with asyncio.TaskGroup() as tasks:
            doing, insisted = tasks.create_task(work), tasks.create_task(self.now.wait())
            await asyncio.wait((doing, insisted), return_when=asyncio.FIRST_COMPLETED)
            doing.cancel()
            insisted.cancel()
