"""Promise 2. Fails closed.

Here: inside the pure core, whatever raises wherever, no ALLOW comes out; the verdict blocks, or the exception rises
to the gateway's one guard, which refuses and counts. That guard's matrix over real connections is
``tests/live/test_fail_closed.py``.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import CodeType
from unittest.mock import patch

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from helpers import connect
from property.seeds import SEEDS, Transfer, head_of, judge, policy_for
from property.strategies import seeds, transfers
from subrosa.facts.head import HeadError
from subrosa.facts.ternary import Ternary
from subrosa.facts.unreadable import UnreadableError
from subrosa.policy.atoms import ATOMS
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Policy
from subrosa.policy.subject import Subject
from subrosa.policy.verdict import REASONS, Outcome, Reason, Verdict

FAULTS = (RuntimeError, KeyError, ValueError, TypeError, RecursionError, MemoryError, OSError, AssertionError)
CORE = tuple(f"/subrosa/{package}/" for package in ("facts", "content", "policy"))
TOOL = 4
"""A tool id that neither a debugger nor coverage takes."""


class Saboteur:
    """Raises in the n-th call of any function of the core, or counts the calls."""

    def __init__(self, at: int = 0, fault: type[Exception] = RuntimeError) -> None:
        self.calls = 0
        self.seen: set[str] = set()
        self.struck = ""
        self._at, self._fault = at, fault

    def __call__(self, code: CodeType, _offset: int) -> object:
        if not any(package in code.co_filename for package in CORE):
            return sys.monitoring.DISABLE
        self.calls += 1
        self.seen.add(code.co_filename.rpartition("/subrosa/")[2])
        if self.calls == self._at:
            self.struck = code.co_qualname
            raise self._fault("sabotage")
        return None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Watch every call while the block runs."""
        monitoring = sys.monitoring
        monitoring.use_tool_id(TOOL, "saboteur")
        monitoring.register_callback(TOOL, monitoring.events.PY_START, self)
        monitoring.restart_events()
        monitoring.set_events(TOOL, monitoring.events.PY_START)
        try:
            yield
        finally:
            monitoring.set_events(TOOL, 0)
            monitoring.free_tool_id(TOOL)


def run(transfer: Transfer, policy: Policy) -> tuple[Verdict, bool]:
    """The last verdict that a lane would have seen, and whether an exception rose to it."""
    verdict = Verdict(outcome=Outcome.UNDECIDED)
    try:
        inspection = Inspection(policy, connect())
        verdict = inspection.head(head_of(transfer))
        for piece in (transfer.body[:900], transfer.body[900:]):
            verdict = inspection.data(piece) if verdict.outcome is Outcome.UNDECIDED else verdict
        verdict = inspection.end() if verdict.outcome is Outcome.UNDECIDED else verdict
    except (HeadError, UnreadableError):
        assume(False)
    except FAULTS:
        return verdict, True
    return verdict, False


@settings(max_examples=300)
@given(st.data())
def test_promise_02_fails_closed(data: st.DataObject) -> None:
    """An exception in any one call of the core, whichever function it hits."""
    transfer = data.draw(transfers)
    policy = policy_for(transfer)
    run(transfer, policy)
    counting = Saboteur()
    with counting.at_work():
        run(transfer, policy)
    at = 1 + data.draw(st.integers(0, 10_000)) * counting.calls // 10_001
    saboteur = Saboteur(at, data.draw(st.sampled_from(FAULTS)))
    with saboteur.at_work():
        verdict, rose = run(transfer, policy)
    assume(saboteur.struck)
    note(f"raised in {saboteur.struck}")

    assert not verdict.allows
    assert rose or verdict.outcome is Outcome.BLOCK


@pytest.mark.parametrize("name", sorted(ATOMS))
@settings(max_examples=20)
@given(transfer=seeds)
def test_promise_02_a_fact_that_raises_blocks(name: str, transfer: Transfer) -> None:
    asked: list[str] = []

    def broken(_subject: Subject, _values: tuple[str, ...]) -> Ternary:
        asked.append(name)
        raise RuntimeError(name)

    with patch.dict(ATOMS, {name: replace(ATOMS[name], test=broken)}):
        judged = judge(transfer)

    if asked:
        assert judged.verdict.reason is Reason.RULE_FAILED
        assert judged.verdict.rules[0] == "guard.rule-failed"


@given(st.sampled_from(list(Reason)))
def test_promise_02_a_verdict_refuses_unless_it_is_told_to_allow(reason: Reason) -> None:
    assert not Verdict().allows
    assert not Verdict(reason=reason).allows
    assert REASONS[reason].status >= 400 or reason in {Reason.ALLOWED, Reason.TUNNEL}


@settings(max_examples=100)
@given(transfers)
def test_promise_02_at_its_end_every_transfer_is_decided(transfer: Transfer) -> None:
    assert judge(transfer).verdict.decided


def test_promise_02_the_saboteur_reaches_every_part_of_the_core() -> None:
    """The first property is worth as much as the calls that it can hit."""
    saboteur = Saboteur()
    with saboteur.at_work():
        for transfer in SEEDS:
            judge(transfer)

    assert saboteur.seen >= {
        "facts/fields.py", "facts/head.py", "facts/tags.py", "facts/tagwords.py", "content/reader.py",
        "content/multipart.py", "content/form.py", "content/jsonfields.py", "content/xmlfields.py", "content/kinds.py",
        "content/coding.py", "policy/index.py", "policy/decide.py", "policy/subject.py", "policy/operations.py",
    }  # fmt: skip
