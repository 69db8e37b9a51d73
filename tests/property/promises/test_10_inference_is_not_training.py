"""Promise 10. Inference is not training: a wrong block is a defect of the same rank as a leak."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from property.seeds import CASES, FILES, SAMPLES, STREAMS, Transfer, judge, shipped
from property.strategies import encoded, splits
from subrosa.policy.policy import Profile

NEAR_MISSES = tuple(
    case
    for case in CASES
    if case.expected == "allow" and case.source == "customer-content" and case.profile is Profile.STANDARD
)
_NEGATIVES = tuple(path.name for path in FILES if path.parent.name == "neg")
CONTROLS = tuple(
    replace(sample, source="customer-content")
    for sample in SAMPLES
    if sample.name.startswith(_NEGATIVES) and not sample.name.endswith("fine-tune")
)
ORDINARY = (
    "https://files.corp.example/in",
    "https://syn-meetings.s3.eu-central-1.amazonaws.com/rec/x",
    "https://hooks.slack.com/services/T/B/X",
)
HEADERS = (
    ("User-Agent", "OpenAI/Python 1.99.0"),
    ("User-Agent", "Boto3/1.44.5 md/Botocore#1.44.5 lang/python#3.13.0"),
    ("User-Agent", "ml-training-tools/2.1 (model training; fine-tune)"),
    ("Accept", "application/json, text/event-stream;q=0.9, */*;q=0.1"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Authorization", "Bearer sk-synthetic"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("baggage", "userId=alice,serverNode=DF%2028,isProduction=false"),
    ("X-Request-Id", "7b1f9c1e-training"),
    ("Cookie", "session=1; purpose=fine-tune"),
    ("Referer", "https://intranet.example/training/how-to-train-staff"),
    ("Idempotency-Key", "train-ai=y"),
    ("X-Amz-Meta-Title", "Weekly sync"),
    ("x-amz-meta-department", "people"),
    ("x-goog-meta-retention", "7y"),
    ("x-ms-meta-owner", "recorder"),
    ("OpenAI-Organization", "org-training"),
    ("X-Data-Purpose", "meeting-archive"),
)
PARAMETERS = (
    "request_id=7",
    "trace=on",
    "_=1767870085",
    "locale=de-DE",
    "client=recorder",
    "page=2",
    "pretty",
)
STAFF = (
    ("x-amz-tagging", "purpose=staff-training&audience=employees"),
    ("x-amz-meta-title", "Training of new staff"),
    ("x-amz-meta-course", "onboarding training"),
    ("X-Amz-Meta-Department", "training"),
)


@st.composite
def decorated(draw: DrawFn, transfer: Transfer) -> Transfer:
    """The same request as other clients of the same API send it."""
    names = {name.lower() for name, _ in transfer.lines}
    more = draw(st.lists(st.sampled_from(HEADERS), max_size=5, unique_by=lambda line: line[0].lower()))
    lines = (*transfer.lines, *(line for line in more if line[0].lower() not in names))
    url = transfer.url
    for parameter in draw(st.lists(st.sampled_from(PARAMETERS), max_size=2, unique=True)):
        url += ("&" if "?" in url else "?") + parameter
    told = replace(transfer, lines=lines, url=url)
    return draw(encoded(told)) if told.body and draw(st.booleans()) else told


def test_promise_10_there_is_something_to_let_pass() -> None:
    assert len(NEAR_MISSES) > 200
    assert len(CONTROLS) > 10
    in_messages = [case for case in STREAMS if case.expected == "allow"]
    assert {case.name.partition(":")[0] for case in (*NEAR_MISSES, *in_messages)} >= {
        f"rules/destinations/{provider}.test.yaml" for provider in shipped().providers
    }


@settings(max_examples=400)
@given(st.data())
def test_promise_10_inference_is_not_training(data: st.DataObject) -> None:
    transfer = data.draw(st.one_of(st.sampled_from(NEAR_MISSES), st.sampled_from(CONTROLS)))
    other = data.draw(decorated(transfer))
    judged = judge(other, data.draw(splits(other.body)))

    assert judged.verdict.allows
    assert judged.verdict.operation == judge(transfer).verdict.operation


@settings(max_examples=50)
@given(st.sampled_from([one for one in CONTROLS if one.name.endswith("stored")]), st.sampled_from(STAFF))
def test_promise_10_staff_is_trained_too(transfer: Transfer, line: tuple[str, str]) -> None:
    kept = tuple(other for other in transfer.lines if other[0].lower() != line[0].lower())

    assert judge(replace(transfer, lines=(*kept, line))).verdict.allows


@settings(max_examples=50)
@given(st.sampled_from(CONTROLS), st.sampled_from(ORDINARY), st.sampled_from(["customer-content", "nothing"]))
def test_promise_10_what_only_looks_like_a_meeting_or_a_data_set_goes_anywhere(
    transfer: Transfer, url: str, source: str
) -> None:
    assert judge(replace(transfer, method="POST", url=url, source=source)).verdict.allows
