"""The lane itself: takes connections whose next octets are HTTP/1.1, or TLS that may carry it, and serves them."""

import asyncio
import socket
from ipaddress import ip_address

from subrosa.facts.hosts import Host
from subrosa.gateway.arrival import Arrival
from subrosa.gateway.arrival import Lane as OtherLane
from subrosa.gateway.connections import Connections
from subrosa.gateway.judging import Shared
from subrosa.gateway.lean.client import Client
from subrosa.gateway.lean.dialing import Dialler
from subrosa.gateway.lean.leaves import Leaves
from subrosa.gateway.lean.pipe import Pipe
from subrosa.gateway.lean.relay import Half

_HTTP1 = b"http/1.1"


class Lean:
    """The lean lane of one process."""

    def __init__(
        self, shared: Shared, dialler: Dialler, leaves: Leaves, connections: Connections, engine: OtherLane
    ) -> None:
        self.shared = shared
        self.dialler = dialler
        self._leaves = leaves
        self._connections = connections
        self._engine = engine

    def close(self) -> None:
        """Close what nobody uses."""
        self.dialler.close()

    async def serve(self, arrival: Arrival) -> None:
        """Serve one connection to its end: after its CONNECT was answered, or where it needs none.

        With ``hello`` its TLS begins, unread; without, requests come in clear.
        """
        caller, hello = arrival.caller, arrival.hello
        if hello is not None and hello.alpn and _HTTP1 not in hello.alpn:
            await self._engine(arrival)
            return
        pipe = Pipe(server=True)
        pipe.owner = client = Client(self, caller, pipe)
        with self._connections.serving(client):
            try:
                if hello is not None:
                    caller.tls = hello
                    pipe.start_tls(self._leaves.context(_shown(arrival)))
                    client.wait()
                loop = asyncio.get_running_loop()
                await loop.connect_accepted_socket(lambda: pipe, arrival.socket)
                pipe.limit(self.shared.limits.backlog)
                await client.over
            finally:
                client.cut()
                if not pipe.connected:
                    arrival.socket.close()

    async def hand_over(self, client: Client, early: bytes) -> None:
        """Have the engine serve the rest of a connection, in clear, over a pair of sockets."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        for one in (ours, theirs):
            one.setblocking(False)
        inner, outer = Pipe(server=True), client.pipe
        inner.owner = Half(inner, outer, towards_engine=False, over=lambda: None, failed=client.failed)
        try:
            await loop.connect_accepted_socket(lambda: inner, ours)
            inner.limit(self.shared.limits.backlog)
            inner.write(early + client.buffer)
            client.buffer.clear()
            outer.owner = Half(outer, inner, towards_engine=True, over=client.lost, failed=client.failed)
            outer.read(on=True)
            await self._engine(Arrival(socket=theirs, caller=client.caller))
        finally:
            inner.close()
            outer.close()


def _shown(arrival: Arrival) -> Host:
    """Whose certificate the client wants to see."""
    caller, hello = arrival.caller, arrival.hello
    if hello is not None and hello.sni is not None:
        return hello.sni
    known = caller.target or caller.original
    if known is not None:
        return known.host
    address = ip_address(arrival.socket.getsockname()[0].partition("%")[0])
    return Host.parse(f"[{address}]" if address.version == 6 else str(address))  # noqa: PLR2004 - IPv6
