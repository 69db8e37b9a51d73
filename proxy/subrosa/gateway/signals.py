"""What our layers tell each other and the handler beyond mitmproxy's own events and commands."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._events import (
    RequestHeaders,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
)

from subrosa.facts.head import HeadError
from subrosa.gateway.keeping import Called, Rest
from subrosa.gateway.repeats import Answered, Asked

TRANSFER = "subrosa.transfer"
"""Where a flow's metadata keeps its `Transfer`."""
HEARD = "subrosa.heard"
"""Where a flow's metadata keeps the event that its head came in."""
ANSWER = "subrosa.answer"
"""Where a flow's metadata keeps the octets of an answer that names an upload."""


@dataclass
class HeadRead(RequestHeaders):
    """Request headers, with the head as it was said, or why it is none."""

    asked: Asked = field(kw_only=True)
    fault: HeadError | None = None
    rest: Sequence[HttpEvent] = ()
    """What else of the message came with its head."""


@dataclass
class AnswerRead(ResponseHeaders):
    """Response headers."""

    answered: Answered = field(kw_only=True)
    rest: Sequence[HttpEvent] = ()
    """What else of the message came with its head."""

    def whole(self) -> bytes | None:
        """The body, where all of it is here and nothing else."""
        if not self.rest or not isinstance(self.rest[-1], ResponseEndOfMessage):
            return None
        pieces = [event.data for event in self.rest if isinstance(event, ResponseData)]
        return b"".join(pieces) if len(pieces) == len(self.rest) - 1 else None


@dataclass
class WholeRequest(RequestHeaders):
    """A request without trailers, for a destination, from its head to its end."""

    body: bytes = b""


@dataclass
class WholeAnswer(ResponseHeaders):
    """An answer without trailers, for a client, from its head to its end."""

    body: bytes = b""


class Begun(commands.Command):
    """A hook that was begun by who asks for it, and whose ``rest`` has to be waited for."""

    blocking = True
    rest: Rest | Called | None = None

    def __init__(self, hook: commands.StartHook) -> None:
        self.hook = hook


@dataclass(repr=False)
class BegunCompleted(events.CommandCompleted):  # type: ignore[no-untyped-call]
    """It is done."""

    command: Begun
    reply: None = None


@dataclass
class StopSending(HttpEvent):
    """HTTP/2: the answer is complete, the rest of the request is not wanted (RFC 9113 8.1)."""


@dataclass
class Taken(HttpEvent):
    """HTTP/2: what arrived on this stream went on, so its peer may send more."""


@dataclass
class Leaving(events.Event):
    """The gateway ends: an HTTP/2 client is to send no further requests; ``now`` says that none is in flight either."""

    now: bool


class WhenDrained(commands.RequestWakeup):
    """Asks for a wake-up once little waits for the peer of one stream."""

    def __init__(self, connection: Connection, stream_id: int) -> None:
        super().__init__(0.0)
        self.connection = connection
        self.stream_id = stream_id
