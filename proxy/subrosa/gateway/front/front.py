"""The data plane of one process: listening sockets in front, the lanes behind, every connection known to its end."""

import asyncio
import logging
import socket
from contextlib import suppress
from ipaddress import IPv6Address, ip_address

from subrosa.facts.hosts import Authority, Host
from subrosa.facts.records import Address, ClientFacts
from subrosa.gateway.arrival import Arrival
from subrosa.gateway.caller import Caller
from subrosa.gateway.connections import Connections
from subrosa.gateway.engine import Engine, EngineSettings
from subrosa.gateway.front.accept import Accepted, Acceptor
from subrosa.gateway.judging import Shared
from subrosa.gateway.listener import TRANSPARENT, Listener
from subrosa.gateway.listening import listen
from subrosa.gateway.original import original_destination
from subrosa.gateway.ports import Ports
from subrosa.gateway.seam import Parts, Vetting
from subrosa.gateway.spool import SpoolBudget

log = logging.getLogger("subrosa.gateway")

_TICK = 0.05


class Front:
    """The listeners of one process, and the lanes that serve what they take in."""

    def __init__(
        self, settings: EngineSettings, ports: Ports, egress: Vetting, *, parts: Parts | None = None
    ) -> None:
        self.settings = settings
        self.shared = Shared(
            ports=ports,
            parts=parts or Parts(),
            egress=egress,
            limits=settings.limits,
            budget=SpoolBudget(settings.limits.spool, ports.recorder.held),
            spool_dir=settings.state_dir,
        )
        self.connections = Connections()
        self.engine = Engine(settings, self.shared, self.connections)
        self._acceptors: list[Acceptor] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    # --- life ----------------------------------------------------------------------------------------------

    async def start(self) -> list[tuple[Listener, str, int]]:
        """Listen; gives each listener with the address and port that it is bound to.

        Raises:
            OSError: with the address that cannot be bound; nothing listens then.
        """
        sockets = list(self.settings.sockets)
        try:
            sockets.extend(map(listen, self.settings.listeners[len(sockets) :]))
            await self.engine.start()
        except BaseException:
            for sock in sockets:
                sock.close()
            await self.engine.stop()
            raise
        bound = []
        for listener, sock in zip(self.settings.listeners, sockets, strict=True):
            address, port = sock.getsockname()[:2]
            bound.append((listener, address, port))
            self._acceptors.append(Acceptor(sock, self._taking(listener, port)))
        self._sweeper = asyncio.get_running_loop().create_task(self.connections.sweep())
        return bound

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until something sets ``stop``."""
        await stop.wait()

    async def drain(self, seconds: float) -> None:
        """Take no more connections, let what is in flight end for so long, and then close the rest."""
        self._close_listeners()
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._serving and loop.time() < until:
            self.connections.leave_idle()
            await asyncio.sleep(_TICK)
        self.abort_all()

    async def stop(self) -> None:
        """Close everything now."""
        self._close_listeners()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        loop = asyncio.get_running_loop()
        until = loop.time() + self.settings.limits.step_seconds
        while self._serving and loop.time() < until:
            self.abort_all()  # one may just have been on its way to a lane
            await asyncio.wait(self._serving, timeout=_TICK)
        await self.engine.stop()

    def abort_all(self) -> None:
        """Break off every connection and transfer, as a lock-down does."""
        self.connections.cut_all()

    def addresses(self) -> set[tuple[str, int]]:
        """Where the process listens, for the egress guard."""
        return {
            acceptor.socket.getsockname()[:2] for acceptor in self._acceptors if acceptor.socket.fileno() >= 0
        }

    def _close_listeners(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()

    # --- connections ---------------------------------------------------------------------------------------

    def _taking(self, listener: Listener, port: int) -> Accepted:
        name = listener.named(port)

        def take(sock: socket.socket, address: str) -> None:
            if len(self._serving) >= self.settings.limits.connections:
                sock.close()
                return
            client = ClientFacts(listener=name, address=_address(address))
            caller = Caller(shared=self.shared, listener=listener, client=client)
            task = asyncio.get_running_loop().create_task(self._serve(Arrival(socket=sock, caller=caller)))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

        return take

    async def _serve(self, arrival: Arrival) -> None:
        try:
            if arrival.caller.listener.kind == TRANSPARENT:
                arrival.caller.original = _original(arrival.socket)
            await self.engine.serve(arrival)
        except Exception:
            log.exception("a connection failed")
            self.shared.ports.recorder.failed_closed("engine")
            arrival.socket.close()


def _address(text: str) -> Address:
    """A client's address; IPv4 where a socket for both shows it as mapped."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _original(sock: socket.socket) -> Authority:
    address, port = original_destination(sock)
    return Authority(Host.parse(f"[{address}]" if ":" in address else address), port)
