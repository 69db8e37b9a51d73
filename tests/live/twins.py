"""Two gateways that differ in their lane only, in front of one strict sink: the same octets go to both.

What became of them is told without what differs by nature (ids, times, ports), so that it can be compared whole. Nobody
waits for a time: what a turn of the event loop brings is over once a few turns in a row brought nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, override

import h11

from live.arrivals import Request, requests
from live.clients import trusting
from live.doubles import ListRecorder
from live.harness import HOST, LANES, LIMITS, Setup, gateway
from live.origins import Authority as Roots
from subrosa.facts.hosts import Authority
from subrosa.gateway.egress import EgressDenied
from subrosa.gateway.ports import TransferOutcome
from subrosa.policy.decision import Decision
from subrosa.policy.verdict import Reason

_ASCII = bytes(range(128)) + b"?" * 128
"""What octets beyond ASCII in a target mean is the destination's matter."""
OWN_FAULTS = frozenset({"engine", "hook", "inspection", "timeout"})
"""Causes of a refusal that are a lane's own."""
TURNS = 25
"""Turns of the loop in which nothing moves, after which nothing will."""


@dataclass(frozen=True, slots=True)
class Became:
    """What became of some octets in one lane. ``broken`` is what the sink could not read."""

    arrived: tuple[Request, ...]
    broken: tuple[str, ...]
    heard: bytes
    closed: bool
    decisions: tuple[dict[str, Any], ...]
    outcomes: tuple[dict[str, Any], ...]
    causes: tuple[tuple[str, int], ...]

    @property
    def failed(self) -> bool:
        """Whether the lane failed of its own, which no octets may bring about: whatever they are, they are foreseen."""
        reasons = [decision["verdict"].reason for decision in self.decisions]
        reasons += [outcome["refused"] for outcome in self.outcomes]
        return Reason.ENGINE in reasons or not OWN_FAULTS.isdisjoint(dict(self.causes))


@dataclass(slots=True)
class Moved:
    """Counts whatever happened."""

    times: int = 0

    async def settled(self, turns: int = TURNS) -> None:
        """Wait until nothing happens any more."""
        quiet = 0
        while quiet < turns:
            before = self.times
            await asyncio.sleep(0)
            quiet = quiet + 1 if self.times == before else 0


class Ear(asyncio.Protocol):
    """A client that keeps what it hears."""

    def __init__(self, moved: Moved) -> None:
        self._moved = moved
        self.octets = bytearray()
        self.closed = False
        self.in_tls = False
        self.transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._moved.times += 1
        self.octets += data

    @override
    def eof_received(self) -> bool:
        self._moved.times += 1
        self.closed = True
        return not self.in_tls  # which knows no half of a connection

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._moved.times += 1
        self.closed = True


class Sink(asyncio.Protocol):
    """Reads requests as strictly as h11 does, and calls each fine."""

    def __init__(self, ground: "Ground") -> None:
        self._ground = ground
        self._number = 0
        self._method = b""
        self._conn = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ground.moved.times += 1
        self._number = next(self._ground.numbers)

    @override
    def data_received(self, data: bytes) -> None:
        self._ground.moved.times += 1
        self._ground.streams.setdefault(self._number, bytearray()).extend(data)
        try:
            self._conn.receive_data(data.translate(_ASCII))
            self._answer()
        except h11.RemoteProtocolError as fault:
            self._ground.broken.append(str(fault))
            self._transport.close()

    def _answer(self) -> None:
        while (event := self._conn.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                self._method = event.method
                if self._ground.reply.early:
                    self._say(self._ground.reply)
            elif isinstance(event, h11.EndOfMessage):
                if not self._ground.reply.early:
                    self._say(self._ground.reply)
                rest, _ = self._conn.trailing_data
                self._conn = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
                if rest:
                    self._conn.receive_data(rest)
            elif isinstance(event, h11.ConnectionClosed):
                return

    def _say(self, reply: "Reply") -> None:
        whole = reply.to_head if self._method == b"HEAD" else reply.octets
        self._go_on(iter(reply.pieces or (whole,)), closes=reply.closes)

    def _go_on(self, pieces: Iterator[bytes], *, closes: bool) -> None:
        self._ground.moved.times += 1
        if (piece := next(pieces, None)) is not None:
            self._transport.write(piece)
            asyncio.get_running_loop().call_soon(lambda: self._go_on(pieces, closes=closes))
        elif closes:
            self._transport.close()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the sink answers: once the request is whole or, ``early``, at its head; ``pieces`` one after the other."""

    octets: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    to_head: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    closes: bool = False
    early: bool = False
    pieces: tuple[bytes, ...] = ()


FINE = Reply()


class Watcher(ListRecorder):
    """A recorder that says when it is told something."""

    moved: Moved

    @override
    def _note(self) -> None:
        self.moved.times += 1
        ListRecorder._note(self)


class OnlySink:
    """An egress guard that knows every name, here, at the sink's ports only: what else listens here is none of it."""

    def __init__(self, ground: "Ground") -> None:
        self._ground = ground

    async def vet(self, authority: Authority) -> Sequence[str]:
        if authority.port not in (self._ground.port, self._ground.tls_port):
            raise EgressDenied("no-answer", f"{authority.host} has no address")
        return ("127.0.0.1",)


@dataclass(slots=True)
class Ground:
    """Both gateways, and the sink at ``port``, with TLS at ``tls_port``."""

    port: int = 0
    tls_port: int = 0
    gateways: dict[str, Setup] = field(default_factory=dict)
    streams: dict[int, bytearray] = field(default_factory=dict)
    """What the sink got over each connection since the last question; lean keeps connections for other clients."""
    numbers: "count[int]" = field(default_factory=count)
    broken: list[str] = field(default_factory=list)
    reply: Reply = FINE
    moved: Moved = field(default_factory=Moved)
    ids: dict[str, "count[int]"] = field(default_factory=dict)

    async def say(
        self,
        lane: str,
        pieces: Sequence[bytes],
        *,
        half_close: bool = False,
        turns: int = TURNS,
        within: str = "",
    ) -> Became:
        """Say octets to one lane, in these pieces; ``within`` TLS to a name, in a tunnel to it, where that is told."""
        setup = self.gateways[lane]
        recorder = setup.recorder
        self.streams.clear()
        self.broken.clear()
        self.ids[lane] = count(1)
        recorder.decisions.clear()
        recorder.outcomes.clear()
        recorder.causes.clear()
        loop = asyncio.get_running_loop()
        transport, ear = await loop.create_connection(lambda: Ear(self.moved), "127.0.0.1", setup.port)
        if within:
            transport = await self._enter(transport, ear, within, setup)
        for piece in pieces:
            if not transport.is_closing():
                transport.write(piece)
            await self.moved.settled(turns)
        if half_close:
            transport.write_eof()
            await self.moved.settled(turns)
        heard, closed = bytes(ear.octets), ear.closed
        transport.abort()
        await recorder.at_rest()
        await self.moved.settled(turns)
        return Became(
            arrived=tuple(request for stream in self.streams.values() for request in requests(bytes(stream))),
            broken=tuple(self.broken),
            heard=heard,
            closed=closed,
            decisions=tuple(map(_told, recorder.decisions)),
            outcomes=tuple(map(_outcome, recorder.outcomes)),
            causes=tuple(sorted(recorder.causes.items())),
        )

    async def _enter(
        self, transport: asyncio.Transport, ear: Ear, name: str, setup: Setup
    ) -> asyncio.Transport:
        at = b"%b:%d" % (name.encode(), self.tls_port)
        transport.write(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (at, at))
        while not ear.octets.endswith(b"\r\n\r\n"):
            assert not ear.closed, "a tunnel is refused"
            await asyncio.sleep(0)
        ear.octets.clear()
        ear.in_tls = True
        context = trusting(setup.ca, "http/1.1")
        inside = await asyncio.get_running_loop().start_tls(transport, ear, context, server_hostname=name)
        assert inside is not None
        return inside


@contextlib.asynccontextmanager
async def twins(directory: Path, *names: str, **more: Any) -> AsyncIterator[Ground]:
    """Both gateways over the same settings; the sink has a certificate for these names."""
    ground = Ground()
    loop = asyncio.get_running_loop()
    roots = Roots(directory)
    context = roots.server_context(*(names or (HOST,)), alpn=("http/1.1",))
    clear = await loop.create_server(lambda: Sink(ground), "127.0.0.1", 0)
    in_tls = await loop.create_server(lambda: Sink(ground), "127.0.0.1", 0, ssl=context)
    ground.port, ground.tls_port = (server.sockets[0].getsockname()[1] for server in (clear, in_tls))
    async with contextlib.AsyncExitStack() as stack:
        for lane, lanes in LANES.items():
            work = directory / lane
            work.mkdir()
            ground.ids[lane] = count(1)
            recorder = Watcher()
            recorder.moved = ground.moved
            given = {"egress": OnlySink(ground), "limits": LIMITS, "trust": roots, **more}
            ground.gateways[lane] = await stack.enter_async_context(
                gateway(
                    work,
                    recorder=recorder,
                    lanes=lanes,
                    new_id=lambda lane=lane: f"d-{next(ground.ids[lane])}",
                    **given,
                )
            )
        yield ground
    clear.close()
    in_tls.close()


def _told(decision: Decision) -> dict[str, Any]:
    told = {name: getattr(decision, name) for name in decision.__dataclass_fields__ if name != "shared"}
    return told | {"listener": decision.listener.rpartition(":")[0]}


def _outcome(outcome: TransferOutcome) -> dict[str, Any]:
    return asdict(outcome) | {"seconds": 0.0}
