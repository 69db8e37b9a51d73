"""The inspection: what is told of a transfer is the same however its body was cut."""

import pytest

from helpers import head as request_head
from helpers import inspect, operation, policy
from subrosa.facts.stage import Stage
from subrosa.policy.inspection import Inspection
from subrosa.policy.purposes import Purpose

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
