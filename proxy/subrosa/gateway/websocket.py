"""WebSocket as it may pass: whole messages within bounds, each judged first, pings answered here, no words beside them.

Ping, pong and close reasons carry up to 125 octets that no inspection sees, so none of them is relayed.
"""

from collections.abc import Callable, Iterator
from typing import override

import wsproto.events
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.websocket import WebsocketConnection, WebsocketLayer
from wsproto.connection import ConnectionState
from wsproto.extensions import PerMessageDeflate

from subrosa.facts.stage import Stage
from subrosa.gateway.messages import Messages
from subrosa.gateway.narrow import known, of_type
from subrosa.gateway.refusal import close_reason
from subrosa.gateway.session import Session
from subrosa.gateway.transfer import Transfer
from subrosa.policy.verdict import Reason, refusal

_GOING_AWAY, _POLICY, _TOO_BIG = 1001, 1008, 1009


class QuietConnection(WebsocketConnection):
    """One side; what it sees of pings stays with it."""

    limit = 0
    octets = 0
    """Of whole messages, over all."""
    answers = b""
    """Pongs to send back where the pings came from."""
    may_pass: Callable[[bytes], bool] | None = None
    refused = False
    """A message may not pass: it and all that follows stay here."""

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
                data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
                size = sum(map(len, self.frame_buf)) + len(data)
                if size > self.limit:
                    yield wsproto.events.CloseConnection(code=_TOO_BIG, reason=None)
                    return
                if event.message_finished:
                    if self.may_pass is not None and not self.may_pass(b"".join((*self.frame_buf, data))):
                        self.refused = True
                        return
                    self.octets += size
                yield event
            else:
                yield event


class RelayedWebsocket(WebsocketLayer):
    """Relays messages of one upgraded stream; those of the client once they are judged."""

    def __init__(self, context: Context, flow: http.HTTPFlow, session: Session, transfer: Transfer) -> None:
        super().__init__(context, flow)
        self.session = session
        self.transfer = transfer
        self.messages = Messages(transfer)
        self._drained = 0

    @override
    def start(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from super().start(event)
        limit = self.session.shared.limits.message
        for side in (self.client_ws, self.server_ws):
            # mitmproxy makes its own class by its module's name; the objects are the same but for these methods
            side.__class__ = QuietConnection
            side.limit = limit
        self._client.may_pass = self.messages.allow
        agreed = known(self.flow.response).headers.get("sec-websocket-extensions", "")
        if any(name and name != PerMessageDeflate.name for name in map(_name, agreed.split(","))):
            detail = "the WebSocket extension that was agreed on is not one that can be inspected"
            self.messages.refuse(refusal(Reason.PROTOCOL, "guard.protocol", Stage.BODY, detail))
            yield from self._refuse()

    _handle_event = start

    @property
    def _client(self) -> QuietConnection:
        return of_type(QuietConnection, self.client_ws)

    @override
    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from super().relay_messages(event)
        known(self.flow.websocket).messages.clear()
        for side in (self.client_ws, self.server_ws):
            quiet = of_type(QuietConnection, side)
            if quiet.answers:
                data, quiet.answers = quiet.answers, b""
                yield commands.SendData(quiet.conn, data)
        self.transfer.sent = self._client.octets
        self.transfer.received = of_type(QuietConnection, self.server_ws).octets
        if self._client.refused:
            yield from self._refuse()
        elif self._handle_event == self.done:
            self.session.end(self.transfer)

    def _refuse(self) -> layer.CommandGenerator[None]:
        """Close both sides; the client is read until it has heard why."""
        reason = close_reason(self.transfer.verdict, self.transfer.id)
        client, server = self.client_ws, self.server_ws
        if client.state in _CAN_CLOSE:
            yield client.send2(wsproto.events.CloseConnection(code=_POLICY, reason=reason))
        if server.state in _CAN_CLOSE:
            yield server.send2(wsproto.events.CloseConnection(code=_GOING_AWAY))
        yield commands.CloseConnection(server.conn)
        self.session.end(self.transfer)
        self._client.may_pass = None
        self._handle_event = self.drain  # type: ignore[method-assign]
        yield commands.RequestWakeup(self.session.shared.limits.discard_seconds)

    def drain(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Read over what the client still sends, within bounds, until it closes too."""
        closed = isinstance(event, events.Wakeup)
        if isinstance(event, events.ConnectionEvent) and event.connection is self.context.client:
            closed = isinstance(event, events.ConnectionClosed)
            if isinstance(event, events.DataReceived):
                self._drained += len(event.data)
                self.client_ws.receive_data(event.data)
                heard = any(
                    isinstance(one, wsproto.events.CloseConnection) for one in self.client_ws.events()
                )
                closed = heard or self._drained > self.session.shared.limits.discarded
        if closed:
            self._handle_event = self.over  # type: ignore[assignment,method-assign]
            yield commands.CloseConnection(self.context.client)

    def over(self, _event: events.Event) -> layer.CommandGenerator[None]:
        """Nothing is expected any more."""
        yield from ()


_CAN_CLOSE = frozenset({ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING})


def _name(extension: str) -> str:
    """The name of one extension of a list (RFC 6455 9.1)."""
    return extension.partition(";")[0].strip()
