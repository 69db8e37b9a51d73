"""The relay where the kernel has no epoll or cannot splice: two tasks a tunnel, which copy."""

import asyncio
import socket

from subrosa.gateway.tunnel.half import BUFFER
from subrosa.gateway.tunnel.relay import CLIENT, UPSTREAM, Relay


class Copying:
    """Relays by plain calls of the loop."""

    def relay(self, client: socket.socket, upstream: socket.socket) -> Relay:
        """A relay between two connected sockets, which it does not close."""
        return CopiedRelay(client, upstream)

    def close(self) -> None:
        """Nothing is shared."""


class CopiedRelay:
    """One tunnel."""

    def __init__(self, client: socket.socket, upstream: socket.socket) -> None:
        self._sockets = {CLIENT: client, UPSTREAM: upstream}
        self._taken = {CLIENT: 0, UPSTREAM: 0}
        self._broken = ""
        self._halves: list[asyncio.Task[None]] = []

    @property
    def sent(self) -> int:
        """Octets that the destination took."""
        return self._taken[UPSTREAM]

    @property
    def received(self) -> int:
        """Octets that the client took."""
        return self._taken[CLIENT]

    async def run(self) -> str:
        """Relay to the end; who broke it off, or empty."""
        loop = asyncio.get_running_loop()
        both = (self._half(CLIENT, UPSTREAM), self._half(UPSTREAM, CLIENT))
        self._halves = [loop.create_task(half) for half in both]
        try:
            await asyncio.wait(self._halves, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._stop()
            await asyncio.gather(*self._halves, return_exceptions=True)
        return self._broken

    def cut(self) -> None:
        """Break it off."""
        self._broken = self._broken or "gateway"
        self._stop()

    def _stop(self) -> None:
        for half in self._halves:
            half.cancel()

    async def _half(self, source: str, sink: str) -> None:
        loop, buffer = asyncio.get_running_loop(), bytearray(BUFFER)
        reading, writing, view = self._sockets[source], self._sockets[sink], memoryview(buffer)
        at = source
        try:
            while size := await loop.sock_recv_into(reading, buffer):
                at = sink
                await loop.sock_sendall(writing, view[:size])
                self._taken[sink] += size
                at = source
            at = sink
            writing.shutdown(socket.SHUT_WR)
        except OSError:
            self._broken = self._broken or at
            raise
