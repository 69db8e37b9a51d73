"""The decision: what outranks what, and that every way of not knowing ends in a refusal."""

from dataclasses import replace

import pytest

from helpers import PLEDGE, TAGS, connect, head, inspect, operation, policy, rule
from subrosa.facts.stage import Stage
from subrosa.facts.tags import FormCarrier
from subrosa.policy.inspection import Inspection
from subrosa.policy.operations import FieldMatch, RequestPattern
from subrosa.policy.policy import RuleSet
from subrosa.policy.purposes import Purpose
from subrosa.policy.rules import Rank
from subrosa.policy.sources import Source
from subrosa.policy.verdict import REASONS, Outcome, Reason, Verdict

USER_ALLOW = rule("acme.allow", {"host": "api.acme.example"}, rank=Rank.ALLOW, outcome=Outcome.ALLOW)
USER_BLOCK = rule("acme.block", {"path": "/v1/{rest...}"}, rank=Rank.BLOCK, reason=Reason.USER_RULE)
DEFAULT = rule(
    "strict.unclassified",
    {"customer_content": True, "classified": False},
    rank=Rank.DEFAULT,
    reason=Reason.UNCLASSIFIED,
)


def test_a_verdict_with_no_arguments_is_a_refusal() -> None:
    assert Verdict().outcome is Outcome.BLOCK
    assert not Verdict().allows
    assert Verdict().http_status == 403


def test_every_reason_says_how_it_is_told() -> None:
    assert set(REASONS) == set(Reason)
    assert all(text.title == text.title[:1].lower() + text.title[1:] for text in REASONS.values())


@pytest.mark.parametrize(
    ("rules", "target", "outcome", "told"),
    [
        pytest.param(
            PLEDGE, "/v1/tune", Outcome.BLOCK, "pledge.training-destination", id="the pledge blocks"
        ),
        pytest.param(PLEDGE, "/v1/chat", Outcome.ALLOW, None, id="what no rule blocks passes"),
        pytest.param(
            (*PLEDGE, USER_ALLOW),
            "/v1/tune",
            Outcome.BLOCK,
            "pledge.training-destination",
            id="no allow lifts the pledge",
        ),
        pytest.param((*PLEDGE, USER_ALLOW), "/v1/chat", Outcome.ALLOW, "acme.allow", id="an allow is told"),
        pytest.param(
            (*PLEDGE, USER_ALLOW, USER_BLOCK),
            "/v1/chat",
            Outcome.BLOCK,
            "acme.block",
            id="a block outranks an allow",
        ),
        pytest.param(
            (*PLEDGE, USER_BLOCK),
            "/v1/tune",
            Outcome.BLOCK,
            "pledge.training-destination",
            id="sealed is told first",
        ),
        pytest.param(
            (*PLEDGE, DEFAULT), "/v1/x", Outcome.BLOCK, "strict.unclassified", id="a profile's default"
        ),
        pytest.param(
            (*PLEDGE, DEFAULT, USER_ALLOW),
            "/v1/x",
            Outcome.ALLOW,
            "acme.allow",
            id="an allow lifts a default",
        ),
    ],
)
def test_precedence(rules, target: str, outcome: Outcome, told: str | None) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    verdict = inspect(policy(rules), head(target), b"hello").verdict
    assert (verdict.outcome, next(iter(verdict.rules), None)) == (outcome, told)


def test_a_rule_that_raises_blocks_and_says_so() -> None:
    class Broken:
        def test(self, _subject: object) -> None:
            raise RuntimeError("content that must not be told")

    broken = replace(PLEDGE[0], when=Broken())  # type: ignore[arg-type]
    under = replace(policy(()), blocks=RuleSet((broken,)))
    verdict = inspect(under, head("/v1/chat"), b"hello").verdict
    assert (verdict.outcome, verdict.reason) == (Outcome.BLOCK, Reason.RULE_FAILED)
    assert verdict.rules == ("guard.rule-failed", "pledge.training-destination")
    assert "must not be told" not in verdict.detail


def test_the_head_decides_where_the_body_cannot_matter() -> None:
    verdict = inspect(policy(), head("/v1/tune"), end=False).verdict
    assert (verdict.outcome, verdict.stage) == (Outcome.BLOCK, Stage.HEAD)


def test_a_form_field_behind_the_file_decides_at_the_body() -> None:
    files = operation(
        "acme.files", "/v1/files", purpose=Purpose.DATASET_UPLOAD, form={"purpose": ["fine-tune"]}
    )
    lines = [("Content-Type", "multipart/form-data; boundary=b"), ("Transfer-Encoding", "chunked")]
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.vtt"\r\n\r\nWEBVTT\r\n'
    inspection = inspect(policy(operations=[files]), head("/v1/files", lines=lines), body, end=False)
    assert inspection.verdict.outcome is Outcome.UNDECIDED
    inspection.data(b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b--\r\n')
    assert inspection.end().outcome is Outcome.BLOCK
    assert inspection.verdict.operation == "acme.files"


def test_a_verdict_never_changes_once_decided() -> None:
    inspection = inspect(policy(), head("/v1/tune"), b"hello")
    before = inspection.verdict
    inspection.data(b"more")
    assert inspection.end() is before


def test_a_transfer_without_a_head_is_never_decided_into_an_allow() -> None:
    inspection = Inspection(policy(), connect())
    assert not inspection.verdict.allows
    assert not inspection.data(b"x").allows


def test_a_request_without_body_is_a_control_request() -> None:
    poll = policy(operations=[operation("acme.list", "/v1/tune", method="GET")])
    assert inspect(poll, head("/v1/tune", method="GET", lines=[])).verdict.allows


@pytest.mark.parametrize("tag", ["model-training", "Model_Training", "MODEL%20TRAINING"])
def test_a_training_tag_blocks_wherever_it_goes(tag: str) -> None:
    request = head("/x", host="storage.example", lines=[("X-Purpose", tag), ("Content-Length", "1")])
    verdict = inspect(policy(), request, b"x").verdict
    assert (verdict.outcome, verdict.reason) == (Outcome.BLOCK, Reason.TRAINING_TAG)


def test_a_source_that_holds_nothing_may_train_on_what_is_no_meeting_content() -> None:
    site = Source(name="site", holds_content=False)
    assert inspect(policy(sources=[site]), head("/v1/tune"), b"hello").verdict.allows


def test_observe_records_what_it_would_have_blocked_and_lets_it_pass() -> None:
    verdict = inspect(policy(observe=True), head("/v1/tune"), b"hello").verdict
    assert (verdict.outcome, verdict.would_block) == (Outcome.ALLOW, True)
    assert verdict.rules == ("pledge.training-destination",)


@pytest.mark.parametrize(
    "target",
    ["/v1%2Ftune", "/v1/tune;x=1/", "/v1/%2574une", "/v1/..%5Ctune"],
)
def test_a_path_with_two_readings_is_refused_where_training_is_offered(target: str) -> None:
    verdict = inspect(policy(), head(target), b"x").verdict
    assert (verdict.outcome, verdict.reason) == (Outcome.BLOCK, Reason.UNREADABLE)
    elsewhere = inspect(policy(), head(target, host="bucket.example"), b"x").verdict
    assert elsewhere.allows


def test_a_training_tag_on_a_request_without_body_counts() -> None:
    opening = head(
        "/files/", host="tus.example", lines=[("X-Purpose", "model-training"), ("Content-Length", "0")]
    )
    assert inspect(policy(), opening).verdict.rules == ("pledge.training-tag",)


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        pytest.param("/acme/m/resolve/refs%2Fpr%2F1/x.json", Outcome.ALLOW, id="a question"),
        pytest.param("/v1/token%2Fx", Outcome.BLOCK, id="one reading is an operation"),
        pytest.param("/acme/m%2F..%2F..%2Fv1/token/x", Outcome.BLOCK, id="goes up to an operation"),
        pytest.param("/acme/m/resolve/refs%5Cpr/x.json", Outcome.BLOCK, id="another delimiter"),
        pytest.param("/acme/m/resolve/refs%252Fpr/x.json", Outcome.BLOCK, id="encoded twice"),
    ],
)
def test_escaped_slashes_matter_only_where_a_reading_is_an_operation(target: str, outcome: Outcome) -> None:
    token = operation("acme.token", "/v1/token/{name}", method="GET")
    request = head(target, method="GET", lines=[])
    assert inspect(policy(operations=[token]), request).verdict.outcome is outcome


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        pytest.param("", Outcome.ALLOW, id="an object is no form"),
        pytest.param("?tagging", Outcome.BLOCK, id="the more specific operation's body is one"),
    ],
)
def test_a_body_is_an_object_by_the_operation_that_the_head_settles(query: str, outcome: Outcome) -> None:
    put = replace(operation("acme.put", "/{key...}", method="PUT", purpose=Purpose.STORAGE), object_body=True)
    tag = replace(
        operation("acme.tag", "/{key...}", method="PUT", purpose=Purpose.STORAGE),
        requests=(
            RequestPattern(
                frozenset({"PUT"}), "/{key...}", (FieldMatch("query", "tagging", frozenset({"*"})),)
            ),
        ),
    )
    table = replace(TAGS, forms=(FormCarrier(field="purpose"),))
    under = replace(policy(operations=[put, tag]), tags=table)
    lines = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", "22")]
    verdict = inspect(
        under, head(f"/a.bin{query}", method="PUT", lines=lines), b"purpose=model-training"
    ).verdict
    assert verdict.outcome is outcome


@pytest.mark.parametrize(
    ("host", "outcome"),
    [
        pytest.param("api.acme.example", Outcome.ALLOW, id="on its own host"),
        pytest.param("*.example", Outcome.ALLOW, id="on hosts that somebody named"),
        pytest.param("*", Outcome.BLOCK, id="on any host, which is no knowledge of this one"),
    ],
)
def test_a_harmless_operation_classifies_a_destination(host: str, outcome: Outcome) -> None:
    harmless = operation("acme.store", "/v1/store", purpose=Purpose.STORAGE)
    under = policy((*PLEDGE, DEFAULT), (harmless,), host=host)
    assert inspect(under, head("/v1/store")).verdict.outcome is outcome
