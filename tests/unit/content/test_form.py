"""Urlencoded forms: one spelling of a field, and a doubt where servers differ."""

from urllib.parse import quote_plus, urlencode

import pytest

from content_kit import read
from subrosa.facts.body import Form
from subrosa.facts.tags import Tag
from subrosa.facts.unreadable import Ambiguity

LABEL = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "values", "fault"),
    [
        pytest.param("purpose=fine-tune", ("fine-tune",), None, id="a field"),
        pytest.param("a=1&purpose=fine-tune&b=2", ("fine-tune",), None, id="a field among others"),
        pytest.param("purpose=", ("",), None, id="an empty value"),
        pytest.param("purpose", ("",), None, id="a name alone"),
        pytest.param("&&purpose=x&", ("x",), None, id="empty pairs mean nothing"),
        pytest.param("", (), None, id="nothing"),
        pytest.param("other=purpose=fine-tune", (), None, id="an equals sign in a value"),
        pytest.param("purpose=a=b", ("a=b",), None, id="an equals sign belongs to the value"),
        pytest.param("%70urpos%65=fine%2Dtune", ("fine-tune",), None, id="percent-encoded"),
        pytest.param("PURPOSE=Fine-Tune", ("Fine-Tune",), None, id="another case of the name"),
        pytest.param("purpose=a+b%20c", ("a b c",), None, id="plus and %20 are blanks"),
        pytest.param("purpose=%C3%A9", ("é",), None, id="UTF-8 behind percent signs"),
        pytest.param("purpose=a%2526", ("a%26",), None, id="decoded once"),
        pytest.param("purpose=a&purpose=b", ("a", "b"), Ambiguity.DUPLICATE, id="twice"),
        pytest.param("purpose=a&purpose=a", ("a",), Ambiguity.DUPLICATE, id="twice the same"),
        pytest.param("purpose=a&Purpose=b", ("a", "b"), Ambiguity.DUPLICATE, id="twice in another case"),
        pytest.param("x=1;purpose=a", (), Ambiguity.BAD_SYNTAX, id="behind a semicolon"),
        pytest.param("x;purpose=a", (), Ambiguity.BAD_SYNTAX, id="behind a name and a semicolon"),
        pytest.param("purpose=a;b", (), Ambiguity.BAD_SYNTAX, id="a semicolon in the value"),
        pytest.param("purpose=a%3Bb", ("a;b",), None, id="an encoded semicolon"),
        pytest.param("%u0070urpose=a", (), Ambiguity.BAD_ENCODING, id="an escape of old servers in the name"),
        pytest.param(
            "purpose=%u0061", (), Ambiguity.BAD_ENCODING, id="an escape of old servers in the value"
        ),
        pytest.param("purpose=%zz", (), Ambiguity.BAD_ENCODING, id="a percent sign that encodes nothing"),
        pytest.param("purpose=50%", (), Ambiguity.BAD_ENCODING, id="a percent sign at the end"),
        pytest.param("purpose=%FF", (), Ambiguity.BAD_CHARSET, id="not UTF-8"),
        pytest.param("purpose=%C1%B0", (), Ambiguity.BAD_CHARSET, id="an overlong value"),
        pytest.param("purpose=a%00", (), Ambiguity.BAD_CHARSET, id="NUL"),
        pytest.param("purpose=%EF%BB%BFa", (), Ambiguity.BAD_CHARSET, id="a byte order mark"),
        pytest.param("purpose[]=a", (), Ambiguity.BAD_SYNTAX, id="brackets"),
        pytest.param("purpose%5B0%5D=a", (), Ambiguity.BAD_SYNTAX, id="encoded brackets"),
        pytest.param("+purpose=a", (), Ambiguity.BAD_SYNTAX, id="a blank before the name"),
        pytest.param("purpose%00=a", (), Ambiguity.BAD_SYNTAX, id="NUL behind the name"),
        pytest.param("purpose=" + "a" * 65_536, ("a" * 65_536,), None, id="a value of 64 KiB"),
        pytest.param("purpose=" + "a" * 65_537, (), Ambiguity.TOO_LARGE, id="a value over 64 KiB"),
        pytest.param("purpose=" + "%61" * 65_536, ("a" * 65_536,), None, id="64 KiB, all encoded"),
        pytest.param(
            "purpose=" + "%61" * 65_537, (), Ambiguity.TOO_LARGE, id="more than 64 KiB, all encoded"
        ),
        pytest.param("other=%zz;%FF&purpose=a", ("a",), None, id="what nobody needs is not judged"),
        pytest.param("text=a;" + "b" * 9000 + "&purpose=a", ("a",), None, id="long text behind a semicolon"),
        pytest.param("text=see%3B+a;b&purpose=a", ("a",), None, id="a semicolon in what nobody needs"),
    ],
)
@pytest.mark.parametrize("cut", [False, True], ids=["in one piece", "octet by octet"])
def test_a_wanted_field(body: str, values: tuple[str, ...], fault: Ambiguity | None, *, cut: bool) -> None:
    octets = body.encode()
    if cut and len(octets) > 1000:
        octets_cut = [octets[:9], octets[9:30_001], octets[30_001:]]
    else:
        octets_cut = [octets[at : at + 1] for at in range(len(octets))] if cut else [octets]
    facts = read(octets_cut, LABEL)
    assert facts.unreadable is None
    reading = facts.form_field("purpose")
    assert (reading.values, reading.unreadable) == (values, fault)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"purpose%FF=a", Ambiguity.BAD_CHARSET, id="a name that is not UTF-8"),
        pytest.param(b"%C1%B0urpose=a", Ambiguity.BAD_CHARSET, id="an overlong name"),
        pytest.param(b"%20" * 3000 + b"purpose=a", Ambiguity.TOO_LARGE, id="a name over 8 KiB"),
        pytest.param(
            b"_charset_=utf-16&purpose=a", Ambiguity.BAD_CHARSET, id="a field that changes the charset"
        ),
        pytest.param(b'{"purpose": "fine-tune"}', Ambiguity.LABEL_MISMATCH, id="JSON labelled as a form"),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nx\r\n--b--',
            Ambiguity.LABEL_MISMATCH,
            id="multipart labelled as a form",
        ),
    ],
)
def test_a_form_that_has_no_reading(body: bytes, expected: Ambiguity) -> None:
    assert read(body, LABEL).unreadable is expected


def test_a_charset_that_is_utf_8_changes_nothing() -> None:
    facts = read(b"_charset_=UTF-8&purpose=a", f"{LABEL}; charset=UTF-8")
    assert facts.form_field("purpose").values == ("a",)


def test_a_charset_without_ascii_has_no_reading() -> None:
    assert read(b"purpose=a", f"{LABEL}; charset=utf-16").unreadable is Ambiguity.BAD_CHARSET


def test_a_form_carries_tags() -> None:
    tag_set = "<Tagging><TagSet><Tag><Key>purpose</Key><Value>ml-training</Value></Tag></TagSet></Tagging>"
    facts = read(urlencode({"tagging": tag_set, "x-amz-meta-use": "archive"}).encode(), LABEL)
    assert facts.tags == [
        Tag("form:tagging", "purpose", "ml-training"),
        Tag("form:x-amz-meta-*", "use", "archive"),
    ]


@pytest.mark.parametrize("name", ["tags[use]", "tags%5Buse%5D", "TAGS[Use]"])
def test_a_member_of_a_map_is_a_tag_under_its_own_key(name: str) -> None:
    facts = read(f"{name}=ml-training".encode(), LABEL)
    assert facts.tags == [Tag("form:tags", "use", "ml-training")]
    assert facts.ambiguous == {}


@pytest.mark.parametrize(
    "name", ["tags[]", "tags[0]", "tags[a][b]", "tags[a", "tags[a]b", "tagging[use]", "tags [a]"]
)
def test_any_other_brackets_leave_the_tags_without_a_reading(name: str) -> None:
    assert "tags" in read(urlencode({name: "ml-training"}).encode(), LABEL).ambiguous


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("x=1;tags=ml-training", id="behind a semicolon"),
        pytest.param("tags[]=ml-training", id="with brackets"),
        pytest.param("tags=%FF", id="not UTF-8"),
        pytest.param("tags=" + "a" * 70_000, id="too large"),
    ],
)
def test_a_tag_without_a_single_reading_makes_the_tags_ambiguous(body: str) -> None:
    assert "tags" in read(body.encode(), LABEL).ambiguous


def test_tags_are_bounded() -> None:
    body = "&".join(f"x-amz-meta-{index}=a" for index in range(1001))
    facts = read(body.encode(), LABEL)
    assert len(facts.tags) == 1000
    assert facts.ambiguous == {"tags": Ambiguity.TOO_LARGE}


@pytest.mark.parametrize("label", [None, "text/plain", "application/octet-stream"])
def test_a_form_without_a_label_is_read_once_it_is_whole(label: str | None) -> None:
    facts = read(f"purpose={quote_plus('fine-tune')}&x=1".encode(), label)
    assert facts.form is Form.URLENCODED
    assert facts.form_field("purpose").values == ("fine-tune",)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"NAME=value\nPURPOSE=fine-tune\n", id="a file of settings"),
        pytest.param(b"a=b&c=d&" + b"x=" + b"y" * 2000 + b"\n", id="a line end after the first kibibyte"),
        pytest.param(b"SGVsbG8=\n", id="base64"),
    ],
)
def test_text_that_only_begins_like_a_form_is_opaque(body: bytes) -> None:
    facts = read(body, "text/plain")
    assert facts.form is Form.OPAQUE
    assert facts.unreadable is None
