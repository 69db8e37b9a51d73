"""One request and its answer: judged, held until that is decided, sent on with back-pressure, or refused.

The counterpart of the engine's streams, equal to them in every verdict, record and refusal.
"""

from collections.abc import Callable
from typing import override

from subrosa.facts.head import HeadError, HeadFault
from subrosa.facts.hosts import Authority
from subrosa.facts.stage import Stage
from subrosa.gateway.bodies import ALL, UNTIL_CLOSE, End, FramingError, LengthBody, body_reader
from subrosa.gateway.judging import Heard
from subrosa.gateway.keeping import CALLED, Called, Rest
from subrosa.gateway.lean.answering import Answering, Phase, last_chunk
from subrosa.gateway.lean.pipe import Octets
from subrosa.gateway.lean.upstream import Key, Upstream
from subrosa.gateway.messages import FramedBody
from subrosa.gateway.narrow import known
from subrosa.gateway.onward import Incoming, named_authority, origin_form, request_lines
from subrosa.gateway.vetting import DialError, DialFailed
from subrosa.policy.guards import head_refusal
from subrosa.policy.verdict import Reason

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that may be sent once more where a connection that was used before gave no answer (RFC 9110 9.2.2)."""
_FIRST = 16 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange(Answering):
    """One request and its answer; `begin` it, then `take` what its body's reader gives."""

    _framed: FramedBody | None = None
    """Set where each message of the body is judged by itself."""
    _trailers: tuple[tuple[bytes, bytes], ...] = ()
    _prefix = b""
    """What goes before the next octets, so that they leave together."""
    _in_chunks = False
    _went_on = False
    _retried = False
    most = _FIRST
    """Octets to take at a time: few at first, for what the beginning of a body decides is not held for longer."""

    # --- judging -------------------------------------------------------------------------------------------

    def begin(self, fault: HeadError | None = None) -> None:
        """Judge the head."""
        caller, said = self.side.caller, self.said
        heard = said.heard if fault is None else Heard(fault=fault, tls=caller.tls)
        if said.shows_user and not caller.tunnelled:
            self._then(self.transfer.open(heard, lambda: caller.identify_by(said.lines)), self._act)
        else:
            self._then(self.transfer.open_now(heard, said.sent_by(caller), self._acts), self._act)

    def _then(self, rest: Rest | Called | None, step: Callable[[], None]) -> None:
        if rest is None:
            step()
            return
        self.phase = Phase.WAITING
        if rest is not CALLED:
            self.side.after(rest, lambda _: step())

    def _acts(self) -> None:
        """What was waited for is there."""
        self.side.goes_on(self._act)

    def _settle(self) -> None:
        """Record what was decided, and do it."""
        self._then(self.transfer.settle_now(self._acts), self._act)

    def _act(self) -> None:
        """Do what the verdict says."""
        if self.over:
            return
        if not self.transfer.verdict.decided:
            self.phase = Phase.HELD
            self._go_on()
        elif self.transfer.may_pass:
            self._release()
        else:
            self.refuse()

    def _go_on(self) -> None:
        """100 Continue, once, where the client waits for it."""
        if self._went_on or self.whole or self.said.old:
            return
        self._went_on = True
        head = self.transfer.head
        if head is not None and "expect" in head.fields:
            self.side.pipe.write(_CONTINUE)

    # --- the request's octets ------------------------------------------------------------------------------

    def take(self, piece: bytes | End) -> None:
        """What the reader gives."""
        if isinstance(piece, End):
            self._take_end(piece)
        elif self.phase is Phase.HELD:
            self.most *= 2
            self.transfer.hold(piece)
            if self.transfer.verdict.decided:
                self._settle()
        elif self.phase is Phase.SENDING:
            octets = self._framed.take(piece) if self._framed is not None else piece
            if octets is None:
                self._refuse_late()
            elif octets:
                self.transfer.pass_on(octets)
                self._put(octets)
                self._check_room()
        else:
            self.transfer.discard(piece)
            if self.transfer.discarded > self.side.shared.limits.discarded:
                self.leave()
                self.side.pipe.close()

    def pass_on(self, octets: memoryview) -> bool:
        """Octets in the middle of a body that has a length and is decided: on they go, uncopied."""
        reader = self.reader
        if (
            self.phase is not Phase.SENDING
            or not isinstance(reader, LengthBody)
            or len(octets) >= reader.left
            or self._framed is not None
            or self._prefix
        ):
            return False
        reader.left -= len(octets)
        self.transfer.pass_on(octets)
        self._put(octets)
        self._check_room()
        return True

    def _take_end(self, end: End) -> None:
        self.whole = True
        self._trailers = end.trailers
        transfer = self.transfer
        if self.phase is Phase.HELD:
            if end.trailers:
                transfer.trailers(end.trailers)
            if not transfer.verdict.decided:
                transfer.end()
            self._settle()
        elif self.phase is Phase.SENDING:
            fault = transfer.check_late(end.trailers) if end.trailers else None
            if fault is not None:
                transfer.late = True
                transfer.deny(fault)
                self._refuse_late()
            elif self._framed is not None and not self._framed.end():
                self._refuse_late()
            else:
                self._end_up()
        else:
            self.finish()

    def broken(self, fault: FramingError) -> None:
        """The body is not framed as its head says."""
        self.reader = body_reader(UNTIL_CLOSE)
        self.keep = False
        if self.phase is Phase.DISCARDING:
            return  # what is read over has no framing
        self.drop_upstream()
        verdict = head_refusal(HeadError(HeadFault.FRAMING, fault.detail), Stage.BODY)
        if self.transfer.verdict.decided:
            self.transfer.deny(verdict)
            self.refuse_or_break()
        else:
            self.transfer.refuse_now(verdict)
            self._then(self.transfer.settle_now(), self._refuse_unless_over)

    def _refuse_unless_over(self) -> None:
        if not self.over:
            self.refuse_or_break()

    def _refuse_late(self) -> None:
        """Refuse after octets went on: the destination gets no end of message, so it has nothing whole."""
        self.drop_upstream()
        self.refuse_or_break()

    def client_gone(self, by: str = "client") -> None:
        """The client left, or was cut off."""
        if self.over:
            return
        if self.phase is Phase.DISCARDING and isinstance(_rest(self), End):
            by = ""
        self.aborted = self.aborted or by
        self.drop_upstream()
        self.leave()

    # --- sending on ----------------------------------------------------------------------------------------

    def _release(self) -> None:
        framing = known(self.transfer.inspection).framing
        self._framed = FramedBody(self.transfer, framing) if framing is not None else None
        key, authority = self._destination()
        upstream = self.side.kept(key)
        if upstream is not None:
            self._send(upstream)
        else:
            self._dial(key, authority, fresh=False)

    def _destination(self) -> tuple[Key, Authority]:
        if self.said.place is None:
            self.said.place = self._place()
        return self.said.place

    def _place(self) -> tuple[Key, Authority]:
        head, reverse = known(self.transfer.head), self.side.caller.listener.target
        authority = head.authority if reverse is None else reverse[1]
        host = authority.host
        name = str(host.address) if host.address is not None else host.name
        return (name, authority.port, head.scheme == "https"), authority

    def _dial(self, key: Key, authority: Authority, *, fresh: bool) -> None:
        self.phase = Phase.WAITING
        self.side.after(self._dialled(key, authority, fresh=fresh), self._found)

    async def _dialled(self, key: Key, authority: Authority, *, fresh: bool) -> Upstream | DialError:
        try:
            return await self.side.dialler.open(key, authority, fresh=fresh)
        except DialFailed as fault:
            return fault.error

    def _found(self, found: Upstream | DialError) -> None:
        if isinstance(found, Upstream):
            if self.over:
                self.side.dialler.give(found)
            else:
                self.side.uses(found)
                self._send(found)
        elif not self.over:
            self.aborted = "upstream" if found.verdict.reason is Reason.UPSTREAM else "gateway"
            self.transfer.deny(found.verdict, found.fault)
            self.refuse()

    def _send(self, upstream: Upstream) -> None:
        head, said = known(self.transfer.head), self.said
        self._in_chunks = head.has_body and head.length is None
        self._prefix = said.onward or self._onward()
        if said.logs_in:
            upstream.pinned = True
        self.upstream, self.most = upstream, ALL
        upstream.ask(self, to_head=self.said.to_head)
        if head.has_body and not self.whole:
            self._go_on()
        self._pump()

    def _onward(self) -> bytes:
        """The head for the destination."""
        head, said = known(self.transfer.head), self.said
        came = Incoming(lines=said.lines)
        lines = request_lines(came, head, http2=False, whole=None)
        target = origin_form(known(said.raw).target)
        if self.side.dialler.parent is not None and head.scheme == "http":
            target = b"http://%b%b" % (named_authority(came, head), target)
        first = b"%b %b HTTP/1.1\r\n" % (known(said.raw).method, target)
        said.onward = b"".join([first, *[b"%b: %b\r\n" % line for line in lines], b"\r\n"])
        return said.onward

    def _pump(self) -> None:
        """Send what was held, as much as goes, and then let the rest follow."""
        upstream, spool = known(self.upstream), self.transfer.spool
        self.phase = Phase.SENDING
        while spool is not None and spool.pending:
            if upstream.pipe.blocked:
                self.phase = Phase.BLOCKED
                return
            self._put(spool.read(self.side.shared.limits.chunk))
        if self.whole:
            self._end_up()
        else:
            self._check_room()

    def _put(self, octets: Octets) -> None:
        self.transfer.sent += len(octets)
        pieces: list[Octets] = [self._prefix] if self._prefix else []
        if self._in_chunks:
            pieces += (b"%x\r\n" % len(octets), octets, b"\r\n")
        else:
            pieces.append(octets)
        self._prefix = b""
        known(self.upstream).pipe.write_all(pieces)

    def _check_room(self) -> None:
        if self.phase is Phase.SENDING and known(self.upstream).pipe.blocked:
            self.phase = Phase.BLOCKED

    def push(self) -> None:
        """Send the head, where no octets of the body came to go with it."""
        if self._prefix and self.upstream is not None:
            prefix, self._prefix = self._prefix, b""
            self.upstream.pipe.write(prefix)

    def _end_up(self) -> None:
        """The request is complete, and has gone on."""
        last = last_chunk(self._trailers) if self._in_chunks else b""
        if self._prefix or last:
            known(self.upstream).pipe.write(self._prefix + last)
            self._prefix = b""
        self.phase = Phase.SENT
        self.transfer.drop()
        if self.answer_done:
            self.finish()

    # --- what the destination does -------------------------------------------------------------------------

    def upstream_full(self) -> None:
        """Much waits to be sent."""

    def upstream_room(self) -> None:
        """Little waits to be sent."""
        if self.phase is Phase.BLOCKED:
            self._pump()
            self.side.advance()

    @override
    def answer_failed(self, detail: str, *, silent: bool) -> None:
        """Once more over a fresh connection, where one that was used before was closed meanwhile."""
        upstream, head = self.upstream, known(self.transfer.head)
        again = (
            silent and not self._retried and upstream is not None and upstream.reused
            and not head.has_body and head.method in _SAFE
        )  # fmt: skip
        if not again:
            super().answer_failed(detail, silent=silent)
            return
        self._retried = True
        self.upstream = None
        self._dial(*self._destination(), fresh=True)


def _rest(exchange: Exchange) -> End | None:
    """The end of a body that the end of its connection is, None where it is cut short."""
    try:
        return exchange.reader.close()
    except FramingError:
        return None
