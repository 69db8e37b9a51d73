"""Readers of HTTP/1 bodies: strict, bounded, and with trailers, which mitmproxy's own do not know.

A reader takes from the front of a buffer and gives octets, the `End`, or None for "not yet".
"""

import re
from dataclasses import dataclass
from typing import Protocol

from subrosa.facts.head import HeadError, HeadFault

type Lines = list[tuple[bytes, bytes]]

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})([ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?")
UNTIL_CLOSE = -1
"""The size of a body that ends with its connection."""
ALL = 1 << 62
"""No bound to a piece."""
_MAX_SIZE_LINE = 16 + 256
_MAX_TRAILERS = 16384


@dataclass(frozen=True, slots=True)
class End:
    """The message is complete."""

    trailers: tuple[tuple[bytes, bytes], ...] = ()


WHOLE = End()
"""The end of a message without trailers."""


class FramingError(HeadError):
    """A body that is not framed as its head says."""

    def __init__(self, detail: str) -> None:
        super().__init__(HeadFault.FRAMING, detail)


class BodyReader(Protocol):
    """Takes one body from the front of a buffer."""

    def take(self, buffer: bytearray, most: int = ALL) -> bytes | End | None:
        """The next piece, of so many octets at most, None where none is there yet; raises FramingError."""

    def close(self) -> End:
        """The peer closed; raises FramingError where the body is not whole."""


class LengthBody:
    """So many octets."""

    def __init__(self, length: int) -> None:
        self.left = length

    def take(self, buffer: bytearray, most: int = ALL) -> bytes | End | None:
        """The next piece."""
        if not self.left:
            return WHOLE
        data = bytes(memoryview(buffer)[: min(self.left, most)])
        del buffer[: len(data)]
        self.left -= len(data)
        return data or None

    def passes(self, octets: bytes) -> bool:
        """Whether octets that just came are all of this body, which need no buffer then."""
        if len(octets) > self.left:
            return False
        self.left -= len(octets)
        return True

    def close(self) -> End:
        """The peer closed; raises FramingError where octets are missing."""
        if self.left:
            raise FramingError(f"the body lacks {self.left} octets of its length")
        return End()


class UntilClose:
    """All there is."""

    def take(self, buffer: bytearray, most: int = ALL) -> bytes | End | None:
        """The next piece."""
        data = bytes(memoryview(buffer)[:most])
        del buffer[: len(data)]
        return data or None

    def close(self) -> End:
        """The peer closed, which ends it."""
        return End()


class ChunkedBody:
    """RFC 9112 7.1: hexadecimal sizes, CRLF alone, extensions read over, one trailer section."""

    def __init__(self) -> None:
        self.left = 0
        self._inside = False
        self._trailing = False

    def take(self, buffer: bytearray, most: int = ALL) -> bytes | End | None:
        """The next piece; raises FramingError."""
        while not self._trailing:
            if self.left:
                data = bytes(memoryview(buffer)[: min(self.left, most)])
                del buffer[: len(data)]
                self.left -= len(data)
                return data or None
            if self._inside and not self._end_of_chunk(buffer):
                return None
            if not self._size(buffer):
                return None
        return self._trailers(buffer)

    def close(self) -> End:
        """The peer closed in the middle."""
        raise FramingError("the last chunk is missing")

    def _end_of_chunk(self, buffer: bytearray) -> bool:
        ending = bytes(buffer[:2])
        if ending not in (b"\r\n", b"\r", b""):
            raise FramingError("a chunk is longer than its size")
        if len(ending) < len(b"\r\n"):
            return False
        del buffer[:2]
        self._inside = False
        return True

    def _size(self, buffer: bytearray) -> bool:
        at = buffer.find(b"\n", 0, _MAX_SIZE_LINE)
        if at < 0:
            if len(buffer) >= _MAX_SIZE_LINE:
                raise FramingError("a chunk size line is too long")
            return False
        line = bytes(buffer[: at + 1])
        match = _SIZE.fullmatch(line[:-2]) if line.endswith(b"\r\n") else None
        if match is None:
            raise FramingError("a chunk size is no hexadecimal number")
        del buffer[: at + 1]
        self.left = int(match[1], 16)
        self._inside = self.left > 0
        self._trailing = self.left == 0
        return True

    def _trailers(self, buffer: bytearray) -> End | None:
        if buffer.startswith(b"\r\n"):
            del buffer[:2]
            return End()
        at = buffer.find(b"\r\n\r\n", 0, _MAX_TRAILERS)
        if at < 0:
            if len(buffer) >= _MAX_TRAILERS:
                raise FramingError("the trailer section is too long")
            return None
        lines: Lines = []
        for line in bytes(buffer[:at]).split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if not colon:
                raise FramingError("a trailer line has no colon")
            lines.append((name, value.strip(b" \t")))
        del buffer[: at + 4]
        return End(tuple(lines))


def ends_within(reader: BodyReader | None, octets: int) -> bool:
    """Whether so many octets, or fewer, are still to come of a body: of one in chunks nobody knows."""
    return isinstance(reader, LengthBody) and reader.left <= octets


def body_reader(size: int | None) -> BodyReader:
    """The reader for a size as `framing` gives it: None for chunked, -1 for all there is."""
    if size is None:
        return ChunkedBody()
    return UntilClose() if size < 0 else LengthBody(size)
