"""Message streams: each message is judged, what was said stays said, and nothing grows without bound."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import PLEDGE, inspect, operation, policy, rule
from helpers import head as request_head
from subrosa.facts.stage import Stage
from subrosa.facts.tags import JsonCarrier, TagTable, Vocabulary
from subrosa.policy.messages import MOST_VALUES, MessageStream
from subrosa.policy.operations import FieldMatch, Operation, OptOut, RequestPattern
from subrosa.policy.policy import Policy
from subrosa.policy.purposes import Purpose, Strength
from subrosa.policy.verdict import Reason

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
CARRIERS = TagTable(
    json=(JsonCarrier(path="metadata.*"),),
    vocabulary=Vocabulary(
        compound=frozenset({"model-training"}),
        bare=frozenset({"training"}),
        purpose_keys=frozenset({"purpose"}),
        companions=frozenset({"model"}),
    ),
)


def socket(name: str, path: str, *fields: FieldMatch, unless: OptOut | None = None) -> Operation:
    return Operation(
        id=name,
        provider="acme",
        purpose=Purpose.MODEL_IMPROVEMENT if unless else Purpose.FINE_TUNING,
        strength=Strength.DEFINITE,
        requests=(RequestPattern(frozenset({"GET"}), path, fields),),
        unless=unless,
    )


OPTED_OUT = OptOut(fields=(FieldMatch("json", "opt_out", frozenset({"true"}), exact=True),))
RULES = (
    *PLEDGE,
    rule(
        "pledge.vendor-default",
        {"customer_content": True, "vendor_default": True},
        reason=Reason.VENDOR_DEFAULT,
    ),
)
POLICY = replace(
    policy(
        RULES,
        (
            socket("acme.agent", "/agent", unless=OPTED_OUT),
            socket("acme.tune", "/tune", FieldMatch("json", "type", frozenset({"train"}))),
            operation("acme.train", "/train", method="GET"),
        ),
    ),
    tags=CARRIERS,
)


def stream(path: str, current: Policy = POLICY) -> MessageStream:
    inspection = inspect(current, request_head(path, method="GET", lines=UPGRADE), end=False)
    assert inspection.verdict.allows
    assert inspection.verdict.stage is Stage.HEAD
    return MessageStream(inspection)


def told(path: str, messages: Sequence[bytes]) -> list[str]:
    """What is told of each message: ``pass``, or the rule that refuses."""
    judging = stream(path)
    verdicts = [judging.message(message) for message in messages]
    return ["pass" if verdict.allows else verdict.rules[0] for verdict in verdicts]


CASES = [
    pytest.param(
        "/chat", [b"hello", b"\0\1\2", b"{}", b"", b"[12:01] {x"], ["pass"] * 5, id="ordinary messages pass"
    ),
    pytest.param(
        "/agent",
        [b'{"opt_out": true}', b"\0\0", b"{}"],
        ["pass"] * 3,
        id="an opt-out in the first message holds for all that follow",
    ),
    pytest.param("/agent", [b'{"opt_out": false}'], ["pledge.vendor-default"], id="no opt-out is none"),
    pytest.param(
        "/agent", [b"{}"], ["pledge.vendor-default"], id="an opt-out that is absent when due is absent"
    ),
    pytest.param("/agent", [b"speech"], ["pledge.vendor-default"], id="speech before the opt-out is refused"),
    pytest.param(
        "/agent",
        [b'{"opt_out": true}', b'{"opt_out": false}', b'{"opt_out": true}'],
        ["pass", "pledge.vendor-default", "pledge.vendor-default"],
        id="an opt-out that is taken back is none, and what was refused stays refused",
    ),
    pytest.param(
        "/agent", [b'{"opt_out": true, "opt_out": false}'], ["guard.unreadable"], id="an opt-out said twice"
    ),
    pytest.param(
        "/agent",
        [b'{"opt_out": true}', b'{"opt_out": false, x}'],
        ["pass", "guard.unreadable"],
        id="what looks like JSON and is none, where a field decides",
    ),
    pytest.param("/tune", [b'{"type":"hello"}'] * 2, ["pass"] * 2, id="another type of message"),
    pytest.param(
        "/tune",
        [b'{"type":"hello"}', b'{"type":"train"}'],
        ["pass", "pledge.training-destination"],
        id="a message that starts training, among others",
    ),
    pytest.param(
        "/chat", [b"hi", b'{"metadata":{"x":"model-training"}}'], ["pass", "pledge.training-tag"], id="a tag"
    ),
    pytest.param(
        "/chat",
        [b'{"metadata":{"purpose":"training"}}', b"x", b'{"metadata":{"for":"a model"}}'],
        ["pass", "pass", "pledge.training-tag"],
        id="a tag that is spread over two messages",
    ),
    pytest.param(
        "/chat",
        [
            b'{"metadata":{"for":"model"}}',
            *(b'{"metadata":{"n":"%d"}}' % at for at in range(3000)),
            b'{"metadata":{"purpose":"training"}}',
        ],
        ["pass"] * 3001 + ["pledge.training-tag"],
        id="a tag that is spread over thousands of messages",
    ),
    pytest.param(
        "/chat",
        [b'{"metadata":{"model":"gpt-%d"}}' % at for at in range(3000)],
        ["pass"] * 3000,
        id="thousands of tags that say nothing",
    ),
]


@pytest.mark.parametrize(("path", "messages", "expected"), CASES)
def test_each_message_is_judged_with_what_was_said_before(
    path: str, messages: list[bytes], expected: list[str]
) -> None:
    assert told(path, messages) == expected


def test_a_training_operation_is_refused_at_the_handshake() -> None:
    inspection = inspect(POLICY, request_head("/train", method="GET", lines=UPGRADE), end=False)

    assert inspection.verdict.rules == ("pledge.training-destination",)
    assert inspection.verdict.stage is Stage.HEAD


def test_more_values_than_are_remembered_have_no_single_reading() -> None:
    judging = stream("/tune")

    verdicts = [judging.message(b'{"type":"%d"}' % at) for at in range(MOST_VALUES + 1)]

    assert [verdict.allows for verdict in verdicts] == [True] * MOST_VALUES + [False]


def test_the_next_message_is_judged_by_the_new_policy_and_by_what_was_said_under_the_old() -> None:
    judging = stream("/agent")
    assert judging.message(b'{"opt_out": true}').allows
    newer = replace(POLICY, generation=2)
    judging.renew(inspect(newer, request_head("/agent", method="GET", lines=UPGRADE), end=False))

    assert judging.policy is newer
    assert judging.message(b"speech").allows
    assert not judging.message(b'{"metadata":{"x":"model-training"}}').allows


def test_a_policy_that_refuses_the_handshake_refuses_the_next_message() -> None:
    judging = stream("/agent")
    assert judging.message(b'{"opt_out": true}').allows
    stricter = policy(RULES, (operation("acme.agent", "/agent", method="GET"),))
    judging.renew(inspect(stricter, request_head("/agent", method="GET", lines=UPGRADE), end=False))

    assert judging.message(b"speech").rules == ("pledge.training-destination",)


@given(
    st.lists(
        st.sampled_from(["", "purpose", "x"]).flatmap(
            lambda key: st.sampled_from(["training", "a model", "model-training", "dog training", "7"]).map(
                lambda value: (key, value)
            )
        ),
        max_size=8,
    )
)
def test_tags_in_messages_of_their_own_say_what_they_say_in_one(pairs: list[tuple[str, str]]) -> None:
    apart = told("/chat", [b'{"metadata":{"%s":"%s"}}' % (k.encode(), v.encode()) for k, v in pairs])
    tags = [tag for key, value in pairs for tag in CARRIERS.json_tags(f"metadata.{key}", key, value)]

    assert (apart[-1:] == ["pledge.training-tag"]) is ("training" in CARRIERS.meanings(tags))
