"""Promise 9. One decision, one record."""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import connect
from property.seeds import Transfer as Sent
from property.seeds import policy_for, raw_of, shipped
from property.strategies import splits, transfers
from subrosa.effects.feed import Feed
from subrosa.effects.recorder import Recorder
from subrosa.facts.head import HeadError
from subrosa.facts.records import ConnectFacts
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.egress import EgressDenied
from subrosa.gateway.judging import Heard, Shared
from subrosa.gateway.limits import Limits
from subrosa.gateway.ports import EvidenceError, Ports
from subrosa.gateway.seam import Parts
from subrosa.gateway.spool import SpoolBudget
from subrosa.gateway.transfer import Transfer
from subrosa.policy.inspection import Inspection
from telling import ALLOW, BLOCK, NOW, OBSERVED, Lines, Shelf, decision, metrics, outcome, settled


class Kit:
    """A recorder on a shelf that can fail or never answer."""

    def __init__(self) -> None:
        self.metrics, self.registry = metrics()
        self.log, self.shelf = Lines(), Shelf()
        self.recorder = Recorder(self.metrics, self.log, lambda: NOW, Feed().take)
        self.recorder.keep_in(self.shelf)
        self.recorder.policy_swapped(shipped())

    def kept(self) -> list[tuple[str, str]]:
        """Kind and id of every record on the shelf, in order."""
        records = (json.loads(line) for line, _ in self.shelf.lines)
        return [(record["record"], record["id"]) for record in records]

    def counted(self) -> float:
        """How many decisions the metrics know."""
        samples = (sample for metric in self.registry.collect() for sample in metric.samples)
        return sum(sample.value for sample in samples if sample.name == "subrosa_transfers_total")

    def check(self) -> None:
        """No id has two decisions or two outcomes, and no outcome stands before its decision."""
        kept = self.kept()
        assert all(number == 1 for number in Counter(kept).values())
        for at, (kind, name) in enumerate(kept):
            assert kind == "decision" or ("decision", name) in kept[:at] or ("decision", name) not in kept
        told = Counter(record["id"] for record in self.log.records)
        assert all(number == 1 for number in told.values())
        assert self.counted() == len(told)


# --- the recorder ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One transfer as the recorder sees it."""

    verdict: Any
    content: bool
    store: str
    ends: bool


steps = st.builds(
    Step,
    st.sampled_from([ALLOW, BLOCK, OBSERVED]),
    st.booleans(),
    st.sampled_from(["works", "works", "fails", "hangs"]),
    st.booleans(),
)


async def record(kit: Kit, name: str, step: Step) -> bool:
    """Record one transfer under a store in this state; whether the recorder took the decision."""
    kit.shelf.fault = "disk full" if step.store == "fails" else ""
    kit.shelf.stuck = step.store == "hangs"
    told = decision(id=name, verdict=step.verdict, customer_content=step.content)
    task = asyncio.ensure_future(settled(kit.recorder.decided(told, 1e-5)))
    await asyncio.sleep(0)
    if not task.done():
        task.cancel()
    taken = False
    with suppress(EvidenceError, asyncio.CancelledError):
        await task
        taken = True
    if taken and step.ends:
        kit.recorder.ended(told, outcome(name))
    return taken


@settings(max_examples=150)
@given(st.lists(steps, max_size=12))
def test_promise_09_one_decision_one_record(steps: list[Step]) -> None:
    async def all_of_them() -> None:
        kit = Kit()
        for number, step in enumerate(steps):
            name = f"{number}"
            before = len(kit.shelf.lines)
            taken = await record(kit, name, step)
            line = next((durable for _, durable in kit.shelf.lines[before:]), None)
            assert kit.log.records[-1]["id"] == name
            if taken and step.content:
                assert line is True
            if not taken:
                assert step.content
                assert kit.log.records[-1]["verdict"] == "block"
            kit.check()
        assert len(kit.log.records) == len(steps)

    asyncio.run(all_of_them())


# --- a transfer, whatever happens to it ------------------------------------------------------------------------


@dataclass(slots=True)
class Trouble:
    """What goes wrong with one transfer, and when it ends."""

    store: str = "works"
    breaks: str = ""
    locked: bool = False
    wrong_user: bool = False
    known: bool = True
    cut: int | None = None
    pieces: tuple[bytes, ...] = ()
    finishes: int = 1
    cancelled: bool = False
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)


@st.composite
def troubles(draw: st.DrawFn, sent: Sent) -> Trouble:
    """Mostly none."""
    pieces = draw(splits(sent.body).map(lambda found: tuple(piece for piece in found if piece)))
    return Trouble(
        store=draw(st.sampled_from(["works", "works", "works", "fails"])),
        breaks=draw(st.sampled_from(["", "", "", "head", "inspection", "data", "identify", "spool"])),
        locked=draw(st.integers(0, 9)) == 0,
        wrong_user=draw(st.integers(0, 9)) == 0,
        known=draw(st.integers(0, 9)) > 0,
        cut=draw(st.none() | st.integers(0, len(pieces))),
        pieces=pieces,
        finishes=draw(st.integers(1, 2)),
        cancelled=draw(st.integers(0, 9)) == 0,
        trailers=draw(st.sampled_from([[], [(b"x-purpose", b"ml-training")], [(b"host", b"x")]])),
    )


def broken(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("broken")


class Failing(Inspection):
    """Breaks when the body comes."""

    data = broken


def shared(kit: Kit, sent: Sent, trouble: Trouble, place: Path) -> Shared:
    """What a transfer is judged with."""

    async def nothing(*_: object) -> None:
        return None

    async def refuse(*_: object) -> NoReturn:
        raise EgressDenied("no-answer", "the test has no network")

    breaking: dict[str, dict[str, Any]] = {
        "head": {"check_head": broken},
        "inspection": {"inspection": broken},
        "data": {"inspection": Failing},
        "spool": {"spool": broken},
    }
    names: Iterator[int] = iter(range(1000))
    ports: Any = Ports(
        policy=lambda: policy_for(sent) if trouble.known else None,
        recorder=kit.recorder,
        lockdown=lambda: trouble.locked,
        authenticate=refuse,
        resolve=refuse,
        recall=nothing,
        remember=nothing,
        new_id=lambda: f"{next(names)}",
    )
    egress: Any = None
    return Shared(
        ports=ports,
        parts=Parts(**breaking.get(trouble.breaks, {})),
        egress=egress,
        limits=Limits(),
        budget=SpoolBudget(),
        spool_dir=place,
    )


async def drive(transfer: Transfer, sent: Sent, trouble: Trouble) -> None:
    """A lane's way with a transfer, up to where it is cut off."""

    async def identify() -> tuple[ConnectFacts, bool]:
        await asyncio.sleep(0)
        return (broken() if trouble.breaks == "identify" else connect()), trouble.wrong_user

    await transfer.open(Heard(raw=raw_of(sent)), identify)
    for at, piece in enumerate(trouble.pieces):
        if at == trouble.cut or transfer.verdict.decided:
            break
        transfer.hold(piece)
        await transfer.settle()
    if not transfer.verdict.decided and trouble.cut is None:
        if trouble.trailers:
            transfer.trailers(trouble.trailers)
        transfer.end()
        await transfer.settle()


@settings(max_examples=250)
@given(st.data())
def test_promise_09_one_record_whatever_happens_to_a_transfer(data: st.DataObject) -> None:
    """Cut off, cancelled, locked down, out of disk, or broken inside: one decision at most, and no allow without."""
    sent = data.draw(transfers)
    trouble = data.draw(troubles(sent))
    try:
        raw_of(sent)
    except (HeadError, UnreadableError):
        return

    async def whole(place: Path) -> tuple[Kit, Transfer]:
        kit = Kit()
        kit.shelf.fault = "disk full" if trouble.store == "fails" else ""
        transfer = Transfer(shared(kit, sent, trouble, place), "http/1.1")
        task = asyncio.ensure_future(drive(transfer, sent, trouble))
        await asyncio.sleep(0)
        if trouble.cancelled:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for _ in range(trouble.finishes):
            transfer.finish("client")
        return kit, transfer

    with tempfile.TemporaryDirectory() as place:
        kit, transfer = asyncio.run(whole(Path(place)))

    kit.check()
    kept = kit.kept()
    if transfer.may_pass:
        assert not any((trouble.locked, trouble.wrong_user, trouble.cancelled, not trouble.known))
        assert trouble.breaks in ("", "data", "spool")
        assert kept[:1] == [("decision", transfer.id)] or trouble.store == "fails"
        assert trouble.store == "works" or not kit.log.records[0]["customer_content"]
    judged = trouble.known and trouble.breaks not in ("identify", "inspection") and not trouble.cancelled
    if transfer.verdict.decided and judged:
        assert len(kit.log.records) == 1
    assert len(kept) <= 2
