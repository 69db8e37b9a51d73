"""One field of an answer: what is found where, and what has no reading."""

import gzip

import pytest

from subrosa.content.answers import MOST_ANSWER, decoded, json_values, xml_values
from subrosa.facts.unreadable import Ambiguity, UnreadableError

S3 = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Bucket>meetings</Bucket><Key>rec/a.mp4</Key><UploadId>VXBsb2FkIElE.&amp;_-</UploadId></InitiateMultipartUploadResult>"
)


@pytest.mark.parametrize(
    ("document", "path", "found"),
    [
        pytest.param(b'{"id": "upload_1", "object": "upload"}', "id", ("upload_1",), id="a member"),
        pytest.param(b'{"file": {"id": 7}}', "file.id", ("7",), id="a number inside"),
        pytest.param(b'{"o": [{"u": "a"}, {"u": "b"}, 3]}', "o[].u", ("a", "b"), id="one of each item"),
        pytest.param(b'{"id": "a", "id": "b", "ID": "c"}', "id", ("a", "b", "c"), id="every twin"),
        pytest.param(b'{"a": {"x": "1"}, "b": {"x": "2"}}', "*.x", ("1", "2"), id="any key"),
        pytest.param(b'{"id": null, "x": {"id": "no"}}', "id", (), id="nothing where there is no text"),
        pytest.param(b'["id"]', "id", (), id="nothing in a list"),
    ],
)
def test_json(document: bytes, path: str, found: tuple[str, ...]) -> None:
    assert json_values(document, path) == found


@pytest.mark.parametrize(
    ("document", "found"),
    [
        pytest.param(S3, ("VXBsb2FkIElE.&_-",), id="in a namespace, entities undone"),
        pytest.param(b"<r><UploadId> <![CDATA[U]]>1 </UploadId></r>", ("U1",), id="across nodes"),
        pytest.param(
            b"<r><a><UploadId>1</UploadId></a><UploadId>2</UploadId></r>", ("1", "2"), id="every one"
        ),
        pytest.param(b"<Error><Code>AccessDenied</Code></Error>", (), id="none in an error"),
        pytest.param(b"<UploadIdMarker>x</UploadIdMarker>", (), id="none under another name"),
    ],
)
def test_xml(document: bytes, found: tuple[str, ...]) -> None:
    assert xml_values(document, "UploadId") == found


@pytest.mark.parametrize(
    ("document", "ambiguity"),
    [
        pytest.param(b"", Ambiguity.BAD_SYNTAX, id="nothing"),
        pytest.param(b'{"id": ', Ambiguity.BAD_SYNTAX, id="half of it"),
        pytest.param(b"\xff", Ambiguity.BAD_SYNTAX, id="no text"),
        pytest.param(b"[" * 60_000, Ambiguity.TOO_DEEP, id="a deep one"),
    ],
)
def test_json_without_a_reading(document: bytes, ambiguity: Ambiguity) -> None:
    with pytest.raises(UnreadableError) as told:
        json_values(document, "id")
    assert told.value.ambiguity is ambiguity


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"<r><UploadId>1</r>", id="not well-formed"),
        pytest.param(b'<!DOCTYPE r [<!ENTITY u "U1">]><r><UploadId>&u;</UploadId></r>', id="a document type"),
        pytest.param(b"<r>" * 100, id="a deep one"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_xml_without_a_reading(document: bytes) -> None:
    with pytest.raises(UnreadableError):
        xml_values(document, "UploadId")


def test_codings_are_undone() -> None:
    assert decoded(("gzip",), gzip.compress(S3)) == S3
    assert decoded((), S3) == S3


@pytest.mark.parametrize(
    ("codings", "octets", "ambiguity"),
    [
        pytest.param((), b"x" * (MOST_ANSWER + 1), Ambiguity.TOO_LARGE, id="too large as sent"),
        pytest.param(("gzip",), gzip.compress(b"x" * 100_000), Ambiguity.TOO_LARGE, id="too large inside"),
        pytest.param(("gzip",), gzip.compress(S3)[:-9], Ambiguity.TRUNCATED, id="cut off"),
        pytest.param(("compress",), S3, Ambiguity.UNKNOWN_ENCODING, id="a coding nobody knows"),
    ],
)
def test_what_cannot_be_undone(codings: tuple[str, ...], octets: bytes, ambiguity: Ambiguity) -> None:
    with pytest.raises(UnreadableError) as told:
        decoded(codings, octets)
    assert told.value.ambiguity is ambiguity
