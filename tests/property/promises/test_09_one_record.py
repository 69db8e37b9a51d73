"""Promise 9. One decision, one record: durable before its effect where it must be, and at most one outcome after it."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from typing import override

from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import policy
from subrosa.effects.recorder import Recorder
from subrosa.policy.decision import EvidenceError
from telling import ALLOW, BLOCK, NOW, OBSERVED, Lines, Shelf, decision, metrics, outcome


@dataclass(frozen=True)
class Step:
    """One transfer: its verdict, whether it carries content, whether the disk fails, whether it ends."""

    allows: bool
    observed: bool
    content: bool
    disk_fails: bool
    ends: bool


STEPS = st.lists(st.builds(Step, *[st.booleans()] * 5), max_size=25)


class Slow(Shelf):
    """A store whose durable records take a turn of the loop; knows what was durable when the caller went on."""

    def __init__(self) -> None:
        super().__init__()
        self.durable: list[str] = []

    @override
    def append(self, line: str, *, durable: bool) -> asyncio.Future[None] | None:
        """Keep it, and have it durable a turn later."""
        waiter = super().append(line, durable=durable)
        if waiter is None or self.fault:
            return waiter
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def sync() -> None:
            self.durable.append(json.loads(line)["id"])
            done.set_result(None)

        loop.call_soon(sync)
        return done


@settings(max_examples=150)
@given(STEPS)
def test_promise_09_one_decision_one_record(steps: list[Step]) -> None:
    asyncio.run(_walk(steps))


async def _walk(steps: list[Step]) -> None:
    measured, registry = metrics()
    log, shelf = Lines(), Slow()
    recorder = Recorder(measured, log, lambda: NOW)
    recorder.keep_in(shelf)
    recorder.policy_swapped(policy())
    refused: set[str] = set()
    for number, step in enumerate(steps):
        name = f"{number}"
        verdict = (OBSERVED if step.observed else ALLOW) if step.allows else BLOCK
        told = decision(id=name, verdict=verdict, customer_content=step.content)
        shelf.fault = "disk full" if step.disk_fails else ""
        try:
            await recorder.decided(told, 1e-5)
        except EvidenceError:
            assert step.disk_fails
            refused.add(name)
            continue
        finally:
            shelf.fault = ""
        assert name in shelf.durable or not step.content
        if step.ends:
            recorder.ended(told, outcome(name))
    kept = [json.loads(line) for line, _ in shelf.lines]
    decisions = Counter(record["id"] for record in kept if record["record"] == "decision")
    outcomes = Counter(record["id"] for record in kept if record["record"] == "outcome")
    logged = Counter(str(record["id"]) for record in log.records)

    assert set(decisions.values()) <= {1}
    assert set(outcomes.values()) <= {1}
    assert set(outcomes) <= {f"{number}" for number, step in enumerate(steps) if step.ends} - refused
    assert logged == Counter(f"{number}" for number in range(len(steps)))
    assert refused == {f"{n}" for n, step in enumerate(steps) if step.disk_fails and step.content}
    counted = sum(
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "subrosa_transfers_total"
    )
    assert counted == len(steps)
