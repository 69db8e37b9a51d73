"""Factories for what is told of transfers: decisions, outcomes, and doubles of log, store and disk."""

import asyncio
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, override

from prometheus_client import CollectorRegistry, Metric

from subrosa.effects.metrics import Metrics
from subrosa.effects.records import Record
from subrosa.effects.segments import Disk
from subrosa.facts.stage import Stage
from subrosa.gateway.ports import Kept
from subrosa.policy.decision import Decision, EvidenceError, TransferOutcome
from subrosa.policy.verdict import Outcome, Reason, Verdict

NOW = 1_795_574_394.943486
BLOCK = Verdict(
    outcome=Outcome.BLOCK,
    reason=Reason.TRAINING_DESTINATION,
    rules=("pledge.training-destination",),
    stage=Stage.BODY,
    operation="acme.tune",
    provider="acme",
    purpose="fine-tuning",
)
ALLOW = Verdict(outcome=Outcome.ALLOW, reason=Reason.ALLOWED, stage=Stage.HEAD)
OBSERVED = replace(BLOCK, outcome=Outcome.ALLOW, would_block=True)

_PLAIN: dict[str, Any] = {
    "id": "d-1",
    "verdict": BLOCK,
    "generation": 1,
    "digest": "3f2a",
    "profile": "standard",
    "enforcing": True,
    "customer_content": True,
    "source": "default",
    "client": "192.0.2.1",
    "listener": "explicit:8080",
    "user": "",
    "subject": "",
    "transport": "http/1.1",
    "method": "POST",
    "scheme": "https",
    "host": "api.acme.example",
    "port": 443,
    "path": "/v1/tune",
    "query": "",
    "content_type": "application/json",
    "declared_length": 5,
    "kinds": (),
    "recognisers": (),
    "shapes": (),
    "tags": (),
    "checksums": (),
}


def decision(**changes: object) -> Decision:
    """A refused upload to a fine-tuning API, with these fields changed."""
    return Decision(**{**_PLAIN, **changes})


def outcome(name: str = "d-1", **changes: Any) -> TransferOutcome:
    """The end of a transfer."""
    return TransferOutcome(id=name, **changes)


def metrics() -> tuple[Metrics, CollectorRegistry]:
    """Metrics of transfers on a registry of their own."""
    registry = Flushing()
    registry.made = Metrics(registry, held_limit=1 << 30)
    return registry.made, registry


class Flushing(CollectorRegistry):
    """A registry that does not wait for the end of the turn in which something was counted."""

    made: Metrics | None = None

    @override
    def collect(self) -> Iterator[Metric]:
        if self.made is not None:
            self.made.flush()
        yield from super().collect()


class Lines:
    """A decision log that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def __call__(self, line: str, _verdict: str) -> None:
        self.records.append(json.loads(line))


class Shelf:
    """An evidence store in memory; ``fault`` makes it refuse, ``stuck`` makes it never answer."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bool]] = []
        self.fault = ""
        self.stuck = False

    def append(self, line: str, *, durable: bool) -> "asyncio.Future[None] | None":
        """Keep a line, or refuse it as a store would."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.fault and not durable:
            raise EvidenceError(self.fault)
        if self.fault:
            waiter.set_exception(EvidenceError(self.fault))
            return waiter
        self.lines.append((line, durable))
        if not durable:
            return None
        if not self.stuck:
            waiter.set_result(None)
        return waiter


class SmallDisk(Disk):
    """A disk with room for so many octets, which can also break in other ways."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.sync_error = 0
        self.syncs = 0

    @override
    def write(self, descriptor: int, octets: bytes | memoryview) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super().write(descriptor, memoryview(octets)[: self.room])
        self.room -= taken
        return taken

    @override
    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        super().sync(descriptor)

    @override
    def truncate(self, descriptor: int, size: int) -> None:
        super().truncate(descriptor, size)


def sizes(directory: Path) -> dict[str, int]:
    """Name to size of every segment."""
    return {path.name: path.stat().st_size for path in sorted(directory.glob("*.jsonl"))}


async def settled(kept: Kept | None) -> None:
    """Wait for a decision to be kept, as a lane does."""
    if kept is None:
        return
    try:
        await asyncio.wait((kept.future,))
    except asyncio.CancelledError:
        kept.give_up()
        raise
    kept.finish()
