"""The octets of one direction: sent while little waits for the peer, kept back while much does."""

from collections import deque
from collections.abc import Callable

from mitmproxy.connection import Connection
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import SendHttp
from mitmproxy.proxy.layers.http._base import HttpEvent

from subrosa.gateway.narrow import known
from subrosa.gateway.session import Session
from subrosa.gateway.signals import WhenDrained
from subrosa.gateway.spool import Spool


class Pump:
    """One direction of one stream; `attach` it, then `send`, and call `drained` at each wake-up.

    What a spool holds goes first. While `blocked`, a wake-up is under way and the source must not be read.
    """

    def __init__(self, session: Session, stream_id: int, event: Callable[[int, bytes], HttpEvent]) -> None:
        self._session = session
        self._stream_id = stream_id
        self._event = event
        self._pending: deque[bytes] = deque()
        self._spool: Spool | None = None
        self.connection: Connection | None = None
        self.blocked = False
        self.ended = False
        self.sent = 0

    @property
    def empty(self) -> bool:
        """Whether everything went on."""
        return (
            not self.blocked and not self._pending and not (self._spool is not None and self._spool.pending)
        )

    def attach(self, connection: Connection, spool: Spool | None = None) -> None:
        """Say where to, and what was held for it."""
        self.connection, self._spool = connection, spool

    def all(self) -> bytes:
        """All that was held, which is not much, and after which nothing comes."""
        self.ended = True
        data = self._next()
        self.sent += len(data)
        return data

    def send(self, data: bytes) -> CommandGenerator[None]:
        """Send or keep octets."""
        if self.empty:
            yield from self._put(data)
        else:
            self._pending.append(data)

    def drained(self) -> CommandGenerator[None]:
        """Send on what was kept, as much as goes."""
        self.blocked = False
        while not self.blocked and (data := self._next()):
            yield from self._put(data)

    def _next(self) -> bytes:
        if self._spool is not None and self._spool.pending:
            return self._spool.read(self._session.shared.limits.chunk)
        return self._pending.popleft() if self._pending else b""

    def _put(self, data: bytes) -> CommandGenerator[None]:
        connection = known(self.connection)
        self.sent += len(data)
        yield SendHttp(self._event(self._stream_id, data), connection)
        if self._session.backlog(connection, self._stream_id) > self._session.shared.limits.backlog:
            self.blocked = True
            yield WhenDrained(connection, self._stream_id)
