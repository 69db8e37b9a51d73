"""Opening one connection upstream: vetted, at exactly the vetted addresses, in bounded time."""

import asyncio

from mitmproxy.connection import Server

from subrosa.facts.hosts import Authority, Host
from subrosa.gateway.egress import EgressDenied
from subrosa.gateway.narrow import known
from subrosa.gateway.session import Session
from subrosa.gateway.shapes import ProxyError
from subrosa.gateway.signals import DialError
from subrosa.policy.verdict import Reason

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class DialFailed(Exception):  # noqa: N818 - the name says which error
    """No connection; ``error`` is what the stream that asked for it is told."""

    def __init__(self, error: DialError) -> None:
        super().__init__(error)
        self.error = error


async def dial(session: Session, server: Server) -> Streams:
    """Open a connection for a stream of this session.

    Raises:
        DialFailed: refused, unresolved, unreachable or out of time.
    """
    authority = _authority(server)
    addresses = await _vetted(session, authority, server)
    last = DialError(f"{authority} has no address", fault=ProxyError.DNS_ERROR)
    limit = session.shared.limits.connect_seconds
    try:
        async with asyncio.timeout(limit):
            for address in addresses:
                try:
                    return await asyncio.open_connection(address, authority.port)
                except OSError as fault:
                    refused = isinstance(fault, ConnectionRefusedError)
                    told = ProxyError.REFUSED if refused else ProxyError.UNAVAILABLE
                    last = DialError(f"{authority} cannot be reached", fault=told)
    except TimeoutError:
        last = DialError(f"{authority} did not answer within {limit:g} s", fault=ProxyError.TIMEOUT)
    raise DialFailed(last)


async def _vetted(session: Session, authority: Authority, server: Server) -> list[str]:
    shared = session.shared
    try:
        if session.via is not None and server.address == session.via[1]:
            # the operator named the parent proxy: it is reached wherever it is, and judges no addresses for us
            async with asyncio.timeout(shared.limits.connect_seconds):
                return list(await shared.ports.resolve(authority))
        async with asyncio.timeout(shared.limits.step_seconds):
            return list(await shared.egress.vet(authority))
    except EgressDenied as fault:
        shared.ports.recorder.egress_denied(fault.address_class)
        raise DialFailed(DialError(fault.detail, fault.reason, fault.fault)) from fault
    except (OSError, TimeoutError) as fault:
        shared.ports.recorder.failed_closed("resolver")
        raise DialFailed(DialError(f"{authority} was not resolved", fault=ProxyError.DNS_ERROR)) from fault
    except Exception as fault:
        shared.ports.recorder.failed_closed("resolver")
        raise DialFailed(DialError("the resolver failed", Reason.ENGINE)) from fault


def _authority(server: Server) -> Authority:
    address = known(server.address)
    return Authority(Host.parse(f"[{address[0]}]" if ":" in address[0] else address[0]), address[1])
