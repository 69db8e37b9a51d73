"""A connection that the engine serves after all: octets both ways, as they are, with back-pressure, until both end."""

from collections.abc import Callable

from subrosa.gateway.lean.pipe import Pipe


class Half:
    """Owns one of two pipes, and sends what comes from it to the other."""

    def __init__(
        self,
        pipe: Pipe,
        other: Pipe,
        *,
        towards_engine: bool,
        over: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.failed = failed
        self._over = over
        self._pipe = pipe
        self._other = other
        self._towards_engine = towards_engine

    def received(self, octets: memoryview) -> None:
        """Send on."""
        self._other.write(octets)
        if self._other.blocked:
            self._pipe.read(on=False)

    def ended(self) -> None:
        """Hand the end on; what the client still sends is read over there, so that it can hear why it is refused.

        Not into TLS, where half an end would be none: the whole one comes once the engine is done.
        """
        if self._towards_engine or self._other.tls is None:
            self._other.end()

    def lost(self) -> None:
        """Neither lives without the other."""
        self._other.close()
        self._over()

    def full(self) -> None:
        """Read no more of what goes here."""
        self._other.read(on=False)

    def room(self) -> None:
        """Read on."""
        self._other.read(on=True)
