import pytest

from subrosa.facts.encodedwords import decode_words
from subrosa.facts.fields import (
    ContentType,
    Fields,
    parse_codings,
    parse_content_disposition,
    parse_content_type,
)
from subrosa.facts.unreadable import Ambiguity, UnreadableError

FIELDS = Fields.of(
    [
        ("Host", " a.example\t"),
        (b"X-Tag", b"one"),
        ("x-tag", "two"),
        ("X-AMZ-Meta-Purpose", "ml"),
        ("Empty", ""),
    ]
)


def test_lines_keep_order_and_spelling_and_lose_the_white_space_around_values() -> None:
    assert FIELDS.lines == (
        (b"Host", b"a.example"),
        (b"X-Tag", b"one"),
        (b"x-tag", b"two"),
        (b"X-AMZ-Meta-Purpose", b"ml"),
        (b"Empty", b""),
    )


def test_a_field_is_found_by_its_lower_case_name_however_it_was_sent() -> None:
    assert FIELDS.one("host") == "a.example"
    assert FIELDS.get_all("x-tag") == ("one", "two")
    assert FIELDS.one("empty") == ""
    assert FIELDS.one("absent") is None
    assert FIELDS.get_all("absent") == ()
    assert "x-tag" in FIELDS
    assert "absent" not in FIELDS


@pytest.mark.parametrize("second", ["application/json", "text/plain"])
def test_two_lines_have_no_single_value_even_when_equal(second: str) -> None:
    with pytest.raises(UnreadableError, match=r"^field `content-type` is given 2 times$") as caught:
        Fields.of([("Content-Type", "application/json"), ("content-type", second)]).one("content-type")
    assert caught.value.ambiguity is Ambiguity.DUPLICATE


def test_a_prefix_gives_lower_case_names_and_values_in_order() -> None:
    assert FIELDS.with_prefix("x-") == (("x-tag", "one"), ("x-tag", "two"), ("x-amz-meta-purpose", "ml"))
    assert FIELDS.with_prefix("y-") == ()


def test_every_octet_of_a_value_is_one_character() -> None:
    assert Fields.of([("a", b"\xc3\xa9\xff")]).one("a") == "\xc3\xa9\xff"


def test_fields_are_equal_by_their_lines() -> None:
    assert Fields.of([("A", "1")]) == Fields(((b"A", b"1"),))
    assert Fields.of([("A", "1")]) != Fields.of([("a", "1")])
    assert hash(Fields.of([("A", "1")])) == hash(Fields(((b"A", b"1"),)))


def test_the_hot_path_makes_the_same_fields() -> None:
    for lines in (FIELDS.lines, FIELDS.lines[:2], ()):
        assert Fields.of_checked(lines) == Fields(lines)
        assert Fields.of_checked(lines).index == Fields(lines).index


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("application/json", ContentType("application/json"), id="a type alone"),
        pytest.param("Application/JSON", ContentType("application/json"), id="a type in capitals"),
        pytest.param(
            "text/plain; charset=UTF-8",
            ContentType("text/plain", {"charset": "UTF-8"}),
            id="a parameter keeps its case",
        ),
        pytest.param(
            'text/plain ;\tCharset="utf-8"',
            ContentType("text/plain", {"charset": "utf-8"}),
            id="quotes and blanks",
        ),
        pytest.param("text/plain;", ContentType("text/plain"), id="a semicolon with nothing behind"),
        pytest.param("text/plain;; a=b;", ContentType("text/plain", {"a": "b"}), id="an empty parameter"),
        pytest.param(r'a/b; c="d\"e\\f"', ContentType("a/b", {"c": 'd"e\\f'}), id="quoted pairs"),
        pytest.param(
            'a/b; c="; boundary=x"', ContentType("a/b", {"c": "; boundary=x"}), id="a decoy in quotes"
        ),
        pytest.param('a/b; c=""', ContentType("a/b", {"c": ""}), id="empty quotes"),
        pytest.param(
            "multipart/form-data; boundary=----WebKitFormBoundaryX",
            ContentType("multipart/form-data", {"boundary": "----WebKitFormBoundaryX"}),
            id="a browser's boundary",
        ),
        pytest.param(
            'multipart/related; boundary="===============123=="',
            ContentType("multipart/related", {"boundary": "===============123=="}),
            id="a mail library's boundary",
        ),
        pytest.param(
            "multipart/form-data; boundary=" + "x" * 70,
            ContentType("multipart/form-data", {"boundary": "x" * 70}),
            id="70 characters are a boundary",
        ),
        pytest.param(
            "application/vnd.git-lfs+json", ContentType("application/vnd.git-lfs+json"), id="a vendor's type"
        ),
    ],
)
def test_a_content_type_has_one_reading(value: str, expected: ContentType) -> None:
    assert parse_content_type(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("json", id="no subtype"),
        pytest.param("application/", id="an empty subtype"),
        pytest.param("/json", id="an empty type"),
        pytest.param("application /json", id="a blank in the type"),
        pytest.param(" application/json", id="a blank before it"),
        pytest.param("application/json, text/plain", id="two types"),
        pytest.param(
            "multipart/form-data; boundary=a, multipart/form-data; boundary=b", id="two types with boundaries"
        ),
        pytest.param("multipart/form-data; boundary=a; boundary=b", id="two boundaries"),
        pytest.param("multipart/form-data; boundary=a; Boundary=a", id="one boundary twice"),
        pytest.param("multipart/form-data; boundary*=utf-8''a", id="a boundary of RFC 2231"),
        pytest.param("multipart/form-data; boundary*0=a; boundary*1=b", id="a boundary in pieces"),
        pytest.param("multipart/form-data; boundary=", id="an empty boundary"),
        pytest.param('multipart/form-data; boundary=""', id="an empty quoted boundary"),
        pytest.param('multipart/form-data; boundary="a "', id="a boundary that ends in a blank"),
        pytest.param("multipart/form-data; boundary=" + "x" * 71, id="71 characters"),
        pytest.param('multipart/form-data; boundary="a@b"', id="a character that is none of the boundary's"),
        pytest.param('multipart/form-data; boundary="é"', id="a letter that is not ASCII"),
        pytest.param("multipart/form-data; boundary=a b", id="a blank without quotes"),
        pytest.param("multipart/form-data; boundary =a", id="a blank before the equals sign"),
        pytest.param("multipart/form-data; boundary= a", id="a blank behind the equals sign"),
        pytest.param("multipart/form-data boundary=a", id="no semicolon"),
        pytest.param('multipart/form-data; boundary="a', id="a quote that does not end"),
        pytest.param('multipart/form-data; boundary="a"b', id="text behind the quotes"),
        pytest.param("multipart/form-data; boundary='a\"", id="quotes of two kinds"),
        pytest.param("multipart/form-data; boundary", id="a parameter without value"),
        pytest.param("multipart/form-data;\r\n boundary=a", id="a folded line"),
        pytest.param("text/plain; charset=utf-8\0", id="a NUL"),
        pytest.param('a/b; c="\x0b"', id="a control character in quotes"),
    ],
)
def test_what_is_not_one_content_type_has_no_reading(value: str) -> None:
    with pytest.raises(UnreadableError, match=r"^content type `"):
        parse_content_type(value)


@pytest.mark.parametrize(
    ("values", "codings"),
    [
        pytest.param((), (), id="no line"),
        pytest.param(("gzip",), ("gzip",), id="one"),
        pytest.param(("GZip",), ("gzip",), id="in capitals"),
        pytest.param(("x-gzip",), ("gzip",), id="by its old name"),
        pytest.param(("aws-chunked, gzip",), ("aws-chunked", "gzip"), id="two on a line"),
        pytest.param(("aws-chunked", "gzip"), ("aws-chunked", "gzip"), id="two lines"),
        pytest.param(("identity",), (), id="identity is none"),
        pytest.param(("gzip ,\tbr",), ("gzip", "br"), id="blanks around"),
        pytest.param(("rot13",), ("rot13",), id="an unknown one is for the reader to refuse"),
    ],
)
def test_codings_are_listed_in_order(values: tuple[str, ...], codings: tuple[str, ...]) -> None:
    assert parse_codings(values) == codings


@pytest.mark.parametrize(
    "value", ["", ",", "gzip,", ",gzip", "gzip,,br", "gzip;q=1", "gz ip", '"gzip"', "gzip\x0b"]
)
def test_a_list_of_codings_with_an_empty_or_odd_element_has_no_reading(value: str) -> None:
    with pytest.raises(UnreadableError):
        parse_codings((value,))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param('form-data; name="purpose"', ("purpose", None), id="a field"),
        pytest.param('form-data; name="file"; filename="a.vtt"', ("file", "a.vtt"), id="a file"),
        pytest.param('Form-Data;NAME="file" ; FileName="a.vtt"', ("file", "a.vtt"), id="in other case"),
        pytest.param(
            "form-data; name=file; filename=a.vtt", ("file", "a.vtt"), id="without quotes, as .NET sends it"
        ),
        pytest.param('form-data; name="file"; filename=""', ("file", ""), id="an empty file name"),
        pytest.param('form-data; name=""', ("", None), id="an empty name"),
        pytest.param('form-data; name="a b"', ("a b", None), id="a blank in a name"),
        pytest.param(
            'form-data; name="a%22b%0D%0Ac"', ('a"b\r\nc', None), id="what browsers encode in a name"
        ),
        pytest.param('form-data; name="f"; filename="a%22b.mp4"', ("f", 'a"b.mp4'), id="and in a file name"),
        pytest.param(
            'form-data; name="f"; filename="100%.mp4"', ("f", "100%.mp4"), id="a percent sign in a file name"
        ),
        pytest.param(
            'form-data; name="f"; filename="a%41.mp4"', ("f", "a%41.mp4"), id="and one that browsers leave"
        ),
        pytest.param('form-data; name="metadata[k]"', ("metadata[k]", None), id="brackets"),
        pytest.param('form-data; name="50%"', ("50%", None), id="a percent sign in a name"),
        pytest.param('form-data; name="é"', ("é", None), id="text that is not ASCII"),
        pytest.param('form-data; name="f"; filename="é.mp4"'.encode(), ("f", "é.mp4"), id="octets are UTF-8"),
        pytest.param(
            r'form-data; name="f"; filename="C:\dir\a.mp4"', ("f", r"C:\dir\a.mp4"), id="a path of Windows"
        ),
        pytest.param(
            r'form-data; name="f"; filename="a\"b.mp4"',
            ("f", 'a"b.mp4'),
            id="an escaped quote, as curl has it",
        ),
        pytest.param(r'form-data; name="f"; filename="dir\"', ("f", "dir\\"), id="a backslash at the end"),
        pytest.param(
            r'form-data; name="f"; filename="a\\b.mp4"', ("f", r"a\b.mp4"), id="an escaped backslash"
        ),
        pytest.param(
            "form-data; name=f; filename*=utf-8''%C3%A9.mp4", ("f", "é.mp4"), id="an extended name alone"
        ),
        pytest.param(
            "form-data; name=f; filename=\"é.mp4\"; filename*=UTF-8'en'%C3%A9.mp4",
            ("f", "é.mp4"),
            id="and an equal one",
        ),
        pytest.param(
            "form-data; name=f; filename=\"=?utf-8?B?w6kubXA0?=\"; filename*=utf-8''%C3%A9.mp4",
            ("f", "é.mp4"),
            id="and an encoded-word, as .NET sends it",
        ),
        pytest.param('form-data; name="f"; x=1', ("f", None), id="another parameter says nothing"),
        pytest.param('form-data; name="f";', ("f", None), id="a semicolon at the end"),
    ],
)
def test_a_form_part_names_its_field(value: str | bytes, expected: tuple[str, str | None]) -> None:
    assert parse_content_disposition(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param('attachment; name="purpose"', id="another kind"),
        pytest.param('form-data x; name="purpose"', id="two words"),
        pytest.param("form-data", id="no name"),
        pytest.param('form-data; filename="a.vtt"', id="a file name without name"),
        pytest.param('form-data; name="purpose"; name="x"', id="two names"),
        pytest.param('form-data; name="purpose"; Name="purpose"', id="one name twice"),
        pytest.param('form-data; name="f"; filename="a"; filename="b"', id="two file names"),
        pytest.param("form-data; name*=utf-8''purpose", id="an extended name"),
        pytest.param("form-data; name=\"x\"; name*=utf-8''purpose", id="an extended name beside it"),
        pytest.param("form-data; name*0=pur; name*1=pose", id="a name in pieces"),
        pytest.param('form-data; name="f"; filename*0="a"; filename*1="b"', id="a file name in pieces"),
        pytest.param(r'form-data; name="pur\pose"', id="a backslash in a name"),
        pytest.param(r'form-data; name="a\"b"', id="an escaped quote in a name"),
        pytest.param('form-data; name="purpos%65"', id="an escape that browsers do not make"),
        pytest.param('form-data; name="pur"pose"', id="a quote inside"),
        pytest.param('form-data; name="purpose', id="a quote that does not end"),
        pytest.param("form-data; name=pur pose", id="a blank without quotes"),
        pytest.param("form-data; name='pur pose'", id="other quotes"),
        pytest.param('form-data; name = "purpose"', id="blanks around the equals sign"),
        pytest.param('form-data name="purpose"', id="no semicolon"),
        pytest.param('form-data, name="purpose"', id="a comma"),
        pytest.param('form-data;\r\n name="purpose"', id="a folded line"),
        pytest.param('form-data; name="purpose\0"', id="a NUL"),
        pytest.param(
            r'form-data; name="x"; filename="\"; name="purpose"; y="', id="a name behind an escaped quote"
        ),
        pytest.param(
            r'form-data; filename="a\"; name=purpose; x="b"; name="y"', id="a name inside an escaped quote"
        ),
        pytest.param(
            r'form-data; filename="\"; name=purpose; y="; name="x"', id="a name that only some read"
        ),
        pytest.param(
            r'form-data; filename="a\"; name="x"', id="a file name that ends in a backslash, or does not"
        ),
        pytest.param(
            "form-data; name=f; filename=\"a.mp4\"; filename*=utf-8''b.mp4", id="two different file names"
        ),
        pytest.param("form-data; name=f; filename*=utf-16''%00a", id="an extended name in another charset"),
        pytest.param("form-data; name=f; filename*=utf-8''%C3", id="an extended name that is cut"),
        pytest.param("form-data; name=f; filename*=a.mp4", id="an extended name without charset"),
        pytest.param(b'form-data; name="\xff"', id="octets that are not UTF-8"),
    ],
)
def test_a_form_part_without_one_name_has_no_reading(value: str | bytes) -> None:
    with pytest.raises(UnreadableError, match=r"^content disposition `"):
        parse_content_disposition(value)


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        pytest.param("model-training", "model-training", id="plain text stays"),
        pytest.param("=?UTF-8?B?bW9kZWwtdHJhaW5pbmc=?=", "model-training", id="base64"),
        pytest.param("=?utf-8?q?model=2Dtraining?=", "model-training", id="quoted-printable"),
        pytest.param("=?UTF-8?Q?model_training?=", "model training", id="an underscore is a blank"),
        pytest.param("=?iso-8859-1?Q?caf=E9?=", "café", id="Latin-1"),
        pytest.param("=?UTF-8*en?Q?x?=", "x", id="with a language"),
        pytest.param(
            "=?UTF-8?Q?model-?= =?UTF-8?Q?training?=",
            "model-training",
            id="two words without the blank between",
        ),
        pytest.param("a =?UTF-8?Q?b?= c", "a b c", id="a word among others"),
        pytest.param("=?UTF-8?B?!!!?=", "=?UTF-8?B?!!!?=", id="bad base64 stays"),
        pytest.param("=?UTF-8?B?/w==?=", "=?UTF-8?B?/w==?=", id="octets that are not UTF-8 stay"),
        pytest.param("=?UTF-7?Q?+AG0-?=", "=?UTF-7?Q?+AG0-?=", id="another charset stays"),
        pytest.param("=?x", "=?x", id="half a word stays"),
    ],
)
def test_encoded_words_are_decoded(text: str, decoded: str) -> None:
    assert decode_words(text) == decoded
