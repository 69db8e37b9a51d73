import pytest

from subrosa.facts.tags import Tag
from subrosa.facts.tagxml import read_tag_set
from subrosa.facts.unreadable import Ambiguity, UnreadableError
from unit.facts.tagtable import TABLE

ML = [Tag("xml:Tagging", "purpose", "ml-training")]


def tagging(inner: str) -> bytes:
    return f"<Tagging><TagSet>{inner}</TagSet></Tagging>".encode()


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param("<Tag><Key>purpose</Key><Value>ml-training</Value></Tag>", id="plain"),
        pytest.param("<Tag><Value>ml-training</Value><Key>purpose</Key></Tag>", id="value first"),
        pytest.param(
            "<Tag><Key>pur<!-- x -->pose</Key><Value>ml-<!-- y -->training</Value></Tag>",
            id="comments inside",
        ),
        pytest.param(
            "<Tag><Key>purpose</Key><Value><![CDATA[ml]]>-<![CDATA[training]]></Value></Tag>", id="CDATA"
        ),
        pytest.param(
            "<Tag><Key>purpose</Key><Value>ml&#45;tr&#x61;ining</Value></Tag>", id="character references"
        ),
        pytest.param(
            "<Tag><Key>purpose</Key><Value>ml-<?x y?>training</Value></Tag>", id="a processing instruction"
        ),
        pytest.param(
            "<Tag a='1'><Key b='2'>purpose</Key><Value>ml-training</Value><X/></Tag>", id="more around"
        ),
        pytest.param(
            "<s:Tag xmlns:s='u'><s:Key>purpose</s:Key><s:Value>ml-training</s:Value></s:Tag>",
            id="prefixed names",
        ),
    ],
)
def test_a_tag_set_has_one_reading(inner: str) -> None:
    assert TABLE.xml_tags(tagging(inner)) == ML


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            b'<?xml version="1.0" encoding="UTF-8"?><Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            b"<TagSet><Tag><Key>purpose</Key><Value>ml-training</Value></Tag></TagSet></Tagging>",
            id="as S3 clients send it",
        ),
        pytest.param(
            b"\xef\xbb\xbf" + tagging("<Tag><Key>purpose</Key><Value>ml-training</Value></Tag>"),
            id="with a BOM",
        ),
    ],
)
def test_a_whole_document_has_one_reading(document: bytes) -> None:
    assert TABLE.xml_tags(document) == ML


def test_the_five_entities_are_read() -> None:
    assert read_tag_set(tagging("<Tag><Key>a&amp;&lt;&gt;&quot;&apos;</Key><Value/></Tag>")) == (
        "Tagging",
        (("a&<>\"'", ""),),
    )


def test_azure_names_another_root() -> None:
    document = b"<Tags><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tags>"

    assert TABLE.xml_tags(document) == [Tag("xml:Tags", "a", "b")]


def test_several_tags_keep_their_order_and_missing_parts_are_empty() -> None:
    inner = "<Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key></Tag><Tag><Value>c</Value></Tag><Tag/>"

    assert read_tag_set(tagging(inner)) == ("Tagging", (("a", "1"), ("b", ""), ("", "c")))


def test_another_root_carries_no_tags() -> None:
    document = b"<Delete><Tag><Key>purpose</Key><Value>ml-training</Value></Tag></Delete>"

    assert TABLE.xml_tags(document) == []


@pytest.mark.parametrize(
    ("document", "ambiguity"),
    [
        pytest.param(b"", Ambiguity.BAD_SYNTAX, id="nothing"),
        pytest.param(b"purpose=ml-training", Ambiguity.BAD_SYNTAX, id="no XML"),
        pytest.param(b"<Tagging>", Ambiguity.BAD_SYNTAX, id="an element that does not end"),
        pytest.param(b"<Tagging/><Tagging/>", Ambiguity.BAD_SYNTAX, id="two documents"),
        pytest.param(b"<Tagging>&x;</Tagging>", Ambiguity.BAD_SYNTAX, id="an entity of its own"),
        pytest.param(b"<!DOCTYPE Tagging><Tagging/>", Ambiguity.BAD_SYNTAX, id="a document type"),
        pytest.param(
            b'<!DOCTYPE t [<!ENTITY x "ml-training">]><Tagging><Tag><Key>a</Key><Value>&x;</Value></Tag></Tagging>',
            Ambiguity.BAD_SYNTAX,
            id="a document type with an entity",
        ),
        pytest.param(
            tagging("<Tag><Key>a</Key><Key>b</Key></Tag>"), Ambiguity.DUPLICATE, id="a tag with two keys"
        ),
        pytest.param(
            tagging("<Tag><Value>a</Value><Value>b</Value></Tag>"),
            Ambiguity.DUPLICATE,
            id="a tag with two values",
        ),
        pytest.param(
            tagging("<Tag><Key>a<b/>c</Key></Tag>"), Ambiguity.BAD_SYNTAX, id="an element where text belongs"
        ),
        pytest.param(
            '<?xml version="1.0" encoding="UTF-16"?><Tagging/>'.encode("utf-16"),
            Ambiguity.BAD_CHARSET,
            id="UTF-16",
        ),
        pytest.param("<Tagging/>".encode("utf-16-le"), Ambiguity.BAD_CHARSET, id="UTF-16 without a BOM"),
        pytest.param(
            b'<?xml version="1.0" encoding="UTF-7"?><Tagging/>',
            Ambiguity.BAD_CHARSET,
            id="UTF-7 by declaration",
        ),
        pytest.param(
            b'<?xml version="1.0" encoding="latin1"?><Tagging/>', Ambiguity.BAD_CHARSET, id="Latin-1"
        ),
        pytest.param(b"<Tagging>\xff</Tagging>", Ambiguity.BAD_SYNTAX, id="octets that are not UTF-8"),
        pytest.param(b"<Tagging>\0</Tagging>", Ambiguity.BAD_CHARSET, id="a NUL"),
        pytest.param(b"<a>" * 17 + b"</a>" * 17, Ambiguity.TOO_DEEP, id="17 levels"),
        pytest.param(b"<Tagging>" + b" " * (1 << 18), Ambiguity.TOO_LARGE, id="more than 256 KiB"),
    ],
)
def test_a_document_without_one_reading_is_told(document: bytes, ambiguity: Ambiguity) -> None:
    with pytest.raises(UnreadableError) as caught:
        TABLE.xml_tags(document)
    assert caught.value.ambiguity is ambiguity
