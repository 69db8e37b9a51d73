"""Request heads to start from: what a client inside a tunnel, in the clear, and over HTTP/2 sends."""

import pytest

from subrosa.facts.head import HeadError, HeadLimits, RawHead, check_head
from subrosa.facts.hosts import Authority

API = Authority.parse("api.openai.com", 443)


HOST = (b"Host", b"api.openai.com")


type Line = tuple[bytes, bytes]


def h1(*lines: Line, method: bytes = b"POST", target: bytes = b"/v1/files", host: bool = True) -> RawHead:
    """A request of HTTP/1.1 inside the tunnel to api.openai.com."""
    return RawHead(
        version="HTTP/1.1",
        method=method,
        target=target,
        lines=((HOST,) if host else ()) + lines,
        tunnel=API,
        tls=True,
        sni=API.host,
    )


def plain(target: bytes, *lines: Line, method: bytes = b"GET") -> RawHead:
    """A request in the clear to a forward proxy."""
    return RawHead(version="HTTP/1.1", method=method, target=target, lines=lines)


def h2(
    *lines: Line, method: bytes = b"POST", authority: bytes | None = b"api.openai.com", end: bool = False
) -> RawHead:
    """A request of HTTP/2 inside the tunnel to api.openai.com."""
    return RawHead(
        version="HTTP/2",
        method=method,
        target=b"/v1/files",
        lines=lines,
        scheme="https",
        authority=authority,
        tunnel=API,
        tls=True,
        sni=API.host,
        end_of_stream=end,
    )


def refused(raw: RawHead, limits: HeadLimits | None = None) -> HeadError:
    with pytest.raises(HeadError) as caught:
        check_head(raw, limits or HeadLimits())
    return caught.value
