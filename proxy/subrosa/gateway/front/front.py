"""The data plane of one process: listening sockets in front, the lanes behind, every connection known to its end."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv6Address, ip_address

from subrosa.facts.hosts import Authority, Host
from subrosa.facts.records import Address, ClientFacts
from subrosa.gateway.arrival import Arrival, Lane
from subrosa.gateway.ca import CaPaths
from subrosa.gateway.caller import Caller
from subrosa.gateway.connections import Connections
from subrosa.gateway.engine import Engine, EngineSettings
from subrosa.gateway.front.accept import Accepted, Acceptor
from subrosa.gateway.front.choose import (
    FIRST,
    Begins,
    Lanes,
    Seen,
    Way,
    choose,
    looks,
    read_inside,
    read_request,
)
from subrosa.gateway.front.connect import Opened, answer_connect
from subrosa.gateway.judging import Shared
from subrosa.gateway.lean.dialing import Dialler
from subrosa.gateway.lean.lane import Lean
from subrosa.gateway.lean.leaves import Leaves
from subrosa.gateway.lean.trust import Trust
from subrosa.gateway.listener import TRANSPARENT, Listener
from subrosa.gateway.listening import listen
from subrosa.gateway.narrow import known
from subrosa.gateway.original import original_destination
from subrosa.gateway.peek import GoneError, Patience, peek
from subrosa.gateway.ports import Ports
from subrosa.gateway.seam import Parts, Vetting
from subrosa.gateway.spool import SpoolBudget
from subrosa.gateway.tunnel.dialing import parent_of
from subrosa.gateway.tunnel.lane import Tunnels
from subrosa.policy.policy import Declared
from subrosa.policy.tunnels import ANY

log = logging.getLogger("subrosa.gateway")

_TICK = 0.05


class Front:
    """The listeners of one process, and the lanes that serve what they take in."""

    def __init__(
        self,
        settings: EngineSettings,
        ports: Ports,
        egress: Vetting,
        clock: Callable[[], float],
        *,
        parts: Parts | None = None,
    ) -> None:
        self.settings = settings
        self.shared = Shared(
            ports=ports,
            parts=parts or Parts(),
            egress=egress,
            limits=settings.limits,
            budget=SpoolBudget(settings.limits.spool, ports.recorder.held),
            spool_dir=settings.state_dir,
            hash_all=settings.hash_all,
        )
        self.connections = Connections()
        self.engine = Engine(settings, self.shared, self.connections)
        self.lean = self._lean(clock) if "lean" in settings.lanes and not _in_tls(settings) else None
        self._lanes = Lanes(lean=self.lean is not None, prefer_h2=settings.prefer_h2)
        limits = settings.limits
        self._patience = Patience(first=limits.idle_seconds, whole=limits.head_seconds)
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
            self.tunnels = Tunnels(self.shared, self.connections, parent_of(self.settings.upstream_proxy))
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
        self.tunnels.close()
        if self.lean is not None:
            self.lean.close()
        await self.engine.stop()

    def _lean(self, clock: Callable[[], float]) -> Lean:
        settings = self.settings
        trust = Trust(settings.upstream_ca, settings.upstream_client_certs)
        dialler = Dialler(self.shared, trust, settings.upstream_proxy)
        leaves = Leaves(CaPaths(settings.ca_dir), clock)
        return Lean(self.shared, dialler, leaves, self.connections, self.engine.serve)

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
        """Choose a lane, and have it serve the connection to its end."""
        try:
            with self.connections.serving(Looking(known(asyncio.current_task()))):
                lane, arrival = await self._choose(arrival)
        except GoneError:
            arrival.socket.close()
            return
        except BaseException as fault:
            arrival.socket.close()
            if isinstance(fault, Exception):
                self._failed(fault)
                return
            raise
        try:
            await lane(arrival)
        except Exception as fault:  # noqa: BLE001 - whatever a lane raises, its connection is closed
            arrival.socket.close()
            self._failed(fault)

    def _failed(self, fault: Exception) -> None:
        log.error("a connection failed", exc_info=fault)
        self.shared.ports.recorder.failed_closed("engine")

    async def _choose(self, arrival: Arrival) -> tuple[Lane, Arrival]:
        caller = arrival.caller
        if caller.listener.kind == TRANSPARENT:
            return await self._redirected(arrival, _original(arrival.socket))
        while looks(caller.listener):
            seen = await peek(arrival.socket, read_request, FIRST, self._patience)
            if seen.begins is not Begins.CONNECT:
                return self._lane(seen), arrival
            opened = await answer_connect(arrival, self._patience)
            if opened is Opened.OPEN:
                return await self._inside(arrival, known(caller.target))
            if opened is Opened.ODD:
                break
            if opened is Opened.OVER:
                raise GoneError("refused")
        return self.engine.serve, arrival

    async def _redirected(self, arrival: Arrival, original: Authority) -> tuple[Lane, Arrival]:
        """A connection that was meant for somebody else: a tunnel where its hello names one, else the engine's."""
        caller, policy = arrival.caller, self.shared.ports.policy()
        caller.original = original
        if policy is None or not any(one.tunnel for one in policy.declared.values()):
            return self.engine.serve, arrival
        limit = self.settings.limits.client_hello
        seen = await peek(arrival.socket, lambda data: read_inside(data, limit), limit, self._patience)
        if seen.hello is None or seen.hello.sni is None or self._unread(seen.hello.sni) is None:
            return self.engine.serve, arrival
        caller.target = Authority(seen.hello.sni, original.port)
        caller.tunnelled = True
        return self.tunnels.serve, replace(arrival, hello=seen.hello)

    async def _inside(self, arrival: Arrival, target: Authority) -> tuple[Lane, Arrival]:
        """The lane for what is inside a tunnel."""
        declared = self._unread(target.host)
        if declared is None and not self._lanes.lean:
            return self.engine.serve, arrival
        if declared is not None and declared.tunnel == ANY:
            return self.tunnels.serve, arrival
        limit = self.settings.limits.client_hello
        seen = await peek(arrival.socket, lambda data: read_inside(data, limit), limit, self._patience)
        arrival = replace(arrival, hello=seen.hello)
        return (self._lane(seen) if declared is None else self.tunnels.serve), arrival

    def _unread(self, host: Host) -> Declared | None:
        """What the policy says of tunnels to a host; a lock-down is told by the engine, where clients can read it."""
        policy = self.shared.ports.policy()
        return None if policy is None or self.shared.ports.lockdown() else policy.tunnel(host)

    def _lane(self, seen: Seen) -> Lane:
        if self.lean is not None and choose(seen, self._lanes) is Way.LEAN:
            return self.lean.serve
        return self.engine.serve


class Looking:
    """A connection at which the front still looks."""

    busy = False

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def overdue(self, now: float) -> bool:  # noqa: ARG002 - each look has its own time
        """Never."""
        return False

    def wind_down(self) -> None:
        """It is never busy."""

    def leave(self) -> None:
        """Nothing was answered that could leave first."""
        self.cut()

    def cut(self) -> None:
        """Look no more."""
        self._task.cancel()


def _in_tls(settings: EngineSettings) -> bool:
    """Whether the way out is a parent proxy in TLS, to which only the engine speaks."""
    return (settings.upstream_proxy or "").startswith("https:")


def _address(text: str) -> Address:
    """A client's address; IPv4 where a socket for both shows it as mapped."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _original(sock: socket.socket) -> Authority:
    address, port = original_destination(sock)
    return Authority(Host.parse(f"[{address}]" if ":" in address else address), port)
