"""The engine lane: mitmproxy in this process, on sockets of our own, with the few addons that it needs.

One engine a process: mitmproxy's master is a global of its own.
"""

import asyncio
import logging
import socket
from dataclasses import dataclass, field
from functools import cache
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

from subrosa.gateway.addon import GatewayAddon
from subrosa.gateway.arrival import Arrival
from subrosa.gateway.connections import Connections
from subrosa.gateway.guard import StrictManager
from subrosa.gateway.handler import GatewayHandler
from subrosa.gateway.inflow import Streams, of_socket
from subrosa.gateway.judging import Shared
from subrosa.gateway.layers import Entry
from subrosa.gateway.limits import Limits
from subrosa.gateway.listener import EXPLICIT, SOCKS5, TRANSPARENT, ClientCert, Listener
from subrosa.gateway.session import Session
from subrosa.gateway.socks import VerifiedSocks5
from subrosa.gateway.tls import GatewayTls
from subrosa.gateway.trims import (
    FrozenOptions,
    drop_type_checks,
    know_connections_by_identity,
    say_nothing_of_frames,
)

__all__ = ["ClientCert", "Engine", "EngineSettings", "Limits", "Listener"]

_PORTS = {"http": 80, "https": 443}
_MODES = {EXPLICIT: "regular", SOCKS5: "socks5", TRANSPARENT: "transparent"}
_FOR_EVER = 7 * 86400
"""mitmproxy's own idle time-out, which would count a silent upload as idle; ours knows what is in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What an engine is told; everything else comes through `Ports`.

    ``ca_dir`` holds ``mitmproxy-ca.pem``, made before. ``state_dir`` is where spools go. ``sockets`` are those of
    the listeners, in their order, where they listen already; without any the front makes them. ``prefer_h2`` leaves
    clients that offer HTTP/2 to the engine. ``hash_all`` has the hash of every body told, not only of those held.
    """

    listeners: tuple[Listener, ...]
    ca_dir: Path
    state_dir: Path
    sockets: tuple[socket.socket, ...] = ()
    upstream_ca: Path | None = None
    upstream_proxy: str | None = None
    upstream_client_certs: tuple[ClientCert, ...] = ()
    limits: Limits = field(default_factory=Limits)
    lanes: tuple[str, ...] = ("engine",)
    prefer_h2: bool = False
    hash_all: bool = False


class Engine:
    """The engine of one process: the lane for whatever no other takes, complete by itself."""

    def __init__(self, settings: EngineSettings, shared: Shared, connections: Connections) -> None:
        self.settings = settings
        self.shared = shared
        self._connections = connections
        self._via = _parent(settings.upstream_proxy)
        self._handlers: dict[str, GatewayHandler] = {}
        self._master: Master | None = None
        self._options: FrozenOptions | None = None

    # --- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Make what serving needs."""
        drop_type_checks()
        know_connections_by_identity()
        say_nothing_of_frames()
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

    async def stop(self) -> None:
        """Let mitmproxy's own parts end."""
        if self._master is not None:
            await self._master.done()
            self._master = None

    def _session_of(self, client: Client) -> Session:
        return self._handlers[client.id].session

    # --- connections ---------------------------------------------------------------------------------------

    async def serve(self, arrival: Arrival) -> None:
        """Serve one connection to its end.

        Unread, or after its CONNECT was answered; with ``caller.tls`` set the socket carries what was inside that TLS.
        """
        streams = await of_socket(arrival.socket)
        try:
            await self._handle(arrival, streams)
        finally:
            streams[1].transport.abort()

    async def _handle(self, arrival: Arrival, streams: Streams) -> None:
        if self._master is None:
            return
        caller = arrival.caller
        handler = GatewayHandler(self._master, streams, self._options, _mode(caller.listener))  # type: ignore[arg-type]
        session = Session(
            shared=self.shared,
            listener=caller.listener,
            client=caller.client,
            original=caller.original,
            target=caller.target,
            tunnelled=caller.tunnelled,
            tls=caller.tls,
            handler=handler,
            via=self._via,
        )
        handler.session = session
        if (
            arrival.socket.family == socket.AF_UNIX
        ):  # from another lane, over a pair of sockets without addresses
            handler.client.peername = handler.client.sockname = (str(caller.client.address), 0)
        handler.layer = _top_layer(handler.layer.context, session)
        self._handlers[handler.client.id] = handler
        try:
            with self._connections.serving(handler):
                await handler.serve()
        finally:
            del self._handlers[handler.client.id]


def _top_layer(context: Context, session: Session) -> layer.Layer:
    kind = session.listener.kind
    known = session.target or session.original
    if known is not None:
        host = known.host
        context.server.address = (str(host.address) if host.address is not None else host.name, known.port)
    if session.tunnelled or session.tls is not None:
        return Entry(context)
    if kind == SOCKS5:
        return VerifiedSocks5(context, session)
    if kind == TRANSPARENT:
        return modes.TransparentProxy(context)
    return Entry(context) if kind == EXPLICIT else modes.ReverseProxy(context)


@cache
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
