"""JSON: what is read, what is refused, and where a place has no single reading."""

import json

import pytest

from content_kit import TAGS, WANT, pieces, read
from subrosa.content.collect import Collector
from subrosa.content.jsonfields import JsonReader
from subrosa.content.jsonsink import JsonSink
from subrosa.facts.body import BodyFacts, Form, Want
from subrosa.facts.tags import Tag
from subrosa.facts.unreadable import Ambiguity, UnreadableError

LABEL = "application/json"
SIZES = pytest.mark.parametrize(
    "size", [1, 3, 1 << 20], ids=["octet by octet", "three octets", "in one piece"]
)


def outcome(body: bytes, size: int = 1 << 20, want: Want = WANT) -> Ambiguity | None:
    """Why the reader alone refuses a body."""
    reader = JsonReader(JsonSink(Collector(BodyFacts(), want, TAGS)))
    try:
        for piece in pieces(body, size):
            reader.feed(piece)
        reader.end()
    except UnreadableError as error:
        return error.ambiguity
    return None


@SIZES
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b" true ",
        b"-0",
        b"0.5e-10",
        b"1E+2",
        b'""',
        b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"',
        '"é 漢 😀"'.encode(),
        b'{"a":{"b":[1,2,{"c":null}]},"d":[[],{}],"":0}',
        b' \t\r\n[ 1 , "a" , { "b" : [ ] } ] \n',
        b'{"a":1}\n{"b":2}\n\n[3]\n',
        b"[" * 128 + b"]" * 128,
        b'{"a":' * 128 + b"1" + b"}" * 128,
        b"[" + b"9" * 1024 + b"]",
        b'"\\ud800"',
    ],
    ids=repr,
)
def test_what_rfc_8259_allows(body: bytes, size: int) -> None:
    assert outcome(body, size) is None


@SIZES
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", Ambiguity.TRUNCATED),
        (b"  \n", Ambiguity.TRUNCATED),
        (b"{", Ambiguity.TRUNCATED),
        (b'{"a"', Ambiguity.TRUNCATED),
        (b'{"a":1', Ambiguity.TRUNCATED),
        (b'"abc', Ambiguity.TRUNCATED),
        (b'"abc\\u00', Ambiguity.TRUNCATED),
        (b"[1,2", Ambiguity.TRUNCATED),
        (b"tru", Ambiguity.BAD_SYNTAX),
        (b"-", Ambiguity.BAD_SYNTAX),
        (b"[1,]", Ambiguity.BAD_SYNTAX),
        (b'{"a":1,}', Ambiguity.BAD_SYNTAX),
        (b'{,"a":1}', Ambiguity.BAD_SYNTAX),
        (b"[,1]", Ambiguity.BAD_SYNTAX),
        (b"[1 2]", Ambiguity.BAD_SYNTAX),
        (b'{"a" 1}', Ambiguity.BAD_SYNTAX),
        (b'{"a"::1}', Ambiguity.BAD_SYNTAX),
        (b"{a:1}", Ambiguity.BAD_SYNTAX),
        (b"{'a':1}", Ambiguity.BAD_SYNTAX),
        (b"{1:1}", Ambiguity.BAD_SYNTAX),
        (b"[1}", Ambiguity.BAD_SYNTAX),
        (b'{"a":1]', Ambiguity.BAD_SYNTAX),
        (b"]", Ambiguity.BAD_SYNTAX),
        (b"[1]]", Ambiguity.BAD_SYNTAX),
        (b"// comment\n{}", Ambiguity.BAD_SYNTAX),
        (b"{}/**/", Ambiguity.BAD_SYNTAX),
        (b")]}'\n{}", Ambiguity.BAD_SYNTAX),
        (b"NaN", Ambiguity.BAD_SYNTAX),
        (b"[Infinity]", Ambiguity.BAD_SYNTAX),
        (b"[-Infinity]", Ambiguity.BAD_SYNTAX),
        (b"[undefined]", Ambiguity.BAD_SYNTAX),
        (b"[True]", Ambiguity.BAD_SYNTAX),
        (b"[truefalse]", Ambiguity.BAD_SYNTAX),
        (b"[01]", Ambiguity.BAD_SYNTAX),
        (b"[+1]", Ambiguity.BAD_SYNTAX),
        (b"[.5]", Ambiguity.BAD_SYNTAX),
        (b"[1.]", Ambiguity.BAD_SYNTAX),
        (b"[1e]", Ambiguity.BAD_SYNTAX),
        (b"[0x1]", Ambiguity.BAD_SYNTAX),
        (b"[1_000]", Ambiguity.BAD_SYNTAX),
        (b'["\t"]', Ambiguity.BAD_SYNTAX),
        (b'["\n"]', Ambiguity.BAD_SYNTAX),
        (b'["\0"]', Ambiguity.BAD_CHARSET),
        (b'["\\x41"]', Ambiguity.BAD_SYNTAX),
        (b'["\\u12g4"]', Ambiguity.BAD_SYNTAX),
        (b"['a']", Ambiguity.BAD_SYNTAX),
        (b"{}{}", Ambiguity.BAD_SYNTAX),
        (b"{} {}", Ambiguity.BAD_SYNTAX),
        (b"1 2", Ambiguity.BAD_SYNTAX),
        (b"{}\0\0", Ambiguity.BAD_CHARSET),
        (b"\x1e{}\n", Ambiguity.BAD_SYNTAX),
        (b"\xef\xbb\xbf{}", Ambiguity.BAD_CHARSET),
        ('{"a":1}'.encode("utf-16"), Ambiguity.BAD_CHARSET),
        ('{"a":1}'.encode("utf-16-le"), Ambiguity.BAD_CHARSET),
        ('{"a":1}'.encode("utf-16-be"), Ambiguity.BAD_CHARSET),
        ('{"a":1}'.encode("utf-32"), Ambiguity.BAD_CHARSET),
        (b'["\xff"]', Ambiguity.BAD_CHARSET),
        (b'["\xc1\xb0"]', Ambiguity.BAD_CHARSET),
        (b'["\xed\xa0\x80"]', Ambiguity.BAD_CHARSET),
        (b'"\xc3', Ambiguity.BAD_CHARSET),
        (b'[1,,2,"\xff"]', Ambiguity.BAD_SYNTAX),
        (b"[" * 129 + b"]" * 129, Ambiguity.TOO_DEEP),
        (b"[" * 5000, Ambiguity.TOO_DEEP),
        (b'{"a":' * 125 + b"[[[[1]]]]" + b"}" * 125, Ambiguity.TOO_DEEP),
        (b"[" + b"9" * 1025 + b"]", Ambiguity.TOO_LARGE),
        (b"9" * 5000, Ambiguity.TOO_LARGE),
    ],
    ids=repr,
)
def test_what_other_parsers_would_read_otherwise_is_refused(
    body: bytes, expected: Ambiguity, size: int
) -> None:
    assert outcome(body, size) is expected
    assert outcome(body, size, Want(references=True)) is expected


@SIZES
@pytest.mark.parametrize(
    ("document", "path", "values", "fault"),
    [
        pytest.param('{"purpose":"fine-tune"}', "purpose", ("fine-tune",), None, id="a string"),
        pytest.param('{"purpose":true}', "purpose", ("true",), None, id="true is spelled so"),
        pytest.param('{"purpose":null}', "purpose", ("null",), None, id="null is spelled so"),
        pytest.param(
            '{"purpose":-1.50e2}', "purpose", ("-1.50e2",), None, id="a number is spelled as it stands"
        ),
        pytest.param('{"purpose":""}', "purpose", ("",), None, id="an empty string"),
        pytest.param('{"other":1}', "purpose", (), None, id="no such member"),
        pytest.param('{"a":{"purpose":1}}', "purpose", (), None, id="deeper is another place"),
        pytest.param('{"purpose":["fine-tune"]}', "purpose", (), None, id="an array is another place"),
        pytest.param('[{"purpose":"fine-tune"}]', "purpose", (), None, id="in an array is another place"),
        pytest.param('{"purpos\\u0065":"fine\\u002dtune"}', "purpose", ("fine-tune",), None, id="escaped"),
        pytest.param('{"PURPOSE":"x"}', "purpose", ("x",), None, id="another case"),
        pytest.param('{"purpo\u017fe":"x"}', "purpose", ("x",), None, id="a long s folds to s"),
        pytest.param('{"purpose":"\\ud83d\\ude00"}', "purpose", ("😀",), None, id="a surrogate pair"),
        pytest.param('{"input":{"action":"x","b":2}}', "input.action", ("x",), None, id="a nested member"),
        pytest.param('{"input":{"b":{"action":1}}}', "input.action", (), None, id="nested too deep"),
        pytest.param(
            '{"messages":[{"role":"system"},{"role":"user","content":"x"},{"role":"user"}]}',
            "messages[].role",
            ("system", "user"),
            None,
            id="every index, each value once",
        ),
        pytest.param('{"messages":[[{"role":"x"}]]}', "messages[].role", (), None, id="an array too deep"),
        pytest.param(
            '{"messages":{"role":"x"}}', "messages[].role", (), None, id="an object where an array belongs"
        ),
        pytest.param(
            '{"options":{"a":1,"b":"c","d":[2],"e":{}}}', "options.*", ("1", "c"), None, id="every key"
        ),
        pytest.param(
            '{"options":{"*":1,"[]":2}}', "options.*", ("1", "2"), None, id="keys that look like patterns"
        ),
        pytest.param('{"purpose":"a","purpose":"b"}', "purpose", ("a", "b"), Ambiguity.DUPLICATE, id="twice"),
        pytest.param(
            '{"purpose":"a","purpose":"a"}', "purpose", ("a",), Ambiguity.DUPLICATE, id="twice the same"
        ),
        pytest.param(
            '{"purpose":"a","Purpose":"b"}', "purpose", ("a", "b"), Ambiguity.DUPLICATE, id="a case twin"
        ),
        pytest.param(
            '{"purpose":"a","purpos\\u0065":"b"}',
            "purpose",
            ("a", "b"),
            Ambiguity.DUPLICATE,
            id="an escaped twin",
        ),
        pytest.param(
            '{"input":{"action":"a"},"input":{}}',
            "input.action",
            ("a",),
            Ambiguity.DUPLICATE,
            id="a parent twice",
        ),
        pytest.param(
            '{"messages":[{"role":"a","role":"b"}]}',
            "messages[].role",
            ("a", "b"),
            Ambiguity.DUPLICATE,
            id="in an array",
        ),
        pytest.param(
            '{"other":1,"other":2,"purpose":"a"}', "purpose", ("a",), None, id="others twice do not matter"
        ),
        pytest.param('{"purpose\\u0000":"a"}', "purpose", (), Ambiguity.BAD_CHARSET, id="NUL in a key"),
        pytest.param('{"purpose\\u0000x":"a"}', "purpose", (), Ambiguity.BAD_CHARSET, id="a key cut at NUL"),
        pytest.param(
            '{"pur\\ud800pose":"a"}', "purpose", (), Ambiguity.BAD_CHARSET, id="a lone surrogate in a key"
        ),
        pytest.param('{"purpose":"a\\u0000"}', "purpose", (), Ambiguity.BAD_CHARSET, id="NUL in a value"),
        pytest.param(
            '{"purpose":"\\udc00"}', "purpose", (), Ambiguity.BAD_CHARSET, id="a lone surrogate in a value"
        ),
        pytest.param(
            '{"other\\u0000":"\\ud800","purpose":"a"}', "purpose", ("a",), None, id="others may be broken"
        ),
    ],
)
def test_a_wanted_place(
    document: str, path: str, values: tuple[str, ...], fault: Ambiguity | None, size: int
) -> None:
    facts = read(pieces(document.encode(), size), LABEL)
    assert facts.form is Form.JSON
    assert facts.unreadable is None
    reading = facts.json_value(path)
    if fault is Ambiguity.BAD_CHARSET:
        values = reading.values
    assert (reading.values, reading.unreadable, reading.closed) == (values, fault, True)


@pytest.mark.parametrize(
    ("length", "fault"), [(65_536, None), (65_537, Ambiguity.TOO_LARGE), (500_000, Ambiguity.TOO_LARGE)]
)
def test_a_value_is_bounded(length: int, fault: Ambiguity | None) -> None:
    body = json.dumps({"purpose": "a" * length, "training_file": "f"}).encode()
    for size in (1000, 70_000, 1 << 20):
        facts = read(pieces(body, size), LABEL)
        assert facts.json_value("purpose").unreadable is fault
        assert facts.json_value("training_file").values == ("f",)


def test_the_number_of_values_is_bounded() -> None:
    body = json.dumps({"messages": [{"role": str(index)} for index in range(1001)]}).encode()
    facts = read(body, LABEL)
    assert facts.json_value("messages[].role").unreadable is Ambiguity.TOO_LARGE
    assert len(facts.json_value("messages[].role").values) == 1000


def test_the_keys_that_are_told_apart_are_bounded() -> None:
    body = json.dumps({"options": {str(index): 1 for index in range(5000)}}).encode()
    assert read(body, LABEL).json_value("options.*").unreadable is Ambiguity.TOO_LARGE


def test_a_long_key_hides_nothing() -> None:
    body = json.dumps({"a" * 5000: 1, "purpose": "x"}).encode()
    assert read(body, LABEL).json_value("purpose").unreadable is Ambiguity.TOO_LARGE


@pytest.mark.parametrize(
    ("label", "fault"),
    [
        pytest.param("application/x-ndjson", None, id="lines that say so"),
        pytest.param("application/jsonl", None, id="lines by another name"),
        pytest.param(
            "application/vnd.elasticsearch+x-ndjson; compatible-with=8", None, id="a vendor's lines"
        ),
        pytest.param(None, None, id="lines without a label"),
        pytest.param("application/json", Ambiguity.DUPLICATE, id="lines where one document was announced"),
    ],
)
def test_documents_on_lines_of_their_own(label: str | None, fault: Ambiguity | None) -> None:
    facts = read(b'{"purpose":"a"}\n{"purpose":"b","metadata":{"use":"ml"}}\n', label)
    assert facts.json_value("purpose").values == ("a", "b")
    assert facts.json_value("purpose").unreadable is fault
    assert facts.tags == [Tag("json:metadata.*", "use", "ml")]
    assert "tags" not in facts.ambiguous


def test_tags_are_read_from_their_carriers() -> None:
    document = {
        "metadata": {"Purpose": "ml-training", "n": 1, "x": None},
        "tags": ["a", {"value": "b", "key": "c"}],
    }
    facts = read(json.dumps(document).encode(), LABEL)
    assert facts.tags == [
        Tag("json:metadata.*", "purpose", "ml-training"),
        Tag("json:metadata.*", "n", "1"),
        Tag("json:metadata.*", "x", "null"),
        Tag("json:tags[]", "tags", "a"),
        Tag("json:tags[].value", "value", "b"),
    ]


@pytest.mark.parametrize(
    "document",
    [
        '{"metadata":{"a":1,"A":2}}',
        '{"metadata":{"a":1},"metadata":{"b":2}}',
        '{"metadata":{"a":"\\u0000"}}',
        '{"meta\\u0000data":1,"metadata\\u0000":{"a":"b"}}',
    ],
)
def test_a_carrier_that_is_read_in_two_ways_makes_the_tags_ambiguous(document: str) -> None:
    facts = read(document.encode(), LABEL)
    assert facts.unreadable is None
    assert "tags" in facts.ambiguous


REFERENCES = Want(references=True)


@SIZES
@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param('{"a":"s3://b/k"}', ["s3://b/k"], id="S3"),
        pytest.param('["gs://b/k","https://x.example/a","abfss://c@a/k","wasbs://c@a/k"]', None, id="others"),
        pytest.param('{"a":[[[[[{"b":"arn:aws:s3:::b/k"}]]]]]}', ["arn:aws:s3:::b/k"], id="deep inside"),
        pytest.param('{"a":"S3:\\/\\/b\\/k"}', ["S3://b/k"], id="escaped, in another case"),
        pytest.param('{"a":"\\u0073\\u0033://b/k"}', ["s3://b/k"], id="escaped throughout"),
        pytest.param('{"a":"  s3://b/k"}', ["  s3://b/k"], id="blanks before"),
        pytest.param('{"s3://b/k":1}', [], id="a key is none"),
        pytest.param('{"a":"see s3://b/k"}', [], id="in a sentence is none"),
        pytest.param('{"a":"s3://b/k","b":"s3://b/k"}', ["s3://b/k"], id="each once"),
        pytest.param('{"a":"1","b":"s3:","c":"\\"s3://b"}', ["s3:"], id="a quote inside a string"),
    ],
)
def test_references(document: str, expected: list[str] | None, size: int) -> None:
    facts = read(pieces(document.encode(), size), LABEL, want=REFERENCES)
    assert facts.references == (json.loads(document) if expected is None else expected)
    assert facts.ambiguous == {}


def test_references_stand_beside_wanted_values() -> None:
    want = Want(json=frozenset({"training_file"}), references=True)
    facts = read(b'{"training_file":"s3://a/b","x":{"y":"gs://c/d"},"z":"gs://e"}', LABEL, want=want)
    assert facts.json_value("training_file").values == ("s3://a/b",)
    assert facts.references == ["s3://a/b", "gs://c/d", "gs://e"]


@pytest.mark.parametrize("escape", [False, True])
def test_a_reference_is_bounded(*, escape: bool) -> None:
    tail = ("\\u0061" if escape else "a") * 4092
    facts = read(f'["s3://{tail}","s3://b"]'.encode(), LABEL, want=REFERENCES)
    assert facts.references == ["s3://b"]
    assert facts.ambiguous == {"references": Ambiguity.TOO_LARGE}


def test_the_number_of_references_is_bounded() -> None:
    body = json.dumps([f"s3://b/{index}" for index in range(1001)]).encode()
    facts = read(body, LABEL, want=REFERENCES)
    assert len(facts.references) == 1000
    assert facts.ambiguous == {"references": Ambiguity.TOO_LARGE}


def test_the_place_of_a_fault_decides_what_was_read_before_it() -> None:
    body = b'{"purpose":"a","x":[1,2,],"training_file":"b"}'
    for size in (1, 5, len(body)):
        facts = read(pieces(body, size), LABEL)
        assert facts.unreadable is Ambiguity.BAD_SYNTAX
        assert facts.json == {"purpose": ("a",)}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b'{"a":' * 100 + b"1" + b"}" * 100 + b"]", id="deep"),
        pytest.param(
            b'{"a":' * 6 + b"[" + b"[1,2,3,[4,[5,[6]]]]," * 3000 + b"0]" + b"}" * 6, id="deep behind the runs"
        ),
        pytest.param(b'{"' + b"\\u0061" * 20_000 + b'":1}', id="escapes"),
        pytest.param(b'{"a":"' + b"\\\\" * 50_000 + b'"}', id="backslashes"),
        pytest.param(b"[" + b'"' * 2 + b',""' * 50_000 + b"]", id="empty strings"),
        pytest.param(b"[" + b"1," * 50_000 + b"x", id="a fault at the end of a run"),
        pytest.param(b" " * 100_000 + b"1", id="white space"),
    ],
)
@pytest.mark.timeout(20)
def test_no_document_is_read_in_more_than_linear_time(body: bytes) -> None:
    assert outcome(body, 65_536) in {None, Ambiguity.BAD_SYNTAX}
