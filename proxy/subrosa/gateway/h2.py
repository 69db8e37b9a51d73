"""HTTP/2 endpoints: bounded streams, heads and resets, and flow control that waits for whoever takes the octets.

mitmproxy opens its windows to 2 GiB and acknowledges at once, so a slow peer costs memory. Here an octet is
acknowledged when the stream says that it went on (`Taken`), or when nobody wants it any more.
"""

import time
from collections.abc import Mapping, Sequence
from typing import override

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._http2 import (
    Http2Client,
    Http2Connection,
    Http2Server,
    StreamState,
    parse_h2_response_headers,
)

from subrosa.facts.head import HeadError
from subrosa.gateway.h2state import Windowed
from subrosa.gateway.heads import raw_h2_head
from subrosa.gateway.judging import Heard, Known
from subrosa.gateway.lean.said import Said
from subrosa.gateway.repeats import Answered, Asked
from subrosa.gateway.session import Session
from subrosa.gateway.signals import AnswerRead, HeadRead, StopSending, Taken, WholeAnswer, WholeRequest

type Fields = list[tuple[bytes, bytes]]

_NO_LAST_STREAM = 2**31 - 1


class Credited(Http2Connection):
    """What both endpoints share."""

    h2_conn: Windowed
    session: Session
    live: Mapping[int, object]
    """The streams that still take octets, by the client's ids."""
    owed: dict[int, int]

    def _set_up(self, session: Session, live: Mapping[int, object]) -> None:
        self.session, self.live, self.owed = session, live, {}
        self.h2_conn = Windowed(self.h2_conf, session.shared.limits)

    def _client_id(self, stream_id: int) -> int:
        """The client's id of one of this connection's streams."""
        return stream_id

    def _own_id(self, stream_id: int) -> int | None:
        """The id that this connection has for one of the client's streams."""
        return stream_id

    def buffered(self, stream_id: int) -> int:
        """Octets kept back because the peer's window is shut."""
        own = self._own_id(stream_id)
        waiting = self.h2_conn.stream_buffers.get(own) if own is not None else None
        return sum(len(piece.data) for piece in waiting) if waiting else 0

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, Taken):
            self._acknowledge(self._own_id(event.stream_id))
            yield from self._flush()
            return
        if isinstance(event, StopSending):
            if not self.is_closed(event.stream_id) and not self.h2_conn.stream_buffers.get(event.stream_id):
                self.h2_conn.reset_stream(event.stream_id, h2.errors.ErrorCodes.NO_ERROR)
                self.streams.pop(event.stream_id, None)
            self._acknowledge(event.stream_id)
            yield from self._flush()
            return
        yield from super()._handle_event(event)
        if isinstance(event, events.DataReceived):
            for stream_id in [own for own in self.owed if self._client_id(own) not in self.live]:
                self._acknowledge(stream_id)
            yield from self._flush()
            self.session.moved(self.conn)

    @override
    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        if (
            isinstance(event, h2.events.DataReceived)
            and self.streams.get(event.stream_id) is StreamState.HEADERS_RECEIVED
        ):
            self.owed[event.stream_id] = self.owed.get(event.stream_id, 0) + event.flow_controlled_length
            if event.data:
                yield ReceiveHttp(self.ReceiveData(event.stream_id, event.data))
            return False
        if isinstance(event, h2.events.DataReceived) and event.stream_id not in self.streams:
            # refused or answered already: nobody takes it, and the connection's window must not shrink for it
            self._credit(event.flow_controlled_length, event.stream_id)
            return False
        return (yield from super().handle_h2_event(event))

    def _rest(self, stream_id: int) -> list[HttpEvent]:
        """What came right behind a head, as its stream is told of it."""
        client_id, told = self._client_id(stream_id), list[HttpEvent]()
        for event in self.h2_conn.rests.pop(stream_id, ()):
            if isinstance(event, h2.events.DataReceived):
                self.owed[stream_id] = self.owed.get(stream_id, 0) + event.flow_controlled_length
                if event.data:
                    told.append(self.ReceiveData(client_id, event.data))
            elif isinstance(event, h2.events.TrailersReceived):
                told.append(self.ReceiveTrailers(client_id, http.Headers(event.headers)))
            else:
                told.append(self.ReceiveEndOfMessage(client_id))
                self._forget(stream_id)
        return told

    def _forget(self, stream_id: int) -> None:
        """A stream that is over in both directions needs no word when the connection ends."""
        if self.is_closed(stream_id):
            self.streams.pop(stream_id, None)

    def _acknowledge(self, stream_id: int | None) -> None:
        octets = self.owed.pop(stream_id, 0) if stream_id is not None else 0
        if octets and stream_id is not None:
            self._credit(octets, stream_id)

    def _credit(self, octets: int, stream_id: int) -> None:
        if self.h2_conn.state_machine.state is h2.connection.ConnectionState.CLOSED:
            return
        try:
            self.h2_conn.acknowledge_received_data(octets, stream_id)
        except (h2.exceptions.StreamClosedError, h2.exceptions.NoSuchStreamError):
            self.h2_conn.increment_flow_control_window(octets)

    def _flush(self) -> layer.CommandGenerator[None]:
        data = self.h2_conn.data_to_send()
        if data:
            yield commands.SendData(self.conn, data)


class ClientSide(Credited, Http2Server):
    """Towards the client."""

    def __init__(self, context: Context, session: Session, live: Mapping[int, object]) -> None:
        super().__init__(context)
        self._set_up(session, live)
        self._asked: Asked | None = None
        """The head that came last, which was this:"""
        self._said: tuple[Sequence[tuple[bytes, bytes]], bool] = ((), False)
        self._resets = float(session.shared.limits.resets)
        self._reset_at = time.monotonic()

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(event, WholeAnswer):
            yield from super()._handle_event(event)
        elif self.is_open_for_us(event.stream_id):
            data = event.response.data
            fields = [(b":status", b"%d" % data.status_code), *data.headers.fields]
            self.h2_conn.send_headers(event.stream_id, fields, end_stream=event.end_stream)
            if not event.end_stream:
                self.h2_conn.send_last(event.stream_id, event.body)
            self._forget(event.stream_id)
            yield from self._flush()

    @override
    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        if isinstance(event, h2.events.RequestReceived):
            self.streams[event.stream_id] = StreamState.HEADERS_RECEIVED
            yield ReceiveHttp(self._read(event.stream_id, event.headers, ended=bool(event.stream_ended)))
            return False
        if isinstance(event, h2.events.StreamReset) and self._too_many_resets():
            yield from self.protocol_error("too many stream resets", h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            return True
        return (yield from super().handle_h2_event(event))

    def _read(self, stream_id: int, headers: Sequence[tuple[bytes, bytes]], *, ended: bool) -> HeadRead:
        asked, fault = self._asked, None
        if asked is None or self._said != (headers, ended):
            fields = [(bytes(name), bytes(value)) for name, value in headers]
            asked, fault = self._ask(fields, ended=ended)
            self._asked, self._said = asked if fault is None else None, (headers, ended)
        return HeadRead(stream_id, asked.request, ended, asked=asked, fault=fault, rest=self._rest(stream_id))

    def _ask(self, fields: Fields, *, ended: bool) -> tuple[Asked, HeadError | None]:
        request = _request(fields)
        lines = request.data.headers.fields
        said = Said(lines=lines, shows_user=any(name.lower() == b"proxy-authorization" for name, _ in lines))
        try:
            said.raw = raw_h2_head(self.session, fields, end_of_stream=ended)
        except HeadError as fault:
            return Asked(request, said), fault
        said.heard = Heard(raw=said.raw, tls=self.session.tls, known=Known())
        return Asked(request, said), None

    def go_away(self, *, now: bool) -> layer.CommandGenerator[None]:
        """Take no further streams after those that may be on their way (RFC 9113 6.8), or none ``now``.

        The frame alone: h2's own way would end the streams that are open.
        """
        last = self.h2_conn.highest_inbound_stream_id if now else _NO_LAST_STREAM
        yield commands.SendData(self.conn, GoAwayFrame(0, last_stream_id=last).serialize())

    def _too_many_resets(self) -> bool:
        """CVE-2023-44487: a bucket of resets, filled again at a steady rate."""
        limits, now = self.session.shared.limits, time.monotonic()
        filled = self._resets + (now - self._reset_at) * limits.resets_per_second
        self._resets, self._reset_at = min(float(limits.resets), filled) - 1, now
        return self._resets < 0


class UpstreamSide(Credited, Http2Client):
    """Towards the destination."""

    def __init__(self, context: Context, session: Session, live: Mapping[int, object]) -> None:
        super().__init__(context)
        self._set_up(session, live)
        self._answered: Answered | None = None
        """The head that came last, which was this:"""
        self._told: Sequence[tuple[bytes, bytes]] = ()

    @property
    def idle(self) -> bool:
        """HTTP/2 takes further streams as long as it is open."""
        return not self.ended and self.h2_conn.state_machine.state is not h2.connection.ConnectionState.CLOSED

    @property
    def ended(self) -> bool:
        """Whether nothing comes from it any more."""
        return bool(self._handle_event == self.done)

    @override
    def _handle_event2(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(event, WholeRequest):
            yield from super()._handle_event2(event)
            return
        data = event.request.data
        fields = [(b":method", data.method), (b":scheme", data.scheme), (b":path", data.path)]
        if data.authority:
            fields.append((b":authority", data.authority))
        self.h2_conn.send_headers(
            event.stream_id, [*fields, *data.headers.fields], end_stream=event.end_stream
        )
        self.streams[event.stream_id] = StreamState.EXPECTING_HEADERS
        if not event.end_stream:
            self.h2_conn.send_last(event.stream_id, event.body)
        yield from self._flush()

    @override
    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        response = self._response(event) if isinstance(event, h2.events.ResponseReceived) else None
        if response is None:
            return (yield from super().handle_h2_event(event))
        stream_id = response.stream_id
        self.streams[stream_id] = StreamState.HEADERS_RECEIVED
        response.rest = self._rest(stream_id)
        yield ReceiveHttp(response)
        return False

    def _response(self, event: h2.events.ResponseReceived) -> AnswerRead | None:
        """The head of an answer that is awaited; None of any other, which ends the connection."""
        if self.streams.get(event.stream_id) is not StreamState.EXPECTING_HEADERS:
            return None
        if self._answered is None or self._told != event.headers:
            try:
                status, headers = parse_h2_response_headers(event.headers)
            except ValueError:
                return None
            self._answered, self._told = Answered(_response(status, headers)), event.headers
        answered = self._answered
        return AnswerRead(event.stream_id, answered.response, bool(event.stream_ended), answered=answered)

    @override
    def _client_id(self, stream_id: int) -> int:
        return self.their_stream_id.get(stream_id, -1)

    @override
    def _own_id(self, stream_id: int) -> int | None:
        return self.our_stream_id.get(stream_id)

    @override
    def buffered(self, stream_id: int) -> int:
        queued = self.stream_queue.get(stream_id)
        waiting = sum(
            len(getattr(event, "data", b"")) + len(getattr(event, "body", b"")) for event in queued or ()
        )
        return waiting + super().buffered(stream_id)


def _response(status: int, headers: http.Headers) -> http.Response:
    return http.Response(
        http_version=b"HTTP/2.0",
        status_code=status,
        reason=b"",
        headers=headers,
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )


def _request(fields: Fields) -> http.Request:
    """The request as mitmproxy's state machines want it; what goes upstream is made anew from the checked head."""
    pseudo = {name: value for name, value in fields if name.startswith(b":")}
    return http.Request(
        host="",
        port=0,
        method=pseudo.get(b":method", b"GET"),
        scheme=pseudo.get(b":scheme", b""),
        authority=pseudo.get(b":authority", b""),
        path=pseudo.get(b":path", b""),
        http_version=b"HTTP/2.0",
        headers=http.Headers([(name, value) for name, value in fields if not name.startswith(b":")]),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )
