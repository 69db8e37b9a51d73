"""What one row of the threat table is, and the builders that its octets are made with.

``99999`` stands in a row for the port of the destination in TLS, ``88888`` for that of the one in clear: no port has
these numbers, and each has as many digits as the port that takes its place.
"""

import gzip
import json as jsons
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, override

import hpack

from live.clients import Heard

TLS_PORT, CLEAR_PORT = 99999, 88888
UNREAD = f"unread.example.com:{TLS_PORT}"
"""A destination whose tunnels the settings leave unread."""
OPENAI, SECOND, CLEAR = (
    f"api.openai.com:{TLS_PORT}",
    f"chat.example.com:{TLS_PORT}",
    f"api.openai.com:{CLEAR_PORT}",
)
S3 = f"meetings.s3.eu-central-1.amazonaws.com:{TLS_PORT}"
SECRET = b"SECRET-RECORDING " * 6
"""The content that may not leave; no part of it may be found at the sink."""
FILES, JOBS = "/v1/files", "/v1/fine_tuning/jobs"
JOB = jsons.dumps({"model": "gpt-4o-mini", "training_file": "file-1", "x": SECRET.decode()}).encode()


class Way(StrEnum):
    """How the octets come to the gateway."""

    TLS = "HTTP/1.1 in TLS in a tunnel"
    H2 = "HTTP/2 frames in TLS in a tunnel"
    TUNNEL = "a tunnel without TLS"
    CLEAR = "straight to the gateway"
    SOCKS = "HTTP/1.1 in TLS through SOCKS5"


CLOSED = (0,)
"""The expectation that the connection just ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One attempt.

    ``threat`` is the class in the catalogue of threats, ``says`` the sentence. ``status`` are the answers that refuse;
    0 is a connection that ends without one. ``connect`` is the target of the tunnel, ``sni`` the name in the hello
    (the tunnel's where it is None, none where it is empty). ``reached``: an innocent request before it reaches the sink.
    """

    threat: int
    says: str
    octets: bytes
    way: Way = Way.TLS
    status: tuple[int, ...] = (403,)
    connect: str = OPENAI
    sni: str | None = None
    alpn: tuple[str, ...] | None = None
    reached: bool = False
    head_only: bool = False
    """A stream of messages: its head reaches the sink, and none of them."""
    piece: int = 65536
    """Octets of one write."""

    @override
    def __str__(self) -> str:
        return f"{self.threat}: {self.says}"


type Step = Callable[[Any], Awaitable[Heard | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One attempt that needs more than octets; ``step`` is given the `Ground` and gives what the client heard."""

    threat: int
    says: str
    step: Step
    status: tuple[int, ...] = (403,)
    reached: bool = False

    @override
    def __str__(self) -> str:
        return f"{self.threat}: {self.says}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fine:
    """One innocent request that must arrive whole, as it was sent.

    ``twin`` is the class whose trick it looks like. ``arrives`` is its body at the destination, where that is not just
    what stands behind its head; ``method`` and ``target`` are what the destination sees where the request line says
    otherwise.
    """

    twin: int
    says: str
    octets: bytes
    arrives: bytes | None = None
    way: Way = Way.TLS
    connect: str = SECOND
    sni: str | None = None
    alpn: tuple[str, ...] | None = None
    method: str = ""
    target: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.twin}: {self.says}"

    def sent(self) -> tuple[str, str, bytes]:
        """Method, target and body as the destination must see them."""
        top, _, body = self.octets.partition(b"\r\n\r\n")
        method, target, _ = (top.split(b"\r\n", 1)[0] + b"  ").split(b" ", 2)
        return (
            self.method or method.decode("latin-1"),
            self.target or target.decode("latin-1"),
            body if self.arrives is None else self.arrives,
        )


# --- HTTP/1 --------------------------------------------------------------------------------------------------


def head(start: str, host: str | None = OPENAI, *lines: str) -> bytes:
    """A head from its request line, its Host and further lines, each as it stands."""
    named = () if host is None else (f"Host: {host}",)
    return "".join(f"{line}\r\n" for line in (start, *named, *lines, "")).encode("latin-1")


def post(
    path: str,
    body: bytes = SECRET,
    *lines: str,
    host: str = OPENAI,
    kind: str | None = "application/octet-stream",
    method: str = "POST",
) -> bytes:
    """A request with a body and its length."""
    typed = () if kind is None else (f"Content-Type: {kind}",)
    return head(f"{method} {path} HTTP/1.1", host, *typed, f"Content-Length: {len(body)}", *lines) + body


def json(path: str, body: bytes | object, *lines: str, host: str = OPENAI, method: str = "POST") -> bytes:
    """A request with a JSON body."""
    octets = body if isinstance(body, bytes) else jsons.dumps(body).encode()
    return post(path, octets, *lines, host=host, kind="application/json", method=method)


def chunked(body: bytes, size: int = 65536, trailers: str = "") -> bytes:
    """A body in chunks."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return (
        b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + f"0\r\n{trailers}\r\n".encode()
    )


def in_chunks(
    path: str, octets: bytes, *lines: str, kind: str = "application/json", host: str = OPENAI
) -> bytes:
    """A request whose chunks are given as they stand."""
    return (
        head(f"POST {path} HTTP/1.1", host, f"Content-Type: {kind}", "Transfer-Encoding: chunked", *lines)
        + octets
    )


# --- bodies --------------------------------------------------------------------------------------------------

B = "a-boundary"
MULTIPART = f"multipart/form-data; boundary={B}"


def part(disposition: str, content: bytes, *lines: str) -> bytes:
    """One part of a multipart body, its headers as they stand."""
    top = "".join(f"{line}\r\n" for line in (f"Content-Disposition: {disposition}", *lines, ""))
    return top.encode("latin-1") + content


def field_of(name: str, value: bytes | str, *lines: str) -> bytes:
    """A plain field."""
    return part(f'form-data; name="{name}"', value.encode() if isinstance(value, str) else value, *lines)


FILE = part('form-data; name="file"; filename="rec.bin"', SECRET, "Content-Type: application/octet-stream")
PURPOSE = field_of("purpose", "fine-tune")
INNOCENT = field_of("purpose", "user_data")


def multipart(*parts: bytes, boundary: str = B, before: bytes = b"", after: bytes = b"") -> bytes:
    """A multipart body."""
    mark = boundary.encode("latin-1")
    return (
        before
        + b"".join(b"--" + mark + b"\r\n" + one + b"\r\n" for one in parts)
        + b"--"
        + mark
        + b"--\r\n"
        + after
    )


def form(*parts: bytes, kind: str = MULTIPART, host: str = OPENAI, path: str = FILES, **more: Any) -> bytes:
    """An upload of a form."""
    return post(path, multipart(*parts, **more), kind=kind, host=host)


def zipped(path: str, body: bytes, coding: str = "gzip", *, kind: str = "application/json") -> bytes:
    """An upload under a Content-Encoding, its octets as given."""
    return post(path, body, f"Content-Encoding: {coding}", kind=kind)


def gz(body: bytes) -> bytes:
    """One gzip member, always the same octets."""
    return gzip.compress(body, 6, mtime=0)


# --- HTTP/2 --------------------------------------------------------------------------------------------------

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM, END_HEADERS, PADDED = 1, 4, 8
type Pairs = Iterable[tuple[str, str]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One HTTP/2 frame (RFC 9113 4.1)."""
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def packed(pairs: Pairs) -> bytes:
    """Header fields in HPACK: literals without Huffman coding, that stand for nothing else later."""
    return b"".join(
        b"\x00" + _text(name.encode("latin-1")) + _text(value.encode("latin-1")) for name, value in pairs
    )


def _text(octets: bytes) -> bytes:
    return bytes(hpack.hpack.encode_integer(len(octets), 7)) + octets


def headers(pairs: Pairs, *, stream: int = 1, end: bool = False) -> bytes:
    """A HEADERS frame that holds the whole head."""
    return frame(1, END_HEADERS | (END_STREAM if end else 0), stream, packed(pairs))


def data(octets: bytes = SECRET, *, stream: int = 1, end: bool = True) -> bytes:
    """A DATA frame."""
    return frame(0, END_STREAM if end else 0, stream, octets)


def asks(
    path: str = JOBS, *more: tuple[str, str], authority: str = OPENAI, method: str = "POST"
) -> list[tuple[str, str]]:
    """The fields of one request."""
    return [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path), *more]


def h2(*frames: bytes) -> bytes:
    """A connection's beginning and its frames."""
    return PREFACE + frame(4, 0, 0) + b"".join(frames)


def as_h2(octets: bytes) -> bytes:
    """An HTTP/1 request with a Content-Length as HTTP/2 frames."""
    top, _, body = octets.partition(b"\r\n\r\n")
    start, *lines = top.decode("latin-1").split("\r\n")
    method, target, _ = start.split(" ")
    pairs = [(name.lower(), value.strip(" ")) for name, _, value in (line.partition(":") for line in lines)]
    authority = next(value for name, value in pairs if name == "host")
    rest = [(name, value) for name, value in pairs if name != "host"]
    begun = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", target), *rest]
    pieces = [body[at : at + 16_000] for at in range(0, len(body), 16_000)] or [b""]
    frames = [data(piece, end=False) for piece in pieces[:-1]]
    return h2(headers(begun), *frames, data(pieces[-1]))
