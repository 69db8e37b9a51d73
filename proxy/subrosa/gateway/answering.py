"""What a stream does towards its two peers: connect, refuse, end, break off, pass through."""

from collections import deque
from typing import Protocol, override

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import DropStream, GetHttpConnection, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from subrosa.gateway import outgoing
from subrosa.gateway.bodies import ends_within
from subrosa.gateway.narrow import known, of_type
from subrosa.gateway.pump import Pump
from subrosa.gateway.repeats import Asked
from subrosa.gateway.session import Session
from subrosa.gateway.signals import Begun, StopSending, Taken, WholeAnswer
from subrosa.gateway.transfer import Transfer
from subrosa.gateway.vetting import DialError, handshake_fault
from subrosa.policy.verdict import Reason, Verdict

type Commands = layer.CommandGenerator[None]


class Kept(Protocol):
    """Who knows what is open."""

    def __call__(self, address: tuple[str, int], *, tls: bool) -> Server | None:
        """A connection that is open to a place, and may be used."""


class AnsweringStream(HttpStream):
    """The half of a stream that speaks; `HeldStream` is the half that listens."""

    asked: Asked
    held: Transfer
    """The transfer of this stream; there is one from the head on."""

    def __init__(self, context: Context, stream_id: int, session: Session, kept: Kept) -> None:
        layer.Layer.__init__(self, context)  # mitmproxy's own makes buffers that nobody fills here
        self.stream_id = stream_id
        self.client_state, self.server_state = self.state_wait_for_request_headers, self.state_over
        self.session = session
        self.kept = kept
        self.up = Pump(session, stream_id, RequestData)
        self.down = Pump(session, stream_id, ResponseData)
        self.h2 = context.client.alpn == b"h2"
        self.whole = False
        """Whether the request's end was seen."""
        self.answered = False
        """Whether a final response head went to the client."""
        self.over = False
        self.aborted = ""
        self._went_on = False
        self.came: deque[HttpEvent] = deque()
        """What came of the request together with its head, and was not looked at yet."""

    def state_over(self, _event: HttpEvent) -> Commands:
        """Nothing is expected any more."""
        yield from ()

    # --- reading -------------------------------------------------------------------------------------------

    def gate(self) -> None:
        """Do not read from HTTP/1 peers while this stream cannot take what they send; HTTP/2 has its windows."""
        paused = self._paused is not None and not self.over
        if not paused and not self.up.blocked and not self.down.blocked and not self.session.gated:
            return
        if not self.h2:
            shut = (paused or self.up.blocked) and not self.whole and not self.over
            self.session.gate(self.context.client, "stream", shut=shut)
        server = self.up.connection
        if server is not None and server.alpn != b"h2":
            self.session.gate(server, "stream", shut=not self.over and (paused or self.down.blocked))

    def taken(self, source: Connection) -> Commands:
        """What arrived from a peer went on; HTTP/2 may send more."""
        if source.alpn == b"h2" and source in self.session.endpoints:
            yield SendHttp(Taken(self.stream_id), source)

    def client_left(self) -> bool:
        """Whether the client went away while a hook ran."""
        return any(
            isinstance(event, RequestProtocolError) and not broke(event) for event in self._paused_event_queue
        )

    def hook(self, hook: commands.StartHook) -> Commands:
        """Have a hook done: here and now, but for what it has to wait for."""
        begun = Begun(hook)
        begun.rest = self.session.handler.begin(begun)
        if begun.rest is not None:
            yield begun

    # --- upstream ------------------------------------------------------------------------------------------

    @override
    def make_server_connection(self) -> layer.CommandGenerator[bool]:
        head, reverse = known(self.held.head), self.session.listener.target
        authority = head.authority if reverse is None else reverse[1]
        host = authority.host
        address = (str(host.address) if host.address is not None else host.name, authority.port)
        tls, err = head.scheme == "https", None
        connection: Connection | None = self.kept(address, tls=tls)
        if connection is None:
            connection, err = yield GetHttpConnection(address, tls, self.session.via)
        if err:
            self.aborted = "upstream"
            fault = err if isinstance(err, DialError) else handshake_fault(err)
            if fault.verdict.reason is not Reason.UPSTREAM:
                self.aborted = "gateway"
            self.held.deny(fault.verdict, fault.fault)
            yield from self.refuse()
            return False
        self.context.server = self.flow.server_conn = of_type(Server, connection)
        return True

    def abort_upstream(self, code: ErrorCode) -> Commands:
        """Let the destination see that there is no more, where it has a request at all."""
        if self.up.connection is None or self.up.connection not in self.session.endpoints:
            return
        if self.client_state == self.state_over == self.server_state:
            return
        yield SendHttp(RequestProtocolError(self.stream_id, "aborted", code), self.up.connection)
        self.server_state = self.state_over

    # --- the client ----------------------------------------------------------------------------------------

    def go_on(self) -> Commands:
        """100 Continue, once, where the client waits for it."""
        request = self.flow.request
        if self._went_on or self.whole or request.data.http_version == b"HTTP/1.0":
            return
        self._went_on = True
        if request.headers.get("expect", "").lower() == "100-continue":
            yield SendHttp(
                ResponseHeaders(self.stream_id, outgoing.go_on(to_h2=self.h2)), self.context.client
            )

    def refuse_with(self, verdict: Verdict) -> None:
        """Refuse what is not decided yet; the caller has it recorded."""
        self.held.refuse_now(verdict)

    def refuse(self) -> Commands:
        """Tell the client, and read what it still sends: so that it can hear it, or ask again where that is little."""
        answer = self.held.answer()
        if not self.h2:
            self._swallow()
        goes_on = self.whole or (self._ends_soon() and not answer.trailers_only)
        response = outgoing.refusal(answer, to_h2=self.h2, close=not goes_on)
        self.answered = True
        self.server_state = self.state_over
        self.held.drop()
        ends = answer.trailers_only or not answer.body
        whole = WholeAnswer(self.stream_id, response, ends, body=answer.body)
        if self.whole:
            yield from self.finish(whole)
        else:
            yield from self.end_early(whole, close=not goes_on)

    def _swallow(self) -> None:
        """Read over what is here already: where that is all, the connection may live on.

        Not behind a head with a fault, for where its body ends is not certain.
        """
        for waiting in (self.came, self._paused_event_queue):
            while not self.whole and self.held.head is not None and waiting:
                if isinstance(waiting[0], RequestData):
                    self.held.discard(waiting[0].data)
                elif isinstance(waiting[0], RequestEndOfMessage):
                    self.whole = True
                elif not isinstance(waiting[0], RequestTrailers) and not broke(waiting[0]):
                    return
                waiting.popleft()

    def _ends_soon(self) -> bool:
        """Whether little of the request is still to come, certain in its end, and its connection may go on after it.

        A client that waits for 100 Continue is free to send no body after all (RFC 9110 10.1.1).
        """
        head, session = self.held.head, self.session
        return (
            not self.h2
            and not session.leaving
            and head is not None
            and "expect" not in head.fields
            and self.asked.said.keep
            and ends_within(session.reading, session.shared.limits.rest)
        )

    def refuse_or_break(self) -> Commands:
        """Tell the client where no answer began, else break the answer off."""
        if not self.answered:
            yield from self.refuse()
            return
        failed = ResponseProtocolError(self.stream_id, "aborted", ErrorCode.CANCEL)
        yield from self.leave()
        yield SendHttp(failed, self.context.client)

    def finish(self, last: HttpEvent | None = None) -> Commands:
        """Request and response are complete, with what is ``last`` to be told of it."""
        self._close()
        yield DropStream(self.stream_id)
        yield SendHttp(last or ResponseEndOfMessage(self.stream_id), self.context.client)

    def end_early(self, last: HttpEvent | None = None, *, close: bool = False) -> Commands:
        """The response is complete and the request is not: RFC 9112 9.6, RFC 9113 8.1."""
        if self.h2:
            yield from self.finish(last)
            yield SendHttp(StopSending(self.stream_id), self.context.client)
            return
        self.client_state = self.state_discard
        yield SendHttp(last or ResponseEndOfMessage(self.stream_id), self.context.client)
        if close:
            yield commands.CloseTcpConnection(self.context.client, half_close=True)
        self.session.expect(self.session.shared.limits.discard_seconds, self._give_up)

    def _give_up(self) -> None:
        """HTTP/1: the rest of the request did not come in time."""
        if not self.over:
            self._close()
            self.session.handler.close_client()

    def state_discard(self, event: HttpEvent) -> Commands:
        """HTTP/1: read over the rest of the request, within bounds."""
        if isinstance(event, RequestData):
            self.held.discard(event.data)
            if self.held.discarded > self.session.shared.limits.discarded:
                self._close()
                yield commands.CloseConnection(self.context.client)
        elif isinstance(event, RequestEndOfMessage):
            yield from self.leave()

    def leave(self) -> Commands:
        """Over, without a word."""
        self._close()
        yield DropStream(self.stream_id)

    def _close(self) -> None:
        self.over = True
        if self.client_state == self.state_discard:
            self.session.came()
        self.client_state = self.server_state = self.state_over
        self.session.end(self.held, self.aborted)


def broke(event: events.Event) -> bool:
    """Whether an event tells that a body is not framed as its head says."""
    return isinstance(event, RequestProtocolError) and event.code is ErrorCode.REQUEST_VALIDATION_FAILED
