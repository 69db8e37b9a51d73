"""Messages over one end of a socket pair: four octets of length, big-endian, and then so much JSON."""

import asyncio
import socket
from contextlib import suppress
from typing import Final

from subrosa.runtime.workers.messages import Message, MessageError, decode, encode

MOST_OCTETS: Final = 8 << 20
PATIENCE: Final = 5.0
"""Seconds that the other end has to take the last of what was sent."""


class Channel:
    """One end; made on a running loop by `of`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def of(cls, sock: socket.socket) -> "Channel":
        """The channel over this socket, which it owns from now on."""
        return cls(*await asyncio.open_unix_connection(sock=sock))

    @property
    def backlog(self) -> int:
        """Octets that the other end has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    def send(self, message: Message) -> None:
        """Send a message; does nothing where the other end is gone, which `receive` tells."""
        octets = encode(message)
        if not self._writer.is_closing():
            self._writer.writelines((len(octets).to_bytes(4), octets))

    async def receive(self) -> Message | None:
        """The next message; None when the other end is gone.

        Raises:
            MessageError: for what is no message.
        """
        try:
            size = int.from_bytes(await self._reader.readexactly(4))
            if size > MOST_OCTETS:
                raise MessageError(f"{size} octets are more than a message has")
            return decode(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, OSError):
            return None

    async def close(self) -> None:
        """Close this end, once the other has taken what was sent, or is gone, or takes too long."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._writer.wait_closed()
