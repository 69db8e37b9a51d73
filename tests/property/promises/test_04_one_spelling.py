"""Promise 4. One spelling."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from property import respell
from property.seeds import SEEDS, Transfer, in_hindsight, judge, judge_head, raw_of
from property.strategies import composed, seeds
from subrosa.facts.head import check_head

TARGETED = tuple(
    seed
    for seed in SEEDS
    if any(name.lower() == "x-amz-target" for name, _ in seed.lines) and not judge(seed).verdict.allows
)


@settings(max_examples=300)
@given(st.data())
def test_promise_04_one_spelling(data: st.DataObject) -> None:
    """Of host, path, query and field lines; the octets that go on are the client's own (promise 7)."""
    transfer = data.draw(st.one_of(seeds, composed()))
    before = judge(transfer)
    assume(before.inspection is not None)
    other = check_head(data.draw(respell.heads(transfer)))

    assert judge_head(transfer, other).told == before.told


@settings(max_examples=300)
@given(st.data())
def test_promise_04_one_spelling_of_a_body(data: st.DataObject) -> None:
    """Of forms, multiparts and JSON. In a body of another length another of several rules may be met first."""
    transfer = data.draw(st.one_of(seeds, composed()))
    other = data.draw(respell.bodies(transfer))
    before, after = in_hindsight(transfer), in_hindsight(other)

    assert judge(other).verdict.outcome is judge(transfer).verdict.outcome
    assert (after.rules, after.reason, after.operation) == (before.rules, before.reason, before.operation)


@settings(max_examples=50)
@given(st.sampled_from(TARGETED))
def test_promise_04_one_operation_in_each_wire_form_of_aws(transfer: Transfer) -> None:
    """``X-Amz-Target: Prefix.Operation`` and ``/service/Prefix/operation/Operation``."""
    raw = raw_of(transfer)
    target = next(value for name, value in raw.lines if name.lower() == b"x-amz-target")
    prefix, _, operation = target.partition(b".")
    lines = [line for line in raw.lines if line[1] != target]
    other = check_head(replace(raw, target=b"/service/%s/operation/%s" % (prefix, operation), lines=lines))

    assert judge_head(transfer, other).told == judge(transfer).told


def test_promise_04_there_are_calls_by_target() -> None:
    assert len(TARGETED) > 10


HIDING = (
    "",
    "text/plain",
    "application/octet-stream",
    "*/*",
    "text/html",
    "text/csv",
    "application/vnd.acme",
)
READ = (
    "application/json",
    "application/x-amz-json-1.1",
    "application/xml",
    "application/x-www-form-urlencoded",
)


@settings(max_examples=100)
@given(st.sampled_from([one for one in SEEDS if one.content_type in READ]), st.sampled_from(HIDING))
def test_promise_04_no_label_hides_the_form_of_a_catalogued_call(transfer: Transfer, label: str) -> None:
    """Servers that know their own form do not ask what the label says."""
    before = judge(transfer).verdict
    other = judge(transfer.labelled(label, transfer.body)).verdict

    assert before.allows or not before.operation or not other.allows
