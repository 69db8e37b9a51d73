"""XML bodies: tag sets are read whole, everything else is let pass by its root."""

import pytest

from content_kit import TAGS, WANT, captured, pieces, read
from subrosa.content.kinds import KindTable
from subrosa.content.reader import BodyReader
from subrosa.facts.body import Form, Want
from subrosa.facts.tags import Tag
from subrosa.facts.unreadable import Ambiguity

LABEL = "application/xml"
SET = b"<Tagging><TagSet><Tag><Key>purpose</Key><Value>ml-training</Value></Tag></TagSet></Tagging>"
TAG = [Tag("xml:Tagging", "purpose", "ml-training")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("s3_put_tagging.http", TAG),
        ("azure_set_tags.http", [Tag("xml:Tags", "purpose", "ml-training")]),
        ("s3_multipart_complete.http", []),
        ("azure_putblocklist.http", []),
    ],
)
def test_what_the_sdks_send(name: str, expected: list[Tag]) -> None:
    label, codings, body = captured(name)
    facts = read(body, label, codings)
    assert facts.form is Form.XML
    assert facts.unreadable is None
    assert facts.tags == expected


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(SET, id="bare"),
        pytest.param(b"<?xml version='1.0'?>\n<!-- c -->" + SET, id="behind a prolog"),
        pytest.param(
            SET.replace(b"<Tagging>", b"<Tagging xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"),
            id="a namespace",
        ),
        pytest.param(b"<x:Tagging xmlns:x='u'>" + SET[9:-10] + b"</x:Tagging>", id="a prefix"),
        pytest.param(SET.replace(b"ml-training", b"<![CDATA[ml]]>-train<!-- -->ing"), id="text in pieces"),
        pytest.param(SET.replace(b"ml-", b"&#109;l-"), id="a character reference"),
        pytest.param(SET.replace(b"<TagSet>", b"<TagSet>" + b" " * 65_000), id="nearly 64 KiB"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 20], ids=["octet by octet", "in one piece"])
def test_one_spelling(body: bytes, size: int) -> None:
    assert read(pieces(body, size), LABEL).tags == TAG


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"no xml", Ambiguity.BAD_SYNTAX, id="no XML"),
        pytest.param(b"<Tagging>", Ambiguity.BAD_SYNTAX, id="a tag set cut short"),
        pytest.param(b"<!-- only a comment -->", Ambiguity.BAD_SYNTAX, id="no root"),
        pytest.param(SET + b"junk", Ambiguity.BAD_SYNTAX, id="text after the root"),
        pytest.param(
            b"<!DOCTYPE Tagging [<!ENTITY e 'ml'>]>" + SET, Ambiguity.BAD_SYNTAX, id="a document type"
        ),
        pytest.param(SET.decode().encode("utf-16"), Ambiguity.BAD_CHARSET, id="UTF-16"),
        pytest.param(b"<Tagging>" + b" " * 70_000 + SET[9:], Ambiguity.TOO_LARGE, id="a tag set over 64 KiB"),
        pytest.param(
            b"<!--" + b" " * 70_000 + b"-->" + SET, Ambiguity.TOO_LARGE, id="64 KiB before the root"
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 999, 1 << 20])
def test_a_tag_set_without_a_single_reading(body: bytes, expected: Ambiguity, size: int) -> None:
    facts = read(pieces(body, size), LABEL)
    assert facts.unreadable is expected
    assert facts.tags == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<!DOCTYPE html><html>", id="a document type before another root"),
        pytest.param(b"<svg>" + b" " * 100_000 + b"</svg>", id="a large document"),
        pytest.param(b"<rss><broken", id="broken behind the root"),
        pytest.param(b"<a><Tagging/></a>", id="a tag set that is not the root"),
    ],
)
def test_another_root_is_no_tag_set(body: bytes) -> None:
    facts = read(body, LABEL)
    assert facts.unreadable is None
    assert facts.form is Form.XML
    assert facts.tags == []


def test_the_tags_are_settled_at_another_root() -> None:
    reader = BodyReader(LABEL, (), Want(tags=True), TAGS, KindTable())
    reader.feed(b"<svg>" + b"x" * 2000)
    assert reader.facts.tags_closed
    assert reader.done


def test_xml_without_tag_carriers_is_not_read() -> None:
    assert read(b"no xml", LABEL, want=Want(form=WANT.form)).unreadable is None


def test_xml_without_a_label_that_cannot_be_read_is_opaque() -> None:
    facts = read(b"<Tagging>")
    assert facts.form is Form.OPAQUE
    assert facts.unreadable is None
