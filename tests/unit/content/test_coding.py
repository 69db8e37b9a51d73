"""Content codings: what decodes, what is refused, and that a bomb stays small."""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator, Sequence

import brotli
import pytest
import zstandard

from content_kit import ENCODERS, aws_chunked, fault_of, pieces, raw_deflate
from subrosa.content.coding import PIECE, CodingLimits, Decoder
from subrosa.facts.unreadable import Ambiguity, UnreadableError

TEXT = b"Ada Sample: synthetic words\n" * 400
SKIPPABLE = b"\x50\x2a\x4d\x18" + (7).to_bytes(4, "little") + b"skipped"


def zstd(data: bytes, **parameters: int) -> bytes:
    level = zstandard.ZstdCompressionParameters.from_level(3, **parameters)
    return zstandard.ZstdCompressor(compression_params=level).compress(data)


def decoded(data: bytes, codings: Sequence[str], limits: CodingLimits | None = None) -> bytes:
    decoder = Decoder(codings, limits or CodingLimits())
    made = [*decoder.feed(data), *decoder.end()]
    assert all(len(piece) <= PIECE for piece in made)
    return b"".join(made)


def gathered(steps: Iterable[Iterable[bytes]], out: list[bytes]) -> Iterator[bytes]:
    """The pieces of all steps, kept in ``out`` as they come."""
    for step in steps:
        for piece in step:
            out.append(piece)
            yield piece


def fault(data: bytes, codings: Sequence[str], limits: CodingLimits | None = None) -> tuple[Ambiguity, int]:
    """Why a body has no reading, and how many octets came out before."""
    out: list[bytes] = []
    try:
        decoder = Decoder(codings, limits or CodingLimits())
        for _ in gathered([decoder.feed(data), decoder.end()], out):
            pass
    except UnreadableError as error:
        return error.ambiguity, sum(map(len, out))
    pytest.fail("the body was read")


@pytest.mark.parametrize("coding", ENCODERS)
def test_each_coding_is_undone(coding: str) -> None:
    assert decoded(ENCODERS[coding](TEXT), [coding]) == TEXT


@pytest.mark.parametrize(
    ("codings", "body"),
    [
        pytest.param([], TEXT, id="no coding is none"),
        pytest.param(["identity"], TEXT, id="identity is none"),
        pytest.param(["GZip"], gzip.compress(TEXT), id="the case of a coding's name does not matter"),
        pytest.param(["x-gzip"], gzip.compress(TEXT), id="x-gzip is gzip"),
        pytest.param(["deflate"], raw_deflate(TEXT), id="raw deflate is read where no zlib header stands"),
        pytest.param(
            ["gzip"], gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:]), id="every gzip member is read"
        ),
        pytest.param(
            ["gzip"], gzip.compress(b"") + gzip.compress(TEXT), id="an empty gzip member is a member"
        ),
        pytest.param(["zstd"], zstd(TEXT[:99]) + zstd(TEXT[99:]), id="every zstd frame is read"),
        pytest.param(["zstd"], SKIPPABLE + zstd(TEXT) + SKIPPABLE, id="skippable zstd frames are skipped"),
        pytest.param(["zstd"], zstd(TEXT, write_checksum=1), id="a zstd frame may end with a checksum"),
        pytest.param(["zstd"], zstd(TEXT, write_content_size=0), id="a zstd frame need not tell its size"),
        pytest.param(["zstd"], zstd(b"") + zstd(TEXT), id="an empty zstd frame is a frame"),
        pytest.param(
            ["deflate", "gzip", "br"],
            brotli.compress(gzip.compress(zlib.compress(TEXT))),
            id="a stack is undone from its end",
        ),
        pytest.param(
            ["gzip", "aws-chunked"],
            aws_chunked(gzip.compress(TEXT)),
            id="aws-chunked is the outermost where an SDK appended it",
        ),
        pytest.param(
            ["aws-chunked", "gzip"],
            aws_chunked(gzip.compress(TEXT)),
            id="aws-chunked is the outermost where the S3 documentation puts it too",
        ),
    ],
)
def test_what_decodes(codings: list[str], body: bytes) -> None:
    assert decoded(body, codings) == TEXT


@pytest.mark.parametrize(
    ("codings", "body", "expected"),
    [
        pytest.param(["compress"], TEXT, Ambiguity.UNKNOWN_ENCODING, id="a coding that nobody knows"),
        pytest.param(["gzip;q=1"], TEXT, Ambiguity.UNKNOWN_ENCODING, id="a coding with a weight"),
        pytest.param(["gzip"] * 4, TEXT, Ambiguity.UNKNOWN_ENCODING, id="a stack of four"),
        pytest.param(["aws-chunked"] * 2, TEXT, Ambiguity.UNKNOWN_ENCODING, id="two frames"),
        pytest.param(["gzip"], TEXT, Ambiguity.BAD_ENCODING, id="plain text labelled gzip"),
        pytest.param(["gzip"], b"", Ambiguity.TRUNCATED, id="nothing labelled gzip"),
        pytest.param(["gzip"], gzip.compress(TEXT) + b"junk", Ambiguity.BAD_ENCODING, id="junk after gzip"),
        pytest.param(
            ["gzip"], gzip.compress(TEXT) + b"\0" * 8, Ambiguity.BAD_ENCODING, id="padding after gzip"
        ),
        pytest.param(
            ["gzip"], gzip.compress(TEXT)[:-1], Ambiguity.TRUNCATED, id="gzip without its last octet"
        ),
        pytest.param(
            ["gzip"],
            gzip.compress(TEXT)[:-8] + bytes(8),
            Ambiguity.BAD_ENCODING,
            id="gzip with a wrong checksum",
        ),
        pytest.param(
            ["gzip"], gzip.compress(TEXT) + b"\x1f\x8b", Ambiguity.TRUNCATED, id="a gzip member cut short"
        ),
        pytest.param(["deflate"], zlib.compress(TEXT) + b"x", Ambiguity.BAD_ENCODING, id="junk after zlib"),
        pytest.param(
            ["deflate"], raw_deflate(TEXT) + b"x", Ambiguity.BAD_ENCODING, id="junk after raw deflate"
        ),
        pytest.param(
            ["deflate"], zlib.compress(TEXT)[:-1], Ambiguity.TRUNCATED, id="zlib without its last octet"
        ),
        pytest.param(["deflate"], b"x", Ambiguity.TRUNCATED, id="deflate of one octet"),
        pytest.param(["deflate"], gzip.compress(TEXT), Ambiguity.BAD_ENCODING, id="gzip labelled deflate"),
        pytest.param(["br"], brotli.compress(TEXT) + b"x", Ambiguity.BAD_ENCODING, id="junk after brotli"),
        pytest.param(
            ["br"], brotli.compress(TEXT)[:-1], Ambiguity.TRUNCATED, id="brotli without its last octet"
        ),
        pytest.param(["br"], b"\xff" * 64, Ambiguity.BAD_ENCODING, id="octets that are no brotli"),
        pytest.param(["zstd"], b"", Ambiguity.TRUNCATED, id="nothing labelled zstd"),
        pytest.param(["zstd"], SKIPPABLE, Ambiguity.TRUNCATED, id="zstd without a frame of content"),
        pytest.param(["zstd"], zstd(TEXT) + b"junk", Ambiguity.BAD_ENCODING, id="junk after zstd"),
        pytest.param(["zstd"], zstd(TEXT) + b"j", Ambiguity.TRUNCATED, id="an octet after zstd"),
        pytest.param(["zstd"], zstd(TEXT)[:-1], Ambiguity.TRUNCATED, id="zstd without its last octet"),
        pytest.param(
            ["zstd"],
            zstd(TEXT, write_checksum=1)[:-4] + bytes(4),
            Ambiguity.BAD_ENCODING,
            id="zstd with a wrong checksum",
        ),
        pytest.param(
            ["zstd"],
            b"\x28\xb5\x2f\xfd\x08\x58" + bytes(9),
            Ambiguity.BAD_ENCODING,
            id="a zstd frame with a reserved bit",
        ),
        pytest.param(
            ["zstd"],
            b"\x28\xb5\x2f\xfd\x00\x58\x07\x00\x00",
            Ambiguity.BAD_ENCODING,
            id="a zstd block of a reserved type",
        ),
        pytest.param(
            ["zstd"],
            b"\x28\xb5\x2f\xfd\x01\x58\x07\x01\x00\x00",
            Ambiguity.UNKNOWN_ENCODING,
            id="a zstd frame that needs a dictionary",
        ),
        pytest.param(
            ["zstd"],
            b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00",
            Ambiguity.TOO_LARGE,
            id="a zstd frame whose window is larger than RFC 9659 allows",
        ),
        pytest.param(
            ["zstd"],
            b"\x28\xb5\x2f\xfd\xa0\x01\x00\x80\x00\x01\x00\x00",
            Ambiguity.TOO_LARGE,
            id="a zstd frame that wants all its content in one window",
        ),
    ],
)
def test_what_has_no_reading(codings: list[str], body: bytes, expected: Ambiguity) -> None:
    assert fault(body, codings)[0] is expected


ZEROS = bytes(32 * 1024 * 1024)
RLE = b"\x28\xb5\x2f\xfd\x00\x58" + b"\x02\x00\x10\x00" * 20_000 + b"\x03\x00\x10\x00"


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        pytest.param("gzip", gzip.compress(ZEROS), id="gzip"),
        pytest.param("deflate", zlib.compress(ZEROS), id="deflate"),
        pytest.param("br", brotli.compress(ZEROS), id="brotli"),
        pytest.param("zstd", zstd(ZEROS), id="zstd"),
        pytest.param("zstd", RLE, id="zstd of repeated octets, four for each 128 KiB"),
    ],
)
def test_a_bomb_is_refused_soon_after_the_first_mebibyte(coding: str, bomb: bytes) -> None:
    assert fault(bomb, [coding])[0] is Ambiguity.TOO_LARGE
    assert fault(bomb, [coding])[1] <= 1024 * 1024 + 200 * 8 * 1024 + 256 * 1024


def test_a_bomb_in_a_bomb_is_measured_against_what_was_sent() -> None:
    inner = gzip.compress(bytes(16 * 1024 * 1024))
    assert fault(gzip.compress(inner * 40), ["gzip", "gzip"])[0] is Ambiguity.TOO_LARGE


def test_text_that_compresses_well_is_no_bomb() -> None:
    log = b"".join(b"2026-01-08 12:01:25 GET /healthz 200 curl/8.5 %d\n" % line for line in range(60_000))
    assert decoded(gzip.compress(log), ["gzip"]) == log


def test_the_first_mebibyte_may_be_all_zeros() -> None:
    zeros = bytes(1024 * 1024)
    assert decoded(gzip.compress(zeros), ["gzip"]) == zeros


def test_output_has_a_limit_of_its_own() -> None:
    limits = CodingLimits(output=100_000)
    assert decoded(gzip.compress(bytes(100_000)), ["gzip"], limits) == bytes(100_000)
    assert fault(gzip.compress(bytes(100_001)), ["gzip"], limits)[0] is Ambiguity.TOO_LARGE
    assert fault(aws_chunked(bytes(100_001)), ["aws-chunked"], limits)[0] is Ambiguity.TOO_LARGE


def test_decoding_holds_no_more_than_a_few_pieces() -> None:
    body = gzip.compress(b"Ada Sample: synthetic words %d\n" * 600_000, 9)
    tracemalloc.start()
    try:
        decoder = Decoder(["gzip"], CodingLimits(ratio=10_000))
        out = sum(len(piece) for chunk in pieces(body, 65536) for piece in decoder.feed(chunk))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert out > 10_000_000
    assert peak < 1024 * 1024


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("damage", [0, 1, 40, -9, -1], ids=lambda at: f"octet {at} changed")
def test_what_comes_before_a_fault_does_not_depend_on_how_the_octets_were_cut(
    coding: str, damage: int
) -> None:
    body = bytearray(ENCODERS[coding](bytes(range(256)) * 900))
    body[damage] ^= 0x55
    outcomes = set()
    for size in (len(body), 1, 7, 8192, 10_000):
        out: list[bytes] = []
        decoder = Decoder([coding])
        steps = [*(decoder.feed(piece) for piece in pieces(bytes(body), size)), decoder.end()]
        reason = fault_of(gathered(steps, out))
        outcomes.add((b"".join(out), reason))
    assert len(outcomes) == 1
