"""Plans: what is found once for requests that look alike must be true of each of them."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import head as request_head
from helpers import inspect, operation, policy, rule
from subrosa.policy.operations import FieldMatch, Operation, RequestPattern
from subrosa.policy.policy import Policy
from subrosa.policy.purposes import Purpose
from subrosa.policy.rules import Rank
from subrosa.policy.verdict import Reason

POST = frozenset({"POST"})


def asked(name: str, *fields: FieldMatch, purpose: Purpose = Purpose.FINE_TUNING) -> Operation:
    made = operation(name, "/v1/{rest...}", purpose=purpose)
    return replace(made, requests=(RequestPattern(POST, "/v1/{rest...}", fields),))


def in_(place: str, name: str, *values: str, absent: bool = False) -> FieldMatch:
    return FieldMatch(place, name, frozenset(values), absent=absent)  # type: ignore[arg-type]


KINDS_OF_CALL = policy(
    operations=[
        asked("acme.by_query", in_("query", "mode", "tune")),
        asked("acme.by_header", in_("header", "x-mode", "tune")),
        asked("acme.by_both", in_("header", "x-mode", "both"), in_("query", "mode", "both")),
        asked("acme.by_form", in_("header", "x-mode", "form"), in_("form", "purpose", "fine-tune")),
        asked("acme.plain", purpose=Purpose.INFERENCE),
    ]
)
FORM = "application/x-www-form-urlencoded"
QUERIES = st.sampled_from(
    ["", "?mode=tune", "?MODE=tune", "?mode[]=tune", "?mode=both", "?mode=tune&mode=x", "?x=1", "?mode=%zz"]
)
MODES = st.sampled_from([(), ("tune",), ("both",), ("form",), ("tune", "tune"), ("other",)])
LABELS = st.sampled_from(
    [
        None,
        FORM,
        "text/plain",
        "video/mp4",
        "multipart/form-data; boundary=b",
        "multipart/form-data",
        "application/json",
    ]
)
BODIES = st.sampled_from(
    [
        b"purpose=fine-tune",
        b"purpose=x",
        b"{}",
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b--\r\n',
    ]
)


def told(under: Policy, query: str, modes: Iterable[str], label: str | None, body: bytes) -> object:
    lines = [("Transfer-Encoding", "chunked"), *(("X-Mode", mode) for mode in modes)]
    if label is not None:
        lines.append(("Content-Type", label))
    return inspect(under, request_head(f"/v1/a{query}", lines=lines), body).verdict


@given(st.lists(st.tuples(QUERIES, MODES, LABELS, BODIES), min_size=1, max_size=8))
def test_a_request_is_judged_after_others_as_it_is_alone(
    requests: list[tuple[str, tuple[str, ...], str | None, bytes]],
) -> None:
    shared = replace(KINDS_OF_CALL)
    assert [told(shared, *request) for request in requests] == [
        told(replace(KINDS_OF_CALL), *request) for request in requests
    ]


@pytest.mark.parametrize(
    "first", ["bultipart/forb-data; boundary=b", "multipart/form-data; boundary=m", "multipart/form-data"]
)
def test_what_is_known_of_one_label_is_not_taken_for_another(first: str) -> None:
    under = policy(operations=[asked("acme.by_form", in_("form", "purpose", "fine-tune"))])
    body = b'--m\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--m--\r\n'
    told(under, "", (), first, body)

    lines = [("Transfer-Encoding", "chunked"), ("Content-Type", "multipart/form-data; boundary=m")]
    verdict = inspect(under, request_head("/v1/a", lines=lines), body).verdict
    assert verdict.rules == ("pledge.training-destination",)


def test_a_plan_belongs_to_its_policy() -> None:
    first = policy()
    assert not inspect(first, request_head("/v1/tune")).verdict.allows
    second = replace(first, index=policy(operations=()).index)

    assert inspect(second, request_head("/v1/tune"), b"hello").verdict.allows
    assert not inspect(first, request_head("/v1/tune")).verdict.allows


def test_what_was_read_of_one_body_is_not_known_of_the_next() -> None:
    under = policy(operations=())
    lines = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")]
    first = inspect(under, request_head("/v1/a", lines=lines), b'{"a": ', b"1}")
    second = inspect(under, request_head("/v1/a", lines=lines), end=False)

    assert first.subject.body.closed
    assert not second.subject.body.closed
    assert not second.subject.body.tags_closed


def test_requests_fill_no_memory_with_what_their_clients_made_up() -> None:
    under = policy(operations=[asked("acme.by_header", in_("header", "x-mode", "tune"))])
    for number in range(5000):
        lines = [("Content-Length", "5"), ("Content-Type", f"text/x-{number}"), ("X-Mode", f"{number}")]
        inspect(under, request_head(f"/v1/{number}", lines=lines), end=False)
        inspect(under, request_head(f"/{number}" * 50, lines=lines), end=False)
        inspect(under, request_head("/v1/a", host=f"h{number}.example"), end=False)
    routes = under._routes

    assert len(routes._by_line) <= 4096
    assert len(routes._by_claims) <= 4096
    assert all(len("/".join(line[2])) <= 200 for line in routes._by_line)
    plan = under.plan(request_head("/v1/a"))
    assert len(plan.beginnings._found) <= 32
    assert len(plan.beginnings._facts) <= 32


@pytest.mark.parametrize(
    ("when", "kept"),
    [
        pytest.param({"training": True}, False, id="no operation here is training"),
        pytest.param({"training": False}, True, id="what is not training can hold"),
        pytest.param({"all": [{"tag": "training"}, {"signal": True}]}, False, id="one part that cannot hold"),
        pytest.param({"any": [{"tag": "training"}, {"signal": True}]}, True, id="one part that can hold"),
        pytest.param({"any": [{"training": True}, {"vendor_default": True}]}, False, id="no part can hold"),
        pytest.param({"not": {"training": True}}, True, id="the opposite of what cannot hold"),
        pytest.param({"purpose": ["inference", "storage"]}, True, id="the purpose that is claimed"),
        pytest.param({"provider": "other"}, False, id="a provider that claims nothing"),
    ],
)
def test_a_rule_that_cannot_hold_is_not_asked(when: dict[str, object], kept: bool) -> None:
    own = rule("corp.own", when, rank=Rank.BLOCK, reason=Reason.USER_RULE)
    under = policy(rules=[own], operations=[asked("acme.plain", purpose=Purpose.INFERENCE)])

    assert bool(under.plan(request_head("/v1/a")).rules.blocks) is kept
