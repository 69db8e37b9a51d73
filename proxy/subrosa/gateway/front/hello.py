"""A ClientHello read from octets that were only looked at: in one reading, or not at all. Pure.

The engine and the stdlib's TLS read the same octets again; here is read what the choice of a lane depends on.
RFC 8446 4.1.2 and 5.1, RFC 6066 3, RFC 7301 3.1.
"""

from collections.abc import Iterator

from subrosa.facts.hosts import Host
from subrosa.facts.records import TlsFacts
from subrosa.facts.unreadable import Ambiguity, UnreadableError

_HANDSHAKE, _MAJOR, _NEWEST = b"\x16", b"\x03", b"\x04"
_RECORD, _HEADER = 5, 4
_MOST = 1 << 14
_CLIENT_HELLO = 1
_SNI, _ALPN, _ECH = 0, 16, 0xFE0D


def read_hello(data: bytes) -> TlsFacts | int:
    """What the hello at the beginning of these octets says, or how many octets there must at least be to tell.

    Raises:
        UnreadableError: where this is no ClientHello, or one that can be read in more than one way.
    """
    hello, at = bytearray(), 0
    while True:
        if not _may_begin(data[at : at + 3]):
            raise _unreadable("the connection speaks no TLS")
        if len(data) < at + _RECORD:
            return at + _RECORD
        size = int.from_bytes(data[at + 3 : at + _RECORD])
        if not 0 < size <= _MOST:
            raise _unreadable("a TLS record has no size")
        if len(data) < at + _RECORD + size:
            return at + _RECORD + size
        hello += data[at + _RECORD : at + _RECORD + size]
        at += _RECORD + size
        if hello[0] != _CLIENT_HELLO:
            raise _unreadable("the first TLS message is no hello")
        if len(hello) >= _HEADER:
            whole = _HEADER + int.from_bytes(hello[1:_HEADER])
            if len(hello) > whole:
                raise _unreadable("something follows the TLS hello in its record")
            if len(hello) == whole:
                return _facts(bytes(hello))


def _may_begin(record: bytes) -> bool:
    """Whether a handshake record may begin like this, as far as it goes."""
    kind, major, minor = record[:1], record[1:2], record[2:3]
    return kind in (b"", _HANDSHAKE) and major in (b"", _MAJOR) and minor <= _NEWEST


def _facts(hello: bytes) -> TlsFacts:
    """RFC 8446 4.1.2: version, random, session, suites, compression, extensions, and nothing after them."""
    reader = _Reader(hello, _HEADER + 2 + 32)
    reader.vector(1)
    reader.vector(2)
    reader.vector(1)
    extensions = dict(_extensions(reader.vector(2))) if reader.more else {}
    if reader.more:
        raise _unreadable("something follows the extensions of the TLS hello")
    return TlsFacts(
        sni=_name(extensions[_SNI]) if _SNI in extensions else None,
        alpn=tuple(_protocols(extensions[_ALPN])) if _ALPN in extensions else (),
        ech=_ECH in extensions,
    )


def _extensions(octets: bytes) -> Iterator[tuple[int, bytes]]:
    reader, seen = _Reader(octets), set[int]()
    while reader.more:
        kind = reader.number(2)
        if kind in seen:
            raise _unreadable("an extension of the TLS hello comes twice")
        seen.add(kind)
        yield kind, reader.vector(2)


def _name(octets: bytes) -> Host:
    outer = _Reader(octets)
    reader = _Reader(outer.vector(2))
    kind, name = reader.number(1), reader.vector(2)
    if kind or reader.more or outer.more:
        raise _unreadable("the server name in the TLS hello is not one host")
    return Host.parse(name)


def _protocols(octets: bytes) -> Iterator[bytes]:
    outer = _Reader(octets)
    reader = _Reader(outer.vector(2))
    if outer.more:
        raise _unreadable("the protocols in the TLS hello are no list")
    while reader.more:
        yield reader.vector(1)


class _Reader:
    """Numbers and vectors of a message, each inside its bounds."""

    __slots__ = ("_at", "_octets")

    def __init__(self, octets: bytes, at: int = 0) -> None:
        self._octets = octets
        self._at = at

    @property
    def more(self) -> bool:
        return self._at < len(self._octets)

    def take(self, size: int) -> bytes:
        at, self._at = self._at, self._at + size
        if self._at > len(self._octets):
            raise _unreadable("the TLS hello is cut short")
        return self._octets[at : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def _unreadable(detail: str) -> UnreadableError:
    return UnreadableError(Ambiguity.BAD_SYNTAX, detail)
