"""Listening sockets: made by the engine itself, or by a supervisor that keeps them for its workers."""

import errno
import socket

from subrosa.gateway.listener import Listener

BACKLOG = 1024


def listen(listener: Listener, *, shared: bool = False) -> socket.socket:
    """A socket that listens at the listener's address; ``shared``: more of them may (SO_REUSEPORT).

    Raises:
        OSError: with the address that cannot be bound, and why.
    """
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY by it
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((listener.host, listener.port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as fault:
        sock.close()
        what = (
            "is taken by another program" if fault.errno == errno.EADDRINUSE else str(fault.strerror).lower()
        )
        raise OSError(fault.errno, f"cannot listen on {listener.host}:{listener.port}: {what}") from fault
    return sock


def listen_all(listeners: tuple[Listener, ...], workers: int) -> list[tuple[socket.socket, ...]]:
    """One socket for each listener and worker, first by worker; the workers' sockets share an address.

    Raises:
        OSError: as `listen`; none is left open then.
    """
    made: list[list[socket.socket]] = [[] for _ in range(workers)]
    try:
        for listener in listeners:
            # Shared sockets would join those of another gateway of this user: so it is asked alone first.
            with listen(listener) as alone:
                port: int = alone.getsockname()[1]
            placed = Listener(mode=listener.mode, host=listener.host, port=port)
            for sockets in made:
                sockets.append(listen(placed, shared=True))
    except BaseException:
        for sock in (sock for sockets in made for sock in sockets):
            sock.close()
        raise
    return [tuple(sockets) for sockets in made]
