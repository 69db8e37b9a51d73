"""HTTP/1 towards a destination: bounded heads, interim answers read over, trailers, reuse for any client.

A subclass of mitmproxy's, which crashes on trailers, takes a 103 for the answer, and serves an HTTP/2 client once.
"""

from typing import override

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client

from subrosa.gateway.bodies import BodyReader, End, FramingError, body_reader
from subrosa.gateway.h1 import is_chunked
from subrosa.gateway.lean.answers import AnswerError, AnswerHead, Answers
from subrosa.gateway.narrow import known
from subrosa.gateway.session import Session


class UpstreamSide(Http1Client):
    """Towards the destination."""

    def __init__(self, context: Context, session: Session) -> None:
        super().__init__(context)
        self.session = session
        self.data = bytearray()
        self.reader: BodyReader | None = None
        self.trailers: http.Headers | None = None
        self._answers = Answers(session.shared.limits.response_head)

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
            self.data += event.data
        yield from self.state(event)

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
        response = _response(head)
        self.response = response
        yield ReceiveHttp(ResponseHeaders(self.stream_id, response, head.size == 0))
        self.reader = body_reader(head.size)
        if self.state == self.read_headers:
            self.state = self.read_body
            yield from self.read_body(events.DataReceived(self.conn, b""))

    @override
    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        while self.state == self.read_body:
            reader, stream_id = known(self.reader), known(self.stream_id)
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
            if isinstance(piece, End):
                if piece.trailers:
                    yield ReceiveHttp(ResponseTrailers(stream_id, http.Headers(piece.trailers)))
                yield ReceiveHttp(ResponseEndOfMessage(stream_id))
                yield from self.mark_done(response=True)
                return
            yield ReceiveHttp(self.ReceiveData(stream_id, piece))

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
        if isinstance(event, RequestTrailers):
            self.trailers = event.trailers
        elif isinstance(event, RequestEndOfMessage) and self.trailers is not None:
            if is_chunked(known(self.request).headers):
                yield commands.SendData(self.conn, b"0\r\n" + bytes(self.trailers) + b"\r\n")
            self.trailers = None
            yield from self.mark_done(request=True)
        elif isinstance(event, RequestHeaders) and self.stream_id is None:
            self.stream_id, self.request = event.stream_id, event.request
            yield commands.SendData(self.conn, http1.assemble_request_head(event.request))  # type: ignore[no-untyped-call]
        elif isinstance(event, RequestProtocolError):
            self.state = self.done
            yield commands.CloseConnection(self.conn)
        else:
            yield from super().send(event)


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
