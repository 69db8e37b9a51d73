"""One client connection: heads one after the other, each served by an `Exchange` before the next one is looked at."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Protocol

from subrosa.facts.head import HeadError
from subrosa.gateway.bodies import FramingError
from subrosa.gateway.caller import Caller
from subrosa.gateway.heads import take_head
from subrosa.gateway.judging import Shared
from subrosa.gateway.lean.answering import TAKING, Phase
from subrosa.gateway.lean.dialing import Dialler
from subrosa.gateway.lean.exchange import Exchange
from subrosa.gateway.lean.pipe import Pipe
from subrosa.gateway.lean.said import Said
from subrosa.gateway.lean.upstream import Key, Upstream
from subrosa.gateway.looks import begins_request
from subrosa.gateway.spool import SpoolError

log = logging.getLogger("subrosa.gateway")

_LOOK = 64


class Lane(Protocol):
    """What a connection needs of its lane."""

    shared: Shared
    dialler: Dialler

    async def hand_over(self, client: "Client", early: bytes) -> None:
        """Have the engine serve the rest of a connection; nothing of ``early`` was looked at."""


class Client:
    """One connection; owns its pipe."""

    def __init__(self, lane: Lane, caller: Caller, pipe: Pipe) -> None:
        self.lane = lane
        self.shared = lane.shared
        self.dialler = lane.dialler
        self.caller = caller
        self.pipe = pipe
        self.buffer = bytearray()
        self.exchange: Exchange | None = None
        self.upstream: Upstream | None = None
        self.deadline: float | None = None
        """Loop time by which the head or hello that began must be whole."""
        self.ended_by = ""
        self.handed_over = False
        self.leaving = False
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = loop.create_future()
        self._now = loop.time
        self._touched = loop.time()
        self._began = False
        self._said = Said()
        self._advancing = False
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the registry's side: see `connections.Served` ------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a transfer is in flight."""
        return self.exchange is not None or self.handed_over

    def overdue(self, now: float) -> bool:
        """Whether it took too long to say what it wants, or says nothing; what was handed over is the engine's."""
        if self.handed_over:
            return False
        if self.deadline is not None and now > self.deadline:
            return True
        limits = self.shared.limits
        most = limits.stalled_seconds if self.exchange is not None else limits.idle_seconds
        return now - self._touched > most

    def wind_down(self) -> None:
        """Tell the client with the answer in flight that no further request is wanted."""
        self.leaving = True

    def leave(self) -> None:
        """Close once what was answered has left."""
        self.pipe.close()

    def cut(self) -> None:
        """Close everything now, on purpose."""
        self.ended_by = "gateway"
        if self.exchange is not None:
            self.exchange.client_gone("gateway")
        self._release()
        self.pipe.abort()

    # --- the pipe's owner ----------------------------------------------------------------------------------

    def received(self, octets: memoryview) -> None:
        """Take octets of the client."""
        self._touched = self._now()
        exchange = self.exchange
        if exchange is not None and not self.buffer and exchange.pass_on(octets):
            if exchange.phase is Phase.BLOCKED:
                self._gate()
            return
        self.buffer += octets
        self.advance()

    def ended(self) -> None:
        """A client that sent its last octet is taken for gone, as the engine does (RFC 9112 9.6 lets a server)."""
        if self.exchange is not None:
            self.exchange.client_gone()
        self.pipe.close()

    def lost(self) -> None:
        """The connection is over."""
        if self.exchange is not None:
            self.exchange.client_gone()
        self._release()
        if not self.over.done():
            self.over.set_result(None)

    def full(self) -> None:
        """Read no more of the answer for now."""
        if self.upstream is not None:
            self.upstream.pipe.read(on=False)

    def room(self) -> None:
        """Read on."""
        if self.upstream is not None:
            self.upstream.pipe.read(on=True)

    def failed(self, fault: BaseException) -> None:
        """Something inside raised: nothing of this connection goes on."""
        log.error("a connection failed", exc_info=fault)
        self.shared.ports.recorder.failed_closed("spool" if isinstance(fault, SpoolError) else "engine")
        self.cut()

    # --- what exchanges ask for ----------------------------------------------------------------------------

    def after[T](self, rest: Coroutine[None, None, T], step: Callable[[T], None]) -> None:
        """Do something once a step that has to wait is done."""
        task = asyncio.Task(self._after(rest, step), loop=asyncio.get_running_loop(), eager_start=True)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _after[T](self, rest: Coroutine[None, None, T], step: Callable[[T], None]) -> None:
        try:
            found = await rest
        except asyncio.CancelledError:
            self.cut()
            raise
        except Exception as fault:  # noqa: BLE001 - as below
            self.failed(fault)
        else:
            self.goes_on(lambda: step(found))

    def goes_on(self, step: Callable[[], None]) -> None:
        """Do something that was waited for, and what can be done then; never raises."""
        try:
            step()
            self.advance()
        except asyncio.CancelledError:
            self.cut()
            raise
        except Exception as fault:  # noqa: BLE001 - this is where what raises closes the connection
            self.failed(fault)

    def kept(self, key: Key) -> Upstream | None:
        """The connection that this client used last, where it leads to the right place."""
        upstream = self.upstream
        if upstream is not None and upstream.key == key and upstream.usable:
            return upstream
        return None

    def uses(self, upstream: Upstream) -> None:
        """This client uses a connection now."""
        self._release()
        self.upstream = upstream

    def finished(self, *, keep: bool) -> None:
        """The exchange is over."""
        self.exchange = None
        self._touched = self._now()
        if not keep:
            self.pipe.close()
        elif not self._advancing:
            self.advance()

    # --- going on ------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Do with what is here all that can be done now."""
        if self._advancing or self.handed_over:
            return
        self._advancing = True
        try:
            while self._step():
                pass
            if self.exchange is not None:
                self.exchange.push()
            self._gate()
        finally:
            self._advancing = False

    def _step(self) -> bool:
        exchange = self.exchange
        if exchange is None:
            return bool(self.buffer) and not self.pipe.gone and self._next()
        if exchange.phase not in TAKING:
            return False
        try:
            piece = exchange.reader.take(self.buffer, exchange.most)
        except FramingError as fault:
            exchange.broken(fault)
            return True
        if piece is None:
            return False
        exchange.take(piece)
        return True

    def _next(self) -> bool:
        """Begin with the next request; False where its head is not whole."""
        data = self.buffer
        if not self._began:
            begins = begins_request(bytes(data[:_LOOK]))
            if begins is False:
                self._hand_over(bytes(data))
                return False
            if begins is None:
                self.wait()
                return False
            self._began = True
        fault, said = None, self._said
        if said.whole and data.startswith(said.whole):
            del data[: len(said.whole)]
        else:
            try:
                octets = take_head(data, self.shared.limits.head)
                if octets is None:
                    if data:
                        self.wait()
                    return False
                said = self._said = Said.of(octets, self.caller)
            except HeadError as found:
                fault, said = found, Said()
        if said.upgrades:
            self._hand_over(said.whole + data)
            return False
        self.deadline = None
        self.exchange = exchange = Exchange(self, said)
        exchange.begin(fault)
        return True

    def wait(self) -> None:
        """A head or hello began: it must be whole in time."""
        if self.deadline is None:
            self.deadline = self._now() + self.shared.limits.head_seconds

    def _gate(self) -> None:
        """Read no more while what was read cannot go on."""
        exchange = self.exchange
        blocked = exchange is not None and exchange.phase is Phase.BLOCKED
        self.pipe.read(on=not blocked and len(self.buffer) <= self.shared.limits.pipelined)

    def _hand_over(self, early: bytes) -> None:
        self.handed_over = True
        self.deadline = None
        self.buffer.clear()
        self.pipe.read(on=False)
        self._release()
        self.after(self.lane.hand_over(self, early), lambda _: None)

    def _release(self) -> None:
        """Let go of the connection to the destination, for others or for good."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            self.dialler.give(upstream)
