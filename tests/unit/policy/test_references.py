"""A request that only names a guarded store is judged as if the content were in it."""

from dataclasses import replace

import pytest

from helpers import head, inspect, operation, policy
from subrosa.facts.references import GuardedStore, GuardedStores
from subrosa.facts.tags import JsonCarrier
from subrosa.policy.decision import decision_of
from subrosa.policy.purposes import Carries, Purpose
from subrosa.policy.sources import Source

COPY = replace(operation("acme.copy", "/v1/copy", purpose=Purpose.STORAGE), carries=Carries.REFERENCE)
PLAIN = policy(
    operations=[COPY, operation("acme.note", "/v1/note", purpose=Purpose.STORAGE)],
    sources=[Source(name="tools", holds_content=False)],
)
UNDER = replace(
    PLAIN,
    tags=replace(PLAIN.tags, json=(JsonCarrier(path="purpose"),)),
    guarded=GuardedStores((GuardedStore.parse("s3://meetings/rec"),)),
)
GUARDED, OTHER = b'"s3://meetings/rec/a.mp4"', b'"s3://meetings/recipes/a.txt"'
JSON = ("Content-Type", "application/json")
CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(
    ("target", "body", "lines", "allowed"),
    [
        pytest.param("/v1/copy", b'{"from": %s}' % GUARDED, [], True, id="a copy without a tag"),
        pytest.param(
            "/v1/copy",
            b'{"from": %s}' % GUARDED,
            [("x-purpose", "model-training")],
            False,
            id="under a training tag",
        ),
        pytest.param(
            "/v1/copy",
            b'{"purpose": "model-training", "x": "%s", "from": %s}' % (b"y" * 3000, GUARDED),
            [],
            False,
            id="named long after the tag",
        ),
        pytest.param(
            "/v1/copy",
            b'{"from": %s, "purpose": "model-training"}' % GUARDED,
            [],
            False,
            id="named before the tag",
        ),
        pytest.param(
            "/v1/copy",
            b'{"from": %s}' % OTHER,
            [("x-purpose", "model-training")],
            True,
            id="another prefix of the bucket",
        ),
        pytest.param(
            "/v1/note",
            b'{"about": %s}' % GUARDED,
            [("x-purpose", "model-training")],
            True,
            id="a note that only mentions it",
        ),
    ],
)
def test_a_copy_that_a_body_names(
    target: str, body: bytes, lines: list[tuple[str, str]], allowed: bool, step: int
) -> None:
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    inspection = inspect(UNDER, head(target, lines=[JSON, CHUNKED, *lines]), *pieces)

    assert inspection.verdict.allows is allowed
    if not allowed:
        assert inspection.verdict.rules == ("pledge.training-tag",)
    assert decision_of(inspection, "", "").customer_content is (GUARDED in body and target == "/v1/copy")


def test_a_large_object_beside_a_copy_is_not_held() -> None:
    lines = [("Content-Type", "application/octet-stream"), CHUNKED]

    assert inspect(UNDER, head("/v1/copy", lines=lines), b"\0" * 4096, end=False).verdict.allows
