"""Protocol Buffers without a schema: texts and contents are found at any depth, noise harms nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_kit import KINDS, SAMPLES, TAGS, WANT
from subrosa.content.collect import Collector
from subrosa.content.protobuf import MOST_DEPTH, MOST_FIELDS, ProtobufScan
from subrosa.facts.body import BodyFacts
from subrosa.facts.unreadable import Ambiguity

URI = "gs://meetings/rec/a.jsonl"


def varint(number: int) -> bytes:
    octets = b""
    while number > 0x7F:
        octets += bytes([number & 0x7F | 0x80])
        number >>= 7
    return octets + bytes([number])


def field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    octets = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(octets)) + octets


def nested(value: bytes, depth: int) -> bytes:
    for _ in range(depth):
        value = field(3, value)
    return value


def scanned(message: bytes) -> BodyFacts:
    facts = BodyFacts()
    ProtobufScan(Collector(facts, WANT, TAGS), KINDS).read(message)
    return facts


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(field(1, URI), [URI], id="a text of the message itself"),
        pytest.param(field(1, 7) + field(2, "x") + field(900, URI), [URI], id="a text behind other fields"),
        pytest.param(nested(field(1, URI), MOST_DEPTH - 1), [URI], id="a text deep inside"),
        pytest.param(field(2, field(1, "key") + field(2, URI)), [URI], id="a value of a map"),
        pytest.param(b"\x0d1234" + b"\x0912345678" + field(1, URI), [URI], id="a text behind fixed numbers"),
        pytest.param(b"\x0b" + field(1, URI) + b"\x0c", [URI], id="a text in a group"),
        pytest.param(field(1, "see " + URI), [], id="a sentence that only speaks of one"),
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\0\0\0" + URI.encode(), [], id="what is no message"),
    ],
)
def test_names_of_stored_objects_are_found(message: bytes, expected: list[str]) -> None:
    assert scanned(message).references == expected


def test_content_in_a_field_is_recognised() -> None:
    found = scanned(
        field(1, "config") + field(2, (SAMPLES / "media" / "voice.wav").read_bytes().ljust(64, b"\0"))
    )

    assert "audio" in {kind.kind.value for kind in found.kinds}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(nested(field(1, URI), MOST_DEPTH + 1), id="too deep"),
        pytest.param(field(1, 1) * (MOST_FIELDS + 1) + field(1, URI), id="too many fields"),
    ],
)
def test_too_much_leaves_references_without_a_reading(message: bytes) -> None:
    assert scanned(message).ambiguous == {"references": Ambiguity.TOO_LARGE}


@given(st.binary(max_size=2000))
def test_any_octets_are_read_to_the_end(message: bytes) -> None:
    scanned(message)
