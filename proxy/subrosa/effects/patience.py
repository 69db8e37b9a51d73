"""A log stream that never blocks its writer: what a full pipe does not take waits in memory, and then is dropped.

A stuck reader of stderr would otherwise stop every transfer. Losing log lines is bearable, because evidence is
kept elsewhere; losing them silently is not, so the number of lost lines is written as soon as there is room.
"""

import asyncio
import os
import select
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import Protocol

MOST_WAITING = 4 << 20
"""Octets of lines in memory while nobody reads."""
_PIECE = select.PIPE_BUF
"""What a pipe that polls as writable takes without blocking (POSIX)."""
_RETRY = 0.2


class Stream(Protocol):
    """What log lines are written to."""

    def write(self, text: str, /) -> int:
        """Take some text."""

    def flush(self) -> None:
        """Pass it on."""

    def isatty(self) -> bool:
        """Whether a person looks at it."""


class PatientStream:
    """Text lines to a file descriptor, from any thread.

    Writes to a duplicate of its own: when the original is closed its number goes to the next file that is
    opened, which may be a segment of evidence.
    """

    def __init__(self, descriptor: int, *, most_waiting: int = MOST_WAITING) -> None:
        self._descriptor = os.dup(descriptor)
        weakref.finalize(self, os.close, self._descriptor)
        self._most = most_waiting
        self._waiting: deque[bytes] = deque()
        self._octets = 0
        self._lost = 0
        self._lock = threading.RLock()
        self._retry: asyncio.TimerHandle | None = None
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    def write(self, text: str, /) -> int:
        """Write the text, or as much as can be written now; the rest waits its turn."""
        octets = text.encode("utf-8", "backslashreplace")
        with self._lock:
            if self._waiting or self._lost:
                self._keep(octets)
                self._drain()
            elif rest := self._put(octets):
                self._keep(rest)
        return len(text)

    def flush(self) -> None:
        """Write what waits, as far as can be done without blocking; try again soon where something is left."""
        if self._waiting or self._lost:
            with self._lock:
                self._drain()

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return os.isatty(self._descriptor)

    def _drain(self) -> None:
        while self._waiting:
            octets = self._waiting.popleft()
            rest = self._put(octets)
            self._octets -= len(octets) - len(rest)
            if rest:
                self._waiting.appendleft(rest)
                break
        if self._lost and not self._waiting:
            lost, self._lost = self._lost, 0
            self.write(
                f'{{"event":"log lines were dropped: nobody read them","level":"error","lost":{lost}}}\n'
            )
        if self._waiting:
            self._try_later()

    def _keep(self, octets: bytes) -> None:
        """Let octets wait; the rest of a line that was begun always does, so that no line is cut."""
        begun = not self._waiting and not self._lost
        if not begun and self._octets + len(octets) > self._most:
            self._lost += 1
            return
        self._waiting.append(octets)
        self._octets += len(octets)
        self._try_later()

    def _put(self, octets: bytes) -> bytes:
        """What could not be written without blocking."""
        at = 0
        try:
            while at < len(octets) and self._poll.poll(0):
                at += os.write(self._descriptor, octets[at : at + _PIECE])
        except BlockingIOError:
            return octets[at:]
        except OSError:
            return b""  # the reader is gone for good: there is nobody to tell
        return octets[at:]

    def _try_later(self) -> None:
        if self._retry is None:
            with suppress(RuntimeError):  # no loop runs yet: the next line tries
                self._retry = asyncio.get_running_loop().call_later(_RETRY, self._again)

    def _again(self) -> None:
        self._retry = None
        self.flush()
