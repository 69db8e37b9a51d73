"""WebSocket as it may pass: whole messages within bounds, pings answered here, no words beside them, no history.

Ping, pong and close reasons carry up to 125 octets that no inspection sees, so none of them is relayed.
"""

from collections.abc import Iterator
from typing import override

import wsproto.events
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.websocket import WebsocketConnection, WebsocketLayer

from subrosa.gateway.narrow import known, of_type
from subrosa.gateway.session import Session
from subrosa.gateway.transfer import Transfer

_TOO_BIG = 1009


class QuietConnection(WebsocketConnection):
    """One side; what it sees of pings stays with it."""

    limit = 0
    octets = 0
    """Of messages, over all."""
    answers = b""
    """Pongs to send back where the pings came from."""

    @override
    def events(self) -> Iterator[wsproto.events.Event]:
        for event in super().events():
            if isinstance(event, wsproto.events.Ping):
                self.answers += self.send(event.response())
            elif isinstance(event, wsproto.events.Pong):
                continue
            elif isinstance(event, wsproto.events.CloseConnection):
                yield wsproto.events.CloseConnection(code=event.code, reason=None)
            elif isinstance(event, wsproto.events.Message):
                size = len(event.data.encode()) if isinstance(event.data, str) else len(event.data)
                self.octets += size
                if sum(map(len, self.frame_buf)) + size > self.limit:
                    yield wsproto.events.CloseConnection(code=_TOO_BIG, reason=None)
                    return
                yield event
            else:
                yield event


class RelayedWebsocket(WebsocketLayer):
    """Relays messages of one upgraded stream."""

    def __init__(self, context: Context, flow: http.HTTPFlow, session: Session, transfer: Transfer) -> None:
        super().__init__(context, flow)
        self.session = session
        self.transfer = transfer

    @override
    def start(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from super().start(event)
        limit = self.session.shared.limits.websocket_message
        for side in (self.client_ws, self.server_ws):
            # mitmproxy makes its own class by its module's name; the objects are the same but for these methods
            side.__class__ = QuietConnection
            side.limit = limit

    _handle_event = start

    @override
    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from super().relay_messages(event)
        known(self.flow.websocket).messages.clear()
        for side in (self.client_ws, self.server_ws):
            quiet = of_type(QuietConnection, side)
            if quiet.answers:
                data, quiet.answers = quiet.answers, b""
                yield commands.SendData(quiet.conn, data)
        self.transfer.sent = of_type(QuietConnection, self.client_ws).octets
        self.transfer.received = of_type(QuietConnection, self.server_ws).octets
        if self._handle_event == self.done:
            self.session.end(self.transfer)
