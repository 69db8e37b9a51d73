"""CBOR: what a document says is what its JSON says, cut anywhere; what is not well-formed is refused."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from content_kit import SAMPLES, pieces, read
from subrosa.facts.body import Form
from subrosa.facts.unreadable import Ambiguity

CBOR = "application/cbor"
WAV = (SAMPLES / "media" / "voice.wav").read_bytes().ljust(100, b"\0")


def head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size)
    raise OverflowError(number)


def encoded(value: Any, *, indefinite: bool = False) -> bytes:
    """A value as CBOR, its maps, arrays and texts of indefinite length where asked for."""
    if isinstance(value, bool) or value is None:
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    return _series(value, indefinite=indefinite)


def _series(value: Any, *, indefinite: bool) -> bytes:
    if isinstance(value, str):
        major, size = 3, len(value.encode())
        items = b"".join(map(encoded, value)) if indefinite else value.encode()
    else:
        parts = [part for pair in value.items() for part in pair] if isinstance(value, dict) else value
        major, size = 5 if isinstance(value, dict) else 4, len(value)
        items = b"".join(encoded(part, indefinite=indefinite) for part in parts)
    return bytes([major << 5 | 31]) + items + b"\xff" if indefinite else head(major, size) + items


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(max_size=5)
    | st.sampled_from(["s3://bucket/key", "model-training", "x" * 300])
)
KEYS = st.sampled_from(
    ["purpose", "metadata", "tags", "value", "input", "action", "messages", "role", "Purpose", "é"]
)
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(KEYS, one, max_size=3)),
    max_size=5,
)


@example({"tags": [{"purpose": "x"}, None]}, False, 1)
@example({"tags": [{"value": "x"}, [{"purpose": "x"}, "y"]]}, True, 3)
@given(DOCUMENTS, st.booleans(), st.integers(1, 40))
def test_a_document_says_what_its_json_says(document: dict[str, Any], indefinite: bool, step: int) -> None:
    body = encoded(document, indefinite=indefinite)
    found, expected = read(pieces(body, step), CBOR), read(json.dumps(document).encode(), "application/json")

    assert found == read(body, CBOR)
    assert (found.form, found.unreadable) == (Form.CBOR, None)
    assert (found.json, found.tags, found.ambiguous) == (expected.json, expected.tags, expected.ambiguous)
    assert sorted(found.references) == sorted(expected.references)


@given(st.binary(max_size=60), st.integers(1, 20))
def test_any_octets_are_read_or_refused_however_they_are_cut(body: bytes, step: int) -> None:
    assert read(pieces(body, step), CBOR) == read(body, CBOR)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"\xa1\x61a", Ambiguity.TRUNCATED, id="a map that ends early"),
        pytest.param(b"\x19\x01", Ambiguity.TRUNCATED, id="a number that ends early"),
        pytest.param(b"\x01\x01", Ambiguity.BAD_SYNTAX, id="a second item"),
        pytest.param(b"\xff", Ambiguity.BAD_SYNTAX, id="a break of nothing"),
        pytest.param(b"\x82\x01\xff", Ambiguity.BAD_SYNTAX, id="a break of a counted array"),
        pytest.param(b"\xbf\x61a\xff", Ambiguity.BAD_SYNTAX, id="a break after a key"),
        pytest.param(b"\x9f\xc1\xff", Ambiguity.BAD_SYNTAX, id="a break after a tag"),
        pytest.param(b"\x1c", Ambiguity.BAD_SYNTAX, id="a reserved length"),
        pytest.param(b"\x1f", Ambiguity.BAD_SYNTAX, id="a number without end"),
        pytest.param(b"\xf8\x10", Ambiguity.BAD_SYNTAX, id="a simple value in its long form"),
        pytest.param(b"\x7f\x41a\xff", Ambiguity.BAD_SYNTAX, id="octets within a text"),
        pytest.param(b"\x7f\x7f\xff\xff", Ambiguity.BAD_SYNTAX, id="a text without end within one"),
        pytest.param(b"\xa1\x80\x01", Ambiguity.BAD_SYNTAX, id="an array as a key"),
        pytest.param(b"\x62\xc3\x28", Ambiguity.BAD_CHARSET, id="a text that is not UTF-8"),
        pytest.param(b"\x7f\x61\xc3\x61\xa4\xff", Ambiguity.BAD_CHARSET, id="a character across two chunks"),
        pytest.param(b"\x81" * 129 + b"\x01", Ambiguity.TOO_DEEP, id="too deep"),
        pytest.param(b'{"purpose": "fine-tune"}', Ambiguity.LABEL_MISMATCH, id="JSON under its label"),
        pytest.param(b"\xa2\x01\x02\x41a\x03", None, id="keys that are no text"),
        pytest.param(b"\xc1\xd8\x20\xa1\x61a\xc2\x41\x01", None, id="tags before items"),
        pytest.param(b"\xa0", None, id="an empty map"),
    ],
)
def test_what_is_not_well_formed_is_unreadable(body: bytes, expected: Ambiguity | None) -> None:
    assert read(body, CBOR).unreadable is expected


def test_a_key_that_comes_twice_has_no_single_reading() -> None:
    body = b"\xa2" + encoded("purpose") + encoded("a") + encoded("PURPOSE") + encoded("b")

    assert read(body, CBOR).ambiguous == {"json:purpose": Ambiguity.DUPLICATE}


def test_content_in_octets_is_recognised() -> None:
    found = read(encoded({"AudioChunk": WAV}), CBOR)

    assert "audio" in {kind.kind.value for kind in found.kinds}
    assert found.kinds_closed
