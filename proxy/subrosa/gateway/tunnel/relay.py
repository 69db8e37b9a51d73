"""A tunnel from end to end: two directions, each half-closed by itself, over when both are or one breaks."""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from subrosa.gateway.tunnel.half import BUFFER, Half, SinkError
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

    __slots__ = ("_again", "_client", "_done", "_down", "_loop", "_over", "_shared", "_up", "_upstream")

    def __init__(self, shared: Splicing, client: socket.socket, upstream: socket.socket) -> None:
        self._shared = shared
        self._client, self._upstream = client, upstream
        self._up = Half(client, upstream, shared.buffer, shared.pipes)
        self._down = Half(upstream, client, shared.buffer, shared.pipes)
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[str] = self._loop.create_future()
        self._again: set[Half] = set()
        self._over = False

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
            self._end("")
            self._up.close()
            self._down.close()

    def cut(self) -> None:
        """Break it off."""
        self._end("gateway")

    def _teller(self, reads: Half, writes: Half) -> Callable[[int], None]:
        """What an event of one socket sets going: the half that reads from it, and the one that waits to write."""

        def tell(mask: int) -> None:
            if mask & CLOSING:
                reads.closing = True
            if writes.waits and mask & WRITE:
                self._go_on(writes)
            if mask & READ and not self._over:
                try:
                    more = reads.pump()
                except OSError as fault:
                    self._broken(reads, fault)
                else:
                    if more or reads.ended:
                        self._after(reads, more=more)

        return tell

    def _go_on(self, half: Half) -> None:
        self._again.discard(half)
        if self._over:
            return
        try:
            more = half.pump()
        except OSError as fault:
            self._broken(half, fault)
        else:
            self._after(half, more=more)

    def _after(self, half: Half, *, more: bool) -> None:
        """Go on later where there may be more; end where neither direction has any."""
        if more and half not in self._again:
            self._again.add(half)
            self._loop.call_soon(self._go_on, half)
        elif self._up.ended and self._down.ended:
            self._end("")

    def _broken(self, half: Half, fault: OSError) -> None:
        ends = (CLIENT, UPSTREAM) if half is self._up else (UPSTREAM, CLIENT)
        self._end(ends[isinstance(fault, SinkError)])

    def _end(self, broken: str) -> None:
        """Tell of nothing any more."""
        if self._over:
            return
        self._over = True
        for sock in (self._client, self._upstream):
            self._shared.poller.remove(sock)
        if not self._done.done():
            self._done.set_result(broken)
