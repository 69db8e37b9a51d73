"""The pipes in which octets wait for slow sinks, and the count of those that wait elsewhere: few, large, used again.

A pipe holds octets only while its sink takes no more, so a handful serves thousands of tunnels. Users without privilege
may have 64 MiB in pipes (`fs.pipe-user-pages-soft`); who gets no pipe copies.
"""

import fcntl
import os
from contextlib import suppress

SIZE = 1 << 20
KEPT = 1 << 25
"""Octets that may be kept in this process for sinks before less is copied at once."""
_MOST = 32


class Pipe:
    """One pipe, both ends."""

    __slots__ = ("entry", "exit", "holds")

    def __init__(self) -> None:
        self.exit, self.entry = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.holds = 0
        with suppress(OSError):  # over the user's share: what the kernel gave will do
            fcntl.fcntl(self.entry, fcntl.F_SETPIPE_SZ, SIZE)

    def close(self) -> None:
        """Give it back to the kernel."""
        os.close(self.exit)
        os.close(self.entry)


class Pipes:
    """A pool of so many pipes."""

    def __init__(self, most: int = _MOST) -> None:
        self.kept = 0
        """Octets that copies keep for sinks."""
        self._most = most
        self._free: list[Pipe] = []
        self._taken = 0

    def take(self) -> Pipe | None:
        """An empty pipe; None where all hold something, or no more can be made."""
        pipe = self._free.pop() if self._free else self._made()
        self._taken += pipe is not None
        return pipe

    def give(self, pipe: Pipe) -> None:
        """Take a pipe back; one that still holds something is closed."""
        self._taken -= 1
        if pipe.holds:
            pipe.close()
        else:
            self._free.append(pipe)

    def close(self) -> None:
        """Close those that nobody has."""
        while self._free:
            self._free.pop().close()

    def _made(self) -> Pipe | None:
        if self._taken >= self._most:
            return None
        try:
            return Pipe()
        except OSError:
            return None
