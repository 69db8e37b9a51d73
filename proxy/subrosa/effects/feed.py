"""The latest decisions and those who follow them, for the admin port: bounded, in memory, never waited for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from subrosa.effects.records import Record

MOST_RECENT = 1_000


class Feed:
    """Takes records as they are told, of one process or of several workers."""

    def __init__(self, most_recent: int = MOST_RECENT) -> None:
        self._recent: dict[str, Record] = {}
        self._most_recent = most_recent
        self._listeners: set[asyncio.Queue[Record]] = set()

    def take(self, record: Record, _line: str = "") -> None:
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

    def recent(self) -> list[Record]:
        """The latest decisions, newest first, each with its outcome where it has one."""
        return list(reversed(self._recent.values()))

    @contextmanager
    def subscribe(self, most: int = MOST_RECENT) -> "Iterator[asyncio.Queue[Record]]":
        """A queue of decisions and outcomes as they come; a listener that is too slow loses the oldest."""
        queue: asyncio.Queue[Record] = asyncio.Queue(most)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
