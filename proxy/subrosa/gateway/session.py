"""One client connection: who it is, where its tunnel leads, what it has open, and what waits for what.

Layers ask it for facts and for how much waits towards a peer; the handler asks it which connections not to read.
"""

import asyncio
import base64
import binascii
import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from mitmproxy.connection import Client, Connection
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy.layer import Layer

from subrosa.facts.hosts import Authority
from subrosa.facts.records import Address, ClientFacts, ConnectFacts, TlsFacts
from subrosa.gateway.judging import Shared
from subrosa.gateway.listener import Listener
from subrosa.gateway.transfer import Transfer


class Endpoint(Protocol):
    """A protocol endpoint that keeps octets back for its peer."""

    def buffered(self, stream_id: int) -> int:
        """Octets that wait for the peer of one stream."""


class Handler(Protocol):
    """What a session needs of the connection handler."""

    def unwritten(self, connection: Connection) -> int:
        """Octets that wait in the socket's buffer."""

    def abort(self, cause: str) -> None:
        """Close everything now, and count why."""

    def enter(self, inside: Layer) -> None:
        """Give all further events to a layer that stands inside, and to none of those around it."""


@dataclass(slots=True)
class Session:
    """One client connection."""

    shared: Shared
    listener: Listener
    client: ClientFacts
    handler: Handler
    via: ServerSpec | None = None
    """The parent proxy."""
    original: Authority | None = None
    """Transparent: the address that the client dialled."""
    target: Authority | None = None
    """The CONNECT or SOCKS target."""
    tunnelled: bool = False
    tls: TlsFacts | None = None
    """The ClientHello of the TLS that carries requests; None while they come in clear."""
    outer_tls: bool = False
    deadline: float | None = None
    """Loop time by which the head or hello that began must be whole."""
    ended_by: str = ""
    transfers: set[Transfer] = field(default_factory=set)
    endpoints: dict[Connection, Endpoint] = field(default_factory=dict)
    _gates: dict[tuple[Connection, str], asyncio.Event] = field(default_factory=dict)
    _waiters: defaultdict[Connection, list[asyncio.Future[None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _verified: tuple[bytes, str] | None = None

    # --- who -----------------------------------------------------------------------------------------------

    def connect_facts(self) -> ConnectFacts:
        """Who, and where the tunnel leads."""
        return ConnectFacts(client=self.client, target=self.target)

    async def identify(self) -> tuple[ConnectFacts, bool]:
        """Who, where nothing new was shown."""
        return self.connect_facts(), False

    async def identify_by(self, lines: Sequence[tuple[bytes, bytes]]) -> tuple[ConnectFacts, bool]:
        """Who, after Proxy-Authorization (RFC 7617) was verified; True beside it when it is wrong."""
        shown = [value.strip() for name, value in lines if name.lower() == b"proxy-authorization"]
        if not shown:
            return self.connect_facts(), False
        user = await self._verify(shown[0]) if len(shown) == 1 else None
        if user is None:
            return self.connect_facts(), True
        self.client = replace(self.client, user=user)
        return self.connect_facts(), False

    def named(self, subject: str) -> None:
        """The client showed a certificate that was verified."""
        self.client = replace(self.client, subject=subject)

    async def log_in(self, user: str, password: str) -> bool:
        """Verify a SOCKS user."""
        if not await self.shared.ports.authenticate(user, password):
            return False
        self.client = replace(self.client, user=user)
        return True

    async def _verify(self, shown: bytes) -> str | None:
        known = self._verified
        if known is not None and hmac.compare_digest(known[0], shown):
            return known[1]
        scheme, _, coded = shown.partition(b" ")
        try:
            user, colon, password = (
                base64.b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return None
        if (
            scheme.lower() != b"basic"
            or not colon
            or not await self.shared.ports.authenticate(user, password)
        ):
            return None
        self._verified = (shown, user)
        return user

    def begin_wait(self) -> None:
        """A head or hello began: it must be whole in time."""
        self.deadline = asyncio.get_running_loop().time() + self.shared.limits.head_seconds

    # --- what is open --------------------------------------------------------------------------------------

    def begin(self, transport: str) -> Transfer:
        """A new transfer of this client."""
        transfer = Transfer(self.shared, transport)
        self.transfers.add(transfer)
        return transfer

    def end(self, transfer: Transfer, aborted: str = "") -> None:
        """A transfer is over."""
        transfer.finish(self.ended_by or aborted if aborted else "")
        self.transfers.discard(transfer)

    def dismiss(self, transfer: Transfer) -> None:
        """It was no transfer but the opening of a tunnel."""
        transfer.dismiss()
        self.transfers.discard(transfer)

    def close(self) -> None:
        """The client connection is over, and all that it had open."""
        for transfer in list(self.transfers):
            self.end(transfer, self.ended_by or "client")
        for gate in self._gates.values():
            gate.set()
        for connection in list(self._waiters):
            self.moved(connection)

    # --- what waits for what -------------------------------------------------------------------------------

    def backlog(self, connection: Connection, stream_id: int) -> int:
        """Octets that wait for the peer of one stream: in its protocol's buffer and in the socket's."""
        endpoint = self.endpoints.get(connection)
        kept = endpoint.buffered(stream_id) if endpoint is not None else 0
        return kept + self.handler.unwritten(connection)

    def gate(self, connection: Connection, why: str, *, shut: bool) -> None:
        """Stop or resume reading from a connection, for one of several reasons."""
        known = self._gates.get((connection, why))
        if shut and known is None:
            self._gates[connection, why] = asyncio.Event()
        elif not shut and known is not None:
            del self._gates[connection, why]
            known.set()

    async def readable(self, connection: Connection) -> None:
        """Wait until nothing stops reading from a connection."""
        while gates := [event for (gated, _), event in self._gates.items() if gated is connection]:
            await gates[0].wait()

    def moved(self, connection: Connection) -> None:
        """A peer took something, or is gone."""
        for waiter in self._waiters.pop(connection, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def movement(self, connection: Connection) -> None:
        """Wait until a peer took something."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[connection].append(waiter)
        await waiter


def peer_address(client: Client) -> Address:
    """The client's address; IPv4 where a socket for both shows it as mapped."""
    address = ip_address(client.peername[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
