"""One client connection of the engine: what it has open, and what waits for what.

Layers ask it for facts and for how much waits towards a peer; the handler asks it which connections not to read.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mitmproxy.connection import Connection
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.proxy.layer import Layer

from subrosa.gateway.bodies import BodyReader
from subrosa.gateway.caller import Caller
from subrosa.gateway.keeping import Called, Later, Rest
from subrosa.gateway.signals import Begun
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

    def begin(self, begun: Begun) -> Rest | Called | None:
        """Do a hook as far as it goes without waiting; what to wait for, None where that is all."""

    def enter(self, inside: Layer) -> None:
        """Give all further events to a layer that stands inside, and to none of those around it."""

    def close_client(self) -> None:
        """Close the client's connection, after what waits to be sent."""


@dataclass(slots=True, kw_only=True)
class Session(Caller):
    """One client connection."""

    handler: Handler
    via: ServerSpec | None = None
    """The parent proxy."""
    outer_tls: bool = False
    later: Later | None = None
    """What a hook that runs now may have called, instead of giving what to wait for."""
    deadline: float | None = None
    """Loop time by which the head or hello that began must be whole."""
    ended_by: str = ""
    leaving: bool = False
    """The gateway ends: what is in flight is the last."""
    transfers: set[Transfer] = field(default_factory=set)
    endpoints: dict[Connection, Endpoint] = field(default_factory=dict)
    reading: BodyReader | None = None
    """HTTP/1: what reads the body that comes now."""
    _due: asyncio.TimerHandle | None = None
    _gates: dict[tuple[Connection, str], asyncio.Event] = field(default_factory=dict)
    _waiters: defaultdict[Connection, list[asyncio.Future[None]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def expect(self, seconds: float, otherwise: Callable[[], None]) -> None:
        """Have something done, unless what is waited for `came` by then."""
        self._due = asyncio.get_running_loop().call_later(seconds, otherwise)

    def came(self) -> None:
        """What was waited for is there."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

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
        self.came()
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

    @property
    def gated(self) -> bool:
        """Whether anything is not read now."""
        return bool(self._gates)

    def gate(self, connection: Connection, why: str, *, shut: bool) -> None:
        """Stop or resume reading from a connection, for one of several reasons."""
        if not shut and not self._gates:
            return
        known = self._gates.get((connection, why))
        if shut and known is None:
            self._gates[connection, why] = asyncio.Event()
        elif not shut and known is not None:
            del self._gates[connection, why]
            known.set()

    async def readable(self, connection: Connection) -> None:
        """Wait until nothing stops reading from a connection."""
        while self._gates and (
            gates := [event for (gated, _), event in self._gates.items() if gated is connection]
        ):
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
