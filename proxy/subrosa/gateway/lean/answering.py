"""What an exchange does towards its two peers: answer, refuse, end, break off. `Exchange` is the half that listens."""

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Protocol

from subrosa.content.answers import MOST_ANSWER
from subrosa.facts.stage import Stage
from subrosa.gateway.bodies import UNTIL_CLOSE, BodyReader, End, FramingError, body_reader, ends_within
from subrosa.gateway.caller import Caller
from subrosa.gateway.judging import Shared
from subrosa.gateway.lean.answers import AnswerHead
from subrosa.gateway.lean.dialing import Dialler
from subrosa.gateway.lean.pipe import Octets, Pipe
from subrosa.gateway.lean.said import Said, asks_for_login
from subrosa.gateway.lean.upstream import Key, Told, Upstream
from subrosa.gateway.narrow import known
from subrosa.gateway.onward import PHRASES, Lines, response_lines
from subrosa.gateway.shapes import ProxyError
from subrosa.gateway.transfer import Transfer
from subrosa.policy.verdict import Reason, refusal

_SWITCHING, _UNAUTHORIZED = 101, 401
_CHUNKED, _CLOSES = (b"Transfer-Encoding", b"chunked"), (b"Connection", b"close")


class Phase(Enum):
    """What happens with the octets of a request."""

    WAITING = "nothing: something is waited for"
    HELD = "they are held: nothing is decided"
    SENDING = "they go on"
    BLOCKED = "nothing: the destination takes no more for now"
    SENT = "all went on"
    DISCARDING = "they are read over"
    OVER = "nothing more is expected"


TAKING = frozenset({Phase.HELD, Phase.SENDING, Phase.DISCARDING})


class Side(Protocol):
    """What an exchange needs of its client connection."""

    shared: Shared
    dialler: Dialler
    caller: Caller
    pipe: Pipe
    buffer: bytearray
    ended_by: str
    leaving: bool
    """The gateway ends: the answer in flight is the last."""

    def after[T](self, rest: Coroutine[None, None, T], step: Callable[[T], None]) -> None:
        """Do something once a step that has to wait is done."""

    def goes_on(self, step: Callable[[], None]) -> None:
        """Do something that was waited for, and what can be done then; never raises."""

    def finished(self, *, keep: bool) -> None:
        """The exchange is over; the connection may ``keep`` on."""

    def kept(self, key: Key) -> Upstream | None:
        """The connection that this client used last, where it leads to the right place."""

    def uses(self, upstream: Upstream) -> None:
        """This client uses a connection now."""

    def advance(self) -> None:
        """Do with what is here all that can be done now."""

    def failed(self, fault: BaseException) -> None:
        """Something raised: close everything."""


class Answering:
    """The half of an exchange that speaks."""

    def __init__(self, side: Side, said: Said) -> None:
        self.side = side
        self.said = said
        self.transfer = Transfer(side.shared, "http/1.1")
        self.reader: BodyReader = body_reader(said.size)
        self.whole = said.size == 0
        """Whether the request's end was seen."""
        self.phase = Phase.WAITING
        self.keep = said.keep
        self.answer_began = False
        """Whether a final head went to the client."""
        self.answer_done = False
        self.aborted = ""
        self.upstream: Upstream | None = None
        self._chunked = False
        self._out: list[Octets] = []
        self._back: bytearray | None = None
        """The body of an answer that is kept back, until what it names is remembered."""
        self._back_head: AnswerHead | None = None
        self._back_end: Lines | None = None
        self._remembering = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more is expected."""
        return self.phase is Phase.OVER

    # --- the answer: what `Upstream` asks for ---------------------------------------------------------------

    def answered(self, head: AnswerHead) -> None:
        """The final head came."""
        self.transfer.upstream_status = head.status
        if head.status == _UNAUTHORIZED and asks_for_login(head.lines, b"www-authenticate"):
            known(self.upstream).pinned = True
        if head.status == _SWITCHING:
            self._upstream_failed("the destination switched to a protocol that nobody asked for")
        elif self.transfer.opens(head.status):
            self._back, self._back_head = bytearray(), head
        else:
            self._tell_head(head)

    def answer_data(self, octets: Octets) -> None:
        """Octets of the body."""
        if self._back is None:
            self._tell_data(octets)
            return
        self._back += octets
        if not self._remembering and len(self._back) > MOST_ANSWER:
            known(self.upstream).pipe.read(on=False)
            self._remember()

    def answer_ended(self, trailers: Lines) -> None:
        """The answer is complete."""
        if self._back is None:
            self._tell_end(trailers)
            return
        self._back_end = trailers
        if not self._remembering:
            self._remember()

    def answer_failed(self, detail: str, *, silent: bool) -> None:  # noqa: ARG002 - the listening half knows what for
        """There is no whole answer."""
        self._upstream_failed(detail)

    def flush(self) -> None:
        """Send what was gathered."""
        if self._out:
            out, self._out = self._out, []
            self.side.pipe.write_all(out)
            if self.side.pipe.blocked and self.upstream is not None:
                self.upstream.pipe.read(on=False)

    def failed(self, fault: BaseException) -> None:
        """Something raised."""
        self.side.failed(fault)

    def _tell_head(self, head: AnswerHead) -> None:
        self.answer_began = True
        upstream, old = known(self.upstream), self.said.old
        told = upstream.told
        if told is None or told.head is not head or told.old is not old:
            told = upstream.told = _told(head, old=old, to_head=self.said.to_head)
        self._chunked = told.chunked
        last = self.side.leaving and not told.closes
        self.keep = self.keep and not told.closes and not last
        self._out.append(_closing(told.octets) if last else told.octets)

    def _tell_data(self, octets: Octets) -> None:
        self.transfer.received += len(octets)
        if self._chunked:
            self._out += (b"%x\r\n" % len(octets), octets, b"\r\n")
        else:
            self._out.append(octets)

    def _tell_end(self, trailers: Lines) -> None:
        if self._chunked:
            self._out.append(last_chunk(trailers))
        self.answer_done = True
        self.flush()
        if self.phase is Phase.SENT:
            self.finish()
        elif not self.over:
            self.drop_upstream()
            self._end_early()

    # --- an answer that names an upload ---------------------------------------------------------------------

    def _remember(self) -> None:
        self._remembering = True
        head, body = known(self._back_head), bytes(known(self._back))
        self.side.after(self.transfer.keep(head.lines, body), self._remembered)

    def _remembered(self, _nothing: None) -> None:
        if self.over or self._back_head is None:
            return
        head, body, end = self._back_head, known(self._back), self._back_end
        self._back = self._back_head = None
        if not self.transfer.verdict.allows:
            self.drop_upstream()
            self.refuse_or_break()
            return
        self._tell_head(head)
        if body:
            self._tell_data(bytes(body))
        if end is not None:
            self._tell_end(end)
        else:
            known(self.upstream).pipe.read(on=True)
        self.flush()

    # --- the destination -----------------------------------------------------------------------------------

    def drop_upstream(self) -> None:
        """Let the destination see that there is no more."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.drop()

    def _upstream_failed(self, detail: str) -> None:
        self.aborted = "upstream"
        self._back = self._back_head = None
        self.transfer.deny(
            refusal(Reason.UPSTREAM, "guard.upstream", Stage.END, detail), ProxyError.TERMINATED
        )
        self.drop_upstream()
        self.refuse_or_break()

    # --- the client ----------------------------------------------------------------------------------------

    def refuse(self) -> None:
        """Tell the client, and read what it still sends so that it can hear it."""
        answer = self.transfer.answer()
        self._swallow()
        goes_on = not self.side.leaving and (self.whole or (self._ends_soon() and not answer.trailers_only))
        fields = answer.fields if goes_on else (*answer.fields, (b"connection", b"close"))
        self.answer_began = True
        self.transfer.drop()
        self.side.pipe.write(head_octets(answer.status, b"", fields) + answer.body)
        self.keep = (
            self.keep and goes_on and not answer.trailers_only
        )  # without a length, its end is the connection's
        if self.whole:
            self.finish()
        else:
            self._end_early(half_close=not goes_on)

    def _ends_soon(self) -> bool:
        """Whether little of the request is still to come, certain in its end, and its connection may go on after it.

        A client that waits for 100 Continue is free to send no body after all (RFC 9110 10.1.1).
        """
        head = self.transfer.head
        return (
            self.keep
            and head is not None
            and "expect" not in head.fields
            and ends_within(self.reader, self.side.shared.limits.rest)
        )

    def refuse_or_break(self) -> None:
        """Tell the client where no answer began, else break the answer off."""
        if not self.answer_began:
            self.refuse()
            return
        self.flush()
        self.leave()
        self.side.pipe.close(clean=False)

    def finish(self) -> None:
        """Request and answer are complete."""
        self.leave()
        self.side.finished(keep=self.keep)

    def leave(self) -> None:
        """Over, without a word."""
        self.phase = Phase.OVER
        if self._timer is not None:
            self._timer.cancel()
        self.transfer.finish(self.side.ended_by or self.aborted if self.aborted else "")

    def _end_early(self, *, half_close: bool = False) -> None:
        """The answer is complete and the request is not (RFC 9112 9.6)."""
        self.phase = Phase.DISCARDING
        if half_close:
            self.side.pipe.end()
        seconds = self.side.shared.limits.discard_seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end_late)

    def _end_late(self) -> None:
        if not self.over:
            self.leave()
            self.side.pipe.close()

    def _swallow(self) -> None:
        """Read over what is here already: where that is all, the connection may live on.

        Not behind a head with a fault, for where its body ends is not certain.
        """
        if self.whole or self.transfer.head is None:
            return
        try:
            while (piece := self.reader.take(self.side.buffer)) is not None:
                if isinstance(piece, End):
                    self.whole = True
                    return
                self.transfer.discard(piece)
        except FramingError:
            self.reader = body_reader(UNTIL_CLOSE)


def _told(head: AnswerHead, *, old: bool, to_head: bool) -> Told:
    bodiless = head.size == 0 or to_head
    lines = response_lines(head.lines, head.status, to_h2=False, bodiless=bodiless, old_client=old)
    last = lines[-1] if lines else None
    octets = head_octets(head.status, head.reason, lines)
    return Told(head, octets, old=old, chunked=last == _CHUNKED, closes=last == _CLOSES)


def head_octets(status: int, reason: bytes, lines: Lines) -> bytes:
    """The head of an answer."""
    first = b"HTTP/1.1 %d %b\r\n" % (status, reason or PHRASES.get(status, b""))
    return b"".join([first, *[b"%b: %b\r\n" % line for line in lines], b"\r\n"])


def _closing(head: bytes) -> bytes:
    """A head of an answer after which the connection ends."""
    return b"".join([head[:-2], b"%b: %b\r\n" % _CLOSES, b"\r\n"])


def last_chunk(trailers: Lines) -> bytes:
    """The end of a message in chunks (RFC 9112 7.1)."""
    if not trailers:
        return b"0\r\n\r\n"
    return b"".join([b"0\r\n", *[b"%b: %b\r\n" % line for line in trailers], b"\r\n"])
