"""One TCP connection as its owner sees it: octets in and out, in clear or in TLS, and every failure told to the owner.

A driver of TLS of our own instead of asyncio's: all connections share two buffers to read into (asyncio has 256 KiB
for each), what one event caused leaves in one call, and a connection can be closed for writing alone.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, override

from subrosa.gateway.narrow import known

SIZE = 256 * 1024
"""Octets that are read at a time."""
_RAW, _PLAIN = memoryview(bytearray(SIZE)), memoryview(bytearray(SIZE))
"""What was read, before and after TLS; overwritten by the next event, of whatever connection."""
_TOGETHER = 64 * 1024
"""Pieces up to this size are joined before they are written: a copy costs less than a record, or a packet, more."""

type Octets = bytes | memoryview
_ANY = (Exception, asyncio.CancelledError)
"""Whatever an owner raises: asyncio would log a cancellation that comes out of a callback, and go on."""


class Owner(Protocol):
    """Who owns a pipe. Whatever one of its methods raises is told to `failed`."""

    def received(self, octets: memoryview) -> None:
        """Take octets, which are there for the time of the call only."""

    def ended(self) -> None:
        """The peer closed for writing, or wholly."""

    def lost(self) -> None:
        """The connection is over, for whatever cause; called once, after which nothing is called."""

    def full(self) -> None:
        """Much waits to be sent: write no more for now."""

    def room(self) -> None:
        """Little waits to be sent."""

    def failed(self, fault: BaseException) -> None:
        """Something raised: close everything."""


class Pipe(asyncio.BufferedProtocol):
    """One connection, whose ``owner`` is set before anything is connected; in clear until `start_tls`."""

    owner: Owner

    def __init__(self, *, server: bool) -> None:
        self.ready: asyncio.Future[None] | None = None
        """Where somebody waits for the handshake."""
        self.blocked = False
        """Whether the owner should not write."""
        self._transport: asyncio.Transport | None = None
        self._reading = True
        self._mute = False
        """Nothing is sent any more."""
        self._server = server
        self.tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._shaken = False

    def start_tls(
        self, context: ssl.SSLContext, name: str | None = None, session: ssl.SSLSession | None = None
    ) -> None:
        """Have TLS from here on; a client begins with its hello as soon as it can."""
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=self._server, server_hostname=name, session=session
        )
        if self._transport is not None and not self._server:
            self._shake(self.tls)

    # --- the owner's side ----------------------------------------------------------------------------------

    def write(self, octets: Octets) -> None:
        """Send octets."""
        transport = self._transport
        if transport is None or self._mute:
            return
        if self.tls is None:
            # asyncio keeps what it cannot send at once as it is, and a view may be of the shared buffer
            transport.write(octets if isinstance(octets, bytes) else bytes(octets))
        else:
            self._seal(self.tls, octets)
            transport.write(self._outgoing.read())

    def write_all(self, pieces: Sequence[Octets]) -> None:
        """Send several pieces, in as few calls as is sensible."""
        if len(pieces) == 1:
            self.write(pieces[0])
        elif sum(map(len, pieces)) <= _TOGETHER or self.tls is None:
            self.write(b"".join(pieces))
        elif self._transport is not None and not self._mute:
            for piece in pieces:
                self._seal(self.tls, piece)
            self._transport.write(self._outgoing.read())

    def read(self, *, on: bool) -> None:
        """Go on reading, or stop."""
        if on is not self._reading and self._transport is not None:
            self._reading = on
            if on:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def end(self) -> None:
        """Close for writing, once all was sent; reading goes on."""
        if self._transport is not None and not self._mute:
            self._mute = True
            self._transport.write_eof()

    def close(self, *, clean: bool = True) -> None:
        """Close once all was sent; not ``clean`` where the peer must see that something is missing."""
        if self._transport is not None:
            if clean and not self._mute:
                self._say_goodbye()
            self._mute = True
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._mute = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None or self._mute or self._transport.is_closing()

    @property
    def connected(self) -> bool:
        """Whether it ever was, so that its socket is closed here."""
        return self._transport is not None

    def limit(self, octets: int) -> None:
        """How much may wait to be sent before the owner is told."""
        if self._transport is not None:
            self._transport.set_write_buffer_limits(octets)

    # --- asyncio's side ------------------------------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if self.tls is not None and not self._server:
            self._shake(self.tls)

    @override
    def get_buffer(self, sizehint: int) -> memoryview:
        return _RAW

    @override
    def buffer_updated(self, nbytes: int) -> None:
        try:
            if self.tls is None:
                self.owner.received(_RAW[:nbytes])
                return
            self._incoming.write(_RAW[:nbytes])
            if self._shaken or self._shake(self.tls):
                self._open(self.tls)
        except ssl.SSLError as fault:
            self._broken(fault)
        except _ANY as fault:
            self.owner.failed(fault)

    @override
    def eof_received(self) -> bool:
        try:
            self.owner.ended()
        except _ANY as fault:
            self.owner.failed(fault)
        return True  # the owner closes

    @override
    def pause_writing(self) -> None:
        self.blocked = True
        self._tell(self.owner.full)

    @override
    def resume_writing(self) -> None:
        self.blocked = False
        self._tell(self.owner.room)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._mute = True
        if self.ready is not None and not self.ready.done():
            self.ready.set_exception(ConnectionError("the connection was closed"))
        self._tell(self.owner.lost)

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            what()
        except _ANY as fault:
            self.owner.failed(fault)

    # --- TLS -----------------------------------------------------------------------------------------------

    def _shake(self, tls: ssl.SSLObject) -> bool:
        """Go on with the handshake; whether it is complete."""
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError:
            self._flush()  # the alert
            raise
        self._shaken = True
        self._flush()
        if self.ready is not None and not self.ready.done():
            self.ready.set_result(None)
        return True

    def _open(self, tls: ssl.SSLObject) -> None:
        """Give the owner what was sealed."""
        incoming = self._incoming
        while True:
            filled, ended, more = 0, False, True
            try:
                while filled < SIZE and more:
                    got: int = tls.read(SIZE - filled, _PLAIN[filled:] if filled else _PLAIN)  # type: ignore[assignment]
                    filled += got
                    ended = not got
                    more = bool(got and incoming.pending)
            except ssl.SSLWantReadError:
                more = False
            except ssl.SSLZeroReturnError:
                ended, more = True, False
            if filled:
                self.owner.received(_PLAIN[:filled])
            if ended:
                self.owner.ended()
            if ended or (not more and filled < SIZE) or known(self._transport).is_closing():
                break
        if self._outgoing.pending:
            self._flush()

    @staticmethod
    def _seal(tls: ssl.SSLObject, octets: Octets) -> None:
        seal, done = tls.write, 0
        size = len(octets)
        if size:
            done = seal(octets)
        if done < size:
            view = memoryview(octets)
            while done < size:
                done += seal(view[done:])

    def _flush(self) -> None:
        if self._outgoing.pending and self._transport is not None:
            self._transport.write(self._outgoing.read())

    def _say_goodbye(self) -> None:
        if self.tls is not None and self._shaken:
            with suppress(ssl.SSLError, OSError):
                self.tls.unwrap()
            self._flush()

    def _broken(self, fault: ssl.SSLError) -> None:
        """TLS failed: what the peer's part in it was cannot be told from the network's."""
        if self.ready is not None and not self.ready.done():
            self.ready.set_exception(fault)
        self.abort()
