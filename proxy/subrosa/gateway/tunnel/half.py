"""One direction of a tunnel: what its source has goes to its sink, until that takes no more.

While the sink keeps up, octets are copied: small pieces in two system calls, and large ones in the same two, for one
large write makes larger segments than spliced pages do (a tenth less CPU than a splice for uploads of 1 MB).
Once the sink falls behind they are spliced (splice(2)), so that what waits does so in the kernel and never comes into
this process. Nothing is read while the sink is full: back-pressure is the kernel's.
"""

import os
import socket

from subrosa.gateway.tunnel.pipes import KEPT, SIZE, Pipe, Pipes

FEW, BUFFER = 1 << 16, 1 << 20
"""Octets that are copied at once at first, and at most; what a sink does not take of them is kept here."""
AT_ONCE = 1 << 22
"""Octets moved in one turn, so that one tunnel does not keep the others waiting."""
_FLAGS = getattr(os, "SPLICE_F_MOVE", 0) | getattr(os, "SPLICE_F_NONBLOCK", 0)


_NOTHING = memoryview(b"")


class SourceError(OSError):
    """The source failed."""


class SinkError(OSError):
    """The sink failed."""


class Half:
    """One direction. ``moved`` counts what the sink took; ``ended`` once the sink knows that there is no more.

    ``waits``: something is held for the sink. ``closing``: the source said that its end is near, so that a short read
    does not mean that nothing is left.
    """

    __slots__ = (
        "_buffer", "_bulk", "_held", "_most", "_pipe", "_pipes", "_receive", "_send", "_view", "closing", "ended",
        "moved", "sink", "source", "waits",
    )  # fmt: skip

    def __init__(self, source: socket.socket, sink: socket.socket, buffer: bytearray, pipes: Pipes) -> None:
        self.source = source
        self.sink = sink
        self.moved = 0
        self.ended = self.closing = self.waits = False
        self._receive, self._send = source.recv_into, sink.send
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._pipes = pipes
        self._pipe: Pipe | None = None
        self._held = _NOTHING
        self._most = FEW
        self._bulk = False
        """Whether octets are spliced."""

    def pump(self) -> bool:
        """Move what is there; whether there may be more that nothing will tell of.

        The usual turn is all in here: calls would be half of what a small piece costs.

        Raises:
            SourceError, SinkError: what the one or the other raised.
        """
        if self.ended or self.waits or self._bulk:
            return self._pump_on()
        begun = self.moved
        while self.moved - begun < AT_ONCE:
            most = self._most if self._pipes.kept < KEPT else FEW
            try:
                size = self._receive(self._buffer, most)
            except BlockingIOError:
                return False
            except OSError as fault:
                raise SourceError(*fault.args) from fault
            if not size:
                self._end()
                return False
            try:
                sent = self._send(self._view[:size])
            except BlockingIOError:
                sent = 0
            except OSError as fault:
                raise SinkError(*fault.args) from fault
            self.moved += sent
            if sent < size:
                self._keep(memoryview(bytes(self._view[sent:size])))
                return False
            if size < most:
                return self.closing
            self._most = min(2 * most, BUFFER)
        return True

    def close(self) -> None:
        """Drop what is held."""
        self._keep(_NOTHING)
        self._give()

    # --- many octets, or few that wait ---------------------------------------------------------------------

    def _pump_on(self) -> bool:
        if self.ended or (self.waits and not self._flushed()):
            return False
        if not self._bulk:
            return self.pump()
        begun = self.moved
        while self.moved - begun < AT_ONCE:
            pipe = self._pipe = self._pipes.take()
            if pipe is None:
                self._bulk = False
                return True
            if not self._spliced(pipe):
                self._bulk = self.waits  # where the source is the slower one, copying does it
                return False
        return True

    def _spliced(self, pipe: Pipe) -> bool:
        """Move one pipe full; whether to go on."""
        try:
            size = os.splice(self.source.fileno(), pipe.entry, SIZE, flags=_FLAGS)
        except BlockingIOError:
            self._give()
            return False
        except OSError as fault:
            raise SourceError(*fault.args) from fault
        if not size:
            self._give()
            self._end()
            return False
        pipe.holds = size
        return self._drained(pipe)

    def _drained(self, pipe: Pipe) -> bool:
        """Whether the sink took all that the pipe holds."""
        while pipe.holds:
            try:
                out = os.splice(pipe.exit, self.sink.fileno(), pipe.holds, flags=_FLAGS)
            except BlockingIOError:
                self.waits = True
                return False
            except OSError as fault:
                raise SinkError(*fault.args) from fault
            pipe.holds -= out
            self.moved += out
        self.waits = False
        self._give()
        return True

    def _flushed(self) -> bool:
        """Whether the sink took all that waited for it."""
        if self._pipe is not None:
            return self._drained(self._pipe)
        try:
            sent = self._send(self._held)
        except BlockingIOError:
            return False
        except OSError as fault:
            raise SinkError(*fault.args) from fault
        self.moved += sent
        self._keep(self._held[sent:])
        return not self.waits

    def _keep(self, octets: memoryview) -> None:
        """Keep what the sink did not take, until it does."""
        self._pipes.kept += len(octets) - len(self._held)
        self._held, self.waits = octets, len(octets) > 0
        self._bulk, self._most = self._bulk or self.waits, FEW

    def _give(self) -> None:
        if self._pipe is not None:
            self._pipes.give(self._pipe)
            self._pipe = None

    def _end(self) -> None:
        """Half-close: the sink learns that there is no more, and may still answer."""
        self.ended = True
        try:
            self.sink.shutdown(socket.SHUT_WR)
        except OSError as fault:
            raise SinkError(*fault.args) from fault
