"""The state of one HTTP/2 connection, as the library keeps it: with windows, frames and heads that are bounded.

What comes in one piece stays together, and so does what is sent.
"""

from typing import override

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from subrosa.gateway.h2fields import FieldDecoder, FieldEncoder
from subrosa.gateway.h2frames import Frames, OverlongError
from subrosa.gateway.limits import Limits

_HEADS = (h2.events.RequestReceived, h2.events.ResponseReceived)
_FOLLOWING = (h2.events.DataReceived, h2.events.TrailersReceived, h2.events.StreamEnded)


class Windowed(BufferedH2Connection):
    """A connection whose windows are as wide as the limits say."""

    def __init__(self, config: h2.config.H2Configuration, limits: Limits) -> None:
        super().__init__(config)
        settings = self.local_settings
        settings.initial_window_size = limits.stream_window
        settings.max_concurrent_streams = limits.streams
        settings.max_header_list_size = limits.head.head_bytes + limits.head.target_bytes
        if config.client_side:
            settings.enable_push = 0
        settings.acknowledge()
        self.encoder = FieldEncoder()
        self.decoder = FieldDecoder(limits.head.head_bytes + limits.head.target_bytes)
        self._window = limits.connection_window
        self._block = limits.head.head_bytes + limits.head.target_bytes
        self._frames = Frames(self.max_inbound_frame_size, preface=not config.client_side)
        self.rests: dict[int, list[h2.events.Event]] = {}
        """What came right behind a head, by stream."""

    @override
    def receive_data(self, data: bytes) -> list[h2.events.Event]:
        """Take octets; h2 alone looks at a frame's length, up to 16 MiB, only once the whole frame is there."""
        try:
            events: list[h2.events.Event] = super().receive_data(self._frames.take(data))
        except OverlongError as fault:
            raise self._too_long() from fault
        begun = self.incoming_buffer._headers_buffer  # noqa: SLF001 - no public way
        if begun and sum(len(frame.data) for frame in begun) > self._block:
            raise self._too_long()
        return self._with_their_heads(events)

    def _with_their_heads(self, events: list[h2.events.Event]) -> list[h2.events.Event]:
        """Have what follows a head of the same stream go with it."""
        self.rests = {}
        others: list[h2.events.Event] = []
        rest: list[h2.events.Event] | None = None
        stream = 0
        for event in events:
            if isinstance(event, _HEADS):
                stream, rest = event.stream_id, []
                self.rests[stream] = rest
            elif rest is not None and isinstance(event, _FOLLOWING) and event.stream_id == stream:
                rest.append(event)
                continue
            else:
                rest = None
            others.append(event)
        return others

    def send_last(self, stream_id: int, data: bytes) -> None:
        """Send octets, and the end of the stream with them."""
        if len(data) <= self.max_outbound_frame_size:
            self.send_data(stream_id, data, end_stream=True)
        else:  # what mitmproxy cuts, it does not end
            self.send_data(stream_id, data)
            self.end_stream(stream_id)

    def _too_long(self) -> h2.exceptions.FrameTooLargeError:
        self._terminate_connection(h2.errors.ErrorCodes.FRAME_SIZE_ERROR)
        return h2.exceptions.FrameTooLargeError("a frame or a head is too long")

    @override
    def initiate_connection(self) -> None:
        h2.connection.H2Connection.initiate_connection(self)
        self.increment_flow_control_window(self._window - self.inbound_flow_control_window)
