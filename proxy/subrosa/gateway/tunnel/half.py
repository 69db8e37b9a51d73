"""One direction of a tunnel: what its source has goes to its sink, until that takes no more.

Small pieces are copied, which costs two system calls; what fills the buffer is spliced from then on (splice(2)), and
never comes into this process. Nothing is read while the sink is full: back-pressure is the kernel's.
"""

import os
import socket

from subrosa.gateway.tunnel.pipes import SIZE, Pipe, Pipes

BUFFER = 1 << 15
AT_ONCE = 1 << 22
"""Octets moved in one turn, so that one tunnel does not keep the others waiting."""
_FEW = 1 << 14
_FLAGS = getattr(os, "SPLICE_F_MOVE", 0) | getattr(os, "SPLICE_F_NONBLOCK", 0)


class SourceError(OSError):
    """The source failed."""


class SinkError(OSError):
    """The sink failed."""


class Half:
    """One direction. ``moved`` counts what the sink took; ``ended`` once the sink knows that there is no more."""

    __slots__ = (
        "_buffer", "_bulk", "_held", "_pipe", "_pipes", "_view", "closing", "ended", "moved", "sink", "source",
    )  # fmt: skip

    def __init__(self, source: socket.socket, sink: socket.socket, buffer: bytearray, pipes: Pipes) -> None:
        self.source = source
        self.sink = sink
        self.moved = 0
        self.ended = False
        self.closing = False
        """Whether the source said that its end is near, so that a short read does not mean that nothing is left."""
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._pipes = pipes
        self._pipe: Pipe | None = None
        self._held = b""
        self._bulk = False

    @property
    def blocked(self) -> bool:
        """Whether something waits for the sink."""
        return self._pipe is not None or bool(self._held)

    def pump(self) -> bool:
        """Move what is there; whether there may be more that nothing will tell of.

        Raises:
            SourceError, SinkError: what the one or the other raised.
        """
        if self.ended or not self._flushed():
            return False
        begun = self.moved
        while self.moved - begun < AT_ONCE:
            if not (self._spliced() if self._bulk else self._copied()):
                return False
        return True

    def close(self) -> None:
        """Drop what is held."""
        if self._pipe is not None:
            self._pipes.give(self._pipe)
            self._pipe = None

    # --- copying -------------------------------------------------------------------------------------------

    def _copied(self) -> bool:
        """Copy one piece; whether to go on."""
        try:
            size = self.source.recv_into(self._buffer)
        except BlockingIOError:
            return False
        except OSError as fault:
            raise SourceError(*fault.args) from fault
        if not size:
            self._end()
            return False
        sent = self._sent(self._view[:size])
        if sent < size:
            self._held = bytes(self._view[sent:size])
            return False
        self._bulk = size == BUFFER
        return self._bulk or self.closing

    def _sent(self, octets: memoryview | bytes) -> int:
        try:
            sent = self.sink.send(octets)
        except BlockingIOError:
            return 0
        except OSError as fault:
            raise SinkError(*fault.args) from fault
        self.moved += sent
        return sent

    # --- splicing ------------------------------------------------------------------------------------------

    def _spliced(self) -> bool:
        """Move one pipe full; whether to go on."""
        pipe = self._pipe = self._pipes.take()
        if pipe is None:
            self._bulk = False
            return self._copied()
        try:
            size = os.splice(self.source.fileno(), pipe.entry, SIZE, flags=_FLAGS)
        except BlockingIOError:
            self.close()
            return False
        except OSError as fault:
            raise SourceError(*fault.args) from fault
        if not size:
            self.close()
            self._end()
            return False
        pipe.holds = size
        self._bulk = size > _FEW
        return self._drained(pipe)

    def _drained(self, pipe: Pipe) -> bool:
        while pipe.holds:
            try:
                out = os.splice(pipe.exit, self.sink.fileno(), pipe.holds, flags=_FLAGS)
            except BlockingIOError:
                return False
            except OSError as fault:
                raise SinkError(*fault.args) from fault
            pipe.holds -= out
            self.moved += out
        self.close()
        return True

    # --- both ----------------------------------------------------------------------------------------------

    def _flushed(self) -> bool:
        """Whether the sink took all that waited for it."""
        if self._held:
            self._held = self._held[self._sent(self._held) :]
            return not self._held
        return self._pipe is None or self._drained(self._pipe)

    def _end(self) -> None:
        """Half-close: the sink learns that there is no more, and may still answer."""
        self.ended = True
        try:
            self.sink.shutdown(socket.SHUT_WR)
        except OSError as fault:
            raise SinkError(*fault.args) from fault
