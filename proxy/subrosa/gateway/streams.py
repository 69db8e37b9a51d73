"""One request in its stream: held until it is decided, then released with back-pressure, or refused.

A subclass of mitmproxy's stream, because that one opens the upstream and sends the head before the first octet of
the body, cannot refuse after that, and has no back-pressure. Every state that sends anything is replaced.
"""

from typing import override

from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook, HttpRequestHook

from subrosa.facts.head import HeadError, HeadFault
from subrosa.facts.stage import Stage
from subrosa.gateway.answering import Kept, broke
from subrosa.gateway.messages import FramedBody
from subrosa.gateway.narrow import known, of_type
from subrosa.gateway.onward import BODILESS
from subrosa.gateway.openings import OpeningStream
from subrosa.gateway.session import Session
from subrosa.gateway.shapes import ProxyError
from subrosa.gateway.signals import (
    HEARD,
    TRANSFER,
    AnswerRead,
    HeadRead,
    WhenDrained,
    WholeAnswer,
    WholeRequest,
)
from subrosa.policy.guards import head_refusal
from subrosa.policy.verdict import Reason, Verdict, refusal

_SWITCHING = 101
type Commands = layer.CommandGenerator[None]


class HeldStream(OpeningStream):
    """One request and its response."""

    def __init__(self, context: Context, stream_id: int, session: Session, kept: Kept) -> None:
        super().__init__(context, stream_id, session, kept)
        self.trailers: http.Headers | None = None
        self.response_trailers: http.Headers | None = None
        self.framed: FramedBody | None = None
        """Set where each message of the body is judged by itself."""

    @override
    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Wakeup):
            yield from self._woken(of_type(WhenDrained, event.command))
        elif self.over:
            pass
        elif isinstance(event, RequestProtocolError):
            yield from self._client_gone(event)
        elif isinstance(event, ResponseProtocolError):
            yield from self._upstream_failed(event.message)
        elif isinstance(event, RequestHeaders | RequestData | RequestTrailers | RequestEndOfMessage):
            yield from self.client_state(event)
        else:
            yield from self.server_state(event)

    # --- the request ---------------------------------------------------------------------------------------

    @override
    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        read = of_type(HeadRead, event)
        self.asked = read.asked
        self.flow = http.HTTPFlow(self.context.client, self.context.server)
        self.flow.request = event.request
        self.held = self.session.begin("http/2" if self.h2 else "http/1.1")
        self.flow.metadata[TRANSFER], self.flow.metadata[HEARD] = self.held, read
        self.client_state = self.state_held
        self.server_state = self.state_wait_for_response_headers
        if self.opens_tunnel(read):
            yield from self.handle_connect()
            return
        self.whole = read.end_stream or (self.h2 and read.request.data.method.upper() == b"CONNECT")
        self.came.extend(read.rest)
        yield from self.hook(HttpRequestHeadersHook(self.flow))
        yield from self._act()
        while self.came and not self.over:
            yield from self.client_state(self.came.popleft())

    def state_held(self, event: HttpEvent) -> Commands:
        """Nothing is decided: every octet stays here."""
        if isinstance(event, RequestData):
            if self._unannounced():
                self.refuse_with(_no_body())
            else:
                self.held.hold(event.data)
            yield from self.taken(self.context.client)
        elif isinstance(event, RequestTrailers):
            self.trailers = event.trailers
            self.held.trailers(event.trailers.fields)
        elif isinstance(event, RequestEndOfMessage):
            self.whole = True
            self.held.end()
        if self.held.verdict.decided:
            yield from self.hook(HttpRequestHook(self.flow))
            yield from self._act()

    def _unannounced(self) -> bool:
        """HTTP/2: octets after a GET that did not announce any."""
        head = self.held.head
        return self.h2 and head is not None and head.method in BODILESS

    def _act(self) -> Commands:
        """Do what the verdict says."""
        if self.over or self.client_left():
            return
        if not self.held.verdict.decided:
            yield from self.go_on()
        elif self.held.may_pass:
            yield from self._release()
        else:
            yield from self.refuse()

    def _release(self) -> Commands:
        self.client_state = self.state_stream_request_body
        framing = known(self.held.inspection).framing
        self.framed = FramedBody(self.held, framing) if framing is not None else None
        if not (yield from self.make_server_connection()) or self.over or self.client_left():
            return
        transfer, head, server = self.held, known(self.held.head), self.context.server
        held = transfer.spool.pending if transfer.spool is not None else 0
        request = self.asked.onward(
            head,
            http2=server.alpn == b"h2",
            whole=held if self.whole and self.trailers is None else None,
            via_proxy=server.via is not None and head.scheme == "http",
        )
        self.up.attach(server, transfer.spool)
        if self.whole and self.trailers is None and held <= self.session.shared.limits.chunk:
            yield from self._send_whole(request, self.up.all(), ends=not head.has_body)
            return
        yield SendHttp(RequestHeaders(self.stream_id, request, not head.has_body), server)
        if head.has_body and not self.whole:
            yield from self.go_on()
        self.up.ended = self.whole
        yield from self._sent_up(self.up.drained())

    def _send_whole(self, request: http.Request, body: bytes, *, ends: bool) -> Commands:
        """All of it at once."""
        self.held.sent, self.client_state = len(body), self.state_over
        yield SendHttp(WholeRequest(self.stream_id, request, ends, body=body), self.context.server)
        self.held.drop()

    @override
    def state_stream_request_body(self, event: HttpEvent) -> Commands:
        if isinstance(event, RequestData):
            if self._unannounced():
                yield from self._refuse_late(_no_body())
                return
            octets = self.framed.take(event.data) if self.framed is not None else event.data
            if octets is None:
                yield from self._refuse_message()
                return
            self.held.pass_on(octets)
            yield from self._sent_up(self.up.send(octets) if octets else ())
        elif isinstance(event, RequestTrailers):
            self.trailers, self.whole = event.trailers, True
            fault = self.held.check_late(event.trailers.fields)
            if fault is not None:
                yield from self._refuse_late(fault)
        elif isinstance(event, RequestEndOfMessage):
            self.whole = True
            if self.framed is not None and not self.framed.end():
                yield from self._refuse_message()
                return
            self.up.ended = True
            yield from self._sent_up(())

    def _sent_up(self, sending: "Commands | tuple[()]") -> Commands:
        """Let octets go on, and see what follows from it."""
        yield from sending
        self.held.sent = self.up.sent
        if not self.up.empty:
            return
        if not self.up.ended:
            yield from self.taken(self.context.client)
        elif self.client_state == self.state_stream_request_body:
            self.client_state = self.state_over
            if self.trailers is not None:
                yield SendHttp(RequestTrailers(self.stream_id, self.trailers), self.context.server)
            yield SendHttp(RequestEndOfMessage(self.stream_id), self.context.server)
            self.held.drop()
            if self.server_state == self.state_over:
                yield from self.finish()

    def _refuse_late(self, verdict: Verdict) -> Commands:
        """Refuse after octets went on: the upstream gets no end of message, so it has nothing whole."""
        self.held.late = True
        self.held.deny(verdict)
        yield from self.abort_upstream(ErrorCode.CANCEL)
        yield from self.refuse_or_break()

    def _refuse_message(self) -> Commands:
        """Refuse at a message of the body; trailers tell it where an answer began (gRPC over HTTP/2)."""
        yield from self.abort_upstream(ErrorCode.CANCEL)
        answer = self.held.answer()
        if not (self.answered and answer.trailers_only and self.h2 and self.down.empty):
            yield from self.refuse_or_break()
            return
        lines = [line for line in answer.fields if line[0] != b"content-type"]
        yield SendHttp(ResponseTrailers(self.stream_id, http.Headers(lines)), self.context.client)
        yield from self.end_early()

    # --- the response --------------------------------------------------------------------------------------

    @override
    def state_wait_for_response_headers(self, event: HttpEvent) -> Commands:
        if not isinstance(event, AnswerRead):
            return
        transfer, head, response = self.held, known(self.held.head), event.response
        transfer.upstream_status = response.status_code
        switching = response.status_code == _SWITCHING
        try:
            event.answered.check()
        except ValueError:
            yield from self._upstream_failed("the head of the answer is malformed")
            return
        if switching and (
            head.upgrade is None or response.headers.get("upgrade", "").lower() != head.upgrade
        ):
            yield from self._upstream_failed("the destination switched to a protocol that nobody asked for")
            return
        self.flow.response = response
        if not self.remembered and transfer.opens(response.status_code):
            self.keep_back(event)
            yield from self._follow(event)
            return
        self.answered = True
        self.down.attach(self.context.client)
        answer = event.answered.onward(
            to_h2=self.h2,
            head_request=head.method == "HEAD",
            ends=event.end_stream,
            old_client=self.flow.request.data.http_version == b"HTTP/1.0",
        )
        body = event.whole() if self.client_state == self.state_over and not switching else None
        if body is not None:
            transfer.received += len(body)
            ends = event.end_stream or not body
            yield from self.finish(WholeAnswer(self.stream_id, answer, ends, body=body))
            return
        yield SendHttp(ResponseHeaders(self.stream_id, answer, event.end_stream), self.context.client)
        self.server_state = self.state_stream_response_body
        yield from self._follow(event)

    def _follow(self, head: AnswerRead) -> Commands:
        """What came of an answer with its head, once."""
        rest, head.rest = head.rest, ()
        for each in rest:
            if not self.over:
                yield from self.server_state(each)

    @override
    def state_stream_response_body(self, event: HttpEvent) -> Commands:
        if isinstance(event, ResponseData):
            self.held.received += len(event.data)
            yield from self._sent_down(self.down.send(event.data))
        elif isinstance(event, ResponseTrailers):
            self.response_trailers = event.trailers
        elif isinstance(event, ResponseEndOfMessage):
            self.down.ended = True
            yield from self._sent_down(())

    def _sent_down(self, sending: "Commands | tuple[()]") -> Commands:
        yield from sending
        if not self.down.empty:
            return
        if not self.down.ended:
            yield from self.taken(self.context.server)
        elif self.server_state == self.state_stream_response_body:
            self.server_state = self.state_over
            if self.response_trailers is not None:
                yield SendHttp(ResponseTrailers(self.stream_id, self.response_trailers), self.context.client)
            if self.flow.response is not None and self.flow.response.status_code == _SWITCHING:
                yield from self.upgrade()
            elif self.client_state == self.state_over:
                yield from self.finish()
            else:
                yield from self.abort_upstream(ErrorCode.CANCEL)
                yield from self.end_early()

    # --- what can happen at any time -----------------------------------------------------------------------

    def _woken(self, command: WhenDrained) -> Commands:
        if self.over:
            return
        if command.connection is self.context.client:
            yield from self._sent_down(self.down.drained())
        elif command.connection is self.up.connection:
            yield from self._sent_up(self.up.drained())

    def _client_gone(self, event: RequestProtocolError) -> Commands:
        if broke(event) and self.client_state == self.state_discard:
            return  # what is read over has no framing
        yield from self.abort_upstream(event.code)
        if not broke(event):
            self.aborted = self.aborted or "client"
            yield from self.leave()
            return
        verdict = head_refusal(HeadError(HeadFault.FRAMING, event.message), Stage.BODY)
        if self.held.verdict.decided:
            self.held.deny(verdict)
        else:
            self.refuse_with(verdict)
            yield from self.hook(HttpRequestHook(self.flow))
        yield from self.refuse_or_break()

    def _upstream_failed(self, detail: str) -> Commands:
        self.aborted = "upstream"
        self.held.deny(refusal(Reason.UPSTREAM, "guard.upstream", Stage.END, detail), ProxyError.TERMINATED)
        yield from self.abort_upstream(ErrorCode.CANCEL)
        yield from self.refuse_or_break()


def _no_body() -> Verdict:
    return head_refusal(HeadError(HeadFault.BODY_NOT_ALLOWED, "this method carries no body here"), Stage.BODY)
