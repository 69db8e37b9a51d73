"""One epoll for all tunnels, inside the loop's own: an event costs a look-up and a call, and no handle of the loop's.

Edge-triggered: each socket is registered once, for both directions, and nothing is changed while octets flow.
"""

import asyncio
import select
import socket
from collections.abc import Callable

_IN, _OUT, _ERR, _HUP, _RDHUP, _ET = 0x001, 0x004, 0x008, 0x010, 0x2000, 1 << 31
_EDGES = _IN | _OUT | _RDHUP | _ET
CLOSING = _RDHUP | _HUP | _ERR
READ = _IN | CLOSING
WRITE = _OUT | _HUP | _ERR
_MOST = 256

type Tell = Callable[[int], None]
"""Takes what became possible with a socket, as epoll's mask."""


class Poller:
    """Tells of sockets; made in a running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._tells: dict[int, Tell] = {}
        self._loop.add_reader(self._epoll.fileno(), self._ready)

    def add(self, sock: socket.socket, tell: Tell) -> None:
        """Tell of a socket, first of what is possible now."""
        self._tells[sock.fileno()] = tell
        self._epoll.register(sock.fileno(), _EDGES)

    def remove(self, sock: socket.socket) -> None:
        """Tell no more of it; before it is closed."""
        if self._tells.pop(sock.fileno(), None) is not None and not self._epoll.closed:
            self._epoll.unregister(sock.fileno())

    def close(self) -> None:
        """Tell of nothing any more."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _ready(self) -> None:
        tells = self._tells
        for number, mask in self._epoll.poll(0, _MOST):
            tell = tells.get(number)
            if tell is not None:  # not closed by what an earlier event of this round led to
                tell(mask)
