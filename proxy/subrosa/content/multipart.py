"""A streaming reader of multipart bodies, strict enough that no other parser can read them otherwise.

RFC 2046 section 5.1 and RFC 7578, without what clients do not send and servers disagree about: text before
the first delimiter or after the last, padding after a delimiter, bare CR or LF before one, folded or repeated part
headers, a boundary that is a prefix of a line, nested multiparts, transfer encodings.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_PARTS: Final = 1000
"""Parts of one body, where the settings do not say otherwise."""
MOST_HEADER: Final = 8 * 1024
"""Bytes of the header section of one part."""

_HEADER_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_PLAIN_ENCODINGS: Final = frozenset({b"binary", b"7bit", b"8bit"})
_CRLF: Final = b"\r\n"
_EMPTY_LINES: Final = re.compile(rb"(?:\r\n)*+")
_BLANK: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins; ``headers`` has lower-case names, each once, and values without the white space around them."""

    headers: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class PartData:
    """Octets of the current part, as many as came; how they are cut means nothing."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The delimiter after the current part was read."""


type Event = PartBegin | PartData | PartEnd


class _State(Enum):
    OPENING = auto()
    AFTER_DELIMITER = auto()
    HEADERS = auto()
    BODY = auto()
    DATA = auto()
    CLOSED = auto()


class MultipartParser:
    """One multipart body; the caller has already read the one boundary of its Content-Type (1 to 70 octets).

    ``feed`` yields events in order and raises ``UnreadableError`` at the octet that has no single reading: BAD_SYNTAX
    for the grammar, DUPLICATE for a repeated part header, BAD_ENCODING for a transfer encoding, TOO_LARGE for more than
    ``most`` parts or 8 KiB of part headers. All data before that octet has been yielded. ``end`` raises TRUNCATED
    when the close delimiter has not come.

    With ``lf`` lines may end with LF alone, if the first one does: so Google's Python client builds its uploads
    (googleapiclient/discovery.py), and servers that know only CRLF find no multipart in them at all.
    """

    __slots__ = ("_bare_cr", "_buffer", "_eol", "_first", "_lf", "_most", "_needle", "_parts", "_state")

    def __init__(self, boundary: str, *, lf: bool = False, most: int = MOST_PARTS) -> None:
        self._first = b"--" + boundary.encode("ascii")
        self._lf = lf
        self._most = most
        self._eol = _CRLF
        self._needle = b"\n" + self._first
        self._bare_cr = b"\r" + self._first
        self._state = _State.OPENING
        self._buffer = b""
        self._parts = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that ``data`` completes."""
        self._buffer = self._buffer + data if self._buffer else data
        moved = True
        while moved and self._buffer:
            match self._state:
                case _State.DATA:
                    moved = yield from self._data()
                case _State.BODY:
                    moved = self._body()
                case _State.HEADERS:
                    moved = yield from self._headers()
                case _State.AFTER_DELIMITER:
                    moved = self._after_delimiter()
                case _State.OPENING:
                    moved = self._opening()
                case _State.CLOSED:
                    moved = self._closed()

    def end(self) -> None:
        """Raise TRUNCATED unless the close delimiter was read."""
        if self._state is not _State.CLOSED:
            raise UnreadableError(Ambiguity.TRUNCATED, "multipart ends before its close delimiter")

    def _opening(self) -> bool:
        """Empty lines, then the first delimiter at the start of a line."""
        if empty := _EMPTY_LINES.match(self._buffer):
            self._buffer = self._buffer[empty.end() :]
        if self._buffer.startswith(self._first):
            self._buffer = self._buffer[len(self._first) :]
            self._state = _State.AFTER_DELIMITER
            return True
        if self._buffer and not self._first.startswith(self._buffer) and self._buffer != b"\r":
            raise _bad("multipart does not begin with its delimiter")
        return False

    def _after_delimiter(self) -> bool:
        """CRLF opens a part, ``--`` closes the body; anything else means that the boundary is a prefix of the line."""
        if self._lf and not self._parts and self._buffer.startswith(b"\n"):
            self._eol = b"\n"
        after = self._buffer[:2]
        if self._buffer.startswith(self._eol):
            after = self._eol
            self._parts += 1
            if self._parts > self._most:
                raise UnreadableError(Ambiguity.TOO_LARGE, f"multipart has more than {self._most} parts")
            self._state = _State.HEADERS
        elif after == b"--":
            self._state = _State.CLOSED
        elif after in {b"\r", b"-"}:
            return False
        else:
            raise _bad("a multipart delimiter is followed by something else than CRLF")
        self._buffer = self._buffer[len(after) :]
        return True

    def _headers(self) -> Generator[Event, None, bool]:
        """The header section: empty, or lines up to the first empty one."""
        buffer, eol = self._buffer, self._eol
        empty = buffer.startswith(eol)
        stop = 0 if empty else buffer.find(eol + eol)
        if (len(buffer) if stop < 0 else stop + 2 * len(eol)) > MOST_HEADER:
            raise UnreadableError(Ambiguity.TOO_LARGE, "a part of a multipart has more than 8 KiB of headers")
        if stop < 0:
            return False
        self._buffer = buffer[len(eol) :] if empty else buffer[stop + 2 * len(eol) :]
        yield PartBegin(_headers(buffer[:stop].split(eol)) if stop else {})
        self._state = _State.BODY
        return True

    def _body(self) -> bool:
        """No delimiter directly after the header section: some parsers see a part without body, others see data."""
        if self._buffer.startswith(self._first):
            raise _bad("a multipart delimiter follows a header section without the CRLF before it")
        if self._first.startswith(self._buffer):
            return False
        self._state = _State.DATA
        return True

    def _data(self) -> Generator[Event, None, bool]:
        """Data up to the next delimiter; what might be the beginning of one is kept for the next call."""
        buffer = self._buffer
        at = buffer.find(self._needle)
        bare = buffer.find(self._bare_cr, 0, len(buffer) if at < 0 else at + len(self._needle))
        if bare >= 0 and (at < 0 or bare < at):
            yield from self._yield_data(bare)
            raise _bad("a multipart delimiter follows a bare CR")
        if at < 0:
            yield from self._yield_data(len(buffer) - len(self._needle))
            return False
        end = at + len(b"\n") - len(self._eol)
        if end < 0 or not buffer.startswith(self._eol, end):
            yield from self._yield_data(at)
            raise _bad("a multipart delimiter follows a bare LF")
        yield from self._yield_data(end)
        self._buffer = self._buffer[len(self._eol + self._first) :]
        self._state = _State.AFTER_DELIMITER
        yield PartEnd()
        return True

    def _yield_data(self, size: int) -> Iterator[Event]:
        if size > 0:
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            yield PartData(data)

    def _closed(self) -> bool:
        """White space after the close delimiter means nothing; anything else would be an epilogue."""
        if self._buffer.strip(_BLANK):
            raise _bad("something follows the close delimiter of a multipart")
        self._buffer = b""
        return False


def _headers(lines: list[bytes]) -> dict[str, bytes]:
    headers: dict[str, bytes] = {}
    for line in lines:
        found = _HEADER_LINE.fullmatch(line)
        if found is None:
            raise _bad("a header line of a part is none, or is folded")
        name = found[1].decode("ascii").lower()
        if name in headers:
            raise UnreadableError(Ambiguity.DUPLICATE, f"a part has two `{name}` headers")
        headers[name] = found[2].rstrip(b" \t")
    encoding = headers.get("content-transfer-encoding", b"binary")
    if encoding.lower() not in _PLAIN_ENCODINGS:
        raise UnreadableError(Ambiguity.BAD_ENCODING, "a part has a transfer encoding")
    if headers.get("content-type", b"").lstrip().lower().startswith(b"multipart/"):
        raise _bad("a part of a multipart is itself a multipart")
    return headers


def _bad(detail: str) -> UnreadableError:
    return UnreadableError(Ambiguity.BAD_SYNTAX, detail)
