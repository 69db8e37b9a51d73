"""Content inside strings: base64 of any kind is looked at wherever it stands, and nothing else is taken for it."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_kit import SAMPLES, pieces, read, samples
from subrosa.content.embedded import MOST_LOOKS
from subrosa.facts.body import BodyFacts

JSON, LINES = "application/json", "application/x-ndjson"
WAV = (SAMPLES / "media" / "voice.wav").read_bytes().ljust(2000, b"\0")
CODED = base64.b64encode(WAV).decode()
CAPTIONS = (
    b"WEBVTT\n\n1\n00:00:01.000 --> 00:00:04.000\nAda Example: synthetic words of a synthetic meeting\n"
)
ROWS = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n' * 3


def ids(facts: BodyFacts) -> set[str]:
    return {kind.by for kind in facts.kinds}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("step", [1 << 30, 1000, 7])
def test_what_is_no_line_of_base64_is_none_wherever_the_body_is_cut(step: int) -> None:
    blanks = " ".join(CODED[at : at + 64] for at in range(0, 1280, 64))
    body = json.dumps({"x": "y" * 1100 + "!", "z": blanks}).encode()

    assert ids(read(pieces(body, step), JSON)) == set()


PLACES = [
    pytest.param({"input_audio": {"data": CODED, "format": "wav"}}, id="a field of an API"),
    pytest.param({"url": "data:audio/wav;base64," + CODED}, id="a data url"),
    pytest.param({"url": "data:audio/wav;codecs=1;base64," + CODED}, id="a data url with a parameter"),
    pytest.param(
        {"dialog": [{"body": base64.urlsafe_b64encode(WAV).decode().rstrip("=")}]}, id="base64url, unpadded"
    ),
    pytest.param([[[[[[[[CODED]]]]]]]], id="deep inside arrays"),
    pytest.param({"purpose": CODED}, id="a place that is wanted"),
    pytest.param({"a": base64.encodebytes(WAV).decode()}, id="in lines as MIME has them"),
    pytest.param({"x": "y" * 70_000, "z": CODED}, id="behind a long string"),
    pytest.param({"z": CODED + b64(bytes(300_000))}, id="a long one, known by its beginning"),
]


@pytest.mark.parametrize(
    "slashes", [pytest.param(False, id="plain"), pytest.param(True, id="slashes escaped")]
)
@pytest.mark.parametrize("step", [1 << 30, 65_536, 1000, 7])
@pytest.mark.parametrize("document", PLACES)
def test_audio_in_base64_is_audio(document: object, step: int, slashes: bool) -> None:
    body = json.dumps(document)
    body = body.replace("/", "\\/") if slashes else body

    assert ids(read(pieces(body.encode(), step), JSON)) >= {kind.by for kind in read(WAV).kinds} > set()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"sha256": "ab" * 32, "sha512": "52494646" * 16}, id="digests"),
        pytest.param({CODED: 1}, id="a key"),
        pytest.param({"text": "the words " + CODED}, id="words before it"),
        pytest.param({"text": 'say "' + CODED + '"'}, id="quoted within a text"),
        pytest.param({"text": CODED[:60]}, id="too short to be a recording"),
        pytest.param({"path": "/".join(["RIFFAAAAWAVE"] * 20)}, id="a path"),
    ],
)
@pytest.mark.parametrize("step", [1 << 30, 7])
def test_other_text_is_not(document: object, step: int) -> None:
    assert read(pieces(json.dumps(document).encode(), step), JSON).kinds == []


def test_each_sample_is_known_in_base64_as_it_is_by_itself() -> None:
    missing = []
    for path in samples():
        data = path.read_bytes()
        if len(data) >= 54:
            commit = {"key": "file", "value": {"content": b64(data), "path": "x", "encoding": "base64"}}
            found = ids(read(json.dumps(commit).encode(), LINES))
            missing += [(path.name, by) for by in ids(read(data)) - found]

    assert missing == []


def test_a_data_set_in_base64_has_its_shape() -> None:
    rows = {"content": b64(ROWS)}

    assert read(json.dumps(rows).encode(), JSON).shapes == read(ROWS).shapes != []


def test_only_so_many_are_looked_at() -> None:
    many = [b64(b"\xff" * 60 + number.to_bytes(4)) for number in range(MOST_LOOKS)]

    assert ids(read(json.dumps([*many[1:], CODED]).encode(), JSON))
    assert not ids(read(json.dumps([*many, CODED]).encode(), JSON))


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                CODED,
                CODED[:80],
                "data:x/y;base64," + CODED,
                "a",
                'b"',
                "\\",
                "é",
                "data:;base64,",
                b64(CAPTIONS),
            ]
        ),
        max_size=6,
    ).map(json.dumps),
    st.integers(1, 300),
)
def test_what_is_found_does_not_depend_on_how_the_body_was_cut(body: str, step: int) -> None:
    assert read(pieces(body.encode(), step), JSON) == read(body.encode(), JSON)
