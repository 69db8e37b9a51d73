import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.gateway.bodies import (
    BodyReader,
    ChunkedBody,
    End,
    FramingError,
    LengthBody,
    UntilClose,
    body_reader,
)


def read(reader: BodyReader, octets: bytes, cuts: list[int]) -> tuple[bytes, End | None, bytes]:
    """What a reader makes of octets that come in pieces: the body, its end, and what is left over."""
    buffer, body, at = bytearray(), b"", 0
    for cut in [*sorted(cuts), len(octets)]:
        buffer += octets[at:cut]
        at = max(at, cut)
        while True:
            piece = reader.take(buffer)
            if piece is None:
                break
            if isinstance(piece, End):
                return body, piece, bytes(buffer) + octets[at:]
            body += piece
    return body, None, bytes(buffer)


PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
CUTS = st.lists(st.integers(0, 300), max_size=12)


@given(pieces=PIECES, cuts=CUTS, trailer=st.booleans())
def test_chunks_read_the_same_however_they_are_cut(
    pieces: list[bytes], cuts: list[int], *, trailer: bool
) -> None:
    octets = b"".join(b"%X;x=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    octets += b"0\r\nX-Sum: 1\r\n\r\n" if trailer else b"0\r\n\r\n"
    body, end, left = read(ChunkedBody(), octets + b"GET / next", cuts)
    assert body == b"".join(pieces)
    assert end == End(((b"X-Sum", b"1"),) if trailer else ())
    assert left == b"GET / next"


@given(body=st.binary(max_size=100), cuts=CUTS)
def test_a_length_is_taken_to_the_octet(body: bytes, cuts: list[int]) -> None:
    assert read(LengthBody(len(body)), body + b"next", cuts) == (body, End(), b"next")


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"\r\n", id="no size"),
        pytest.param(b"g\r\n", id="no hexadecimal number"),
        pytest.param(b"+3\r\n", id="a sign"),
        pytest.param(b"3 \r\n", id="a blank behind the size"),
        pytest.param(b"1_0\r\n", id="an underscore"),
        pytest.param(b"1" * 17 + b"\r\n", id="an overflow"),
        pytest.param(b"3\n", id="a line that ends in LF"),
        pytest.param(b"3;\x00\r\n", id="a NUL in an extension"),
        pytest.param(b"3;" + b"a" * 300, id="an extension without end"),
        pytest.param(b"1\r\nab\r\n", id="a chunk longer than its size"),
        pytest.param(b"0\r\nno colon\r\n\r\n", id="a trailer without colon"),
        pytest.param(b"0\r\n" + b"a: " + b"b" * 20000, id="trailers without end"),
    ],
)
def test_what_no_chunk_is(octets: bytes) -> None:
    with pytest.raises(FramingError):
        read(ChunkedBody(), octets, [])


@pytest.mark.parametrize("reader", [LengthBody(1), ChunkedBody()])
def test_a_body_that_breaks_off_is_not_whole(reader: BodyReader) -> None:
    with pytest.raises(FramingError):
        reader.close()


def test_sizes_choose_their_reader() -> None:
    assert isinstance(body_reader(None), ChunkedBody)
    assert isinstance(body_reader(-1), UntilClose)
    assert body_reader(0).take(bytearray(b"next")) == End()
    assert UntilClose().close() == End()
