"""The inspection: what is told of a transfer is the same however its body was cut."""

from dataclasses import replace

import pytest

from helpers import TAGS, inspect, operation, policy
from helpers import head as request_head
from subrosa.facts.stage import Stage
from subrosa.facts.tags import JsonCarrier
from subrosa.policy.inspection import Inspection
from subrosa.policy.purposes import Purpose
from subrosa.policy.verdict import Outcome, Reason, refusal

FILES = policy(
    operations=[
        operation("acme.files", "/v1/files", purpose=Purpose.DATASET_UPLOAD, form={"purpose": ["fine-tune"]})
    ]
)
LINES = [("Content-Type", "multipart/form-data; boundary=b"), ("Transfer-Encoding", "chunked")]


def part(name: str, value: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def judged(body: bytes, step: int) -> Inspection:
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    return inspect(FILES, request_head("/v1/files", lines=LINES), *pieces)


@pytest.mark.parametrize("step", [1, 7, 1000, 1023, 1024, 1025, 65_536])
@pytest.mark.parametrize(
    ("parts", "rules"),
    [
        pytest.param(
            (part("purpose", "fine-tune"), part("purpose", "other")),
            ("guard.unreadable", "pledge.training-destination"),
            id="a purpose that is given twice is unreadable, not the first one",
        ),
        pytest.param(
            (part("purpose", "fine-tune"), part("x", "y" * 2000), part("purpose", "other")),
            ("pledge.training-destination",),
            id="a purpose well before another one is told",
        ),
        pytest.param(
            (part("x", "y" * 900), part("purpose", "fine-tune"), part("x", "y" * 90_000)),
            ("pledge.training-destination",),
            id="a purpose across the first look is told at the second",
        ),
    ],
)
def test_which_rule_is_told_does_not_depend_on_how_the_body_was_cut(
    parts: tuple[bytes, ...], rules: tuple[str, ...], step: int
) -> None:
    body = b"".join(parts) + b"--b--\r\n"

    assert judged(body, step).verdict.rules == rules
    assert judged(body, step).verdict == judged(body, len(body)).verdict
    assert judged(body, step).subject.body == judged(body, len(body)).subject.body


def test_a_long_body_is_refused_long_before_its_end() -> None:
    body = part("purpose", "fine-tune") + part("file", "x" * 5000)
    inspection = inspect(FILES, request_head("/v1/files", lines=LINES), body[:1024], end=False)

    assert inspection.verdict.rules == ("pledge.training-destination",)


@pytest.mark.parametrize("step", [1, 1023, 5000])
def test_a_body_that_can_hold_no_field_streams_before_its_end(step: int) -> None:
    lines = [("Content-Type", "application/octet-stream"), ("Transfer-Encoding", "chunked")]
    pieces = [b"\0" * step] * (5000 // step)
    inspection = inspect(policy(), request_head("/v1/store", lines=lines), *pieces, end=False)

    assert inspection.verdict.allows
    assert inspection.verdict.stage is Stage.BODY


JSON = ("Content-Type", "application/json")
TAGGING = replace(policy(), tags=replace(TAGS, json=(JsonCarrier(path="metadata.*"),)))
TAGGED = b'{"x": "%s", "metadata": {"purpose": "model-training"}}'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"text": "%s"}' % (b"word " * 500), id="nothing is in it"),
        pytest.param(TAGGED % b"", id="a tag"),
        pytest.param(TAGGED % (b"word " * 5000), id="a tag behind much else"),
        pytest.param(b'{"text": "word"', id="it ends too early"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000, 65_536])
def test_a_body_with_a_length_is_judged_as_one_without(body: bytes, step: int) -> None:
    cut = [body[at : at + step] for at in range(0, len(body), step)]
    chunks = request_head("/v1/events", lines=[JSON, ("Transfer-Encoding", "chunked")])
    length = request_head("/v1/events", lines=[JSON, ("Content-Length", str(len(body)))])
    told, known = inspect(TAGGING, length, *cut), inspect(TAGGING, chunks, body)

    assert told.verdict == known.verdict
    assert told.subject.body == known.subject.body


def test_a_body_longer_than_its_head_says_is_read_like_any_other() -> None:
    head = request_head("/v1/events", lines=[JSON, ("Content-Length", "10")])
    inspection = inspect(TAGGING, head, TAGGED % b"", b" " * 2000, end=False)

    assert inspection.verdict.outcome is Outcome.BLOCK


BODIES = [
    pytest.param(b'{"x": "", "metering": {"purpose": "model-training"}}', id="nothing is in it either"),
    pytest.param(TAGGED % b"", id="a tag"),
    pytest.param(b'{"x": "", "metadata": {"purpose": "model-training"}%', id="no JSON"),
    pytest.param(TAGGED % b"longer", id="longer than the head says"),
    pytest.param(b'{"x": ""', id="it ends too early"),
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("step", [1, 65_536])
def test_a_head_that_comes_again_is_judged_as_if_it_came_first(body: bytes, step: int) -> None:
    length = len(TAGGED % b"")
    head = request_head("/v1/events", lines=[JSON, ("Content-Length", str(length))])
    first = inspect(TAGGING, head, b'{"x": "%s"}' % (b"y" * (length - 9)))
    cut = [body[at : at + step] for at in range(0, len(body), step)]
    again = Inspection.like(first)
    for piece in cut:
        again.data(piece)
    told, known = again.end(), inspect(TAGGING, head, *cut)

    assert first.quiet
    assert told == known.verdict
    assert again.repeats is known.quiet
    assert again.subject.body == known.subject.body
    assert first.quiet


def test_a_head_that_comes_again_with_a_tag_in_its_trailers_is_refused() -> None:
    head = request_head("/v1/events", lines=[JSON, ("Content-Length", "2")])
    again = Inspection.like(inspect(TAGGING, head, b"{}"))
    again.data(b"{}")
    again.trailers(request_head("/", lines=[("x-purpose", "model-training")]).fields)

    assert again.end().outcome is Outcome.BLOCK
    assert not again.repeats


def test_a_head_that_comes_again_is_refused_with_facts_of_its_own() -> None:
    head = request_head("/v1/events", lines=[JSON, ("Content-Length", "2")])
    first = inspect(TAGGING, head, b"{}")
    again = Inspection.like(first)
    again.data(b"{")
    again.refuse(refusal(Reason.LIMIT, "guard.limit", Stage.BODY))

    assert again.subject is not first.subject
    assert not again.subject.body.closed


def test_of_two_claims_alike_a_block_tells_the_training_one() -> None:
    own = operation("acme.own", "/v1/tune", purpose=Purpose.INFERENCE)
    inspection = inspect(policy(operations=[own, operation("acme.tune", "/v1/tune")]), request_head())

    assert inspection.verdict.operation == "acme.tune"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        pytest.param("/v1/tune", False, id="the call"),
        pytest.param("/v1%2Ftune", False, id="the call to who decodes before it routes"),
        pytest.param("/v1%2Fchat", True, id="another call"),
    ],
)
def test_an_escaped_slash_hides_no_call_that_is_known_on_any_host(path: str, allowed: bool) -> None:
    inspection = inspect(policy(host="*"), request_head(path, host="api.other.example"), b"hello")

    assert inspection.verdict.allows is allowed


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        pytest.param("/v1%2Ftune", False, id="the call to who decodes before it routes"),
        pytest.param("/v1/a%2F..%2Ftune", False, id="the call to who also resolves what it has decoded"),
        pytest.param("/x/..%2Fv1/tune", False, id="the call where one slash of several parts segments"),
        pytest.param("/models/arn%3Aaws%3Aacme%3A%3A1%3Amodel%2Fm/stop", True, id="another call with an arn"),
        pytest.param(
            "/v1%2Fa%2Fb%2Fc%2Fd", False, id="another call, but with more slashes than are read each way"
        ),
        pytest.param("/v1;a=b/chat", False, id="another call, but in doubt for more than its slashes"),
        pytest.param("/v1/a%252Fb", False, id="another call, but encoded twice"),
        pytest.param("/v1/a%2Fb%c0%af", False, id="another call, but no utf-8"),
        pytest.param("/v1/a%2Fb%zz", False, id="another call, but with an escape that is none"),
        pytest.param("/v1/a%2Fb//../c", False, id="another call, but it goes up from an empty segment"),
    ],
)
def test_on_a_host_that_trains_an_escaped_slash_passes_where_no_reading_is_a_training_call(
    path: str, allowed: bool
) -> None:
    inspection = inspect(policy(), request_head(path), b"hello")

    assert inspection.verdict.allows is allowed


def test_a_file_with_many_escaped_slashes_may_be_asked_for_on_a_host_that_trains() -> None:
    request = request_head("/resolve/refs%2Fpr%2F1/a%2Fb%2Fc", method="GET", lines=())

    assert inspect(policy(), request).verdict.allows


BOUND = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("label", "body", "anywhere"),
    [
        pytest.param("video/mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 2000, True, id="film"),
        pytest.param("application/pdf", b"%PDF-1.7", True, id="a document"),
        pytest.param("", b"PK\3\4" + b"\0" * 40, True, id="an archive without label"),
        pytest.param("text/csv", b"a,b\n1,2\n", True, id="a table"),
        pytest.param("text/plain", b"[2026-11-25 10:00] started", True, id="lines that begin like json"),
        pytest.param(
            "application/octet-stream", BOUND, False, id="a multipart under a label that says nothing"
        ),
        pytest.param("", BOUND, False, id="a multipart without label"),
        pytest.param("video/mp4", BOUND, False, id="a multipart that says that it is film"),
        pytest.param("application/pdf", BOUND, False, id="a multipart that says that it is a document"),
        pytest.param(
            "multipart/mixed; boundary=b", b"preamble\r\n" + BOUND, False, id="parts in another type"
        ),
        pytest.param(
            "application/pdf; boundary=b", b"preamble\r\n" + BOUND, False, id="a label with a boundary"
        ),
        pytest.param("multipart/form-data", b"x", False, id="a multipart without boundary"),
        pytest.param(
            "text/plain", b"purpose=fine-tune&x=1", False, id="a form under a label that says nothing"
        ),
    ],
)
@pytest.mark.parametrize("step", [1, 1023, 5000])
def test_a_body_that_shows_no_form_has_none_on_any_host_but_may_be_one_to_its_own_api(
    label: str, body: bytes, anywhere: bool, step: int
) -> None:
    lines = [("Transfer-Encoding", "chunked"), *([("Content-Type", label)] if label else [])]
    request = request_head("/v1/files", lines=lines)
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    purpose = operation(
        "acme.files", "/v1/files", purpose=Purpose.DATASET_UPLOAD, form={"purpose": ["fine-tune"]}
    )

    assert inspect(policy(operations=[purpose], host="*"), request, *pieces).verdict.allows is anywhere
    assert not inspect(FILES, request, *pieces).verdict.allows


def test_a_recording_for_any_host_waits_for_its_first_octets_only() -> None:
    lines = [("Transfer-Encoding", "chunked"), ("Content-Type", "video/mp4")]
    anywhere = policy(
        operations=[operation("acme.files", "/v1/files", form={"purpose": ["fine-tune"]})], host="*"
    )
    inspection = inspect(
        anywhere, request_head("/v1/files", lines=lines), b"\0\0\0\x18ftyp" + b"\0" * 8000, end=False
    )

    assert inspection.verdict.allows
    assert inspection.verdict.stage is Stage.BODY
