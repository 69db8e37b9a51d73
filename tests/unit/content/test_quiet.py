"""Bodies in which there is nothing: told at one look, and never otherwise than by reading them."""

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from content_kit import KINDS, SAMPLES, TAGS, WANT, pieces, read
from subrosa.content.quiet import NOTHING, Quiet
from subrosa.facts.body import Want

ASKED = replace(WANT, references=False)
QUIET = Quiet(
    frozenset({"purpose", "training_file", "messages", "input", "options", "metadata", "tags"}),
    KINDS,
    shapes=True,
)
LABEL = "application/json"
NAME = "v1/chat/completions"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            b'{"engine": "gpt-4.1", "turns": [{"role": "user", "content": "Hello."}]}',
            id="a call of a model",
        ),
        pytest.param(b"{}", id="nothing"),
        pytest.param(b' \r\n{"a": [1, -2.5e3, true, false, null, {"b": {}}]}\n', id="every kind of value"),
        pytest.param('{"text": "Grüße, 世界 😀"}'.encode(), id="text of the world"),
        pytest.param(b'{"text": "\\ud83d\\ude00 \\n \\u00fc"}', id="text in escapes"),
        pytest.param(b'{"text": "\\ud83d"}', id="an unpaired surrogate that nobody reads"),
        pytest.param(b'{"a": 1, "a": 2}', id="a key twice that nobody reads"),
        pytest.param(b'{\n  "event": "created",\n  "count": 3\n}', id="over several lines"),
        pytest.param(b'{"type": "message", "source": "crm"}', id="keys of rows with other values"),
        pytest.param(b'{"payload": {"metadata": {"purpose": "model-training"}}}', id="a tag deeper down"),
        pytest.param(b'{"text": "' + b"word " * 12_000 + b'"}', id="a long text"),
    ],
)
def test_a_body_that_holds_nothing_is_known_at_one_look(body: bytes) -> None:
    assert QUIET.facts(body, NAME) == read(body, LABEL, want=ASKED)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param(b'{"metadata": {"purpose": "model-training"}}', NAME, id="a tag"),
        pytest.param(b'{"METADATA": {}}', NAME, id="a carrier of tags in capitals"),
        pytest.param(b'{"meta\\u0064ata": {"a": "b"}}', NAME, id="a carrier of tags in escapes"),
        pytest.param(b'{"metadata\\u0000": {"a": "b"}}', NAME, id="a carrier for who stops at a NUL"),
        pytest.param(b'{"meta\\ud800data": {"a": "b"}}', NAME, id="a carrier for who drops surrogates"),
        pytest.param(b'{"purpose": "assistants"}', NAME, id="a wanted field"),
        pytest.param(b'{"input": {"action": "a"}}', NAME, id="the parent of a wanted field"),
        pytest.param(b'{"' + b"k" * 171 + b'": 1}', NAME, id="a long key"),
        pytest.param(b'{"a": NaN}', NAME, id="not a number"),
        pytest.param(b'{"a": 01}', NAME, id="a number with a leading zero"),
        pytest.param(b'{"a": ' + b"1" * 1025 + b"}", NAME, id="a number without end"),
        pytest.param(b'{"a": "\t"}', NAME, id="a bare tab in a string"),
        pytest.param(b'{"a": "\\x41"}', NAME, id="an escape that JSON does not have"),
        pytest.param(b'{"a": 1,}', NAME, id="a comma too many"),
        pytest.param(b'{"a": "\xff"}', NAME, id="octets that are no UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', NAME, id="a byte order mark"),
        pytest.param(b'{"a": 1} {"b": 2}', NAME, id="two documents"),
        pytest.param(b'{"a": 1', NAME, id="half a document"),
        pytest.param(b'{"a": ' + b"[" * 128 + b"]" * 128 + b"}", NAME, id="deep nesting"),
        pytest.param(b"[1]", NAME, id="an array"),
        pytest.param(b"", NAME, id="no octets"),
        pytest.param(b'{"audio": "' + b"QUJD" * 18 + b'"}', NAME, id="base64"),
        pytest.param(b'{"image": "data:image/png;base64,QUJD"}', NAME, id="a data url"),
        pytest.param(b'{"chosen": "a", "rejected": "b"}', NAME, id="a row of preferences"),
        pytest.param(b'{"audio_filepath": "a.wav", "duration": 3}', NAME, id="a row of a manifest"),
        pytest.param(
            b'{"d": {"images": [], "annotations": [{"bbox": []}], "categories": []}}', NAME, id="COCO"
        ),
        pytest.param(b'{"a": 1}', "rows.jsonl", id="an object of rows"),
        pytest.param(b'{"a": 1}', "GMT20260108-120125_Recording.mp4", id="an object named as a recording"),
        pytest.param(
            b'{"label":"c2pa.training-mining","e":{"c2pa.ai_training":{"use":"notAllowed"}}}',
            NAME,
            id="a mark",
        ),
        pytest.param(b'{"a": "' + b"word " * 13_200 + b'"}', NAME, id="more octets than are looked at"),
    ],
)
def test_of_any_other_body_nothing_is_told(body: bytes, name: str) -> None:
    assert QUIET.facts(body, name) is None


@pytest.mark.parametrize(
    "want",
    [
        pytest.param(WANT, id="references, which may stand anywhere"),
        pytest.param(replace(ASKED, json=frozenset({"*.purpose"})), id="a field below any key"),
        pytest.param(replace(ASKED, document=True), id="a document of GraphQL"),
        pytest.param(Want(kinds=True, shapes=True), id="nothing that a reader of JSON finds"),
    ],
)
def test_bodies_are_not_looked_at_where_that_could_tell_nothing(want: Want) -> None:
    assert Quiet.of(want, TAGS, KINDS) is None


def test_the_keys_that_matter_are_those_that_a_place_or_a_carrier_begins_with() -> None:
    quiet = Quiet.of(ASKED, TAGS, KINDS)

    assert quiet is not None
    assert [quiet.facts(b'{"%s": {}}' % key, NAME) for key in (b"input", b"metadata", b"inputs")] == [
        None,
        None,
        NOTHING,
    ]


WORDS = (
    "metadata", "Metadata", "tags", "purpose", "input", "action", "messages", "role", "chosen", "rejected", "type",
    "audio_filepath", "duration", "images", "annotations", "bbox", "categories", "\u0130", "tag\ud800s", "tags\0", "a",
    "WEBVTT", "model", "", "data:audio/wav;base64,QUJD", "QUJD" * 20, "c2pa.training-mining", "QUJD " * 20,
)  # fmt: skip
WAV = b64encode((SAMPLES / "media" / "voice.wav").read_bytes()[:90])
"""A recording, which is one as long as no blanks stand in it."""
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Documents, most of them objects, spelled in several ways, some of them with a little damage."""
    value = draw(st.dictionaries(TEXTS, VALUES, max_size=4) | VALUES)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 0, 2])))
    body = text.encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(body)))
        body = (
            body[:at]
            + draw(st.sampled_from([b"", b"\\", b'"', b"}", b"\0", b"\xff", b",", b"1", b"\n"]))
            + body[at + 1 :]
        )
    return body


@settings(max_examples=600)
@example(b'{"z": "' + b" ".join(WAV[at : at + 8] for at in range(0, 120, 8)) + b'"}', 11)
@given(bodies(), st.integers(1, 40))
def test_what_is_told_at_one_look_is_what_reading_tells(body: bytes, step: int) -> None:
    told = QUIET.facts(body, NAME)

    assert told is None or told == read(pieces(body, step), LABEL, want=ASKED)


@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.json")), ids=lambda path: path.name)
def test_of_the_samples_too_it_is_what_reading_tells(path: Path) -> None:
    body = path.read_bytes()
    told = QUIET.facts(body, NAME)

    assert told is None or told == read(body, LABEL, want=ASKED)
