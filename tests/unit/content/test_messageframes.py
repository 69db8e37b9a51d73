"""Messages in frames: cut anywhere, compressed by themselves, or refused."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_kit import ENCODERS, fault_of, pieces
from subrosa.content.messageframes import Framing, MessageFrames
from subrosa.facts.fields import Fields
from subrosa.facts.unreadable import Ambiguity, UnreadableError

PLAIN = Framing("", json=False)
GZIP = Framing("gzip", json=False)


def frame(message: bytes, flags: int = 0) -> bytes:
    return bytes([flags]) + len(message).to_bytes(4) + message


def read(framing: Framing, *chunks: bytes, most: int = 1000) -> list[tuple[bytes, bytes]]:
    frames = MessageFrames(framing, most)
    found = [one for chunk in chunks for one in frames.feed(chunk)]
    frames.end()
    return found


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
def test_messages_do_not_depend_on_how_the_body_was_cut(messages: list[bytes], size: int) -> None:
    sent = [frame(gzip.compress(one, mtime=0), 1) if len(one) % 2 else frame(one) for one in messages]

    assert read(GZIP, *pieces(b"".join(sent), size)) == list(zip(sent, messages, strict=True))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_message_is_compressed_by_itself(coding: str) -> None:
    sent = frame(ENCODERS[coding](b"words " * 20), 1)

    assert read(Framing(coding, json=False), sent) == [(sent, b"words " * 20)]


@pytest.mark.parametrize(
    ("framing", "body", "expected"),
    [
        pytest.param(PLAIN, frame(b"x")[:-1], Ambiguity.TRUNCATED, id="a body that ends inside a message"),
        pytest.param(PLAIN, b"\0\0", Ambiguity.TRUNCATED, id="a body that ends inside a prefix"),
        pytest.param(
            PLAIN, frame(b"x", 1), Ambiguity.BAD_ENCODING, id="compressed without the name of a coding"
        ),
        pytest.param(GZIP, frame(b"x", 1), Ambiguity.TRUNCATED, id="compressed in name only"),
        pytest.param(
            Framing("snappy", json=False), frame(b"x", 1), Ambiguity.UNKNOWN_ENCODING, id="unknown coding"
        ),
        pytest.param(PLAIN, frame(b"x", 4), Ambiguity.BAD_SYNTAX, id="a flag that nobody knows"),
        pytest.param(PLAIN, frame(b"{}", 2), Ambiguity.BAD_SYNTAX, id="Connect's end of stream in gRPC"),
        pytest.param(PLAIN, frame(b"x" * 1001), Ambiguity.TOO_LARGE, id="a message beyond the limit"),
        pytest.param(
            PLAIN, b"\0\xff\xff\xff\xff", Ambiguity.TOO_LARGE, id="an announced length beyond the limit"
        ),
        pytest.param(
            GZIP, frame(gzip.compress(b"x" * 5000), 1), Ambiguity.TOO_LARGE, id="a message that expands"
        ),
        pytest.param(
            Framing(None, json=False), frame(b"x"), Ambiguity.UNKNOWN_ENCODING, id="frames as base64 text"
        ),
        pytest.param(
            Framing("", json=True, connect=True), frame(b"{}", 2), None, id="Connect's end of stream"
        ),
        pytest.param(
            Framing("snappy", json=False), frame(b"x"), None, id="an unknown coding that is not used"
        ),
        pytest.param(PLAIN, b"", None, id="no message at all"),
    ],
)
def test_what_has_no_single_reading(framing: Framing, body: bytes, expected: Ambiguity | None) -> None:
    def step() -> list[tuple[bytes, bytes]]:
        return read(framing, body)

    assert fault_of(one for _ in [0] for one in step()) is expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({"content-type": "application/grpc"}, PLAIN),
        ({"content-type": "application/grpc+proto", "grpc-encoding": "GZIP"}, GZIP),
        ({"content-type": "application/grpc-web+json"}, Framing("", json=True)),
        ({"content-type": "application/grpc-web-text"}, Framing(None, json=False)),
        (
            {"content-type": "application/connect+json", "connect-content-encoding": "br"},
            Framing("br", json=True, connect=True),
        ),
        ({"content-type": "application/json"}, None),
        ({"content-type": "application/grpc-other"}, None),
        ({}, None),
    ],
)
def test_the_head_names_the_framing(lines: dict[str, str], expected: Framing | None) -> None:
    fields = Fields.of([(name.encode(), value.encode()) for name, value in lines.items()])

    assert Framing.of(fields) == expected


def test_two_codings_have_no_single_reading() -> None:
    fields = Fields.of(
        [(b"content-type", b"application/grpc"), (b"grpc-encoding", b"gzip"), (b"grpc-encoding", b"br")]
    )

    with pytest.raises(UnreadableError):
        Framing.of(fields)
