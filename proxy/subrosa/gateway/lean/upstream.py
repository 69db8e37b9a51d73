"""One connection to a destination, over which HTTP/1.1 is spoken: one request at a time, each answer read strictly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from subrosa.gateway.bodies import BodyReader, End, FramingError, LengthBody, body_reader
from subrosa.gateway.lean.answers import AnswerError, AnswerHead, Answers
from subrosa.gateway.lean.pipe import Octets, Pipe

type Key = tuple[str, int, bool]
"""Name, port, and whether TLS is spoken: what a connection is good for."""


@dataclass(frozen=True, slots=True)
class Told:
    """How an answer's head is told to a client, to one of HTTP/1.0 (``old``) otherwise than to others."""

    head: AnswerHead
    octets: bytes
    old: bool
    chunked: bool
    closes: bool
    """The end of the body is the end of the connection."""


class Asker(Protocol):
    """Who asked; nothing more is told to it after `answer_ended` or `answer_failed`."""

    def answered(self, head: AnswerHead) -> None:
        """The final head came."""

    def answer_data(self, octets: Octets) -> None:
        """Octets of the body, there for the time of the call only."""

    def answer_ended(self, trailers: tuple[tuple[bytes, bytes], ...]) -> None:
        """The answer is complete."""

    def answer_failed(self, detail: str, *, silent: bool) -> None:
        """There is no whole answer; ``silent`` where not one octet of one came."""

    def flush(self) -> None:
        """All that one event brought was told."""

    def upstream_full(self) -> None:
        """Much waits to be sent."""

    def upstream_room(self) -> None:
        """Little waits to be sent."""

    def failed(self, fault: BaseException) -> None:
        """Something raised: close everything."""


class Upstream:
    """One connection; `ask` it, then write, and be told."""

    def __init__(self, key: Key, most_head: int) -> None:
        self.key = key
        self.pipe = Pipe(server=False)
        self.pipe.owner = self
        self.asker: Asker | None = None
        self._told: Asker | None = None
        """Whom the event at hand is told to: it hears of a failure also where its answer has just ended."""
        self.reused = False
        """Whether an answer came over it before."""
        self.pinned = False
        """Whether it was logged in to by itself (NTLM, Negotiate), so that it is one client's only."""
        self.idle_since = 0.0
        self.gone_idle: Callable[[Upstream], None] | None = None
        """Told when it closes while nobody asks."""
        self.address = ""
        self.told: Told | None = None
        """The last head that came, as it was told."""
        self._answers = Answers(most_head)
        self._buffer = bytearray()
        self._reader: BodyReader | None = None
        self._head: AnswerHead | None = None
        self._to_head = False
        self._silent = False
        """Whether nothing came since it was asked."""

    @property
    def usable(self) -> bool:
        """Whether the next request may go here."""
        return self.asker is None and not self.pipe.gone

    def ask(self, asker: Asker, *, to_head: bool) -> None:
        """Begin an exchange; the asker writes the request to the pipe."""
        self.asker, self._to_head = asker, to_head
        self._head = self._reader = None
        self._silent = True

    def drop(self) -> None:
        """The asker is no longer interested: what it asked for cannot be called back, so the connection ends."""
        self.asker = None
        self.pipe.abort()

    # --- the pipe's owner ----------------------------------------------------------------------------------

    def received(self, octets: memoryview) -> None:
        """Read on."""
        asker = self._told = self.asker
        if asker is None:
            self.pipe.abort()  # nobody asked
            return
        reader = self._reader
        if isinstance(reader, LengthBody) and not self._buffer and len(octets) < reader.left:
            reader.left -= len(octets)
            asker.answer_data(octets)
        else:
            self._silent = False
            self._buffer += octets
            self._read(asker)
        asker.flush()
        self._told = None

    def _read(self, asker: Asker) -> None:
        try:
            if self._head is None:
                head = self._answers.take(self._buffer, to_head=self._to_head)
                if head is None:
                    return
                self._head, self._reader = head, body_reader(head.size)
                asker.answered(head)
            while self.asker is asker and self._reader is not None:
                piece = self._reader.take(self._buffer)
                if piece is None:
                    return
                if isinstance(piece, End):
                    self._whole(asker, piece)
                    return
                asker.answer_data(piece)
        except AnswerError as fault:
            self._fail(asker, f"the answer cannot be read: {fault}")
        except FramingError as fault:
            self._fail(asker, fault.detail)

    def _whole(self, asker: Asker, end: End) -> None:
        head = self._head
        self.asker, self.reused = None, True
        if head is None or not head.persistent or self._buffer:
            self.pipe.close()
        asker.answer_ended(end.trailers)

    def _fail(self, asker: Asker, detail: str) -> None:
        self.asker = None
        self.pipe.abort()
        asker.answer_failed(detail, silent=self._silent)

    def ended(self) -> None:
        """The destination closed."""
        asker = self._told = self.asker
        if asker is None:
            self.pipe.close()
            return
        if self._head is None or self._reader is None:
            self._fail(asker, "the destination closed the connection without an answer")
            asker.flush()
            return
        try:
            end = self._reader.close()
        except FramingError as fault:
            self._fail(asker, fault.detail)
        else:
            self._whole(asker, end)
        asker.flush()

    def lost(self) -> None:
        """The connection is over."""
        if self.asker is not None:
            self.ended()
        elif self.gone_idle is not None:
            self.gone_idle(self)

    def full(self) -> None:
        """Write no more for now."""
        if self.asker is not None:
            self.asker.upstream_full()

    def room(self) -> None:
        """Write on."""
        if self.asker is not None:
            self.asker.upstream_room()

    def failed(self, fault: BaseException) -> None:
        """Something raised."""
        asker, self.asker = self._told or self.asker, None
        self.pipe.abort()
        if asker is not None:
            asker.failed(fault)
