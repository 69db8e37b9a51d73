"""A tunnel from end to end: two directions, each half-closed by itself, over when both are or one breaks."""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from subrosa.gateway.tunnel.half import BUFFER, Half, SinkError, SourceError
from subrosa.gateway.tunnel.pipes import Pipes
from subrosa.gateway.tunnel.poller import CLOSING, READ, WRITE, Poller

CLIENT, UPSTREAM = "client", "upstream"


class Relays(Protocol):
    """What the relays of one process share."""

    def relay(self, client: socket.socket, upstream: socket.socket) -> "Relay":
        """A relay between two connected sockets, which it does not close."""

    def close(self) -> None:
        """After the last relay."""


class Relay(Protocol):
    """What relays one tunnel."""

    @property
    def sent(self) -> int:
        """Octets that the destination took."""

    @property
    def received(self) -> int:
        """Octets that the client took."""

    async def run(self) -> str:
        """Relay to the end; who broke it off, or empty."""

    def cut(self) -> None:
        """Break it off."""


class Splicing:
    """Relays where the kernel can splice."""

    def __init__(self) -> None:
        self.poller = Poller()
        self.pipes = Pipes()
        self.buffer = bytearray(BUFFER)

    def relay(self, client: socket.socket, upstream: socket.socket) -> Relay:
        """A relay between two connected sockets, which it does not close."""
        return SplicedRelay(self, client, upstream)

    def close(self) -> None:
        """After the last relay."""
        self.poller.close()
        self.pipes.close()


class SplicedRelay:
    """Driven by the poller: no task runs while octets flow."""

    __slots__ = ("_again", "_client", "_done", "_down", "_loop", "_shared", "_up", "_upstream")

    def __init__(self, shared: Splicing, client: socket.socket, upstream: socket.socket) -> None:
        self._shared = shared
        self._client, self._upstream = client, upstream
        self._up = Half(client, upstream, shared.buffer, shared.pipes)
        self._down = Half(upstream, client, shared.buffer, shared.pipes)
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[str] = self._loop.create_future()
        self._again: set[Half] = set()

    @property
    def sent(self) -> int:
        """Octets that the destination took."""
        return self._up.moved

    @property
    def received(self) -> int:
        """Octets that the client took."""
        return self._down.moved

    async def run(self) -> str:
        """Relay to the end; who broke it off, or empty."""
        poller = self._shared.poller
        try:
            poller.add(self._client, self._teller(self._up, self._down))
            poller.add(self._upstream, self._teller(self._down, self._up))
            return await self._done
        finally:
            for sock in (self._client, self._upstream):
                poller.remove(sock)
            self._up.close()
            self._down.close()
            self._end("")

    def cut(self) -> None:
        """Break it off."""
        self._end("gateway")

    def _teller(self, reads: Half, writes: Half) -> Callable[[int], None]:
        """What an event of one socket sets going: the half that reads from it, and the one that waits to write."""

        def tell(mask: int) -> None:
            if mask & CLOSING:
                reads.closing = True
            if writes.waits and mask & WRITE:
                self._pump(writes)
            if mask & READ:
                self._pump(reads)

        return tell

    def _pump(self, half: Half) -> None:
        if self._done.done():
            return
        try:
            more = half.pump()
        except SourceError:
            self._end(CLIENT if half is self._up else UPSTREAM)
        except SinkError:
            self._end(UPSTREAM if half is self._up else CLIENT)
        else:
            if more and half not in self._again:
                self._again.add(half)
                self._loop.call_soon(self._go_on, half)
            elif half.ended and self._up.ended and self._down.ended:
                self._end("")

    def _go_on(self, half: Half) -> None:
        self._again.discard(half)
        self._pump(half)

    def _end(self, broken: str) -> None:
        if not self._done.done():
            self._done.set_result(broken)
