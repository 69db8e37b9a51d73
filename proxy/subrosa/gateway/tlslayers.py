"""TLS layers that cost little per record: one buffer for all, one read per event, no exception for "nothing yet".

mitmproxy's own make a buffer of 64 KiB for each read, read until an exception says that nothing is left, and compare
connections by name for each command that passes.
"""

from logging import WARNING
from typing import Any, override

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.layers import tls
from OpenSSL import SSL

_LIB: Any = SSL._lib  # type: ignore[attr-defined]  # noqa: SLF001 - no public way to read without a new buffer
_FFI: Any = SSL._ffi  # type: ignore[attr-defined]  # noqa: SLF001 - as above
_SIZE = 256 * 1024
_BUFFER = _FFI.new("char[]", _SIZE)
"""Octets are copied out of it before anything else runs, so all connections of the process's one loop share it."""


class _Lean(tls.TLSLayer):
    """What both sides share; a mixin, in front of the layer that it is mixed into."""

    @override
    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.tunnel_state is tunnel.TunnelState.OPEN and self._paused is None:
            return self._handle_event(event)  # which waits for nothing itself once the handshake is over
        return super().handle_event(event)

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.tunnel_state is not tunnel.TunnelState.OPEN:
            yield from super()._handle_event(event)
        elif type(event) is events.DataReceived and event.connection is self.conn:
            yield from self.receive_data(event.data)
        elif isinstance(event, events.ConnectionEvent):
            yield from super()._handle_event(event)
        else:
            yield from self.event_to_child(event)

    @override
    def event_to_child(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.tunnel_state is not tunnel.TunnelState.OPEN:
            yield from super().event_to_child(event)
            return
        for command in self.child_layer.handle_event(event):
            if type(command) is commands.SendData and command.connection is self.conn:
                yield from self.send_data(command.data)
            elif not isinstance(command, commands.ConnectionCommand):
                yield command
            else:
                yield from self._handle_command(command)

    @override
    def receive_data(self, data: bytes) -> layer.CommandGenerator[None]:
        if data:
            self.tls.bio_write(data)
        plain, ended = _read(self.tls)
        while ended is None:
            more, ended = _read(self.tls)
            plain += more
        if not isinstance(ended, SSL.WantReadError | SSL.ZeroReturnError):
            yield commands.Log(f"TLS Error: {ended}", WARNING)
        # only after the read, which may have something to say of its own
        yield from self.tls_interact()
        if plain:
            yield from self.event_to_child(events.DataReceived(self.conn, plain))
        if isinstance(ended, SSL.ZeroReturnError):
            self.conn.state &= ~ConnectionState.CAN_READ
            yield from self.event_to_child(events.ConnectionClosed(self.conn))

    @override
    def tls_interact(self) -> layer.CommandGenerator[None]:
        size = _SIZE
        while size == _SIZE:
            size = _LIB.BIO_read(self.tls._from_ssl, _BUFFER, _SIZE)  # noqa: SLF001 - as above
            if size > 0:
                yield commands.SendData(self.conn, _FFI.buffer(_BUFFER, size)[:])


def _read(conn: SSL.Connection) -> tuple[bytes, SSL.Error | None]:
    """What can be read, up to the size of the buffer, and what ended that; None where there may be more."""
    ssl = conn._ssl  # noqa: SLF001 - as above
    at = 0
    while at < _SIZE:
        size = _LIB.SSL_read(ssl, _BUFFER + at, _SIZE - at)
        if size <= 0:
            return _FFI.buffer(_BUFFER, at)[:], _why(conn, size)
        at += size
    return _FFI.buffer(_BUFFER, at)[:], None


def _why(conn: SSL.Connection, result: int) -> SSL.Error:
    """Why nothing was read."""
    ssl = conn._ssl  # noqa: SLF001 - as above
    if _LIB.SSL_get_error(ssl, result) == _LIB.SSL_ERROR_WANT_READ:
        return _NOTHING_YET
    try:
        conn._raise_ssl_error(ssl, result)  # noqa: SLF001 - as above
    except SSL.Error as fault:
        return fault
    return SSL.Error()


_NOTHING_YET = SSL.WantReadError()


class TowardsClient(_Lean, tls.ClientTLSLayer):
    """TLS that a client speaks."""


class TowardsServer(_Lean, tls.ServerTLSLayer):
    """TLS that the gateway speaks to a destination."""
