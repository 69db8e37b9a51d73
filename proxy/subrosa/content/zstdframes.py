"""Zstandard frames cut into blocks (RFC 8878 section 3.1), so that no call of the library can yield more than one.

The library's streaming object returns all it can in one piece, and four bytes of an RLE block stand for 128 KiB.
"""

from collections.abc import Generator, Iterator
from typing import Final

import zstandard

from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_WINDOW: Final = 8 * 1024 * 1024
"""RFC 9659: an encoder of the ``zstd`` content coding must not use a larger window."""

_MAGIC: Final = 0xFD2FB528
_SKIPPABLE: Final = range(0x184D2A50, 0x184D2A60)
_DICT_ID_BYTES: Final = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES: Final = (0, 2, 4, 8)
_RLE: Final = 1
_RESERVED: Final = 3

type _Need = tuple[int, bool]
"""How many bytes the grammar needs next; whether it wants them whole (else they may come in pieces, unread)."""


class ZstdFrames:
    """Decodes one frame after another; skippable frames are skipped, anything else between frames is a fault.

    Raises ``UnreadableError``: BAD_ENCODING for a broken frame or checksum, UNKNOWN_ENCODING for a frame that needs a
    dictionary, TOO_LARGE for a window over 8 MiB, TRUNCATED by ``end`` inside a frame or before the first.
    """

    __slots__ = ("_between", "_frames", "_grammar", "_need", "_pending", "_whole", "_zstd")

    def __init__(self) -> None:
        self._zstd: zstandard.ZstdDecompressionObj | None = None
        self._pending = b""
        self._frames = 0
        self._between = True
        self._grammar = self._frame_after_frame()
        self._need, self._whole = next(self._grammar)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content in ``data``, each piece from one block, so at most 128 KiB."""
        at = 0
        while at < len(data):
            piece = data[at : at + self._need - (len(self._pending) if self._whole else 0)]
            at += len(piece)
            if self._whole:
                self._pending += piece
                if len(self._pending) < self._need:
                    return
                piece, self._pending = self._pending, b""
            self._need -= len(piece)
            decoder = self._zstd
            if not self._need:
                self._need, self._whole = self._grammar.send(piece)
                decoder = decoder or self._zstd
            if decoder is not None:
                yield from self._decode(decoder, piece)

    def end(self) -> Iterator[bytes]:
        """Nothing more to yield; raises TRUNCATED inside a frame, or before the first."""
        if not self._between or self._pending or not self._frames:
            raise UnreadableError(Ambiguity.TRUNCATED, "`zstd` ends inside a frame")
        yield from ()

    def _decode(self, decoder: "zstandard.ZstdDecompressionObj", piece: bytes) -> Iterator[bytes]:
        try:
            out = decoder.decompress(piece)
        except zstandard.ZstdError as error:
            raise _bad("a frame of `zstd` does not decode") from error
        if decoder.eof is not (self._zstd is None):
            raise _bad("a frame of `zstd` does not end where its last block does")
        if out:
            yield out

    def _frame_after_frame(self) -> Generator[_Need, bytes, None]:
        while True:
            magic = int.from_bytes((yield 4, True), "little")
            self._between = False
            if magic in _SKIPPABLE:
                size = int.from_bytes((yield 4, True), "little")
                if size:
                    yield size, False
            elif magic == _MAGIC:
                self._zstd = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW).decompressobj()
                yield from self._one_frame()
                self._zstd = None
                self._frames += 1
            else:
                raise _bad("something else than a frame in `zstd`")
            self._between = True

    def _one_frame(self) -> Generator[_Need, bytes, None]:
        descriptor = (yield 1, True)[0]
        single, checksum = bool(descriptor & 0x20), bool(descriptor & 0x04)
        if descriptor & 0x08:
            raise _bad("a frame of `zstd` sets a reserved bit")
        dictionary = _DICT_ID_BYTES[descriptor & 3]
        content = _CONTENT_SIZE_BYTES[descriptor >> 6] or int(single)
        header = (yield (not single) + dictionary + content, True) if not single or content else b""
        if any(header[not single : (not single) + dictionary]):
            raise UnreadableError(Ambiguity.UNKNOWN_ENCODING, "a frame of `zstd` needs a dictionary")
        if _window(header, single=single, content=content) > MOST_WINDOW:
            raise UnreadableError(Ambiguity.TOO_LARGE, "a frame of `zstd` needs a window over 8 MiB")
        last = False
        while not last:
            block = int.from_bytes((yield 3, True), "little")
            last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
            if kind == _RESERVED:
                raise _bad("a block of `zstd` has a reserved type")
            size = 1 if kind == _RLE else size
            if size:
                yield size, False
        if checksum:
            yield 4, True


def _window(header: bytes, *, single: bool, content: int) -> int:
    if single:
        return int.from_bytes(header[len(header) - content :], "little") + (256 if content == 2 else 0)  # noqa: PLR2004
    base = 1 << (10 + (header[0] >> 3))
    return base + base // 8 * (header[0] & 7)


def _bad(detail: str) -> UnreadableError:
    return UnreadableError(Ambiguity.BAD_ENCODING, detail)
