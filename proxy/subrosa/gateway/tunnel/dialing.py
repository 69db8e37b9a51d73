"""Opening the far end of a tunnel: at exactly a vetted address, or through the parent proxy, in bounded time."""

import asyncio
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from subrosa.facts.hosts import Authority
from subrosa.gateway.judging import Shared
from subrosa.gateway.peek import Patience, peek, take
from subrosa.gateway.shapes import ProxyError
from subrosa.gateway.vetting import DialError, DialFailed, vetted

_HTTP = 80
_MOST_HEAD = 16_384
_AGREED = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9][ \r]")


def parent_of(url: str | None) -> Authority | None:
    """The parent proxy of the settings; one in TLS relays nothing unread, and the settings know that."""
    parts = urlsplit(url or "")
    return Authority.parse(parts.netloc, _HTTP) if parts.scheme == "http" else None


async def dial(shared: Shared, target: Authority, parent: Authority | None) -> socket.socket:
    """A connection to the target; with a parent proxy, through it.

    Raises:
        DialFailed: refused, unresolved, unreachable or out of time.
    """
    authority = parent or target
    addresses = await vetted(shared, authority, parent=parent is not None)
    limit = shared.limits.connect_seconds
    last = DialError(f"{authority} has no address", fault=ProxyError.DNS_ERROR)
    try:
        async with asyncio.timeout(limit):
            for address in addresses:
                try:
                    sock = await _connected(address, authority.port)
                except OSError as fault:
                    refused = isinstance(fault, ConnectionRefusedError)
                    told = ProxyError.REFUSED if refused else ProxyError.UNAVAILABLE
                    last = DialError(f"{authority} cannot be reached", fault=told)
                    continue
                return sock if parent is None else await _through(shared, sock, target)
    except TimeoutError:
        last = DialError(f"{authority} did not answer within {limit:g} s", fault=ProxyError.TIMEOUT)
    raise DialFailed(last)


async def _connected(address: str, port: int) -> socket.socket:
    """A connection to an address, which is looked up nowhere."""
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _through(shared: Shared, sock: socket.socket, target: Authority) -> socket.socket:
    """Have the parent proxy connect (RFC 9110 9.3.6); what follows its answer is left unread."""
    limit = shared.limits.connect_seconds
    try:
        asked = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("ascii")
        await asyncio.get_running_loop().sock_sendall(sock, asked)
        found = await peek(sock, _answer, _MOST_HEAD, Patience(first=limit, whole=limit))
        if found.agreed:
            take(sock, found.size)
            return sock
    except OSError:
        pass
    except BaseException:
        sock.close()
        raise
    sock.close()
    raise DialFailed(DialError("the parent proxy refused the connection", fault=ProxyError.UNAVAILABLE))


@dataclass(frozen=True, slots=True)
class _Answer:
    agreed: bool
    size: int = 0


def _answer(octets: bytes) -> _Answer | int:
    end = octets.find(b"\r\n\r\n")
    if end >= 0:
        return _Answer(_AGREED.match(octets) is not None, end + 4)
    return len(octets) + 1 if len(octets) < _MOST_HEAD else _Answer(agreed=False)
