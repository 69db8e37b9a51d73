"""Something asked of several workers at once, and over when each has answered or left."""

import asyncio
from collections.abc import Hashable, Iterable


class Round[M: Hashable]:
    """The answers to one question; one that says no ends it as well."""

    def __init__(self, asked: Iterable[M]) -> None:
        self.waiting = set(asked)
        self.faults: list[str] = []
        self._over = asyncio.Event()
        self._look()

    def answer(self, member: M, fault: str = "") -> None:
        """Take an answer; one who was not asked, or has answered, is not heard."""
        if member in self.waiting:
            self.waiting.discard(member)
            if fault:
                self.faults.append(fault)
            self._look()

    def left(self, member: M) -> None:
        """Wait no more for one who is gone."""
        self.waiting.discard(member)
        self._look()

    async def over(self, seconds: float) -> None:
        """Wait for the end; who is still in ``waiting`` then has not answered in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    def _look(self) -> None:
        if self.faults or not self.waiting:
            self._over.set()
