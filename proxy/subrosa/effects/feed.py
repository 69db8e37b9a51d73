"""The latest decisions and those who follow them, for the admin port: bounded, in memory, never waited for."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from subrosa.effects.records import Record

MOST_RECENT = 1_000
_KEPT = 2
"""Records kept unread for each decision that is shown: it has an outcome as well."""

type Unread = Callable[[], Iterable[Record]]


class Feed:
    """Takes records as they are told, of one process or of several workers."""

    def __init__(self, most_recent: int = MOST_RECENT) -> None:
        self._recent: dict[str, Record] = {}
        self._most_recent = most_recent
        self._listeners: set[asyncio.Queue[Record]] = set()
        self._lines: deque[str] = deque(maxlen=_KEPT * most_recent)
        self._unread: deque[tuple[int, Unread]] = deque()
        self._unread_count = 0

    def take(self, line: str) -> None:
        """Take an encoded record; it is read when somebody wants to know."""
        if self._listeners:
            self._take(json.loads(line))
        else:
            self._lines.append(line)

    def _take(self, record: Record) -> None:
        """Keep a decision, or add an outcome to the decision it belongs to; pass either on."""
        name, recent = str(record["id"]), self._recent
        if record["record"] == "decision":
            recent[name] = record
            if len(recent) > self._most_recent:
                del recent[next(iter(recent))]
        elif name in recent:
            recent[name]["outcome"] = record
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(record)

    def take_later(self, count: int, unread: Unread) -> None:
        """Take so many records that are still to be read, which costs more than all else; at once where one follows."""
        self._unread.append((count, unread))
        self._unread_count += count
        if self._listeners:
            self._read()
        while self._unread and self._unread_count - self._unread[0][0] >= _KEPT * self._most_recent:
            self._unread_count -= self._unread.popleft()[0]

    def _read(self) -> None:
        while self._lines:
            self._take(json.loads(self._lines.popleft()))
        while self._unread:
            _, unread = self._unread.popleft()
            for record in unread():
                self._take(record)
        self._unread_count = 0

    def recent(self) -> list[Record]:
        """The latest decisions, newest first, each with its outcome where it has one."""
        self._read()
        return list(reversed(self._recent.values()))

    @contextmanager
    def subscribe(self, most: int = MOST_RECENT) -> "Iterator[asyncio.Queue[Record]]":
        """A queue of decisions and outcomes as they come; a listener that is too slow loses the oldest."""
        self._read()
        queue: asyncio.Queue[Record] = asyncio.Queue(most)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
