"""The engine lane: mitmproxy in this process, on sockets of our own, with the few addons that it needs.

One engine a process: mitmproxy's master is a global of its own.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mitmproxy.addons.core import Core
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Client
from mitmproxy.master import Master
from mitmproxy.net.server_spec import ServerSpec
from mitmproxy.options import Options
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.mode_specs import ProxyMode

from subrosa.facts.hosts import Authority, Host
from subrosa.facts.records import ClientFacts
from subrosa.gateway.addon import GatewayAddon
from subrosa.gateway.guard import StrictManager
from subrosa.gateway.handler import GatewayHandler
from subrosa.gateway.judging import Shared
from subrosa.gateway.limits import Limits
from subrosa.gateway.listener import EXPLICIT, SOCKS5, TRANSPARENT, ClientCert, Listener
from subrosa.gateway.listening import BACKLOG, listen
from subrosa.gateway.narrow import known
from subrosa.gateway.original import original_destination
from subrosa.gateway.ports import Ports
from subrosa.gateway.seam import Parts, Vetting
from subrosa.gateway.session import Session, peer_address
from subrosa.gateway.socks import VerifiedSocks5
from subrosa.gateway.spool import SpoolBudget
from subrosa.gateway.tls import GatewayTls
from subrosa.gateway.trims import FrozenOptions, drop_type_checks

__all__ = ["ClientCert", "Engine", "EngineSettings", "Limits", "Listener"]

log = logging.getLogger("subrosa.gateway")

_TICK = 0.5
_PORTS = {"http": 80, "https": 443}
_MODES = {EXPLICIT: "regular", SOCKS5: "socks5", TRANSPARENT: "transparent"}
_FOR_EVER = 7 * 86400
"""mitmproxy's own idle time-out, which would count a silent upload as idle; ours knows what is in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What an engine is told; everything else comes through `Ports`.

    ``ca_dir`` holds ``mitmproxy-ca.pem``, made before. ``state_dir`` is where spools go. ``sockets`` are those of
    the listeners, in their order, where they listen already; without any the engine makes them.
    """

    listeners: tuple[Listener, ...]
    ca_dir: Path
    state_dir: Path
    sockets: tuple[socket.socket, ...] = ()
    upstream_ca: Path | None = None
    upstream_proxy: str | None = None
    upstream_client_certs: tuple[ClientCert, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True)
class _Bound:
    listener: Listener
    socket: socket.socket
    mode: ProxyMode
    server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port


type Accepted = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Engine:
    """The engine of one process."""

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
        self._via = _parent(settings.upstream_proxy)
        self._bound: list[_Bound] = []
        self._handlers: dict[str, GatewayHandler] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._master: Master | None = None
        self._options: FrozenOptions | None = None
        self._draining = False

    # --- life ----------------------------------------------------------------------------------------------

    async def start(self) -> list[tuple[Listener, str, int]]:
        """Listen; gives each listener with the address and port that it is bound to.

        Raises:
            OSError: with the address that cannot be bound; nothing listens then.
        """
        try:
            given = self.settings.sockets
            for at, listener in enumerate(self.settings.listeners):
                self._bound.append(
                    _Bound(listener, given[at] if given else listen(listener), _mode(listener))
                )
            await self._start_master()
            for bound in self._bound:
                bound.server = await asyncio.start_server(
                    self._accepting(bound), sock=bound.socket, backlog=BACKLOG
                )
        except BaseException:
            await self.stop()
            raise
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        return [(bound.listener, bound.socket.getsockname()[0], bound.port) for bound in self._bound]

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until something sets ``stop``."""
        await stop.wait()

    async def drain(self, seconds: float) -> None:
        """Take no more connections, let what is in flight end for so long, and then close the rest."""
        self._draining = True
        self._close_listeners()
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._handlers and loop.time() < until:
            for handler in list(self._handlers.values()):
                if not handler.session.transfers:
                    handler.leave()
            await asyncio.sleep(_TICK / 10)
        self.abort_all()

    async def stop(self) -> None:
        """Close everything now."""
        self._close_listeners()
        self.abort_all()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        if self._serving:
            await asyncio.wait(self._serving, timeout=self.settings.limits.step_seconds)
        if self._master is not None:
            await self._master.done()
            self._master = None

    def abort_all(self) -> None:
        """Break off every connection and transfer, as a lock-down does."""
        for handler in list(self._handlers.values()):
            handler.cut()

    def addresses(self) -> set[tuple[str, int]]:
        """Where the engine listens, for the egress guard."""
        return {
            (bound.socket.getsockname()[0], bound.port) for bound in self._bound if bound.socket.fileno() >= 0
        }

    # --- mitmproxy -----------------------------------------------------------------------------------------

    async def _start_master(self) -> None:
        drop_type_checks()
        logging.getLogger("mitmproxy").setLevel(logging.ERROR)  # what matters of it comes through the handler
        master = Master(Options(), asyncio.get_running_loop(), with_termlog=False)
        master._legacy_log_events.uninstall()  # noqa: SLF001 - it runs all addons for each line that anything logs
        self._master = master
        master.addons = StrictManager(master)
        settings = self.settings
        tls = GatewayTls(settings.upstream_ca, settings.upstream_client_certs)
        master.addons.add(Core(), Proxyserver(), tls)  # type: ignore[no-untyped-call]
        master.options.update(  # type: ignore[no-untyped-call]
            server=False,
            confdir=str(settings.ca_dir),
            connection_strategy="lazy",
            rawtcp=False,
            http3=False,
            upstream_cert=False,
            keep_host_header=True,
            validate_inbound_headers=True,
            normalize_outbound_headers=False,
            tcp_timeout=_FOR_EVER,
        )
        tls.configure({"confdir"})  # type: ignore[no-untyped-call]
        master.addons.add(GatewayAddon(self._session_of, tls), *self.shared.parts.addons)  # type: ignore[no-untyped-call]
        self._options = FrozenOptions(master.options)

    def _session_of(self, client: Client) -> Session:
        return self._handlers[client.id].session

    # --- connections ---------------------------------------------------------------------------------------

    def _accepting(self, bound: _Bound) -> Accepted:
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = known(asyncio.current_task())
            self._serving.add(task)
            try:
                await self._accept(bound, reader, writer)
            except Exception:
                log.exception("a connection failed")
                self.shared.ports.recorder.failed_closed("engine")
            finally:
                writer.transport.abort()
                self._serving.discard(task)

        return accepted

    async def _accept(
        self, bound: _Bound, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._draining or len(self._handlers) >= self.settings.limits.connections or self._master is None:
            return
        handler = GatewayHandler(self._master, (reader, writer), self._options, bound.mode)  # type: ignore[arg-type]
        client, listener = handler.client, bound.listener
        facts = ClientFacts(listener=listener.named(bound.port), address=peer_address(client))
        session = Session(shared=self.shared, listener=listener, client=facts, handler=handler, via=self._via)
        handler.session = session
        context = handler.layer.context
        if listener.kind == TRANSPARENT:
            address = original_destination(writer.get_extra_info("socket"))
            context.server.address = address
            session.original = Authority(
                Host.parse(f"[{address[0]}]" if ":" in address[0] else address[0]), address[1]
            )
        handler.layer = _top_layer(context, session)
        self._handlers[client.id] = handler
        try:
            await handler.serve()
        finally:
            del self._handlers[client.id]

    def _close_listeners(self) -> None:
        for bound in self._bound:
            if bound.server is not None:
                bound.server.close()
            bound.socket.close()

    async def _sweep(self) -> None:
        """Close what took too long to say what it wants, and what says nothing."""
        loop, limits = asyncio.get_running_loop(), self.settings.limits
        while True:
            await asyncio.sleep(_TICK)
            now = loop.time()
            for handler in list(self._handlers.values()):
                session = handler.session
                late = session.deadline is not None and now > session.deadline
                idle = not session.transfers and handler.idle_for() > limits.idle_seconds
                if late or idle or (session.transfers and handler.idle_for() > limits.stalled_seconds):
                    handler.cut()


def _top_layer(context: Context, session: Session) -> layer.Layer:
    kind = session.listener.kind
    if kind == SOCKS5:
        return VerifiedSocks5(context, session)
    if kind == TRANSPARENT:
        return modes.TransparentProxy(context)
    return modes.HttpProxy(context) if kind == EXPLICIT else modes.ReverseProxy(context)


def _mode(listener: Listener) -> ProxyMode:
    return ProxyMode.parse(_MODES.get(listener.kind, listener.mode))


def _parent(url: str | None) -> ServerSpec | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        msg = f"upstream proxy `{url}`: write http://host:port"
        raise ValueError(msg)
    return parts.scheme, (parts.hostname, parts.port or _PORTS[parts.scheme])  # type: ignore[return-value]
