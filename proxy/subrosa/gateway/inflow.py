"""What is read from a socket, piece by piece as it came; asyncio's own reader copies it into a buffer and out again."""

import asyncio
import socket
from collections import deque
from typing import override

MOST = 256 * 1024
"""Octets that wait to be taken before a socket is not read any more."""


class Inflow(asyncio.StreamReader):
    """Gives the next piece, whatever its size; the one method of reading that the engine uses."""

    def __init__(self) -> None:
        super().__init__(limit=MOST, loop=asyncio.get_running_loop())
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._source: asyncio.ReadTransport | None = None
        self._held = False
        self._fault: Exception | None = None
        self._ended = False
        self._arrived: asyncio.Future[None] | None = None

    @override
    def set_transport(self, transport: asyncio.BaseTransport) -> None:
        super().set_transport(transport)
        if isinstance(transport, asyncio.ReadTransport):
            self._source = transport

    @override
    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # transports give octets
        self._pieces.append(data)
        self._size += len(data)
        self._arrive()
        if self._size > MOST and not self._held and self._source is not None:
            self._source.pause_reading()
            self._held = True

    @override
    def feed_eof(self) -> None:
        super().feed_eof()
        self._ended = True
        self._arrive()

    @override
    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self._fault = exc
        self._arrive()

    def _arrive(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    @override
    async def read(self, n: int = -1) -> bytes:
        while not self._pieces:
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return b""
            self._arrived = asyncio.get_running_loop().create_future()
            try:
                await self._arrived
            finally:
                self._arrived = None
        data = self._pieces.popleft()
        self._size -= len(data)
        if self._held and self._source is not None:
            self._held = False
            self._source.resume_reading()
        return data


type Streams = tuple[Inflow, asyncio.StreamWriter]


async def of_socket(sock: socket.socket) -> Streams:
    """Streams of a connection that was accepted."""
    loop, reader = asyncio.get_running_loop(), Inflow()
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def dialled(address: str, port: int) -> Streams:
    """Streams of a new connection to an address.

    Raises:
        OSError: where nobody answers.
    """
    loop, reader = asyncio.get_running_loop(), Inflow()
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.create_connection(lambda: protocol, address, port)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
