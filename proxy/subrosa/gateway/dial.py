"""Opening one connection upstream: vetted, at exactly the vetted addresses, in bounded time."""

import asyncio

from mitmproxy.connection import Server

from subrosa.facts.hosts import Authority, Host
from subrosa.gateway.inflow import Streams, dialled
from subrosa.gateway.narrow import known
from subrosa.gateway.session import Session
from subrosa.gateway.shapes import ProxyError
from subrosa.gateway.vetting import DialError, DialFailed, vetted


async def dial(session: Session, server: Server) -> Streams:
    """Open a connection for a stream of this session.

    Raises:
        DialFailed: refused, unresolved, unreachable or out of time.
    """
    authority = _authority(server)
    parent = session.via is not None and server.address == session.via[1]
    addresses = await vetted(session.shared, authority, parent=parent)
    last = DialError(f"{authority} has no address", fault=ProxyError.DNS_ERROR)
    limit = session.shared.limits.connect_seconds
    try:
        async with asyncio.timeout(limit):
            for address in addresses:
                try:
                    return await dialled(address, authority.port)
                except OSError as fault:
                    refused = isinstance(fault, ConnectionRefusedError)
                    told = ProxyError.REFUSED if refused else ProxyError.UNAVAILABLE
                    last = DialError(f"{authority} cannot be reached", fault=told)
    except TimeoutError:
        last = DialError(f"{authority} did not answer within {limit:g} s", fault=ProxyError.TIMEOUT)
    raise DialFailed(last)


def _authority(server: Server) -> Authority:
    address = known(server.address)
    return Authority(Host.parse(f"[{address[0]}]" if ":" in address[0] else address[0]), address[1])
