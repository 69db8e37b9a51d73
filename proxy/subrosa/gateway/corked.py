"""A writer that sends what one event caused in one call: head and body of a small message leave together."""

import asyncio
from collections.abc import Callable
from contextlib import suppress


class Corked:
    """What the handler needs of a stream writer; `flush` is called once after each event.

    ``dirty`` is told when something waits.
    """

    def __init__(self, writer: asyncio.StreamWriter, dirty: Callable[["Corked"], None]) -> None:
        self.transport = writer.transport
        self._writer = writer
        self._dirty = dirty
        self._waiting: list[bytes] = []
        self._size = 0

    @property
    def unwritten(self) -> int:
        """Octets that did not leave yet."""
        return self._size + self.transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Take octets."""
        if not self._waiting:
            self._dirty(self)
        self._waiting.append(data)
        self._size += len(data)

    def flush(self) -> None:
        """Hand over what was taken."""
        if self._waiting:
            waiting, self._waiting, self._size = self._waiting, [], 0
            if not self._writer.is_closing():
                self._writer.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def write_eof(self) -> None:
        """Close for writing, after what was taken."""
        self.flush()
        self._writer.write_eof()

    async def drain(self) -> None:
        """Wait until there is room."""
        self.flush()
        await self._writer.drain()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._writer.is_closing()

    def close(self) -> None:
        """Close, after what was taken."""
        with suppress(OSError, RuntimeError):
            self.flush()
            self._writer.close()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """What the transport knows of itself."""
        return self._writer.get_extra_info(name, default)
