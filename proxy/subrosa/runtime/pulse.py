"""Notices from a thread of its own that the event loop stands still, and tells at what."""

import asyncio
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

BEAT = 0.5
"""Seconds between two signs of life, and between two looks at them."""
_DEEP = 8
"""How many of the innermost calls are told."""


class Pulse:
    """Counts looks without a sign of life in between, so that a process that was stopped as a whole is no find."""

    def __init__(self, seconds: float) -> None:
        self._most = max(1, round(seconds / BEAT))
        self._missed = 0
        self._over = threading.Event()
        self._loop_thread = threading.get_ident()
        self._logger = structlog.get_logger("subrosa")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look while the block runs; made and entered on the loop's own thread."""
        looking = threading.Thread(target=self._look, name="pulse", daemon=True)
        looking.start()
        try:
            yield
        finally:
            self._over.set()
            looking.join()

    async def beat(self) -> None:
        """For ever: give signs of life."""
        while True:
            self._missed = 0
            await asyncio.sleep(BEAT)

    def _look(self) -> None:
        told = False
        while not self._over.wait(BEAT):
            self._missed += 1
            if self._missed > self._most and not told:
                told = True
                self._logger.error("the event loop stands still", at=self._where())
            elif self._missed <= self._most and told:
                told = False
                self._logger.warning("the event loop turns again")

    def _where(self) -> list[str]:
        """The innermost calls of the loop's thread, innermost first."""
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the documented way to another thread's stack
        calls = traceback.extract_stack(frame)[-_DEEP:] if frame is not None else []
        return [f"{call.filename}:{call.lineno} {call.name}" for call in reversed(calls)]
