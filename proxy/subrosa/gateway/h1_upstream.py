"""HTTP/1 towards a destination: bounded heads, interim answers read over, trailers, reuse for any client.

A subclass of mitmproxy's, which crashes on trailers, takes a 103 for the answer, and serves an HTTP/2 client once.
"""

from typing import override

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client

from subrosa.gateway.bodies import BodyReader, End, FramingError, LengthBody, body_reader
from subrosa.gateway.h1wire import Wire, chunk, here, whole_body
from subrosa.gateway.lean.answers import AnswerError, AnswerHead, Answers
from subrosa.gateway.narrow import known
from subrosa.gateway.repeats import Answered
from subrosa.gateway.session import Session
from subrosa.gateway.signals import AnswerRead, WholeRequest


class UpstreamSide(Http1Client):
    """Towards the destination."""

    def __init__(self, context: Context, session: Session) -> None:
        super().__init__(context)
        self.session = session
        self.data = bytearray()
        self.reader: BodyReader | None = None
        self.trailers: http.Headers | None = None
        self._answers = Answers(session.shared.limits.response_head)
        self.chunked = False
        self._head: AnswerHead | None = None
        self._answered: Answered | None = None
        """What was made of that head, the last one."""
        self._wire = Wire()

    @property
    def idle(self) -> bool:
        """Whether the next request may use this connection."""
        return self.stream_id is None and self.state == self.read_headers

    @property
    def ended(self) -> bool:
        """Whether nothing comes from it any more."""
        return self.state == self.done

    def buffered(self, _stream_id: int) -> int:
        """Nothing is kept back but what the socket has."""
        return 0

    @override
    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        return self._handle_event(event)  # which waits for nothing

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, HttpEvent):
            yield from self.send(event)
            return
        if isinstance(event, events.DataReceived) and self.state != self.passthrough:
            if not self.data and self.state == self.read_body and self._passes(event.data):
                yield ReceiveHttp(ResponseData(known(self.stream_id), event.data))
                event = events.DataReceived(self.conn, b"")
            else:
                self.data += event.data
        yield from self.state(event)

    def _passes(self, octets: bytes) -> bool:
        return isinstance(self.reader, LengthBody) and bool(octets) and self.reader.passes(octets)

    @override
    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed) or self.request is None or self.stream_id is None:
            yield from self._gone(event)
            return
        try:
            head = self._answers.take(self.data, to_head=self.request.data.method == b"HEAD")
        except AnswerError as fault:
            yield from self._failed(f"the answer cannot be read: {fault}")
            return
        if head is None:
            return
        if head is not self._head:
            self._head, self._answered = head, Answered(_response(head))
        answered = known(self._answered)
        response = self.response = answered.response
        self.reader, self.state = body_reader(head.size), self.read_body
        rest = here(self.reader, self.data, self._told)
        ended = bool(rest) and isinstance(rest[-1], ResponseEndOfMessage)
        read = AnswerRead(self.stream_id, response, head.size == 0, answered=answered, rest=rest)
        if ended and self.request_done and self._goes_on():
            self._begin_anew()
            yield ReceiveHttp(read)
            return
        yield ReceiveHttp(read)
        if self.state == self.read_body:
            if ended:
                yield from self.mark_done(response=True)
            else:
                yield from self.read_body(events.DataReceived(self.conn, b""))

    @override
    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        while self.state == self.read_body:
            reader = known(self.reader)
            try:
                if isinstance(event, events.ConnectionClosed):
                    piece: bytes | End | None = reader.close()
                else:
                    piece = reader.take(self.data)
            except FramingError as fault:
                yield from self._failed(fault.detail)
                return
            if piece is None:
                return
            for told in self._told(piece):
                yield ReceiveHttp(told)
            if isinstance(piece, End):
                yield from self.mark_done(response=True)
                return

    def _told(self, piece: bytes | End) -> list[HttpEvent]:
        """What the stream is told of a piece."""
        stream_id = known(self.stream_id)
        if not isinstance(piece, End):
            return [ResponseData(stream_id, piece)]
        end = ResponseEndOfMessage(stream_id)
        return [ResponseTrailers(stream_id, http.Headers(piece.trailers)), end] if piece.trailers else [end]

    def _gone(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """The destination closed, or sent something that nobody asked for."""
        if isinstance(event, events.DataReceived) or self.stream_id is None:
            yield commands.CloseConnection(self.conn)
            self.state = self.done
        else:
            yield from self._failed("the destination closed the connection without an answer")

    def _failed(self, detail: str) -> layer.CommandGenerator[None]:
        self.state = self.done
        yield commands.CloseConnection(self.conn)
        yield ReceiveHttp(
            ResponseProtocolError(known(self.stream_id), detail, ErrorCode.GENERIC_SERVER_ERROR)
        )

    @override
    def make_pipe(self) -> layer.CommandGenerator[None]:
        self.state = self.passthrough
        early = bytes(self.data)
        self.data.clear()
        if early:
            yield from self.passthrough(events.DataReceived(self.conn, early))

    @override
    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestData):
            if event.data:
                yield commands.SendData(self.conn, chunk(event.data) if self.chunked else event.data)
        elif isinstance(event, RequestHeaders) and self.stream_id is None:
            self.stream_id, self.request = event.stream_id, event.request
            head, self.chunked = self._wire.request(event.request)
            if isinstance(event, WholeRequest):
                yield commands.SendData(self.conn, head + whole_body(event.body, chunked=self.chunked))
                self.chunked = False
                yield from self.mark_done(request=True)
            else:
                yield commands.SendData(self.conn, head)
        elif isinstance(event, RequestEndOfMessage):
            if self.chunked:
                lines = bytes(self.trailers) if self.trailers is not None else b""
                yield commands.SendData(self.conn, b"0\r\n" + lines + b"\r\n")
            self.trailers, self.chunked = None, False
            yield from self.mark_done(request=True)
        elif isinstance(event, RequestTrailers):
            self.trailers = event.trailers
        elif isinstance(event, RequestProtocolError):
            self.state = self.done
            yield commands.CloseConnection(self.conn)
        else:
            yield from super().send(event)

    @override
    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        self.request_done = self.request_done or request
        self.response_done = self.response_done or response
        if not (self.request_done and self.response_done):
            return
        if self._goes_on():
            self._begin_anew()
            return
        yield from super().mark_done()
        if self.data and self.state == self.read_headers:  # no answer begins before it is asked for
            yield from self._gone(events.DataReceived(self.conn, b""))

    def _goes_on(self) -> bool:
        """Whether the connection is sure to go on after this request and this answer."""
        return not self.data and self._wire.plain(self.request, self.response)

    def _begin_anew(self) -> None:
        self.request = self.response = self.stream_id = None
        self.request_done = self.response_done = False
        self.state = self.read_headers


def _response(head: AnswerHead) -> http.Response:
    return http.Response(
        http_version=head.version,
        status_code=head.status,
        reason=head.reason,
        headers=http.Headers(head.lines),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )
