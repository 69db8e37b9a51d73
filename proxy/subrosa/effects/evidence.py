"""The evidence store: append-only segments of JSON lines, durable by group commit.

One writer thread a process. What arrives while it writes and syncs is taken together next time, so that many
transfers share one fdatasync. Every failure reaches every record of its batch, and a transfer that was refused
for want of evidence leaves none: what was written too late is taken back.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from subrosa.effects.segments import Segments
from subrosa.policy.decision import EvidenceError

PATIENCE = 10.0
"""Seconds that a record may take to become durable; a disk that hangs is a disk that fails."""
LINGER = 0.02
"""Seconds that records nobody waits for may stand in memory, so that they share one write."""
PROBE = 2.0
"""Seconds after a failure until the store tries again by itself, so that it recovers without traffic."""
MOST_PENDING = 100_000
"""Records in memory; more are refused, so that a disk that hangs costs bounded memory."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one batch; ``fault`` is empty where it was written."""

    records: int
    fault: str = ""


class _Batch:
    """Records that are written together. Settled once: by the thread that wrote them, or by running out of time."""

    __slots__ = ("_settled", "expiry", "lines", "sync", "waiters")

    def __init__(self) -> None:
        self._settled = threading.Lock()
        self.lines: list[str] = []
        self.waiters: list[asyncio.Future[None]] = []
        self.sync = False
        self.expiry: asyncio.TimerHandle | None = None

    def settle(self) -> bool:
        """Whether the caller is the one who settles it."""
        return self._settled.acquire(blocking=False)


class Evidence:
    """Appends encoded records; made and used on one event loop.

    Opens the first segment when made, and raises EvidenceError where that cannot be. ``tell`` is called on the
    loop once a batch, with how many records were written or lost.
    """

    def __init__(
        self, segments: Segments, tell: Callable[[Told], None], *, patience: float = PATIENCE
    ) -> None:
        segments.open()
        self._segments = segments
        self._tell = tell
        self._patience = patience
        self._late = f"evidence was not written within {patience:g} s"
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._arriving: _Batch | None = None
        self._timer: asyncio.Handle | None = None
        self._probe: asyncio.TimerHandle | None = None
        self._pending = 0
        self._closed = False
        self._stuck = False
        self.fault = ""
        """What the last batch failed with; empty while evidence is written."""
        self._thread = threading.Thread(target=self._write, name="evidence", daemon=True)
        self._thread.start()

    def append(self, line: str, *, durable: bool) -> asyncio.Future[None] | None:
        """Take one encoded record; give what to await where it has to be durable.

        Raises EvidenceError when the store is closed, hangs, or is full of records that wait; the future raises
        it when the record could not be written.
        """
        if self._closed or self._stuck or self._pending >= MOST_PENDING:
            refused = self._refusal()
            self._tell(Told(1, refused))
            raise EvidenceError(refused)
        self._pending += 1
        batch = self._arriving
        if batch is None:
            batch = self._arriving = _Batch()
        batch.lines.append(line)
        if not durable:
            if self._timer is None:
                self._timer = self._loop.call_later(LINGER, self._hand_over)
            return None
        if not batch.sync:
            batch.sync = True
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_soon(self._hand_over)
        waiter: asyncio.Future[None] = self._loop.create_future()
        batch.waiters.append(waiter)
        return waiter

    async def close(self) -> None:
        """Write what is pending, sync, and end the thread; a disk that hangs is not waited for."""
        if self._closed:
            return
        self._closed = True
        if self._probe is not None:
            self._probe.cancel()
        self._hand_over()
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join, self._patience)

    def _refusal(self) -> str:
        """Why the store takes no records."""
        if self._closed:
            return "the evidence store is closed"
        return self.fault if self._stuck else "too many evidence records wait"

    # --- on the loop ---------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        batch, self._arriving = self._arriving, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if batch is None:
            return
        if batch.waiters:
            batch.expiry = self._loop.call_later(self._patience, self._expire, batch)
        self._queue.put(batch)

    def _expire(self, batch: _Batch) -> None:
        if batch.settle():
            self._stuck = True
            self._settle(batch, self._late)

    def _heard(self, batches: list[_Batch], fault: str) -> None:
        self._stuck = False
        for batch in batches:
            self._settle(batch, fault)

    def _settle(self, batch: _Batch, fault: str) -> None:
        self._pending -= len(batch.lines)
        self.fault = fault
        if batch.expiry is not None:
            batch.expiry.cancel()
        for waiter in batch.waiters:
            if waiter.done():
                continue
            if fault:
                waiter.set_exception(EvidenceError(fault))
            else:
                waiter.set_result(None)
        self._tell(Told(len(batch.lines), fault))
        if fault and self._probe is None:
            self._probe = self._loop.call_later(PROBE, self._try_again)

    def _try_again(self) -> None:
        self._probe = None
        if self.fault and not self._closed:
            probe = _Batch()
            probe.sync = True
            self._queue.put(probe)

    # --- on the thread -------------------------------------------------------------------------------------

    def _write(self) -> None:
        over = False
        while not over:
            batches, over = self._waiting()
            if batches:
                self._report(*self._written(batches))
        self._segments.close()

    def _waiting(self) -> tuple[list[_Batch], bool]:
        """All batches that came while the last ones were written, and whether no more will come."""
        batches: list[_Batch] = []
        try:
            batch = self._queue.get()
            while batch is not None:
                batches.append(batch)
                batch = self._queue.get_nowait()
        except Empty:
            return batches, False
        return batches, True

    def _written(self, batches: list[_Batch]) -> tuple[list[_Batch], str]:
        """Write batches as one; where one was waited for too long already, all fail, and nothing is left of them."""
        try:
            lines = [line for batch in batches for line in batch.lines]
            self._segments.write(lines, sync=any(batch.sync for batch in batches))
            fault = ""
        except Exception as error:  # noqa: BLE001 - whatever fails here, the waiting transfers must hear of it
            fault = str(error) or type(error).__name__
        in_time = [batch for batch in batches if batch.settle()]
        if len(in_time) == len(batches):
            return batches, fault
        if not fault:
            self._segments.take_back()
        return (in_time, fault or self._late) if in_time else ([_Batch()], fault)

    def _report(self, batches: list[_Batch], fault: str) -> None:
        try:
            self._loop.call_soon_threadsafe(self._heard, batches, fault)
        except RuntimeError:  # the loop is gone, and with it everyone who waited
            return
