"""Which lane a connection takes, from its listener and its first octets. Pure."""

from dataclasses import dataclass
from enum import Enum

from subrosa.facts.records import TlsFacts
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.front.hello import read_hello
from subrosa.gateway.listener import EXPLICIT, Listener
from subrosa.gateway.looks import begins_request

FIRST = 64
"""Octets that are always enough to tell a CONNECT, or any other request line."""
_TLS = b"\x16"
_CONNECT = b"CONNECT "
_HTTP1, _HTTP2 = b"http/1.1", b"h2"


class Begins(Enum):
    """What a connection, or the inside of a tunnel, begins with."""

    CONNECT = "a CONNECT"
    HTTP = "another request line"
    TLS = "a whole ClientHello"
    ODD = "something else"


class Way(Enum):
    """Where a connection goes."""

    LEAN = "lean"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """Which lanes there are; ``prefer_h2`` leaves clients that offer HTTP/2 to the engine, which speaks it."""

    lean: bool = False
    prefer_h2: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a peek saw."""

    begins: Begins
    hello: TlsFacts | None = None


_ODD = Seen(Begins.ODD)


def looks(listener: Listener) -> bool:
    """Whether there is anything to look for before the engine: only an explicit proxy in clear is asked to connect."""
    return listener.kind == EXPLICIT and listener.tls_cert is None


def read_request(data: bytes) -> Seen | int:
    """What a client of an explicit proxy begins with."""
    if data.startswith(_CONNECT[: len(data)]):
        return Seen(Begins.CONNECT) if len(data) >= len(_CONNECT) else len(_CONNECT)
    return _read_line(data)


def read_inside(data: bytes, limit: int) -> Seen | int:
    """What the inside of a tunnel begins with; a hello must be whole within ``limit`` octets."""
    if not data.startswith(_TLS):
        return _read_line(data)
    try:
        found = read_hello(data)
    except UnreadableError:
        return _ODD
    if isinstance(found, TlsFacts):
        return Seen(Begins.TLS, found)
    return found if found <= limit else _ODD


def _read_line(data: bytes) -> Seen | int:
    begins = begins_request(data)
    if begins is None:
        return len(data) + 1
    return Seen(Begins.HTTP) if begins else _ODD


def choose(seen: Seen, lanes: Lanes) -> Way:
    """The lane for what was seen; whatever is not certain goes to the engine."""
    if not lanes.lean:
        return Way.ENGINE
    if seen.begins is Begins.HTTP:
        return Way.LEAN
    if seen.hello is None:
        return Way.ENGINE
    offered = seen.hello.alpn
    if _HTTP2 in offered and (lanes.prefer_h2 or _HTTP1 not in offered):
        return Way.ENGINE
    return Way.LEAN if not offered or _HTTP1 in offered else Way.ENGINE
