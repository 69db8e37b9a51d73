from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.gateway.h2frames import Frames, OverlongError

DATA, HEADERS, PING = 0, 1, 6
END, PADDED = 1, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

type Frame = tuple[int, int, int, bytes]


def wire(*frames: Frame) -> bytes:
    return b"".join(
        len(body).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + body
        for kind, flags, stream, body in frames
    )


def read(octets: bytes) -> list[Frame]:
    found: list[Frame] = []
    while octets:
        end = 9 + int.from_bytes(octets[:3])
        found.append((octets[3], octets[4], int.from_bytes(octets[5:9]), octets[9:end]))
        octets = octets[end:]
    return found


@pytest.mark.parametrize(
    ("came", "given"),
    [
        pytest.param(
            [(HEADERS, 4, 1, b"h"), (DATA, 0, 1, b"ab"), (DATA, 0, 1, b""), (DATA, END, 1, b"c")],
            [(HEADERS, 4, 1, b"h"), (DATA, END, 1, b"abc")],
            id="the pieces of one body are one, and it ends where they do",
        ),
        pytest.param(
            [(DATA, 0, 1, b"a"), (DATA, 0, 3, b"b"), (DATA, 0, 1, b"c")],
            [(DATA, 0, 1, b"a"), (DATA, 0, 3, b"b"), (DATA, 0, 1, b"c")],
            id="nothing overtakes anything",
        ),
        pytest.param(
            [(DATA, END, 1, b"a"), (DATA, END, 1, b"b")],
            [(DATA, END, 1, b"a"), (DATA, END, 1, b"b")],
            id="what comes behind an end stays there",
        ),
        pytest.param(
            [(DATA, PADDED, 1, b"\1a\0"), (DATA, 0, 1, b"b"), (DATA, PADDED | END, 1, b"\1c\0")],
            [(DATA, PADDED, 1, b"\1a\0"), (DATA, 0, 1, b"b"), (DATA, PADDED | END, 1, b"\1c\0")],
            id="padding stays with its frame",
        ),
        pytest.param(
            [(DATA, 0, 1, b"a" * 20), (DATA, 0, 1, b"b" * 12), (DATA, END, 1, b"c")],
            [(DATA, 0, 1, b"a" * 20 + b"b" * 12), (DATA, END, 1, b"c")],
            id="none gets longer than a frame may be",
        ),
        pytest.param(
            [(DATA, 0, 1, b"a"), (PING, 0, 0, b"12345678"), (DATA, 0, 1, b"b")],
            [(DATA, 0, 1, b"a"), (PING, 0, 0, b"12345678"), (DATA, 0, 1, b"b")],
            id="a ping in the middle is answered where it came",
        ),
    ],
)
def test_small_frames_of_one_body_are_joined(came: list[Frame], given: list[Frame]) -> None:
    assert read(Frames(32, preface=False).take(wire(*came))) == given


def test_a_frame_that_will_be_too_long_is_told_by_its_first_octets() -> None:
    frames = Frames(32, preface=True)
    assert frames.take(PREFACE + wire((PING, 0, 0, b"12345678")) + b"\0\0") == PREFACE + wire(
        (PING, 0, 0, b"12345678")
    )
    with pytest.raises(OverlongError):
        frames.take(b"\x21")


@given(
    st.lists(
        st.tuples(
            st.sampled_from((DATA, DATA, DATA, HEADERS)),
            st.sampled_from((0, 0, END, PADDED)),
            st.sampled_from((1, 3)),
            st.binary(max_size=32),
        )
    ),
    st.lists(st.integers(0, 200)),
)
def test_no_octet_and_no_end_moves_however_frames_come_in(frames: list[Frame], cuts: list[int]) -> None:
    octets = PREFACE + wire(*frames)
    places = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    taker = Frames(32, preface=True)
    given = b"".join(taker.take(octets[a:b]) for a, b in pairwise(places))
    assert given.startswith(PREFACE)
    assert flat(read(given.removeprefix(PREFACE))) == flat(frames)


def flat(frames: list[Frame]) -> list[object]:
    """Frames with DATA without padding as single octets: what is left of them if how they are cut has no meaning."""
    told: list[object] = []
    for kind, flags, stream, body in frames:
        if kind == DATA and flags in (0, END):
            told += [(stream, octet) for octet in body] + [(stream, "end")] * (flags == END)
        else:
            told.append((kind, flags, stream, body))
    return told
