"""Promise 5: however the octets of a body are cut, its facts are the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_kit import (
    BOUNDARY,
    ENCODERS,
    MULTIPART,
    SAMPLES,
    WANT,
    captured,
    field,
    file,
    multipart,
    read,
    samples,
)
from subrosa.facts.body import BodyFacts

JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
RELATED = f"multipart/related; boundary={BOUNDARY}"
type Case = tuple[str, str | None, tuple[str, ...], bytes]


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """The data cut at these places, some of which may be the same."""
    at = 0
    for place in sorted(place % (len(data) + 1) for place in places):
        yield data[at:place]
        at = place
    yield data[at:]


def whole_and_cut(case: Case, places: list[int]) -> tuple[BodyFacts, BodyFacts]:
    _, label, codings, body = case
    return read(body, label, codings), read(cut(body, places), label, codings)


def wrapped(path: Path) -> Iterator[Case]:
    """A sample as it is, compressed, framed, in a form, in JSON, and as metadata of an upload."""
    data = path.read_bytes()
    name = path.relative_to(SAMPLES).as_posix()
    yield f"{name} without a label", None, (), data
    yield f"{name} as JSON", JSON, (), data
    for coding, encode in ENCODERS.items():
        yield f"{name} in {coding}", None, (coding,), encode(data)
    form = multipart(field("purpose", b"fine-tune"), file("file", path.name, data), field("tags", b"a"))
    yield f"{name} in multipart", MULTIPART, (), form
    yield (
        f"{name} in multipart in gzip in aws-chunked",
        MULTIPART,
        ("gzip", "aws-chunked"),
        ENCODERS["aws-chunked"](ENCODERS["gzip"](form)),
    )
    text = data.decode("latin-1")
    document = {"messages": [{"role": "user", "content": text}], "metadata": {"use": text}, "purpose": text}
    yield f"{name} in JSON", JSON, (), json.dumps(document).encode()
    yield f"{name} in JSON as UTF-8", JSON, (), json.dumps(document, ensure_ascii=False).encode()
    yield f"{name} in a form", URLENCODED, (), urlencode(document | {"tags": text}).encode()


def requests() -> Iterator[Case]:
    for path in sorted((SAMPLES / "http").iterdir()):
        label, codings, body = captured(path.name)
        yield f"{path.name} as captured", label, codings, body


CASES = [case for path in samples() for case in wrapped(path)] + list(requests())
SHORT = 3000


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_each_sample_octet_by_octet_and_in_three_sizes(case: Case) -> None:
    _, label, codings, body = case
    whole = read(body, label, codings)
    for size in (1 if len(body) < SHORT else 11, 7, 500, 4097):
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        assert read(pieces, label, codings) == whole


@given(st.sampled_from(CASES), st.lists(st.integers(0, 1 << 20), max_size=12))
@settings(max_examples=600)
def test_each_sample_cut_anywhere(case: Case, places: list[int]) -> None:
    whole, pieces = whole_and_cut(case, places)
    assert pieces == whole


@given(st.sampled_from(CASES), st.data())
@settings(max_examples=600)
def test_each_sample_damaged_and_cut_anywhere(case: Case, data: st.DataObject) -> None:
    name, label, codings, body = case
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        match data.draw(st.sampled_from(["change", "insert", "remove", "cut"])):
            case "change" if damaged:
                damaged[at] = data.draw(st.integers(0, 255))
            case "insert":
                damaged[at:at] = data.draw(
                    st.sampled_from([b"\0", b"\r", b"\n", b'"', b",", b"\xff", b"&", b";", b"--"])
                )
            case "remove":
                del damaged[at : at + 1]
            case _:
                del damaged[at:]
    broken = (name, label, codings, bytes(damaged))
    places = data.draw(st.lists(st.integers(0, 1 << 20), max_size=8))
    whole, pieces = whole_and_cut(broken, places)
    assert pieces == whole


PIECES = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\n",
            "1",
            "-",
            "e5",
            ".5",
            "true",
            "null",
            '""',
            '"a"',
            '"',
            "\\",
            "\\u0061",
        ),
        *(
            '"purpose"',
            '"messages"',
            '"role"',
            '"metadata"',
            '"options"',
            '"x":1',
            '"s3://b"',
            "é",
            "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        ),
        *("99999999999999999999999999999999999999999999999", '{"a":[1,{"b":2}]}', "[[[[[1]]]]]", '"\\ud800"'),
    ]
)


@given(st.lists(PIECES, max_size=60), st.lists(st.integers(0, 1 << 12), max_size=12))
@settings(max_examples=2000)
def test_json_of_any_tokens(tokens: list[str], places: list[int]) -> None:
    whole, pieces = whole_and_cut(("", JSON, (), "".join(tokens).encode()), places)
    assert pieces == whole


@given(st.lists(PIECES, max_size=40))
@settings(max_examples=2000)
def test_json_is_read_exactly_when_python_reads_it(tokens: list[str]) -> None:
    text = "".join(tokens)
    if text.count("\n"):
        text = text.replace("\n", " ")
    facts = read(text.encode(), JSON, want=WANT)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        assert facts.unreadable is not None or not text
    else:
        assert facts.unreadable is None


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(["purpose", "a", "messages", "role", "metadata", "é", ""]) | st.text(max_size=9),
            inner,
            max_size=5,
        )
    ),
    max_leaves=40,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]), st.lists(st.integers(0, 1 << 12), max_size=6))
@settings(max_examples=1000)
def test_every_json_document_is_read(
    value: object, ascii_only: bool, indent: int | None, places: list[int]
) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    whole, pieces = whole_and_cut(("", JSON, (), body), places)
    assert pieces == whole
    assert whole.unreadable is None
    purpose = value.get("purpose") if isinstance(value, dict) else None
    if isinstance(purpose, str) and not whole.json_value("purpose").unreadable:
        assert whole.json_value("purpose").values == (purpose,)


FRAGMENTS = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b"--", b"x", b" ", b"\0", b"\r\n\r\n", b"\n\n"),
        *(f"--{BOUNDARY}".encode(), f"--{BOUNDARY}--".encode()),
        b'Content-Disposition: form-data; name="purpose"',
        b'Content-Disposition: form-data; name="f"; filename="a.vtt"',
        *(b"Content-Type: application/json", b'{"metadata":{"a":"b"}}', b"WEBVTT\n"),
    ]
)


@given(
    st.lists(FRAGMENTS, max_size=40),
    st.sampled_from([MULTIPART, RELATED]),
    st.lists(st.integers(0, 1 << 12), max_size=12),
)
@settings(max_examples=2000)
def test_multipart_of_any_fragments(fragments: list[bytes], label: str, places: list[int]) -> None:
    first = b"--" + BOUNDARY.encode() + (b"\n" if fragments[:1] == [b"\n"] else b"\r\n")
    body = first + b"".join(fragments)
    whole, pieces = whole_and_cut(("", label, (), body), places)
    assert pieces == whole


PAIRS = st.sampled_from(
    [b"purpose", b"=", b"&", b";", b"%", b"%70", b"%u0070", b"+", b"tags", b"[]", b"\n", b"\xc3", b"a" * 300]
)


@given(
    st.lists(PAIRS, max_size=60),
    st.sampled_from([URLENCODED, None]),
    st.lists(st.integers(0, 1 << 12), max_size=12),
)
@settings(max_examples=2000)
def test_forms_of_any_pairs(pairs: list[bytes], label: str | None, places: list[int]) -> None:
    whole, pieces = whole_and_cut(("", label, (), b"".join(pairs)), places)
    assert pieces == whole
