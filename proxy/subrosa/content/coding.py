"""Content codings undone piece by piece (RFC 9110 section 8.4): bounded output per step, one reading or a refusal.

Every compressor is fed slices that end at fixed offsets of its input, whatever the chunks were, so that what comes
out before a fault, and which fault it is, depends on the octets alone.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import brotli

from subrosa.content.awschunked import AwsChunked
from subrosa.content.zstdframes import ZstdFrames
from subrosa.facts.unreadable import Ambiguity, UnreadableError

PIECE: Final = 64 * 1024
"""Bytes: no piece that a decoder yields is longer."""

MOST_CODINGS: Final = 3
_SLICE: Final = 8 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB_HEADER: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingLimits:
    """How far a body may expand; every number in bytes, ``ratio`` is output to input."""

    ratio: int = 200
    free: int = 1024 * 1024
    """Output that is not yet held against the ratio."""
    output: int = 16 * 1024**3


DEFAULT_LIMITS: Final = CodingLimits()


class _Stage(Protocol):
    """One coding: what it yields is complete for what it was fed; ``end`` yields the rest or raises TRUNCATED."""

    def feed(self, data: bytes, /) -> Iterator[bytes]: ...

    def end(self) -> Iterator[bytes]: ...


class Decoder:
    """Undoes a stack of content codings, given as the header lists them: the last was applied last.

    ``aws-chunked`` is a frame rather than a compression and is always the outermost: the SDKs append it to the
    list, the S3 documentation puts it first. ``feed`` yields pieces of at most 64 KiB and raises ``UnreadableError``
    at the byte that has no reading (BAD_ENCODING, TOO_LARGE); ``end`` yields the rest, and raises TRUNCATED when a
    coding is not complete. The constructor raises UNKNOWN_ENCODING for a coding it does not know and for more than
    three of them.
    """

    __slots__ = ("_frame", "_limits", "_made", "_stages", "_taken")

    def __init__(self, codings: Iterable[str] = (), limits: CodingLimits = DEFAULT_LIMITS) -> None:
        names = [name for name in (coding.strip().lower() for coding in codings) if name != "identity"]
        frames = [name for name in names if name == AWS_CHUNKED]
        if len(names) > MOST_CODINGS or len(frames) > 1:
            raise UnreadableError(Ambiguity.UNKNOWN_ENCODING, "too many content codings")
        unknown = [name for name in names if name not in _STAGES and name != AWS_CHUNKED]
        if unknown:
            raise UnreadableError(Ambiguity.UNKNOWN_ENCODING, "a content coding that is not known")
        self._frame = AwsChunked() if frames else None
        compressed = [name for name in names if name != AWS_CHUNKED]
        self._stages: list[_Stage] = [_STAGES[name]() for name in reversed(compressed)]
        if self._stages:
            self._stages.insert(0, _Aligned())
        if self._frame is not None:
            self._stages.insert(0, self._frame)
        self._limits = limits
        self._taken = 0
        self._made = [0] * len(self._stages)

    @property
    def identity(self) -> bool:
        """Whether the octets are passed on as they are."""
        return not self._stages

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """The trailers of ``aws-chunked``, names in lower case; empty for any other coding."""
        return self._frame.trailers if self._frame is not None else []

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` decodes to."""
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE] if len(data) > PIECE else data
            yield from self._through(piece, 0)

    def end(self) -> Iterator[bytes]:
        """What was still held back; raises TRUNCATED when a coding is not complete."""
        for index, stage in enumerate(self._stages):
            for piece in stage.end():
                yield from self._emit(piece, index)

    def _through(self, data: bytes, index: int) -> Iterator[bytes]:
        if index == len(self._stages):
            yield data
            return
        for piece in self._stages[index].feed(data):
            yield from self._emit(piece, index)

    def _emit(self, piece: bytes, index: int) -> Iterator[bytes]:
        """Count what stage ``index`` made, refuse what grows too far, pass the rest on in bounded pieces."""
        if isinstance(self._stages[index], _Aligned):
            self._taken += len(piece)
        else:
            self._made[index] += len(piece)
            made = self._made[index]
            if made > self._limits.output:
                raise UnreadableError(Ambiguity.TOO_LARGE, "the body decodes to more than the limit")
            if self._taken and made > self._limits.free and made > self._taken * self._limits.ratio:
                raise UnreadableError(Ambiguity.TOO_LARGE, "the body expands beyond the ratio limit")
        for at in range(0, len(piece), PIECE):
            yield from self._through(piece[at : at + PIECE] if len(piece) > PIECE else piece, index + 1)


class _Aligned:
    """Passes on slices that end at multiples of 8 KiB of its input, the last one at ``end``."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes, /) -> Iterator[bytes]:
        held = self._held + data if self._held else data
        whole = len(held) - len(held) % _SLICE
        self._held = held[whole:]
        for at in range(0, whole, _SLICE):
            yield held[at : at + _SLICE]

    def end(self) -> Iterator[bytes]:
        held, self._held = self._held, b""
        if held:
            yield held


class _Gzip:
    """RFC 1952: every member decodes, and nothing else follows."""

    __slots__ = ("_fresh", "_members", "_zlib")

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP)
        self._fresh = True
        self._members = 0

    def feed(self, data: bytes, /) -> Iterator[bytes]:
        while data:
            if self._zlib.eof:
                self._zlib = zlib.decompressobj(_GZIP)
            self._fresh = False
            yield from _inflate(self._zlib, data, "gzip")
            data = self._zlib.unused_data
            self._members += self._zlib.eof

    def end(self) -> Iterator[bytes]:
        if not self._zlib.eof:
            raise UnreadableError(Ambiguity.TRUNCATED, "`gzip` ends inside a member")
        yield from ()


class _Deflate:
    """RFC 9110 section 8.4.1.2: the zlib format; raw deflate, as some clients send it, where no zlib header stands."""

    __slots__ = ("_head", "_zlib")

    def __init__(self) -> None:
        self._head = b""
        self._zlib: zlib._Decompress | None = None

    def feed(self, data: bytes, /) -> Iterator[bytes]:
        if self._zlib is None:
            data = self._head = self._head + data
            if len(data) < _ZLIB_HEADER:
                return
            self._zlib = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_header(data) else -zlib.MAX_WBITS)
        if self._zlib.eof and data:
            raise _junk("deflate")
        yield from _inflate(self._zlib, data, "deflate")
        if self._zlib.unused_data:
            raise _junk("deflate")

    def end(self) -> Iterator[bytes]:
        if self._zlib is None or not self._zlib.eof:
            raise UnreadableError(Ambiguity.TRUNCATED, "`deflate` ends inside its stream")
        yield from ()


class _Brotli:
    """RFC 7932, one stream, nothing after it."""

    __slots__ = ("_brotli",)

    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()

    def feed(self, data: bytes, /) -> Iterator[bytes]:
        if self._brotli.is_finished():
            raise _junk("br")
        while True:
            try:
                piece = self._brotli.process(data, output_buffer_limit=PIECE)
            except brotli.error as error:
                raise UnreadableError(Ambiguity.BAD_ENCODING, "`br` does not decode") from error
            if piece:
                yield piece
            if not piece or self._brotli.is_finished():
                return
            data = b""

    def end(self) -> Iterator[bytes]:
        if not self._brotli.is_finished():
            raise UnreadableError(Ambiguity.TRUNCATED, "`br` ends inside its stream")
        yield from ()


def _inflate(stream: "zlib._Decompress", data: bytes, name: str) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.decompress(data, PIECE)
        except zlib.error as error:
            raise UnreadableError(Ambiguity.BAD_ENCODING, f"`{name}` does not decode") from error
        if piece:
            yield piece
        data = stream.unconsumed_tail
        if stream.eof or (not data and len(piece) < PIECE):
            return


def _has_zlib_header(data: bytes) -> bool:
    """RFC 1950 section 2.2: method 8, window at most 32 KiB, and a check over both bytes."""
    return data[0] & 15 == 8 and data[0] >> 4 <= 7 and (data[0] << 8 | data[1]) % 31 == 0  # noqa: PLR2004


def _junk(name: str) -> UnreadableError:
    return UnreadableError(Ambiguity.BAD_ENCODING, f"something follows the end of `{name}`")


AWS_CHUNKED: Final = "aws-chunked"
_STAGES: Final[dict[str, type[_Gzip | _Deflate | _Brotli | ZstdFrames]]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": ZstdFrames,
}
