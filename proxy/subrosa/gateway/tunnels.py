"""A stream that becomes something else: a tunnel after CONNECT, messages after an upgrade."""

from typing import override

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import HttpConnectHook
from mitmproxy.websocket import WebSocketData

from subrosa.gateway import outgoing
from subrosa.gateway.answering import AnsweringStream
from subrosa.gateway.listener import EXPLICIT
from subrosa.gateway.narrow import known
from subrosa.gateway.signals import HeadRead
from subrosa.gateway.websocket import RelayedWebsocket

type Commands = layer.CommandGenerator[None]


class TunnelStream(AnsweringStream):
    """What a stream does when it stops being one request and one response."""

    # --- tunnels -------------------------------------------------------------------------------------------

    def opens_tunnel(self, event: HeadRead) -> bool:
        """Whether a request is a CONNECT that this listener serves."""
        listener = self.session.listener.kind
        return (
            listener == EXPLICIT
            and not self.session.tunnelled
            and not self.h2
            and event.request.data.method == b"CONNECT"
        )

    @override
    def handle_connect(self) -> Commands:
        self.whole = True
        yield HttpConnectHook(self.flow)
        if self.over or self.client_left():
            return
        if not self.held.admitted or self.session.target is None:
            yield from self.refuse()
            return
        target = self.session.target
        self.context.server.address = (target.host.name, target.port)
        self.session.tunnelled = True
        self.session.dismiss(self.held)
        self.flow.response = outgoing.connected()
        self.child_layer = layer.NextLayer(self.context)
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(ResponseHeaders(self.stream_id, self.flow.response, True), self.context.client)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
        if not self.session.outer_tls:
            # what is around the tunnel has nothing more to do, and would cost a tenth of each request inside
            self.session.handler.enter(self.child_layer)

    # --- other protocols inside ----------------------------------------------------------------------------

    def upgrade(self) -> Commands:
        """The destination agreed to WebSocket."""
        self.flow.websocket = WebSocketData()
        self.child_layer = RelayedWebsocket(self.context, self.flow, self.session, self.held)
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    @override
    def passthrough(self, event: events.Event) -> Commands:
        client, server = self.context.client, self.context.server
        switched = self.flow.websocket is not None
        for command in known(self.child_layer).handle_event(_as_connection_event(event, client, server)):
            if isinstance(command, commands.SendData) and command.connection is client:
                yield SendHttp(ResponseData(self.stream_id, command.data), client)
            elif isinstance(command, commands.SendData) and command.connection is server and switched:
                yield SendHttp(RequestData(self.stream_id, command.data), server)
            elif isinstance(command, commands.CloseTcpConnection) and command.half_close:
                yield command
            elif isinstance(command, commands.CloseConnection) and command.connection is client:
                gone = ResponseProtocolError(self.stream_id, "EOF", ErrorCode.PASSTHROUGH_CLOSE)
                yield SendHttp(gone, client)
            elif isinstance(command, commands.CloseConnection) and command.connection is server and switched:
                yield SendHttp(
                    RequestProtocolError(self.stream_id, "EOF", ErrorCode.PASSTHROUGH_CLOSE), server
                )
            else:
                yield command


def _as_connection_event(event: events.Event, client: Connection, server: Connection) -> events.Event:
    """What a layer inside a stream is told of its octets."""
    if isinstance(event, RequestData):
        return events.DataReceived(client, event.data)
    if isinstance(event, ResponseData):
        return events.DataReceived(server, event.data)
    if isinstance(event, RequestEndOfMessage | RequestProtocolError):
        return events.ConnectionClosed(client)
    if isinstance(event, ResponseEndOfMessage | ResponseProtocolError):
        return events.ConnectionClosed(server)
    return event
