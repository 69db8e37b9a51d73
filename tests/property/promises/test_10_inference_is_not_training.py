"""Promise 10. Inference is not training: ordinary work passes, however it is dressed."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from property.seeds import CASES, PLACE, Transfer, judge
from property.strategies import splits
from subrosa.policy.policy import Profile

ORDINARY = [
    case
    for case in CASES
    if case.expected == "allow" and case.source == "customer-content" and case.profile is Profile.STANDARD
]
TAKEN = frozenset(
    {"content-type", "content-encoding", "content-length", "transfer-encoding", "host", "expect"}
)
BENIGN = (
    ("User-Agent", "fine-tuning-tools/1.0 (training department)"),
    ("Accept", "application/json, */*;q=0.1"),
    ("Accept-Language", "de"),
    ("X-Request-Id", "train-17"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("baggage", "tenant=acme,release=7"),
    ("Cache-Control", "no-cache"),
    ("Referer", "https://learn.example.com/courses/training"),
    ("X-Amz-Meta-Title", "Sales training"),
    ("Idempotency-Key", "model-training-session-notes"),
)


def test_there_is_ordinary_work_to_try() -> None:
    assert len(ORDINARY) > 150


@settings(max_examples=400)
@given(st.data())
def test_promise_10_inference_is_not_training(data: st.DataObject) -> None:
    transfer = data.draw(st.sampled_from(ORDINARY))
    given_names = {name.lower() for name, _ in transfer.lines}
    extra = data.draw(st.lists(st.sampled_from(BENIGN), unique=True, max_size=4))
    lines = tuple(line for line in extra if line[0].lower() not in given_names | TAKEN)
    dressed = replace(transfer, lines=(*lines, *transfer.lines))
    judged = judge(dressed, data.draw(splits(transfer.body)))

    assert judged.verdict.allows, judged.verdict


NEGATIVES = sorted(path for path in (PLACE / "neg").iterdir() if not path.name.endswith(".headers.txt"))
HOSTS = (
    "https://files.corp.example/in",
    "https://syn-meetings.s3.eu-central-1.amazonaws.com/rec/x",
    "https://hooks.slack.com/services/T/B/X",
)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", NEGATIVES, ids=lambda path: path.name)
def test_promise_10_what_only_looks_like_a_meeting_or_a_data_set_passes(path: Path, host: str) -> None:
    for source in ("customer-content", "nothing"):
        sent = Transfer(name=path.name, method="POST", url=host, body=path.read_bytes(), source=source)
        assert judge(sent).verdict.allows
