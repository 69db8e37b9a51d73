"""One body from its octets to its facts: labels, sniffing, codings, and what is closed when."""

import gzip

import pytest

from content_kit import (
    BOUNDARY,
    ENCODERS,
    KINDS,
    MULTIPART,
    TAGS,
    WANT,
    aws_chunked,
    captured,
    field,
    file,
    multipart,
    read,
)
from subrosa.content.coding import CodingLimits
from subrosa.content.labels import Doubt
from subrosa.content.reader import BodyReader, ReaderLimits
from subrosa.facts.body import BodyFacts, Form, Kind, KindFound, Want
from subrosa.facts.tags import Tag
from subrosa.facts.unreadable import Ambiguity

JSON = b'{"purpose": "fine-tune", "metadata": {"use": "ml-training"}}'
FORM = b"purpose=fine-tune&x=1"
PARTS = multipart(field("purpose", b"fine-tune"))
SET = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
CLIP = bytes.fromhex("0000001866747970") + b"mp42" + bytes(100)
URLENCODED = "application/x-www-form-urlencoded"


def reader(
    content_type: str | None = None, *codings: str, want: Want = WANT, object_body: bool = False
) -> BodyReader:
    return BodyReader(content_type, codings, want, TAGS, KINDS, object_body=object_body)


@pytest.mark.parametrize(
    ("label", "body", "form"),
    [
        pytest.param("application/json", JSON, Form.JSON, id="JSON"),
        pytest.param("application/json; charset=utf-8", JSON, Form.JSON, id="JSON with its charset"),
        pytest.param("text/json", JSON, Form.JSON, id="JSON by its old name"),
        pytest.param("application/x-amz-json-1.1", JSON, Form.JSON, id="JSON of AWS"),
        pytest.param("application/vnd.api+json", JSON, Form.JSON, id="a vendor's JSON"),
        pytest.param("Application/JSON", JSON, Form.JSON, id="a label in capitals"),
        pytest.param(URLENCODED, FORM, Form.URLENCODED, id="a form"),
        pytest.param(MULTIPART, PARTS, Form.MULTIPART, id="a multipart"),
        pytest.param("text/xml", SET, Form.XML, id="XML"),
        pytest.param("image/svg+xml", b"<svg/>", Form.XML, id="a vendor's XML"),
        pytest.param("video/mp4", CLIP, Form.OPAQUE, id="a film"),
        pytest.param("text/csv", b"a,b\n", Form.OPAQUE, id="a table"),
        pytest.param("video/mp4", JSON, Form.OPAQUE, id="JSON labelled as a film"),
        pytest.param("multipart/mixed; boundary=x", b"--x--", Form.OPAQUE, id="another multipart"),
        pytest.param(None, JSON, Form.JSON, id="JSON without a label"),
        pytest.param("application/octet-stream", JSON, Form.JSON, id="JSON labelled as octets"),
        pytest.param("binary/octet-stream", JSON, Form.JSON, id="JSON labelled as S3 does by default"),
        pytest.param("text/plain", b" \n[1]", Form.JSON, id="JSON labelled as text"),
        pytest.param("", FORM, Form.URLENCODED, id="a form with an empty label"),
        pytest.param(None, SET, Form.XML, id="a tag set without a label"),
        pytest.param(None, CLIP, Form.OPAQUE, id="a film without a label"),
        pytest.param(None, b"{ not json", Form.OPAQUE, id="what only begins like JSON"),
        pytest.param("text/plain", b"[2026-01-08 12:01] start\n", Form.OPAQUE, id="a log"),
        pytest.param("text/plain", b"\xef\xbb\xbf" + JSON, Form.OPAQUE, id="JSON behind a byte order mark"),
        pytest.param(None, JSON.decode().encode("utf-16"), Form.OPAQUE, id="JSON in UTF-16 without a label"),
        pytest.param("application/json", b"", Form.NONE, id="nothing labelled as JSON"),
        pytest.param(MULTIPART, b"", Form.NONE, id="nothing labelled as multipart"),
        pytest.param(None, b"", Form.NONE, id="nothing"),
    ],
)
def test_the_form_of_a_body(label: str | None, body: bytes, form: Form) -> None:
    facts = read(body, label)
    assert facts.form is form
    assert facts.unreadable is None
    assert facts.closed


@pytest.mark.parametrize(
    ("label", "body", "expected"),
    [
        pytest.param("application/json", FORM, Ambiguity.LABEL_MISMATCH, id="a form labelled as JSON"),
        pytest.param("application/json", PARTS, Ambiguity.LABEL_MISMATCH, id="a multipart labelled as JSON"),
        pytest.param(URLENCODED, JSON, Ambiguity.LABEL_MISMATCH, id="JSON labelled as a form"),
        pytest.param(URLENCODED, PARTS, Ambiguity.LABEL_MISMATCH, id="a multipart labelled as a form"),
        pytest.param(MULTIPART, JSON, Ambiguity.LABEL_MISMATCH, id="JSON labelled as a multipart"),
        pytest.param(MULTIPART, FORM, Ambiguity.LABEL_MISMATCH, id="a form labelled as a multipart"),
        pytest.param(None, PARTS, Ambiguity.LABEL_MISMATCH, id="a multipart without its label"),
        pytest.param("text/plain", PARTS, Ambiguity.LABEL_MISMATCH, id="a multipart labelled as text"),
        pytest.param("application/json", b"no json", Ambiguity.BAD_SYNTAX, id="text labelled as JSON"),
        pytest.param(
            "application/json", b"\xef\xbb\xbf" + JSON, Ambiguity.BAD_CHARSET, id="a byte order mark"
        ),
        pytest.param(
            "application/json; charset=utf-16", JSON, Ambiguity.BAD_CHARSET, id="a charset without ASCII"
        ),
        pytest.param("application/json, text/plain", JSON, Ambiguity.BAD_SYNTAX, id="two types"),
        pytest.param("json", JSON, Ambiguity.BAD_SYNTAX, id="a type that is none"),
        pytest.param(
            "multipart/related", PARTS, Ambiguity.BAD_SYNTAX, id="multipart/related without a boundary"
        ),
    ],
)
def test_a_label_and_a_body_that_disagree(label: str | None, body: bytes, expected: Ambiguity) -> None:
    facts = read(body, label)
    assert facts.unreadable is expected
    assert facts.detail
    assert facts.form_field("purpose").unreadable is expected
    assert facts.json_value("purpose").unreadable is expected
    assert facts.closed


def test_a_multipart_without_its_label_is_opaque_where_no_field_is_wanted() -> None:
    facts = read(PARTS, None, want=Want(tags=True, kinds=True))
    assert (facts.form, facts.unreadable) == (Form.OPAQUE, None)


def test_the_fields_of_an_opaque_body_cannot_be_read() -> None:
    facts = read(CLIP, "video/mp4")
    assert facts.form_field("purpose").unreadable is Ambiguity.LABEL_MISMATCH
    assert facts.json_value("purpose").unreadable is Ambiguity.LABEL_MISMATCH


@pytest.mark.parametrize(
    ("label", "body", "form", "json"),
    [
        pytest.param(None, CLIP, True, True, id="film without label"),
        pytest.param("application/octet-stream", CLIP, True, True, id="film under a label that says nothing"),
        pytest.param("text/plain", b"[10:00] started", True, False, id="text that begins like json"),
        pytest.param(
            "text/plain", '{"a": 1}'.encode("utf-16-le"), True, False, id="json in utf-16 without a mark"
        ),
        pytest.param(
            "text/plain", '{"a": 1}'.encode("utf-32-be"), True, False, id="json in utf-32 without a mark"
        ),
        pytest.param("text/plain", '[{"a": 1}]'.encode("utf-16"), True, False, id="json in utf-16"),
        pytest.param("text/plain", '[{"a": 1}]'.encode("utf-32"), True, False, id="json in utf-32"),
        pytest.param("text/plain", "purpose=x&a=b".encode("utf-16"), False, True, id="a form in utf-16"),
        pytest.param("multipart/mixed; boundary=b", b"preamble", False, False, id="a label with parts"),
        pytest.param("text/plain; boundary=b", b"preamble", False, False, id="a label with a boundary"),
    ],
)
def test_what_neither_label_nor_first_octets_show(
    label: str | None, body: bytes, form: bool, json: bool
) -> None:
    facts = read(body, label, doubt=Doubt.ALL)
    assert facts.form is Form.OPAQUE
    assert (facts.shows_no("form"), facts.shows_no("json")) == (form, json)


@pytest.mark.parametrize(
    ("doubt", "believed"),
    [
        (Doubt.NONE, {"video/mp4", "application/pdf"}),
        (Doubt.UNLESS_MEDIA, {"video/mp4"}),
        (Doubt.ALL, set()),
    ],
)
def test_a_label_that_hides_what_is_in_the_body_is_believed_or_not(doubt: Doubt, believed: set[str]) -> None:
    labels = ("video/mp4", "application/pdf")
    assert {
        label for label in labels if read(b'{"a": 1}', label, doubt=doubt).form is Form.OPAQUE
    } == believed


@pytest.mark.parametrize("coding", ENCODERS)
@pytest.mark.parametrize(
    ("label", "body"),
    [("application/json", JSON), (None, JSON), (URLENCODED, FORM), (MULTIPART, PARTS)],
    ids=["JSON", "JSON without a label", "a form", "a multipart"],
)
def test_a_coding_hides_nothing(coding: str, label: str | None, body: bytes) -> None:
    assert read(ENCODERS[coding](body), label, [coding]) == read(body, label)


@pytest.mark.parametrize(
    ("codings", "body", "expected"),
    [
        pytest.param(["compress"], b"x", Ambiguity.UNKNOWN_ENCODING, id="a coding that nobody knows"),
        pytest.param(["gzip"], JSON, Ambiguity.BAD_ENCODING, id="plain JSON labelled gzip"),
        pytest.param(["gzip"], gzip.compress(JSON)[:-3], Ambiguity.TRUNCATED, id="cut"),
        pytest.param(["gzip"], gzip.compress(JSON) + b"junk", Ambiguity.BAD_ENCODING, id="junk"),
        pytest.param(["gzip"], b"", Ambiguity.TRUNCATED, id="nothing"),
        pytest.param([], gzip.compress(JSON), Ambiguity.BAD_SYNTAX, id="gzip that nobody announced"),
    ],
)
def test_a_coding_that_cannot_be_undone(codings: list[str], body: bytes, expected: Ambiguity) -> None:
    facts = read(body, "application/json", codings)
    assert facts.unreadable is expected
    assert facts.closed
    assert facts.tags_closed
    assert facts.kinds_closed
    assert facts.shapes_closed


def test_the_limits_of_decoding_are_the_deployments() -> None:
    limits = ReaderLimits(coding=CodingLimits(output=10))
    body = BodyReader("application/json", ["gzip"], WANT, TAGS, KINDS, limits)
    body.feed(gzip.compress(JSON))
    body.end()
    assert body.facts.unreadable is Ambiguity.TOO_LARGE


def test_an_upload_of_boto3_is_known_by_the_octets_of_the_object() -> None:
    label, codings, body = captured("s3_put_tls.http")
    facts = read(body, label, codings, object_name="rec/GMT20260108-120125_Recording.mp4", object_body=True)
    assert facts.form is Form.OPAQUE
    assert facts.kinds == [
        KindFound(Kind.VIDEO, True, "zoom-cloud-recording-name"),
        KindFound(Kind.VIDEO, False, "iso-bmff-mp4"),
    ]
    assert facts.unreadable is None


def test_a_fine_tuning_file_of_openai() -> None:
    label, codings, body = captured("openai_files.http")
    facts = read(body, label, codings)
    assert facts.form_field("purpose").values == ("fine-tune",)
    assert facts.filenames == ["zoom_sft.jsonl"]
    assert facts.shapes == ["chat-jsonl"]


def test_a_commit_to_hugging_face_is_read_line_by_line() -> None:
    label, codings, body = captured("hf_commit.http")
    want = Want(json=frozenset({"key", "value.path"}))
    facts = read(body, label, codings, want)
    assert facts.json_value("key").values == ("header", "file", "lfsFile")
    assert facts.json_value("value.path").values == ("README.md", "data/train-00000-of-00001.parquet")


def test_a_training_job_of_sagemaker_names_its_data() -> None:
    label, codings, body = captured("sagemaker_create_training_job.http")
    facts = read(body, label, codings, Want(references=True))
    assert any(reference.startswith("s3://") for reference in facts.references)


@pytest.mark.parametrize("label", ["application/json", URLENCODED, MULTIPART, None, "text/xml"])
def test_the_object_itself_has_no_fields_and_no_tags(label: str | None) -> None:
    facts = read(JSON, label, object_body=True)
    assert facts.form is Form.OPAQUE
    assert (facts.json, facts.fields, facts.tags, facts.unreadable) == ({}, {}, [], None)


def test_what_is_wrapped_in_a_file_is_known() -> None:
    body = multipart(
        file("file", "export.gz", gzip.compress(b"WEBVTT\n\n0:0:0.0 --> 0:0:5.0\n<v Ada>Hi</v>\n"))
    )
    assert "teams-vtt" in [kind.by for kind in read(body, MULTIPART).kinds]


def closing(facts: BodyFacts) -> tuple[bool, bool, bool, bool]:
    return facts.tags_closed, facts.kinds_closed, facts.shapes_closed, facts.closed


def closed_early(body: BodyReader) -> bool:
    return body.done


class TestWhenFactsClose:
    def test_an_opaque_body_has_no_tags_from_the_start(self) -> None:
        body = reader("video/mp4")
        assert closing(body.facts) == (True, False, False, False)
        body.feed(bytes(4096))
        assert closing(body.facts) == (True, True, False, False)
        assert closed_early(body) is False
        body.feed(bytes(60 * 1024))
        assert closing(body.facts) == (True, True, True, False)
        assert closed_early(body)
        body.end()
        assert closing(body.facts) == (True, True, True, True)

    def test_a_body_without_a_label_has_none_once_it_is_known_to_be_opaque(self) -> None:
        body = reader(None)
        body.feed(bytes(1000))
        assert closing(body.facts) == (False, False, False, False)
        body.feed(bytes(24))
        assert closing(body.facts) == (True, False, False, False)

    def test_json_may_carry_a_tag_and_a_recording_in_base64_until_it_ends(self) -> None:
        body = reader("application/json")
        body.feed(b"[" + b"1," * 50_000)
        assert closing(body.facts) == (False, False, False, False)
        assert closed_early(body) is False

    def test_json_in_which_nothing_is_wanted_is_not_read(self) -> None:
        body = reader("application/json", want=Want(form=frozenset({"purpose"}), kinds=True))
        body.feed(b"[" + b"1," * 3000 + b"no json at all")
        assert closed_early(body)
        assert body.facts.unreadable is None

    def test_a_multipart_may_hold_another_file_until_it_ends(self) -> None:
        body = reader(MULTIPART)
        body.feed(field("a", bytes(200_000)))
        assert closing(body.facts) == (False, False, False, False)
        body.feed(f"--{BOUNDARY}--\r\n".encode())
        body.end()
        assert closing(body.facts) == (True, True, True, True)

    def test_what_has_no_reading_is_closed_but_for_its_beginning(self) -> None:
        body = reader("application/json")
        body.feed(b"[1,,2]" + b" " * 2000)
        assert body.facts.unreadable is Ambiguity.BAD_SYNTAX
        assert closing(body.facts) == (True, False, False, False)
        body.feed(b" " * 70_000)
        assert closed_early(body)

    def test_a_value_is_there_as_soon_as_it_was_read(self) -> None:
        body = reader("application/json")
        body.feed(JSON[:-1] + b"," + b" " * 1024)
        assert body.facts.json_value("purpose").values == ("fine-tune",)
        assert not body.facts.json_value("purpose").closed
        assert body.facts.tags == [Tag("json:metadata.*", "use", "ml-training")]

    def test_nothing_wanted_is_nothing_to_do(self) -> None:
        body = reader("application/json", want=Want())
        assert closed_early(body)
        body.feed(b"no json")
        body.end()
        assert body.facts.unreadable is None
        assert body.facts.closed

    def test_a_coding_that_nobody_knows_is_the_end_at_once(self) -> None:
        body = reader("application/json", "compress")
        assert closed_early(body)
        assert body.facts.unreadable is Ambiguity.UNKNOWN_ENCODING


def test_what_follows_the_last_wanted_octet_is_not_even_decoded() -> None:
    body = BodyReader("video/mp4", ["aws-chunked"], WANT, TAGS, KINDS)
    body.feed(aws_chunked(bytes(70_000), 70_000)[:-7] + b"this is no frame")
    body.end()
    assert body.facts.unreadable is None


def test_a_body_that_says_that_it_is_opaque_has_no_tags_in_a_coding_that_is_not_known() -> None:
    facts = read(b"\x0a\x05hello", "application/x-protobuf", ["snappy"])
    assert (facts.form, facts.unreadable) == (Form.OPAQUE, Ambiguity.UNKNOWN_ENCODING)
    assert read(b"{}", "application/json", ["snappy"]).form is not Form.OPAQUE
