"""The inner frame of S3 uploads, ``Content-Encoding: aws-chunked``; under it stand the octets of the object.

Grammar (Amazon S3 API, "Signature calculations: transferring a payload in multiple chunks", and its variant
"including trailing headers"):

    body     = *chunk last-chunk *( name ":" value CRLF ) CRLF
    chunk    = 1*16HEXDIG [ ";" extension ] CRLF data CRLF
    last     = 1*"0" [ ";" extension ] CRLF

minio-go ends its trailers with LF, then CRLF, and only then signs them (request-signature-streaming.go,
addSignedTrailer). Nothing of the payload hangs on that, so it is read.
"""

import re
from collections.abc import Iterator
from typing import Final

from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_EXTENSION: Final = 256
MOST_TRAILERS: Final = 8 * 1024
"""Bytes of the whole trailer section."""

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;([\x21-\x7e]{0,256}))?")
_TRAILER_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e]*)")
_LONGEST_SIZE_LINE: Final = 16 + 1 + MOST_EXTENSION + 2


class AwsChunked:
    """De-frames one body: ``feed`` yields the data, ``trailers`` holds what stood after the last chunk.

    Faults are raised as ``UnreadableError`` at the byte that shows them: BAD_ENCODING for a broken frame, TOO_LARGE
    for a trailer section over 8 KiB, TRUNCATED by ``end`` when the closing line has not come.
    """

    __slots__ = ("_left", "_line", "_size", "_step", "_unsigned", "trailers")

    def __init__(self) -> None:
        self.trailers: list[tuple[str, str]] = []
        self._step = self._size_line
        self._line = b""
        self._left = 0
        self._size = 0
        self._unsigned = False

    @property
    def finished(self) -> bool:
        """Whether the closing line was read."""
        return self._step == self._nothing_more

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payload in ``data``, in pieces no longer than ``data``."""
        view = memoryview(data)
        at = 0
        while at < len(view):
            if self._left:
                piece = bytes(view[at : at + self._left])
                self._left -= len(piece)
                at += len(piece)
                yield piece
                continue
            at = self._take_line(data, at)

    def end(self) -> Iterator[bytes]:
        """Nothing more to yield; raises TRUNCATED when the frame is not closed."""
        if not self.finished:
            raise UnreadableError(Ambiguity.TRUNCATED, "`aws-chunked` ends before its last chunk")
        yield from ()

    def _take_line(self, data: bytes, at: int) -> int:
        """Consume up to and including the next LF; returns the offset after it, or the end of ``data``."""
        if self._step == self._nothing_more:
            raise UnreadableError(Ambiguity.BAD_ENCODING, "`aws-chunked` goes on after its end")
        stop = data.find(b"\n", at)
        part = data[at:] if stop < 0 else data[at : stop + 1]
        room = self._room() - len(self._line)
        if len(part) > room:
            self._line += part[:room]
            raise self._overlong()
        self._line += part
        if stop < 0:
            return len(data)
        line, self._line = self._line, b""
        if line.endswith(b"\r\n"):
            self._step(line[:-2])
        elif self._step == self._trailer_line:
            self._unsigned = True
            self._step(line[:-1])
        else:
            raise UnreadableError(Ambiguity.BAD_ENCODING, "a line of `aws-chunked` ends without CR")
        return stop + 1

    def _room(self) -> int:
        if self._step == self._size_line:
            return _LONGEST_SIZE_LINE
        return 2 if self._step == self._after_data else MOST_TRAILERS - self._size

    def _overlong(self) -> UnreadableError:
        if self._step == self._trailer_line:
            return UnreadableError(Ambiguity.TOO_LARGE, "trailers of `aws-chunked` over 8 KiB")
        return UnreadableError(Ambiguity.BAD_ENCODING, "a line of `aws-chunked` is too long")

    def _size_line(self, line: bytes) -> None:
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise UnreadableError(Ambiguity.BAD_ENCODING, "a chunk of `aws-chunked` has no plain size")
        self._left = int(found[1], 16)
        self._step = self._after_data if self._left else self._trailer_line

    def _after_data(self, line: bytes) -> None:
        if line:
            raise UnreadableError(Ambiguity.BAD_ENCODING, "a chunk of `aws-chunked` is longer than its size")
        self._step = self._size_line

    def _trailer_line(self, line: bytes) -> None:
        if not line:
            self._step, self._unsigned = self._trailer_line if self._unsigned else self._nothing_more, False
            return
        found = _TRAILER_LINE.fullmatch(line)
        if found is None:
            raise UnreadableError(Ambiguity.BAD_ENCODING, "a trailer of `aws-chunked` is no field line")
        self._size += len(line) + 2
        self.trailers.append((found[1].decode().lower(), found[2].decode().strip(" \t")))

    def _nothing_more(self, line: bytes) -> None:
        raise AssertionError(line)
