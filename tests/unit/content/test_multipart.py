"""The grammar of multipart bodies, and what forms and uploads say in it."""

import io
from email.generator import BytesGenerator
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart

import pytest

from content_kit import (
    BOUNDARY,
    MULTIPART,
    WANT,
    captured,
    fault_of,
    field,
    file,
    multipart,
    pieces,
    read,
)
from subrosa.content.multipart import Event, MultipartParser, PartBegin, PartData, PartEnd
from subrosa.facts.body import Form, Kind, KindFound, Want
from subrosa.facts.tags import Tag
from subrosa.facts.unreadable import Ambiguity

CRLF = b"\r\n"
DELIMITER = f"--{BOUNDARY}".encode()
PURPOSE = field("purpose", b"fine-tune")
CLIP = bytes.fromhex("0000001866747970") + b"mp42" + bytes(64)


def events(body: bytes, size: int = 1 << 20) -> list[Event]:
    parser = MultipartParser(BOUNDARY)
    found = [event for chunk in pieces(body, size) for event in parser.feed(chunk)]
    parser.end()
    return found


def parts(found: list[Event]) -> list[tuple[dict[str, bytes], bytes]]:
    read_parts: list[tuple[dict[str, bytes], bytes]] = []
    for event in found:
        if isinstance(event, PartBegin):
            read_parts.append((event.headers, b""))
        elif isinstance(event, PartData):
            read_parts[-1] = (read_parts[-1][0], read_parts[-1][1] + event.data)
    assert sum(isinstance(event, PartEnd) for event in found) == len(read_parts)
    return read_parts


def part(headers: bytes, data: bytes = b"x") -> bytes:
    return DELIMITER + CRLF + headers + CRLF + CRLF + data + CRLF


DISPOSITION = b'Content-Disposition: form-data; name="purpose"'
TRICKY = (
    b"\r\n--\r\n--"
    + BOUNDARY[:-1].encode()
    + b"\r\n\r--\n--"
    + BOUNDARY.encode()
    + b"-- not at a line's start"
)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 41, 1 << 20])
def test_parts_are_found_however_the_body_is_cut(size: int) -> None:
    almost = TRICKY.replace(b"\n--" + BOUNDARY.encode(), b" --" + BOUNDARY.encode())
    body = multipart(PURPOSE, file("file", "a.bin", almost, "a/b"), field("empty", b""))
    assert parts(events(body, size)) == [
        ({"content-disposition": b'form-data; name="purpose"'}, b"fine-tune"),
        (
            {"content-disposition": b'form-data; name="file"; filename="a.bin"', "content-type": b"a/b"},
            almost,
        ),
        ({"content-disposition": b'form-data; name="empty"'}, b""),
    ]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(CRLF * 2 + multipart(PURPOSE), id="empty lines before the first delimiter"),
        pytest.param(multipart(PURPOSE)[:-2], id="no line end after the close delimiter"),
        pytest.param(multipart(PURPOSE) + b"\r\n \t\r\n", id="blanks after the close delimiter"),
    ],
)
def test_lines_around_a_multipart_mean_nothing(body: bytes) -> None:
    assert read(body, MULTIPART).form_field("purpose").values == ("fine-tune",)
    assert read(body, MULTIPART).unreadable is None


@pytest.mark.parametrize("size", [1, 1 << 20], ids=["octet by octet", "in one piece"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            b"hello\r\n" + multipart(PURPOSE), Ambiguity.BAD_SYNTAX, id="text before the first delimiter"
        ),
        pytest.param(
            b" " + multipart(PURPOSE), Ambiguity.BAD_SYNTAX, id="a blank before the first delimiter"
        ),
        pytest.param(
            multipart(PURPOSE) + b"epilogue", Ambiguity.BAD_SYNTAX, id="text after the close delimiter"
        ),
        pytest.param(
            multipart(PURPOSE) + multipart(PURPOSE), Ambiguity.BAD_SYNTAX, id="a second multipart behind it"
        ),
        pytest.param(PURPOSE, Ambiguity.TRUNCATED, id="no close delimiter"),
        pytest.param(PURPOSE + DELIMITER + b"-", Ambiguity.TRUNCATED, id="half a close delimiter"),
        pytest.param(
            DELIMITER + b" \r\n" + DISPOSITION + CRLF * 2 + b"x" + CRLF + DELIMITER + b"--",
            Ambiguity.BAD_SYNTAX,
            id="padding after a delimiter",
        ),
        pytest.param(
            part(DISPOSITION) + DELIMITER + b"and more" + CRLF + DELIMITER + b"--",
            Ambiguity.BAD_SYNTAX,
            id="a line that begins with the boundary",
        ),
        pytest.param(
            part(DISPOSITION).replace(CRLF, b"\n") + DELIMITER + b"--\n",
            Ambiguity.BAD_SYNTAX,
            id="bare LF everywhere",
        ),
        pytest.param(
            part(DISPOSITION, b"x\n" + DELIMITER + b"--"),
            Ambiguity.BAD_SYNTAX,
            id="a delimiter after a bare LF",
        ),
        pytest.param(
            part(DISPOSITION, b"x\r" + DELIMITER + b"--"),
            Ambiguity.BAD_SYNTAX,
            id="a delimiter after a bare CR",
        ),
        pytest.param(
            part(DISPOSITION, b"")[:-2] + DELIMITER + b"--",
            Ambiguity.BAD_SYNTAX,
            id="a delimiter right after the headers",
        ),
        pytest.param(
            multipart(part(b"Content-Disposition: form-data;\r\n name=purpose")),
            Ambiguity.BAD_SYNTAX,
            id="a folded part header",
        ),
        pytest.param(multipart(part(b"no colon")), Ambiguity.BAD_SYNTAX, id="a part header without a colon"),
        pytest.param(
            multipart(part(b"a b: c")), Ambiguity.BAD_SYNTAX, id="a part header whose name is no token"
        ),
        pytest.param(multipart(part(b"a: b\0c")), Ambiguity.BAD_SYNTAX, id="NUL in a part header"),
        pytest.param(multipart(part(b"a: b\nc: d")), Ambiguity.BAD_SYNTAX, id="bare LF between part headers"),
        pytest.param(
            multipart(part(DISPOSITION + CRLF + DISPOSITION)),
            Ambiguity.DUPLICATE,
            id="two content dispositions",
        ),
        pytest.param(
            multipart(part(DISPOSITION + b"\r\nContent-Type: a/b\r\ncontent-type: c/d")),
            Ambiguity.DUPLICATE,
            id="two content types",
        ),
        pytest.param(
            multipart(part(DISPOSITION + b"\r\nContent-Transfer-Encoding: base64")),
            Ambiguity.BAD_ENCODING,
            id="base64",
        ),
        pytest.param(
            multipart(part(DISPOSITION + b"\r\nContent-Transfer-Encoding: quoted-printable")),
            Ambiguity.BAD_ENCODING,
            id="quoted printable",
        ),
        pytest.param(
            multipart(part(DISPOSITION + b"\r\nContent-Type: Multipart/Mixed; boundary=x")),
            Ambiguity.BAD_SYNTAX,
            id="a multipart in a multipart",
        ),
        pytest.param(multipart(part(b"x: " + b"y" * 9000)), Ambiguity.TOO_LARGE, id="9 kB of part headers"),
        pytest.param(
            part(b"x: " + b"y" * 9000)[:8300], Ambiguity.TOO_LARGE, id="9 kB of part headers without end"
        ),
        pytest.param(multipart(*[PURPOSE] * 1001), Ambiguity.TOO_LARGE, id="1,001 parts"),
    ],
)
def test_what_other_parsers_would_read_otherwise_is_refused(
    body: bytes, expected: Ambiguity, size: int
) -> None:
    parser = MultipartParser(BOUNDARY)
    reason = fault_of(event for chunk in pieces(body, size) for event in parser.feed(chunk))
    if reason is None:
        with pytest.raises(ValueError, match="ends before"):
            parser.end()
        reason = Ambiguity.TRUNCATED
    assert reason is expected


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "binary", "Binary"])
def test_a_transfer_encoding_that_changes_nothing_is_read(encoding: str) -> None:
    body = multipart(field("purpose", b"fine-tune", f"Content-Transfer-Encoding: {encoding}"))
    assert read(body, MULTIPART).form_field("purpose").values == ("fine-tune",)


def test_an_empty_form_is_a_close_delimiter_alone() -> None:
    facts = read(multipart(), MULTIPART)
    assert facts.unreadable is None
    assert facts.form_field("purpose").values == ()


def test_a_thousand_parts_are_read() -> None:
    body = multipart(*[field("other", b"x")] * 999, PURPOSE)
    assert read(body, MULTIPART).form_field("purpose").values == ("fine-tune",)


@pytest.mark.parametrize(
    ("body", "values", "fault"),
    [
        pytest.param(multipart(PURPOSE), ("fine-tune",), None, id="a field"),
        pytest.param(
            multipart(file("f", "a", CLIP), PURPOSE), ("fine-tune",), None, id="a field behind a file"
        ),
        pytest.param(multipart(field("other", b"x")), (), None, id="no such field"),
        pytest.param(
            multipart(field("PURPOSE", b"fine-tune")), ("fine-tune",), None, id="the case of a name"
        ),
        pytest.param(
            multipart(field("purpose", b"Fine-Tune ")), ("Fine-Tune ",), None, id="a value stays as it is"
        ),
        pytest.param(
            multipart(field("purpose", b"batch"), PURPOSE),
            ("batch", "fine-tune"),
            Ambiguity.DUPLICATE,
            id="a field twice",
        ),
        pytest.param(
            multipart(field("purpose[]", b"x")), (), Ambiguity.BAD_SYNTAX, id="a name with brackets"
        ),
        pytest.param(multipart(field(" purpose", b"x")), (), Ambiguity.BAD_SYNTAX, id="a name with a blank"),
        pytest.param(
            multipart(file("purpose", "a.txt", b"fine-tune")),
            (),
            Ambiguity.CONFLICT,
            id="the field as a file",
        ),
        pytest.param(
            multipart(field("purpose", b"\xff")), (), Ambiguity.BAD_CHARSET, id="a value that is not UTF-8"
        ),
        pytest.param(
            multipart(field("purpose", b"\xef\xbb\xbffine-tune")),
            (),
            Ambiguity.BAD_CHARSET,
            id="a byte order mark",
        ),
        pytest.param(
            multipart(field("purpose", b"fine-tune\0")), (), Ambiguity.BAD_CHARSET, id="NUL in a value"
        ),
        pytest.param(
            multipart(field("purpose", b"x", "Content-Type: text/plain; charset=utf-16")),
            (),
            Ambiguity.BAD_CHARSET,
            id="a charset of its own",
        ),
        pytest.param(
            multipart(field("purpose", b"fine-tune", "Content-Type: text/plain; charset=UTF-8")),
            ("fine-tune",),
            None,
            id="the charset that is read anyway",
        ),
        pytest.param(
            multipart(field("purpose", b"x" * 70_000)), (), Ambiguity.TOO_LARGE, id="a value over 64 KiB"
        ),
    ],
)
def test_a_wanted_field(body: bytes, values: tuple[str, ...], fault: Ambiguity | None) -> None:
    facts = read(body, MULTIPART)
    assert facts.form is Form.MULTIPART
    assert facts.unreadable is None
    assert (facts.form_field("purpose").values, facts.form_field("purpose").unreadable) == (values, fault)
    assert facts.form_field("purpose").closed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(multipart(part(b"X-Other: 1")), Ambiguity.BAD_SYNTAX, id="a part without a disposition"),
        pytest.param(
            multipart(part(b"Content-Disposition: form-data")),
            Ambiguity.DUPLICATE,
            id="a part without a name",
        ),
        pytest.param(
            multipart(part(b'Content-Disposition: form-data; name="a"; name="b"')),
            Ambiguity.DUPLICATE,
            id="a part with two names",
        ),
        pytest.param(
            multipart(part(b"Content-Disposition: form-data; name*=utf-8''purpose")),
            Ambiguity.DUPLICATE,
            id="an extended name",
        ),
        pytest.param(
            multipart(field("_charset_", b"utf-16")),
            Ambiguity.BAD_CHARSET,
            id="a field that changes the charset",
        ),
    ],
)
def test_a_form_that_has_no_reading(body: bytes, expected: Ambiguity) -> None:
    facts = read(body, MULTIPART)
    assert facts.unreadable is expected
    assert facts.form_field("purpose").unreadable is expected
    assert facts.closed


def test_a_field_that_names_utf_8_changes_nothing() -> None:
    assert read(multipart(field("_charset_", b"UTF-8"), PURPOSE), MULTIPART).unreadable is None


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        pytest.param("multipart/form-data", Ambiguity.BAD_SYNTAX, id="no boundary"),
        pytest.param("multipart/form-data; boundary=", Ambiguity.BAD_SYNTAX, id="an empty boundary"),
        pytest.param(f"{MULTIPART}; boundary=x", Ambiguity.DUPLICATE, id="two boundaries"),
        pytest.param(f"{MULTIPART}, text/plain", Ambiguity.BAD_SYNTAX, id="two types"),
        pytest.param(f"{MULTIPART}; charset=utf-16", Ambiguity.BAD_CHARSET, id="a charset for all parts"),
        pytest.param(
            "multipart/form-data; boundary=" + "x" * 71, Ambiguity.BAD_SYNTAX, id="a boundary of 71"
        ),
    ],
)
def test_a_label_that_has_no_reading(label: str, expected: Ambiguity) -> None:
    assert read(multipart(PURPOSE), label).unreadable is expected


def test_another_boundary_than_the_labelled_one_is_no_multipart() -> None:
    assert read(multipart(PURPOSE), "multipart/form-data; boundary=other").unreadable is Ambiguity.BAD_SYNTAX


def test_files_are_known_by_their_names_and_their_first_octets() -> None:
    body = multipart(
        file("file", "GMT20260108-120125_Recording.mp4", CLIP),
        file("file", "train.jsonl", b'{"prompt":"a","completion":"b"}'),
    )
    facts = read(body, MULTIPART)
    assert facts.filenames == ["GMT20260108-120125_Recording.mp4", "train.jsonl"]
    assert facts.kinds == [
        KindFound(Kind.VIDEO, True, "zoom-cloud-recording-name"),
        KindFound(Kind.VIDEO, False, "iso-bmff-mp4"),
    ]
    assert facts.shapes == ["prompt-completion-jsonl"]


def test_content_in_a_field_without_a_file_name_is_known_too() -> None:
    body = multipart(field("text", b"WEBVTT\r\n\r\n0:0:0.0 --> 0:0:5.320\r\n<v Ada Sample>Synthetic.</v>"))
    assert KindFound(Kind.TRANSCRIPT, True, "teams-vtt") in read(body, MULTIPART).kinds


def test_the_tags_of_a_browser_upload_to_s3() -> None:
    label, codings, body = captured("s3_post_form.http")
    facts = read(body, label, codings)
    assert Tag("form:tagging", "purpose", "ml-training") in facts.tags
    assert facts.tags_closed


def test_tags_count_from_every_field_of_their_prefix() -> None:
    body = multipart(field("x-amz-meta-purpose", b"archive"), field("X-Amz-Meta-Purpose", b"ml-training"))
    assert [tag.value for tag in read(body, MULTIPART).tags] == ["archive", "ml-training"]


def test_a_tag_set_that_cannot_be_read_makes_the_tags_ambiguous() -> None:
    facts = read(multipart(field("tagging", b"<Tagging>")), MULTIPART)
    assert facts.ambiguous == {"tags": Ambiguity.BAD_SYNTAX}


def test_the_metadata_of_a_google_upload_carries_tags_and_the_other_part_is_the_object() -> None:
    label, codings, body = captured("gcs_multipart_related.http")
    facts = read(body, label, codings)
    assert facts.form is Form.RELATED
    assert facts.tags == [Tag("json:metadata.*", "purpose", "ml-training")]
    assert facts.kinds == [KindFound(Kind.VIDEO, False, "iso-bmff-mp4")]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b'{"metadata": {"purpose": "a", "Purpose": "b"}}', id="two spellings of one key"),
        pytest.param(b'{"metadata": {"purpose": "a\\u0000"}}', id="NUL in a tag"),
    ],
)
def test_metadata_that_is_read_in_two_ways_makes_the_tags_ambiguous(first: bytes) -> None:
    body = multipart(part(b"Content-Type: application/json", first), part(b"Content-Type: video/mp4", CLIP))
    facts = read(body, f"multipart/related; boundary={BOUNDARY}")
    assert facts.unreadable is None
    assert "tags" in facts.ambiguous


def test_metadata_that_is_no_json_leaves_the_body_without_a_reading() -> None:
    body = multipart(
        part(b"Content-Type: application/json", b"{'a': 1}"), part(b"Content-Type: video/mp4", CLIP)
    )
    assert read(body, f"multipart/related; boundary={BOUNDARY}").unreadable is Ambiguity.BAD_SYNTAX


def test_metadata_without_a_label_is_read_as_the_json_it_looks_like() -> None:
    body = multipart(
        part(b"X: y", b'{"metadata": {"purpose": "ml-training"}}'), part(b"Content-Type: video/mp4", CLIP)
    )
    facts = read(body, f"multipart/related; boundary={BOUNDARY}")
    assert [tag.value for tag in facts.tags] == ["ml-training"]


def google_upload(data: bytes) -> tuple[bytes, str]:
    """What googleapiclient's discovery.py sends: the standard library's MIME text, with LF at every line's end."""
    whole = MIMEMultipart("related")
    whole.__dict__["_write_headers"] = lambda _generator: None
    for kind, payload in (
        ("application/json", '{"name": "a.mp4", "metadata": {"use": "ml"}}'),
        ("video/mp4", "DATA"),
    ):
        one = MIMENonMultipart(*kind.split("/"))
        one["Content-Transfer-Encoding"] = "binary"
        one.set_payload(payload)
        whole.attach(one)
    out = io.BytesIO()
    BytesGenerator(out, mangle_from_=False).flatten(whole, unixfrom=False)
    return out.getvalue().replace(b"DATA", data), f'multipart/related; boundary="{whole.get_boundary()}"'


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("tail", [b"", b"\n", b"\r", b"\r\n", b"\n\r"], ids=repr)
def test_an_upload_of_googles_python_client_ends_its_lines_with_lf(size: int, tail: bytes) -> None:
    body, label = google_upload(CLIP + tail)
    facts = read(pieces(body, size), label)
    assert facts.unreadable is None
    assert facts.filenames == ["a.mp4"]
    assert [tag.value for tag in facts.tags] == ["ml"]
    assert [kind.by for kind in facts.kinds] == ["iso-bmff-mp4"]


def test_lf_counts_only_where_the_first_line_ends_with_it() -> None:
    body, label = google_upload(CLIP)
    assert read(body.replace(b"\n", b"\r\n", 1), label).unreadable is not None


def test_a_form_ends_its_lines_with_crlf() -> None:
    assert read(multipart(PURPOSE).replace(b"\r\n", b"\n"), MULTIPART).unreadable is Ambiguity.BAD_SYNTAX


def test_the_name_in_the_metadata_is_the_name_of_the_object() -> None:
    first = b'{"name": "rec/GMT20260108-120125_Recording.mp4"}'
    body = multipart(part(b"Content-Type: application/json", first), part(b"Content-Type: video/mp4", CLIP))
    facts = read(body, f"multipart/related; boundary={BOUNDARY}")
    assert KindFound(Kind.VIDEO, True, "zoom-cloud-recording-name") in facts.kinds


def test_a_part_that_was_cut_is_still_looked_at() -> None:
    body = multipart(file("file", "a.mp4", CLIP))[:-60]
    facts = read(body, MULTIPART, want=Want(form=WANT.form, kinds=True))
    assert facts.unreadable is Ambiguity.TRUNCATED
    assert [kind.by for kind in facts.kinds] == ["iso-bmff-mp4"]
