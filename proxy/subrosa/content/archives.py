"""The members of a zip or tar archive, each with its name and first octets, found while the archive streams by.

Only looks: an archive that cannot be followed any further is left at that point, without a fault.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, Protocol

from subrosa.content.coding import Decoder
from subrosa.facts.unreadable import UnreadableError

MOST_MEMBERS: Final = 10_000
MOST_INFLATED: Final = 256 * 1024 * 1024
"""Octets of one member that are inflated to find its end."""
_TAR_BLOCK: Final = 512
_LONG_NAME: Final = b"L"
_PAX: Final = (b"x", b"g", b"K")
_ZIP_HEADER: Final = 30
_LOCAL: Final = b"PK\x03\x04"
_DIRECTORY: Final = b"PK\x01\x02"
_SEALED, _SIZE_LATER = 1, 8
_STORED, _DEFLATED = 0, 8
_ZIP64: Final = 0xFFFFFFFF
_MOST_DESCRIPTOR: Final = 24
_MOST_NAME: Final = 4096
_SLICE: Final = 64 * 1024
_OCTAL: Final = re.compile(rb"[0-7]{1,12}")

type Member = tuple[str, bytes]
"""Name and first octets."""


class _Walker(Protocol):
    done: bool

    def feed(self, data: bytes, /) -> Iterator[Member]: ...


class Archive:
    """One file that may be an archive: bare, or in one gzip or zstd frame.

    ``done`` says that no further member can be found. Of each member at most ``most`` octets are given, and
    10,000 members at most are looked at.
    """

    __slots__ = ("_coding", "_found", "_most", "_opening", "_walker", "done")

    def __init__(self, prefix: bytes, most: int) -> None:
        self._most = most
        self._found = 0
        self._opening = b""
        self._coding: Decoder | None = None
        self._walker: _Walker | None = None
        self.done = False
        if prefix.startswith(b"\x1f\x8b"):
            self._coding = Decoder(("gzip",))
        elif prefix.startswith(b"\x28\xb5\x2f\xfd"):
            self._coding = Decoder(("zstd",))
        else:
            self._open(prefix)

    def feed(self, data: bytes) -> Iterator[Member]:
        """The members whose first octets are complete now; the first call begins with the prefix."""
        if not self.done:
            yield from self._walk((data,) if self._coding is None else self._coding.feed(data))

    def end(self) -> Iterator[Member]:
        """The members that only the end of the file completes."""
        if not self.done and self._coding is not None:
            yield from self._walk(self._coding.end())
        self.done = True

    def _walk(self, pieces: Iterable[bytes]) -> Iterator[Member]:
        try:
            for piece in pieces:
                yield from self._step(piece)
                if self.done:
                    return
        except UnreadableError:
            self.done = True

    def _step(self, piece: bytes) -> Iterator[Member]:
        if self._walker is None:
            self._opening += piece
            if len(self._opening) < _TAR_BLOCK and self._coding is not None:
                return
            piece = self._opening
            self._open(piece)
        if self._walker is not None:
            yield from self._counted(self._walker, piece)

    def _open(self, prefix: bytes) -> None:
        self._opening = b""
        if prefix.startswith(_LOCAL):
            self._walker = _Zip(self._most)
        elif prefix[257:262] == b"ustar":
            self._walker = _Tar(self._most)
        else:
            self.done = True

    def _counted(self, walker: _Walker, piece: bytes) -> Iterator[Member]:
        for member in walker.feed(piece):
            self._found += 1
            yield member
            if self._found == MOST_MEMBERS:
                self.done = True
                return
        self.done = walker.done


class _Tar:
    """POSIX.1-1988 ustar and GNU long names: blocks of 512 octets, a header and as many as its size takes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer = b""
        self._skip = 0
        self._long = ""
        self.done = False

    def feed(self, data: bytes) -> Iterator[Member]:
        self._buffer += data
        while not self.done:
            skipped = min(self._skip, len(self._buffer))
            self._buffer, self._skip = self._buffer[skipped:], self._skip - skipped
            if self._skip or len(self._buffer) < _TAR_BLOCK:
                return
            member = self._member()
            if member is None:
                return
            if member[0]:
                yield member

    def _member(self) -> Member | None:
        """The next one, without a name where it says something about others; None where more must come."""
        header = self._buffer[:_TAR_BLOCK]
        size = _octal(header[124:136])
        if header[257:262] != b"ustar" or size is None:
            self.done = True
            return None
        kind = header[156:157]
        wanted = min(size, _MOST_NAME if kind == _LONG_NAME else self._most)
        if len(self._buffer) < _TAR_BLOCK + wanted:
            return None
        head = self._buffer[_TAR_BLOCK : _TAR_BLOCK + wanted]
        self._skip = _TAR_BLOCK + -(-size // _TAR_BLOCK) * _TAR_BLOCK
        if kind == _LONG_NAME:
            self._long = _text(head.partition(b"\0")[0])
            return "", b""
        if kind in _PAX:
            return "", b""
        name = self._long or _text(header[:100].partition(b"\0")[0])
        self._long = ""
        return name, head


class _Zip:
    """APPNOTE 6.3.10 section 4.3: local headers, in the order in which they stand, up to the central directory."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer = b""
        self._left = 0
        self._given = 0
        self._head = bytearray()
        self._name = ""
        self._inflate: zlib._Decompress | None = None
        self._stored = False
        self._inside = self._described = self._last = False
        self.done = False

    def feed(self, data: bytes) -> Iterator[Member]:
        self._buffer += data
        moved = True
        while moved and not self.done:
            if self._inside:
                moved = self._until_its_end() if self._left < 0 else self._data()
                yield from self._finished()
            else:
                moved = self._descriptor() if self._described else self._header()

    def _finished(self) -> Iterator[Member]:
        if not self._inside:
            yield self._name, bytes(self._head)
            if self._last:
                self.done = True

    def _header(self) -> bool:
        buffer = self._buffer
        self.done = not buffer.startswith(_LOCAL[: len(buffer)])
        if self.done or len(buffer) < _ZIP_HEADER:
            return False
        flags, method = _little(buffer[6:8]), _little(buffer[8:10])
        size, named = _little(buffer[18:22]), _ZIP_HEADER + _little(buffer[26:28])
        end = named + _little(buffer[28:30])
        if len(buffer) < end:
            return False
        self._name = _text(buffer[_ZIP_HEADER:named])
        self._described = bool(flags & _SIZE_LATER)
        self._left = _wide(buffer[named:end]) if size == _ZIP64 else size
        if self._described and not self._left:
            self._left = -1
        self._open(0 if flags & _SEALED else method + 1)
        self._buffer = buffer[end:]
        return True

    def _open(self, method: int) -> None:
        """Begin a member; ``method`` is the one of the header plus one, or 0 where it is sealed."""
        self._head.clear()
        self._given = 0
        self._inside = True
        self._stored = method == _STORED + 1
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if method == _DEFLATED + 1 else None
        if self._left < 0 and self._inflate is None:  # nothing says where it ends
            self._left, self._last = self._most, True

    def _data(self) -> bool:
        data = self._buffer[: self._left]
        self._buffer, self._left = self._buffer[len(data) :], self._left - len(data)
        room = self._most - len(self._head)
        if self._stored:
            self._head += data[:room]
        elif self._inflate is not None and room > 0:
            self._head += self._inflated(self._inflate, data, room)
        self._inside = self._left > 0
        return not self._inside

    def _until_its_end(self) -> bool:
        """A member whose size stands behind it: only inflating it tells where it ends."""
        if self._inflate is None or not self._buffer:
            return False
        out = self._inflated(self._inflate, self._buffer, _SLICE)
        self._head += out[: self._most - len(self._head)]
        self._given += len(out)
        if self._given > MOST_INFLATED:
            self._last = True
        ended = self._inflate.eof or self._last
        self._buffer = self._inflate.unused_data if ended else self._inflate.unconsumed_tail
        self._inside = not ended
        return True

    def _inflated(self, stream: "zlib._Decompress", data: bytes, most: int) -> bytes:
        """At most so many octets; of what is damaged those before the damage, however it was cut."""
        before = stream.copy()
        try:
            return stream.decompress(data, most)
        except zlib.error:
            self._left, self._last = 0, True
        out = bytearray()
        with suppress(zlib.error):
            for octet in data:
                out += before.decompress(bytes((octet,)), max(1, most - len(out)))
        return bytes(out[:most])

    def _descriptor(self) -> bool:
        """Past the sizes that stand after a member (12 to 24 octets), to the next signature."""
        window = self._buffer[: _MOST_DESCRIPTOR + len(_LOCAL)]
        found = [at for sign in (_LOCAL, _DIRECTORY) if (at := window.find(sign)) >= 0]
        if not found:
            self.done = len(window) == _MOST_DESCRIPTOR + len(_LOCAL)
            return False
        self._described = False
        self._buffer = self._buffer[min(found) :]
        return True


def _octal(field: bytes) -> int | None:
    """A size: octal digits, or base 256 where the first bit is set (GNU)."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits, 8) if _OCTAL.fullmatch(digits) else None


def _wide(extra: bytes) -> int:
    """The compressed size of a ZIP64 extra field (section 4.5.3), 0 where there is none."""
    at = 0
    while at + 4 <= len(extra):
        size = _little(extra[at + 2 : at + 4])
        if extra[at : at + 2] == b"\x01\0":
            return _little(extra[at + 12 : at + 20])
        at += 4 + size
    return 0


def _little(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
