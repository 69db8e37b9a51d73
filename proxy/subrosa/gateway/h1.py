"""HTTP/1 endpoints: bounded heads read from the octets themselves, strict framing, trailers, bounded pipelining.

Both are subclasses of mitmproxy's, which parse heads leniently, crash on trailers and take a 103 for the answer.
"""

import re
from typing import override

from mitmproxy import http
from mitmproxy.net.http import http1
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
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server

from subrosa.facts.head import HeadError, HeadFault
from subrosa.gateway.bodies import UNTIL_CLOSE, BodyReader, End, FramingError, body_reader
from subrosa.gateway.extract import framing, raw_head, split_head
from subrosa.gateway.narrow import known
from subrosa.gateway.session import Session
from subrosa.gateway.signals import HeadRead

_MAX_BLANK = 8
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_SWITCHING = 101
_FINAL = 200


class ClientSide(Http1Server):
    """Towards the client."""

    def __init__(self, context: Context, session: Session) -> None:
        super().__init__(context)
        self.session = session
        self.data = bytearray()
        self.reader: BodyReader | None = None

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, HttpEvent):
            yield from self.send(event)
            return
        if isinstance(event, events.DataReceived) and self.state != self.passthrough:
            self.data += event.data
        yield from self.state(event)
        self.session.gate(self.conn, "pipeline", shut=len(self.data) > self.session.shared.limits.pipelined)

    @override
    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            return
        try:
            octets = self._take_head()
            if octets is None:
                return
            method, target, version, lines = split_head(octets)
        except HeadError as fault:
            yield from self._open(_unread_request(), UNTIL_CLOSE, fault=fault)
        else:
            request = _request(method, target, version, lines)
            raw = raw_head(self.session, method, target, version, lines)
            yield from self._open(
                request, framing(version, lines), HeadRead(self.stream_id, request, False, raw=raw)
            )

    def _open(
        self,
        request: http.Request,
        size: int | None,
        read: HeadRead | None = None,
        *,
        fault: HeadError | None = None,
    ) -> layer.CommandGenerator[None]:
        self.session.deadline = None
        self.request = request
        if read is None:
            read = HeadRead(self.stream_id, request, False, fault=fault)
        read.end_stream = size == 0
        self.reader = body_reader(size)
        self.state = self.read_body
        yield ReceiveHttp(read)
        if self.state == self.read_body:
            yield from self.read_body(events.DataReceived(self.conn, b""))

    def _take_head(self) -> bytes | None:
        """The next head without its blank line, None while it is not whole."""
        limits, data = self.session.shared.limits, self.data
        blank = 0
        while data.startswith(b"\r\n", blank) and blank <= _MAX_BLANK:
            blank += 2
        del data[:blank]
        bound = limits.head.head_bytes + limits.head.target_bytes
        at = data.find(b"\r\n\r\n", 0, bound)
        bare = data.find(b"\n\n", 0, bound if at < 0 else at)
        if bare >= 0 or data.startswith((b"\n", b"\r\n")):
            raise FramingError("the head has lines that end in LF alone")
        if at < 0:
            if len(data) >= bound:
                raise HeadError(HeadFault.HEAD_TOO_LARGE, f"a head of more than {bound} octets is too large")
            if data and self.session.deadline is None:
                self.session.begin_wait()
            return None
        octets = bytes(data[:at])
        del data[: at + 4]
        return octets

    @override
    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        reader = known(self.reader)
        while self.state == self.read_body:
            try:
                if isinstance(event, events.ConnectionClosed):
                    piece: bytes | End | None = reader.close()
                else:
                    piece = reader.take(self.data)
            except FramingError as fault:
                yield from self._broken(fault, gone=isinstance(event, events.ConnectionClosed))
                return
            if piece is None:
                return
            if isinstance(piece, End):
                yield from self._whole(piece)
                return
            yield ReceiveHttp(RequestData(self.stream_id, piece))

    def _whole(self, end: End) -> layer.CommandGenerator[None]:
        if end.trailers:
            yield ReceiveHttp(RequestTrailers(self.stream_id, http.Headers(end.trailers)))
        if known(self.request).data.method.upper() != b"CONNECT":
            yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
        yield from self.mark_done(request=True)

    def _broken(self, fault: FramingError, *, gone: bool) -> layer.CommandGenerator[None]:
        if gone:
            yield commands.CloseConnection(self.conn)
        code = ErrorCode.CLIENT_DISCONNECTED if gone else ErrorCode.REQUEST_VALIDATION_FAILED
        self.state = self.done
        yield ReceiveHttp(RequestProtocolError(self.stream_id, fault.detail, code))

    @override
    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        yield from super().mark_done(request=request, response=response)
        if self.state == self.read_headers and self.data:
            yield from self.read_headers(events.DataReceived(self.conn, b""))

    @override
    def make_pipe(self) -> layer.CommandGenerator[None]:
        self.state = self.passthrough
        early = bytes(self.data)
        self.data.clear()
        if early:
            yield from self.passthrough(events.DataReceived(self.conn, early))

    @override
    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, ResponseTrailers):
            self.trailers = event.trailers
        elif isinstance(event, ResponseEndOfMessage) and self.trailers is not None:
            chunked = self.response is not None and _chunked(self.response.headers)
            if chunked:
                yield commands.SendData(self.conn, b"0\r\n" + bytes(self.trailers) + b"\r\n")
            self.trailers = None
            yield from self.mark_done(response=True)
        else:
            yield from super().send(event)

    trailers: http.Headers | None = None


class UpstreamSide(Http1Client):
    """Towards the destination."""

    def __init__(self, context: Context, session: Session) -> None:
        super().__init__(context)
        self.session = session
        self.data = bytearray()
        self.reader: BodyReader | None = None
        self.trailers: http.Headers | None = None

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
            response = self._take_head()
            if response is None:
                return
            size = http1.expected_http_body_size(self.request, response)
        except ValueError as fault:
            yield from self._failed(f"the answer cannot be read: {fault}")
            return
        self.response = response
        yield ReceiveHttp(ResponseHeaders(self.stream_id, response, size == 0))
        self.reader = body_reader(size)
        if self.state == self.read_headers:
            self.state = self.read_body
            yield from self.read_body(events.DataReceived(self.conn, b""))

    def _take_head(self) -> http.Response | None:
        """The next final head; interim ones are read over (RFC 9110 15.2)."""
        while True:
            end = _HEAD_END.search(self.data)
            if end is None:
                if len(self.data) > self.session.shared.limits.response_head:
                    raise ValueError("its head is too large")
                return None
            lines = [line.removesuffix(b"\r") for line in bytes(self.data[: end.start()]).split(b"\n")]
            del self.data[: end.end()]
            if any(b"\r" in line or b"\0" in line for line in lines):
                raise ValueError("it holds a control character")
            response = http1.read_response_head(lines)
            if response.status_code == _SWITCHING or response.status_code >= _FINAL:
                return response

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
            if _chunked(known(self.request).headers):
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


def _chunked(headers: http.Headers) -> bool:
    return bool(headers.get("transfer-encoding", "").lower() == "chunked")


def _request(method: bytes, target: bytes, version: str, lines: list[tuple[bytes, bytes]]) -> http.Request:
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


def _unread_request() -> http.Request:
    return _request(b"GET", b"/", "HTTP/1.1", [])
