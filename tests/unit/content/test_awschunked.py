"""The frame of S3 uploads: strict, bounded, and its trailers kept."""

import pytest

from content_kit import aws_chunked, captured, fault_of, pieces
from subrosa.content.awschunked import AwsChunked
from subrosa.facts.unreadable import Ambiguity

DATA = bytes(range(256)) * 3


def unframed(body: bytes, size: int = 1 << 20) -> tuple[bytes, list[tuple[str, str]]]:
    frame = AwsChunked()
    data = b"".join(piece for chunk in pieces(body, size) for piece in frame.feed(chunk))
    assert list(frame.end()) == []
    assert frame.finished
    return data, frame.trailers


def fault(body: bytes, size: int = 1 << 20) -> Ambiguity | None:
    frame = AwsChunked()
    steps = [*(frame.feed(chunk) for chunk in pieces(body, size)), frame.end()]
    return fault_of(piece for step in steps for piece in step)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(aws_chunked(DATA), id="unsigned"),
        pytest.param(aws_chunked(DATA, signed=True), id="signed"),
        pytest.param(aws_chunked(DATA, size=1), id="chunks of one octet"),
        pytest.param(aws_chunked(DATA, size=4096), id="one chunk"),
        pytest.param(
            aws_chunked(DATA).replace(b"40\r\n", b"00000040\r\n", 1), id="a size with leading zeros"
        ),
        pytest.param(aws_chunked(DATA)[:-5] + b"0" * 16 + b"\r\n\r\n", id="a last chunk of sixteen zeros"),
    ],
)
def test_what_is_unframed(body: bytes, size: int) -> None:
    assert unframed(body, size) == (DATA, [])


def test_trailers_are_kept_in_order_with_lower_case_names() -> None:
    body = aws_chunked(DATA, trailers=b"x-amz-checksum-crc32:/psuNg==\r\nX-Amz-Trailer-Signature: abc \r\n")
    assert unframed(body, 5) == (
        DATA,
        [("x-amz-checksum-crc32", "/psuNg=="), ("x-amz-trailer-signature", "abc")],
    )


@pytest.mark.parametrize("size", [1, 1 << 20], ids=["octet by octet", "in one piece"])
def test_what_minio_go_sends_after_the_last_chunk(size: int) -> None:
    trailers = b"x-amz-checksum-crc32c:wdBDMA==\n\r\nx-amz-trailer-signature:" + b"a" * 64 + b"\r\n"
    data, found = unframed(aws_chunked(DATA, signed=True, trailers=trailers), size)
    assert data == DATA
    assert [name for name, _ in found] == ["x-amz-checksum-crc32c", "x-amz-trailer-signature"]


def test_what_boto3_sends_begins_with_the_octets_of_the_object() -> None:
    _, codings, body = captured("s3_put_tls.http")
    data, trailers = unframed(body)
    assert codings == ("aws-chunked",)
    assert data[4:8] == b"ftyp"
    assert len(data) == 156
    assert trailers == [("x-amz-checksum-crc32", "/psuNg==")]


def test_nothing_at_all_may_be_framed() -> None:
    assert unframed(b"0\r\n\r\n") == (b"", [])


@pytest.mark.parametrize("size", [1, 1 << 20], ids=["octet by octet", "in one piece"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"", Ambiguity.TRUNCATED, id="nothing"),
        pytest.param(b"4\r\ndata", Ambiguity.TRUNCATED, id="no line end after the data"),
        pytest.param(b"4\r\ndata\r\n", Ambiguity.TRUNCATED, id="no last chunk"),
        pytest.param(b"0\r\n", Ambiguity.TRUNCATED, id="no closing line"),
        pytest.param(b"4\ndata\n0\n\n", Ambiguity.BAD_ENCODING, id="bare LF"),
        pytest.param(b"0x4\r\ndata\r\n0\r\n\r\n", Ambiguity.BAD_ENCODING, id="a size with 0x"),
        pytest.param(b"+4\r\ndata\r\n0\r\n\r\n", Ambiguity.BAD_ENCODING, id="a size with a sign"),
        pytest.param(b" 4\r\ndata\r\n0\r\n\r\n", Ambiguity.BAD_ENCODING, id="a blank before the size"),
        pytest.param(b"4 \r\ndata\r\n0\r\n\r\n", Ambiguity.BAD_ENCODING, id="a blank after the size"),
        pytest.param(b"4_0\r\ndata\r\n0\r\n\r\n", Ambiguity.BAD_ENCODING, id="a size with an underscore"),
        pytest.param(b"\r\ndata\r\n0\r\n\r\n", Ambiguity.BAD_ENCODING, id="no size"),
        pytest.param(b"0" * 16 + b"4\r\ndata\r\n0\r\n\r\n", Ambiguity.BAD_ENCODING, id="a size of 17 digits"),
        pytest.param(b"4\r\ndataX\r\n0\r\n\r\n", Ambiguity.BAD_ENCODING, id="more data than the size says"),
        pytest.param(
            b"0;" + b"x" * 257 + b"\r\n\r\n", Ambiguity.BAD_ENCODING, id="an extension over 256 octets"
        ),
        pytest.param(b"0;a\rb\r\n\r\n", Ambiguity.BAD_ENCODING, id="CR in an extension"),
        pytest.param(b"0\r\na:b\n", Ambiguity.TRUNCATED, id="a trailer that ends with LF, and nothing more"),
        pytest.param(b"0\r\na:b\n\r\n", Ambiguity.TRUNCATED, id="a trailer that ends with LF, unsigned"),
        pytest.param(b"0\r\n\r\nmore", Ambiguity.BAD_ENCODING, id="something after the end"),
        pytest.param(b"0\r\n\r\n\r\n", Ambiguity.BAD_ENCODING, id="a line after the end"),
        pytest.param(b"0\r\nno colon\r\n\r\n", Ambiguity.BAD_ENCODING, id="a trailer without a colon"),
        pytest.param(b"0\r\na b: c\r\n\r\n", Ambiguity.BAD_ENCODING, id="a trailer whose name is no token"),
        pytest.param(b"0\r\n" + b"a: b\r\n" * 2000, Ambiguity.TOO_LARGE, id="trailers over 8 KiB"),
        pytest.param(b"0\r\na:" + b"b" * 9000, Ambiguity.TOO_LARGE, id="a trailer over 8 KiB"),
        pytest.param(b"f" * 400, Ambiguity.BAD_ENCODING, id="a size line without end"),
    ],
)
def test_what_is_refused(body: bytes, expected: Ambiguity, size: int) -> None:
    assert fault(body, size) is expected
