"""Every open client connection of one process, whatever serves it: swept, drained and cut together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_TICK = 0.5


class Served(Protocol):
    """One client connection, as far as its end is concerned."""

    @property
    def busy(self) -> bool:
        """Whether something is in flight, which a drain lets end."""

    def overdue(self, now: float) -> bool:
        """Whether it took too long to say what it wants, or says nothing; ``now`` is loop time."""

    def wind_down(self) -> None:
        """Let what is in flight end, and take no more; called again and again."""

    def leave(self) -> None:
        """Close once what was answered has left."""

    def cut(self) -> None:
        """Close everything now, on purpose."""


class Connections:
    """What is open. A lane has what it serves in here from its first octet to its last."""

    def __init__(self) -> None:
        self._served: set[Served] = set()

    def __len__(self) -> int:
        return len(self._served)

    def __iter__(self) -> Iterator[Served]:
        return iter(list(self._served))

    @contextmanager
    def serving(self, served: Served) -> Iterator[None]:
        """Know a connection while the block runs."""
        self._served.add(served)
        try:
            yield
        finally:
            self._served.discard(served)

    def cut_all(self) -> None:
        """Break off every one, as a lock-down does."""
        for served in self:
            served.cut()

    async def sweep(self) -> None:
        """For ever: close what is overdue."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK)
            now = loop.time()
            for served in self:
                if served.overdue(now):
                    served.cut()

    def leave_idle(self) -> None:
        """Close every one with nothing in flight, and have the others take no more."""
        for served in self:
            if served.busy:
                served.wind_down()
            else:
                served.leave()
