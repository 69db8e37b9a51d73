"""The HTTP layer of one connection: our endpoints and streams, and connections upstream that are truly reused.

mitmproxy's own would reconnect for every request of an HTTP/2 client at an HTTP/1 destination, remember a failed
connection for good, and take the upstream name from the client's SNI.
"""

from typing import override

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpLayer,
    HTTPMode,
    RegisterHttpConnection,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestHeaders
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy

from subrosa.gateway import h1, h1_upstream, h2
from subrosa.gateway.session import Session
from subrosa.gateway.signals import Leaving
from subrosa.gateway.streams import HeldStream
from subrosa.gateway.tlslayers import TowardsServer
from subrosa.gateway.trims import fork

type Upstream = h1_upstream.UpstreamSide | h2.UpstreamSide


class HeldLayer(HttpLayer):
    """HTTP towards a client, each request in a `HeldStream`."""

    def __init__(self, context: Context, session: Session) -> None:
        super().__init__(context, HTTPMode.regular)
        self.session = session
        self.upstreams: dict[Connection, Upstream] = {}

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            endpoint: h1.ClientSide | h2.ClientSide
            if self.context.client.alpn == b"h2":
                endpoint = h2.ClientSide(self.context.fork(), self.session, self.streams)
                self.session.endpoints[self.context.client] = endpoint
            else:
                endpoint = h1.ClientSide(self.context.fork(), self.session)
            self.connections[self.context.client] = endpoint
        elif isinstance(event, Leaving):
            told = self.session.endpoints.get(self.context.client)
            if isinstance(told, h2.ClientSide):
                yield from told.go_away(now=event.now)
            return
        yield from super()._handle_event(event)

    @override
    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Only streams and connections wait for something, each by itself."""
        if isinstance(event, events.ConnectionEvent):
            child = self.connections.get(event.connection)
            # none has the last word of a connection that was forgotten
            return self.event_to_child(child, event) if child is not None else self.nothing()
        if isinstance(event, events.CommandCompleted):
            return self.event_to_child(self.command_sources.pop(event.command), event)
        return self._handle_event(event)

    @staticmethod
    def nothing() -> layer.CommandGenerator[None]:
        """No commands."""
        yield from ()

    @override
    def event_to_child(self, child: layer.Layer, event: events.Event) -> layer.CommandGenerator[None]:
        for command in child.handle_event(event):
            if type(command) is commands.SendData:
                yield command
            elif type(command) is SendHttp:
                yield from self.event_to_child(self.connections[command.connection], command.event)
            elif type(command) is ReceiveHttp:
                yield from self._received(command.event)
            else:
                if command.blocking or isinstance(command, commands.RequestWakeup):
                    self.command_sources[command] = child  # which hears what comes of it
                yield from self._asked(child, command)
        if type(child) is HeldStream and child.child_layer is None:
            child.gate()

    def _received(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Something of one stream came from a peer; what comes for one that is over has nobody who wants it."""
        if isinstance(event, RequestHeaders):
            self.streams[event.stream_id] = HeldStream(
                fork(self.context), event.stream_id, self.session, self.kept
            )
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            yield from self.event_to_child(stream, event)

    def _asked(self, child: layer.Layer, command: commands.Command) -> layer.CommandGenerator[None]:
        if isinstance(command, GetHttpConnection):
            yield from self.get_connection(command)
        elif isinstance(command, RegisterHttpConnection):
            yield from self.register_connection(command)
        elif isinstance(command, DropStream):
            self.streams.pop(command.stream_id, None)
        else:
            if isinstance(command, commands.OpenConnection):
                self.connections[command.connection] = child
            yield command

    def kept(self, address: tuple[str, int], *, tls: bool) -> Server | None:
        """A connection that is open to a place, and may be used."""
        via = self.session.via
        for server, upstream in self.upstreams.items():
            if (
                isinstance(server, Server)
                and server.address == address
                and server.tls is tls
                and server.via == via
                and server.connected
                and upstream.idle
            ):
                return server
        return None

    @override
    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> layer.CommandGenerator[None]:
        for connection in self.connections if reuse else ():
            if not event.connection_spec_matches(connection):
                continue
            if connection in self.waiting_for_establishment:
                self.waiting_for_establishment[connection].append(event)
                return
            upstream = self.upstreams.get(connection)
            if connection.connected and upstream is not None and upstream.idle:
                stream = self.command_sources.pop(event)
                yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, (connection, None)))
                return
        yield from self._dial(event)

    def _forget(self) -> None:
        """Forget connections that are over, so that a long-lived client costs no more than a short one."""
        for connection in list(self.connections):
            if connection is self.context.client or connection in self.waiting_for_establishment:
                continue
            upstream = self.upstreams.get(connection)
            if upstream.ended if upstream is not None else connection.error is not None:
                del self.connections[connection]
                self.upstreams.pop(connection, None)
                self.session.endpoints.pop(connection, None)

    def _dial(self, event: GetHttpConnection) -> layer.CommandGenerator[None]:
        self._forget()
        context = self.context.fork()
        context.server = Server(address=event.address)
        stack = tunnel.LayerStack()
        if event.via:
            context.server.via = event.via
            stack /= HttpUpstreamProxy.make(context, event.tls)
        if event.tls:
            context.server.sni = event.address[0]
            stack /= TowardsServer(context)
        stack /= UpstreamLayer(context, self)
        self.connections[context.server] = stack[0]
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    @override
    def register_connection(self, command: RegisterHttpConnection) -> layer.CommandGenerator[None]:
        waiting = self.waiting_for_establishment.pop(command.connection)
        for at, event in enumerate(waiting):
            upstream = self.upstreams.get(command.connection)
            if not command.err and (upstream is None or not upstream.idle):
                for later in waiting[at:]:
                    yield from self.get_connection(later)
                return
            stream = self.command_sources.pop(event)
            reply: tuple[None, str] | tuple[Connection, None] = (
                (None, command.err) if command.err else (command.connection, None)
            )
            yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, reply))


class Entry(layer.Layer):
    """Stands around what a connection turns out to speak, and has nothing to do once that is known."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.chooser = layer.NextLayer(context)

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from self.chooser.handle_event(event)


class UpstreamLayer(layer.Layer):
    """Opens one connection upstream, and speaks there what was negotiated."""

    def __init__(self, context: Context, parent: HeldLayer) -> None:
        super().__init__(context)
        self.parent = parent
        self.endpoint: Upstream | None = None

    @override
    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.endpoint is not None and self._paused is None:
            return self.endpoint.handle_event(event)
        return super().handle_event(event)

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.endpoint is not None:
            yield from self.endpoint.handle_event(event)
            return
        if not isinstance(event, events.Start):
            return
        err: str | None = yield commands.OpenConnection(self.context.server)
        if not err:
            session, server = self.parent.session, self.context.server
            if server.alpn == b"h2":
                self.endpoint = h2.UpstreamSide(self.context, session, self.parent.streams)
            else:
                self.endpoint = h1_upstream.UpstreamSide(self.context, session)
            self.parent.upstreams[server] = self.endpoint
            session.endpoints[server] = self.endpoint
            yield from self.endpoint.handle_event(event)
        yield RegisterHttpConnection(self.context.server, err)
