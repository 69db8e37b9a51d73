"""Uploads made of several requests, under the shipped rules: the id, and what follows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from property.seeds import Transfer as Sent
from property.seeds import policy_for, shipped
from subrosa.facts.fields import Fields
from subrosa.facts.head import check_head
from subrosa.facts.records import ClientFacts, ConnectFacts
from subrosa.facts.sessions import SessionFacts, SessionKey, SessionsError
from subrosa.facts.unreadable import UnreadableError
from subrosa.loading.running import raw_head
from subrosa.policy.inspection import Inspection
from subrosa.policy.uploads import MOST_KEYS, facts_to_keep, keys_yielded

S3 = "https://meetings.s3.eu-central-1.amazonaws.com/rec/a.bin"
MINIO = "https://minio.corp.example/meetings/rec/a.bin"
GCS = "https://storage.googleapis.com/upload/storage/v1/b/m/o?uploadType=resumable"
OPENAI = "https://api.openai.com/v1/uploads"
TUS = "https://tus.corp.example/resumable/"
BLOB = "https://acct.blob.core.windows.net/c/a.bin"
CREATED = b"<InitiateMultipartUploadResult><UploadId>U1</UploadId></InitiateMultipartUploadResult>"
TUS_LINES = {"Tus-Resumable": "1.0.0"}
TRANSCRIPT = b"WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\nAda: synthetic\n"


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str = "POST"
    url: str
    lines: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    source: str = "nothing"


def judged(request: Request, opened: SessionFacts | None = None) -> Inspection:
    lines = tuple(request.lines.items())
    sent = Sent(
        name="", method=request.method, url=request.url, lines=lines, body=request.body, source=request.source
    )
    authority, raw = raw_head(sent)
    client = ClientFacts(listener="explicit:8080", address=ip_address("127.0.0.1"))
    inspection = Inspection(policy_for(sent), ConnectFacts(client=client, target=authority))
    head = check_head(raw)
    assert opened is None or inspection.names(head)
    inspection.head(head, opened)
    inspection.data(request.body)
    inspection.end()
    return inspection


def named(request: Request) -> tuple[SessionKey, ...] | None:
    sent = Sent(
        name="", method=request.method, url=request.url, lines=tuple(request.lines.items()), body=request.body
    )
    _, raw = raw_head(sent)
    client = ClientFacts(listener="explicit:8080", address=ip_address("127.0.0.1"))
    return Inspection(shipped(), ConnectFacts(client=client)).names(check_head(raw))


def put(url: str, **more: str) -> Request:
    return Request(method="PUT", url=url, lines=more)


# --- the id in the answer, and the id in the next request ----------------------------------------------------------


@pytest.mark.parametrize(
    ("opening", "answer", "body", "following"),
    [
        pytest.param(
            Request(url=f"{S3}?uploads"),
            {},
            CREATED,
            put(f"{S3}?partNumber=1&uploadId=U1"),
            id="a part of S3",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads"),
            {},
            CREATED,
            Request(url=f"{S3}?uploadId=U1"),
            id="an upload of S3 that is completed",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads"),
            {},
            CREATED,
            put("https://s3.eu-central-1.amazonaws.com/meetings/rec/a.bin?partNumber=1&uploadId=U1"),
            id="a part of S3 in path style, opened in the other",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads"),
            {},
            CREATED,
            put(f"{MINIO}?partNumber=1&uploadId=U1"),
            id="a part of S3 by another name of the host",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads"),
            {},
            CREATED,
            put(f"{S3}?partNumber=1&UPLOADID=x&uploadId=U1"),
            id="a part of S3 that names a second upload beside it",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads"),
            {},
            CREATED,
            put(f"{S3}?partNumber=2&uploadId=U1", **{"x-amz-copy-source": "other/b"}),
            id="a part of S3 that is a copy",
        ),
        pytest.param(
            Request(url=f"{MINIO}?uploads="),
            {},
            CREATED,
            put(f"{MINIO}?partNumber=1&uploadId=U1"),
            id="a part at a store nobody declared",
        ),
        pytest.param(
            Request(url=GCS, lines={"Content-Type": "application/json"}, body=b'{"name": "rec/a.bin"}'),
            {"Location": f"{GCS}&upload_id=ABPtcPq-_1"},
            b"",
            put(f"{GCS}&upload_id=ABPtcPq-_1", **{"Content-Range": "bytes 0-0/1"}),
            id="a piece of a resumable upload of GCS",
        ),
        pytest.param(
            Request(url="https://storage.googleapis.com/m/rec/a.bin", lines={"x-goog-resumable": "start"}),
            {"location": "https://storage.googleapis.com/m/rec/a.bin?upload_id=X1"},
            b"",
            put("https://storage.googleapis.com/m/rec/a.bin?upload_id=X1"),
            id="the same in the XML API",
        ),
        pytest.param(
            Request(url=OPENAI, lines={"Content-Type": "application/json"}, body=b'{"purpose": "user_data"}'),
            {},
            b'{"id": "upload_1", "object": "upload"}',
            Request(url=f"{OPENAI}/upload_1/parts"),
            id="a part of OpenAI",
        ),
        pytest.param(
            Request(url=OPENAI, lines={"Content-Type": "application/json"}, body=b'{"purpose": "user_data"}'),
            {},
            b'{"id": "upload_1", "object": "upload"}',
            Request(url=f"{OPENAI}/upload_1/complete"),
            id="an upload of OpenAI that is completed",
        ),
        pytest.param(
            Request(url=TUS, lines=TUS_LINES),
            {"Location": "https://tus.corp.example/resumable/7"},
            b"",
            Request(method="PATCH", url=f"{TUS}7", lines=TUS_LINES),
            id="octets by tus",
        ),
        pytest.param(
            Request(url=TUS, lines=TUS_LINES),
            {"Location": "7"},
            b"",
            Request(method="PATCH", url=f"{TUS}./7/?again=1", lines=TUS_LINES),
            id="octets by tus to a relative address in another spelling",
        ),
        pytest.param(
            Request(url=TUS, lines=TUS_LINES),
            {"Location": "//upload.corp.example/7"},
            b"",
            Request(method="PATCH", url="https://upload.corp.example/7", lines=TUS_LINES),
            id="octets by tus to another host",
        ),
        pytest.param(
            Request(url=TUS, lines=TUS_LINES),
            {"Location": "?id=7"},
            b"",
            Request(method="PATCH", url=f"{TUS}?id=7", lines=TUS_LINES),
            id="octets by tus where the query tells uploads apart",
        ),
        pytest.param(
            put(BLOB, **{"x-ms-blob-type": "AppendBlob"}),
            {},
            b"",
            put(f"{BLOB}?comp=appendblock"),
            id="a block that is appended",
        ),
        pytest.param(
            put(f"{BLOB}?comp=block&blockid=AA"),
            {},
            b"",
            put(f"{BLOB}?comp=blocklist"),
            id="blocks that are committed",
        ),
    ],
)
def test_a_later_request_is_found_by_what_the_opening_s_answer_said(
    opening: Request, answer: Mapping[str, str], body: bytes, following: Request
) -> None:
    yielded = keys_yielded(judged(opening).subject, Fields.of(answer.items()), body)

    assert yielded
    assert set(yielded) & set(named(following) or ())


@pytest.mark.parametrize(
    ("opening", "answer", "body", "following"),
    [
        pytest.param(
            Request(url=f"{S3}?uploads"),
            {},
            CREATED,
            put(f"{S3}?partNumber=1&uploadId=U2"),
            id="another upload of S3",
        ),
        pytest.param(Request(url=f"{S3}?uploads"), {}, CREATED, put(S3), id="the same object, put whole"),
        pytest.param(
            Request(url=TUS, lines=TUS_LINES),
            {"Location": "?id=7"},
            b"",
            Request(method="PATCH", url=f"{TUS}?id=8", lines=TUS_LINES),
            id="another query by tus",
        ),
        pytest.param(
            Request(url=TUS, lines=TUS_LINES),
            {"Location": "7"},
            b"",
            Request(url=TUS, lines=TUS_LINES),
            id="the next opening by tus",
        ),
        pytest.param(
            put(f"{BLOB}?comp=block&blockid=AA"), {}, b"", put(f"{BLOB}2?comp=blocklist"), id="another blob"
        ),
        pytest.param(
            Request(url=f"{S3}?uploads"),
            {},
            b"<Error><Code>SlowDown</Code></Error>",
            put(f"{S3}?partNumber=1&uploadId=U1"),
            id="an error",
        ),
    ],
)
def test_another_request_is_not(
    opening: Request, answer: Mapping[str, str], body: bytes, following: Request
) -> None:
    yielded = keys_yielded(judged(opening).subject, Fields.of(answer.items()), body)

    assert not set(yielded) & set(named(following) or ())


def test_a_request_of_no_upload_names_none() -> None:
    assert named(put("https://www.example.com/a?uploadId=U1")) is None
    assert named(Request(url="https://api.openai.com/v1/files")) is None


def test_more_uploads_than_a_request_can_mean_are_refused() -> None:
    many = "&".join(f"uploadId=U{at}" for at in range(MOST_KEYS + 1))

    with pytest.raises(SessionsError, match="more uploads"):
        named(put(f"{S3}?partNumber=1&{many}"))


@pytest.mark.parametrize("body", [b"<UploadId>", b"{}", b"x" * 70_000], ids=["cut off", "no xml", "too long"])
def test_an_answer_that_cannot_be_read_is_told(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        keys_yielded(judged(Request(url=f"{S3}?uploads")).subject, Fields.of(()), body)


# --- what follows the id -------------------------------------------------------------------------------------------

PART = put(f"{S3}?partNumber=1&uploadId=U1")
OPENAI_PART = Request(
    url=f"{OPENAI}/upload_1/parts",
    lines={"Content-Type": "multipart/form-data; boundary=b"},
    body=b'--b\r\nContent-Disposition: form-data; name="data"; '
    b'filename="GMT20260108-120125_Recording.transcript.vtt"\r\n\r\n' + TRANSCRIPT + b"\r\n--b--\r\n",
)


def opening_of(purpose: str) -> Request:
    body = b'{"purpose": "%s", "filename": "a.bin"}' % purpose.encode()
    return Request(url=OPENAI, lines={"Content-Type": "application/json"}, body=body)


CONTENT_PART = put(f"{S3}?partNumber=1&uploadId=U1", **{"x-amz-meta-data-class": "meeting"})


@pytest.mark.parametrize(
    ("opening", "following", "rule"),
    [
        pytest.param(
            Request(url=f"{S3}?uploads", lines={"x-amz-tagging": "purpose=model-training"}),
            CONTENT_PART,
            "pledge.training-tag",
            id="a training tag follows to a part with meeting content",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads", lines={"x-amz-tagging": "purpose=model-training"}),
            Request(method="PUT", url=PART.url, body=b"x", source="customer-content"),
            "pledge.training-tag",
            id="a training tag follows to a part from a recorder",
        ),
        pytest.param(
            Request(url=TUS, lines={**TUS_LINES, "Upload-Metadata": "purpose bWwtdHJhaW5pbmc="}),
            Request(method="PATCH", url=f"{TUS}7", lines=TUS_LINES, body=b"x", source="customer-content"),
            "pledge.training-tag",
            id="a training purpose follows to the octets of tus",
        ),
        pytest.param(
            opening_of("fine-tune"),
            OPENAI_PART,
            "pledge.training-destination",
            id="a training operation follows to a part",
        ),
        pytest.param(
            Request(
                url=OPENAI,
                lines={"Content-Type": "application/json", "x-data-classification": "meeting"},
                body=b'{"purpose": "vision"}',
            ),
            Request(
                url=OPENAI_PART.url,
                lines={"Content-Type": "application/octet-stream", "x-data-purpose": "training"},
                body=b"x",
            ),
            "pledge.training-signal",
            id="meeting content follows to a part that hints at training",
        ),
    ],
)
def test_what_the_opening_said_counts_in_later_requests(
    opening: Request, following: Request, rule: str
) -> None:
    first = judged(opening)
    facts = facts_to_keep(first.subject)

    assert first.verdict.allows
    assert judged(following).verdict.allows
    assert facts is not None
    assert rule in judged(following, facts).verdict.rules


def test_what_was_said_follows_through_several_requests() -> None:
    opened = facts_to_keep(
        judged(Request(url=TUS, lines={**TUS_LINES, "Upload-Metadata": "purpose bWwtdHJhaW5pbmc="})).subject
    )
    again = facts_to_keep(
        judged(Request(method="PATCH", url=f"{TUS}7", lines=TUS_LINES, body=b"x"), opened).subject
    )

    assert opened
    assert again == opened


@pytest.mark.parametrize(
    "opening",
    [
        pytest.param(Request(url=f"{S3}?uploads"), id="an upload without a tag"),
        pytest.param(
            Request(url=f"{S3}?uploads", source="customer-content"),
            id="an upload of a recorder without a tag",
        ),
        pytest.param(
            Request(
                url=f"{S3}?uploads", lines={"x-amz-tagging": "cost-centre=42"}, source="customer-content"
            ),
            id="a tag for billing",
        ),
        pytest.param(opening_of("user_data"), id="an upload of user data"),
        pytest.param(
            put(f"{S3}?partNumber=1&uploadId=U1", **{"x-amz-meta-purpose": "model-training"}),
            id="no opening at all",
        ),
    ],
)
def test_nothing_is_kept_of_an_ordinary_opening(opening: Request) -> None:
    assert facts_to_keep(judged(opening).subject) is None


@pytest.mark.parametrize(
    ("opening", "facts"),
    [
        pytest.param(
            Request(url=f"{S3}?uploads", lines={"x-amz-meta-data-class": "meeting"}),
            {"content": True},
            id="a tag that says content",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads", lines={"content-usage": "train-ai=n"}),
            {"content": True},
            id="a mark that protects",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads", lines={"x-amz-meta-purpose": "training"}, source="customer-content"),
            {"content": True},
            id="a hint, from a recorder",
        ),
        pytest.param(
            Request(url=f"{S3}?uploads", lines={"x-amz-tagging": "purpose=%zz"}),
            {"unreadable": True},
            id="tags without a reading",
        ),
        pytest.param(
            opening_of("fine-tune"),
            {"operations": ("openai.uploads.create.fine_tune",)},
            id="a training operation",
        ),
    ],
)
def test_what_matters_later_is_kept(opening: Request, facts: Mapping[str, object]) -> None:
    kept = facts_to_keep(judged(opening).subject)

    assert kept is not None
    assert {name: getattr(kept, name) for name in facts} == facts


def test_tags_that_could_not_be_read_stay_so() -> None:
    opened = facts_to_keep(
        judged(Request(url=f"{S3}?uploads", lines={"x-amz-tagging": "purpose=%zz"})).subject
    )

    assert judged(CONTENT_PART).verdict.allows
    assert judged(CONTENT_PART, opened).verdict.rules == ("guard.unreadable", "pledge.training-tag")


def test_an_operation_that_the_catalogue_no_longer_has_adds_nothing() -> None:
    assert judged(OPENAI_PART, SessionFacts(operations=("openai.gone", "gone.gone"))).verdict.allows
