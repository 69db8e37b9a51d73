"""The accept loop: takes connections from a ready listening socket, as many at a time as are there, within bounds."""

import asyncio
import logging
import socket
from collections.abc import Callable

log = logging.getLogger("subrosa.gateway")

_AT_ONCE = 64
"""Connections taken in one turn of the loop, so that those that are open get theirs."""
_PAUSE = 0.2
"""Seconds without accepting once descriptors or memory ran out; who waits stays in the kernel's queue."""

type Accepted = Callable[[socket.socket, str], None]
"""Takes a connection and the address that it comes from."""


class Acceptor:
    """Accepts on one listening socket, which it closes in the end."""

    def __init__(self, sock: socket.socket, accepted: Accepted) -> None:
        self.socket = sock
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._paused: asyncio.TimerHandle | None = None
        self._told = False
        sock.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Accept no more."""
        if self.socket.fileno() < 0:
            return
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self.socket)
        self.socket.close()

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self.socket, self._ready)

    def _ready(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                taken, address = self.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as fault:
                self._pause(fault)
                return
            self._told = False
            taken.setblocking(False)
            self._accepted(taken, address[0])

    def _pause(self, fault: OSError) -> None:
        """The socket stays ready while nothing can be taken from it, so looking again at once would only spin."""
        if not self._told:
            log.error("no connection can be accepted: %s", (fault.strerror or str(fault)).lower())
        self._told = True
        self._loop.remove_reader(self.socket)
        self._paused = self._loop.call_later(_PAUSE, self._resume)
