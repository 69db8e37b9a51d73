"""Promise 1. Nothing leaves before the verdict."""

from hypothesis import given, settings
from hypothesis import strategies as st

from property.seeds import CASES, STREAMS, Transfer, in_hindsight, judge, policy_for
from property.strategies import splits, transfers
from subrosa.facts.stage import Stage
from subrosa.loading.running import inspect
from subrosa.policy.messages import MessageStream
from subrosa.policy.verdict import Verdict

TAGGED = b'{"type": "Settings", "mip_opt_out": true, "tags": ["asr-training"]}'
MESSAGES = (
    TAGGED,
    b"",
    b"RIFF",
    b"{",
    b'{"type": "KeepAlive"}',
    *(one for case in STREAMS for one in case.messages),
)


class Lane:
    """A lane as every lane works: it holds what comes, and dials and forwards only after an allow."""

    def __init__(self) -> None:
        self.dialled = False
        self.held = b""
        self.forwarded = b""

    def take(self, verdict: Verdict, octets: bytes = b"") -> None:
        """One step: octets that came, and what the inspection says after them."""
        self.held += octets
        if verdict.allows:
            self.dialled = True
            self.forwarded += self.held
            self.held = b""


@settings(max_examples=400)
@given(st.data())
def test_promise_01_nothing_leaves_before_the_verdict(data: st.DataObject) -> None:
    transfer = data.draw(transfers)
    pieces = data.draw(splits(transfer.body))
    final = in_hindsight(transfer)
    lane = Lane()
    inspection, verdict = inspect(policy_for(transfer), transfer)
    lane.take(verdict)
    if inspection is not None:
        for piece in pieces:
            lane.take(inspection.data(piece), piece)
            assert final.allows or not lane.dialled
        lane.take(inspection.end())

    assert lane.dialled is final.allows
    assert lane.forwarded == (transfer.body if final.allows else b"")


@settings(max_examples=100)
@given(st.sampled_from([case for case in CASES if judge(case).verdict.stage is Stage.HEAD]))
def test_promise_01_what_the_head_decides_needs_no_octet_of_the_body(transfer: Transfer) -> None:
    inspection, verdict = inspect(policy_for(transfer), transfer)

    assert verdict.decided
    assert inspection is None or not inspection.wants_body
    assert verdict.outcome.value == transfer.expected


@settings(max_examples=100)
@given(
    st.sampled_from([one for one in STREAMS if one.messages]), st.lists(st.sampled_from(MESSAGES), max_size=6)
)
def test_promise_01_no_message_goes_on_before_its_own_verdict(
    transfer: Transfer, messages: list[bytes]
) -> None:
    """A message that is refused alone for its tag is refused in any company, and after a refusal none goes on."""
    inspection, verdict = inspect(policy_for(transfer), transfer)
    assert inspection is not None
    assert verdict.allows
    stream = MessageStream(inspection)
    refused = False
    for message in (*transfer.messages[:1], *messages):
        refused = refused or message == TAGGED
        refused = not stream.message(message).allows or refused

        assert stream.verdict.allows is not refused
