"""HTTP/1 towards a client: bounded heads read from the octets themselves, strict framing, trailers, bounded pipelining.

A subclass of mitmproxy's, which parses heads leniently and crashes on trailers.
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
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server

from subrosa.facts.head import HeadError
from subrosa.gateway.bodies import UNTIL_CLOSE, BodyReader, End, FramingError, LengthBody, body_reader
from subrosa.gateway.h1wire import Wire, chunk, here, whole_body
from subrosa.gateway.heads import take_head
from subrosa.gateway.lean.said import Said
from subrosa.gateway.narrow import known
from subrosa.gateway.onward import Lines
from subrosa.gateway.repeats import Asked
from subrosa.gateway.session import Session
from subrosa.gateway.signals import HeadRead, WholeAnswer


class ClientSide(Http1Server):
    """Towards the client."""

    def __init__(self, context: Context, session: Session) -> None:
        super().__init__(context)
        self.session = session
        self.data = bytearray()
        self.reader: BodyReader | None = None
        self._asked = Asked(_request(b"", b"", "", ()))
        """The head that came last."""
        self._wire = Wire()

    @override
    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        return self._handle_event(event)  # which waits for nothing

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, HttpEvent):
            yield from self.send(event)
            yield from self._next()
            return
        if isinstance(event, events.DataReceived) and self.state != self.passthrough:
            if not self.data and self.state == self.read_body and self._passes(event.data):
                yield ReceiveHttp(RequestData(known(self.stream_id), event.data))
                event = events.DataReceived(self.conn, b"")
            else:
                self.data += event.data
        yield from self.state(event)
        yield from self._next()

    def _next(self) -> layer.CommandGenerator[None]:
        """Begin with the next request, where it waits already; and the next again, however many were sent ahead."""
        while self._again:
            self._again = False
            yield from self.read_headers(events.DataReceived(self.conn, b""))
        self.session.gate(self.conn, "pipeline", shut=len(self.data) > self.session.shared.limits.pipelined)

    def _passes(self, octets: bytes) -> bool:
        return isinstance(self.reader, LengthBody) and bool(octets) and self.reader.passes(octets)

    @override
    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            return
        before = self._asked.said.whole
        if before and self.data.startswith(before):
            del self.data[: len(before)]
            yield from self._open(self._asked)
            return
        try:
            octets = self._take_head()
            if octets is None:
                return
            self._asked = _asked(Said.of(octets, self.session))
        except HeadError as fault:
            yield from self._open(Asked(_request(b"GET", b"/", "HTTP/1.1", ())), fault)
        else:
            yield from self._open(self._asked)

    def _open(self, asked: Asked, fault: HeadError | None = None) -> layer.CommandGenerator[None]:
        self.session.deadline = None
        request, size = asked.request, asked.said.size
        read = HeadRead(self.stream_id, request, size == 0, asked=asked, fault=fault)
        self.request, self.reader, self.state = request, body_reader(size), self.read_body
        self.session.reading = self.reader
        if not self._opens_tunnel:  # which has neither trailers nor an end
            read.rest = here(self.reader, self.data, self._told)
        yield ReceiveHttp(read)
        if self.state == self.read_body:
            if read.rest and isinstance(read.rest[-1], RequestEndOfMessage):
                yield from self.mark_done(request=True)
            else:
                yield from self.read_body(events.DataReceived(self.conn, b""))

    @property
    def _opens_tunnel(self) -> bool:
        return known(self.request).data.method.upper() == b"CONNECT" and not self.session.tunnelled

    def _take_head(self) -> bytes | None:
        """The next head without its blank line, None while it is not whole."""
        octets = take_head(self.data, self.session.shared.limits.head)
        if octets is None and self.data and self.session.deadline is None:
            self.session.begin_wait()
        return octets

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
                yield from self._broken(fault, gone=isinstance(event, events.ConnectionClosed))
                continue
            if piece is None:
                return
            if not isinstance(piece, End) or not self._opens_tunnel:
                for told in self._told(piece):
                    yield ReceiveHttp(told)
            if isinstance(piece, End):
                yield from self.mark_done(request=True)
                return

    def _told(self, piece: bytes | End) -> list[HttpEvent]:
        """What the stream is told of a piece."""
        if not isinstance(piece, End):
            return [RequestData(self.stream_id, piece)]
        end = RequestEndOfMessage(self.stream_id)
        return (
            [RequestTrailers(self.stream_id, http.Headers(piece.trailers)), end] if piece.trailers else [end]
        )

    def _broken(self, fault: FramingError, *, gone: bool) -> layer.CommandGenerator[None]:
        """Where a body ends that is not framed as its head says is not certain: all that follows is read over."""
        self.reader = self.session.reading = body_reader(UNTIL_CLOSE)
        code = ErrorCode.REQUEST_VALIDATION_FAILED
        if gone:
            yield commands.CloseConnection(self.conn)
            code, self.state = ErrorCode.CLIENT_DISCONNECTED, self.done
        yield ReceiveHttp(RequestProtocolError(self.stream_id, fault.detail, code))

    @override
    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        if request and not self.response_done:
            self.request_done, self.state = True, self.wait
            return
        if not (self.request_done or request) or not self._wire.plain(self.request, self.response):
            yield from super().mark_done(request=request, response=response)
        else:  # the next request may come
            self.request = self.response = None
            self.request_done = self.response_done = False
            self.stream_id += 2
            self.state = self.read_headers
        self._again = self.state == self.read_headers and bool(self.data)

    @override
    def make_pipe(self) -> layer.CommandGenerator[None]:
        self.state = self.passthrough
        early = bytes(self.data)
        self.data.clear()
        if early:
            yield from self.passthrough(events.DataReceived(self.conn, early))

    @override
    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, ResponseData) and self.response is not None:
            if event.data:
                yield commands.SendData(self.conn, chunk(event.data) if self.chunked else event.data)
        elif isinstance(event, ResponseHeaders):
            self.response = _last(event.response) if self.session.leaving else event.response
            head, self.chunked = self._wire.response(self.response)
            if isinstance(event, WholeAnswer):
                yield commands.SendData(
                    self.conn, head + whole_body(event.body, chunked=self.chunked and not self._to_head)
                )
                self.chunked = False
                yield from self.mark_done(response=True)
            else:
                yield commands.SendData(self.conn, head)
        elif isinstance(event, ResponseEndOfMessage):
            if self.chunked and not self._to_head:
                lines = bytes(self.trailers) if self.trailers is not None else b""
                yield commands.SendData(self.conn, b"0\r\n" + lines + b"\r\n")
            self.trailers, self.chunked = None, False
            yield from self.mark_done(response=True)
        elif isinstance(event, ResponseTrailers):
            self.trailers = event.trailers
        else:
            yield from super().send(event)

    @property
    def _to_head(self) -> bool:
        return known(self.request).data.method.upper() == b"HEAD"

    trailers: http.Headers | None = None
    chunked = False
    """Whether the response goes on in chunks."""
    _again = False
    """Whether there are octets behind a request and its response that are over."""


def _last(response: http.Response) -> http.Response:
    """An answer that tells that no further request is taken after it (RFC 9112 9.6)."""
    if response.status_code >= _FINAL and "connection" not in response.headers:
        response = response.copy()
        response.headers["Connection"] = "close"
    return response


_FINAL = 200


def _asked(said: Said) -> Asked:
    raw = known(said.raw)
    lines = tuple([_small(line) if line[0].lower() == b"connection" else line for line in said.lines])
    return Asked(_request(raw.method, raw.target, raw.version, lines), said)


def _small(line: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A line of Connection as mitmproxy knows it, which tells upper from lower case (RFC 9110 7.6.1 does not)."""
    return line[0], line[1].lower()


def _request(method: bytes, target: bytes, version: str, lines: Lines) -> http.Request:
    """The request as mitmproxy's state machines want it; what goes upstream is made anew from the checked head."""
    return http.Request(
        host="",
        port=0,
        method=method,
        scheme=b"",
        authority=target if method.upper() == b"CONNECT" else b"",
        path=target,
        http_version=version.encode("latin-1"),
        headers=http.Headers(lines),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )
