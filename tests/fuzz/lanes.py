"""The engine lane and the lean lane side by side: raw octets to both, and a sink behind them that reads strictly.

What one lets through the other lets through, whole and unchanged; what one refuses the other refuses, for the same
reason. The engine hangs up after it refused a request that has a body; lean goes on where it has read over all of it.
"""

import asyncio
import contextlib
import re
import socket
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import override

from live.harness import LANES, Setup, gateway
from subrosa.facts.head import DEFAULT_LIMITS, HeadError
from subrosa.facts.hosts import Authority
from subrosa.facts.records import ClientFacts
from subrosa.gateway.arrival import Arrival
from subrosa.gateway.bodies import BodyReader, End, body_reader
from subrosa.gateway.caller import Caller
from subrosa.gateway.heads import framing, split_head, take_head
from subrosa.gateway.narrow import known

HOST = "api.example.com"
_GET = b"GET /head/allow/more HTTP/1.1\r\nHost: {}\r\n\r\n"
_HEAD = b"HEAD /head/allow HTTP/1.1\r\nHost: {}\r\n\r\n"
_CHUNKS = b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nx-a: b\r\n\r\n"
SEEDS = tuple(
    text.replace(b"{}", HOST.encode() + b":80")
    for text in (
        b"GET /head/allow HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n\r\n",
        b"GET http://{}/head/allow?a=b HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\n\r\n",
        b"POST /head/allow HTTP/1.1\r\nHost: {}\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /end/allow HTTP/1.1\r\nHost: {}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        b"POST /end/block HTTP/1.1\r\nHost: {}\r\nContent-Length: 5\r\n\r\nhello",
        b"DELETE /head/block HTTP/1.1\r\nHost: {}\r\n\r\n",
        b"PUT /head/allow HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"PUT /end/allow HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nTrailer: x-a\r\n\r\n"
        + _CHUNKS,
        b"\r\nGET /head/allow HTTP/1.0\r\nHost: {}\r\n\r\n",
        _GET + b"POST /end/allow HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\n\r\nabc" + _HEAD + _GET,
        b"POST /head/block HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\n\r\nabc" + _GET,
    )
)
WORDS = (
    b"Host: ", b"Content-Length: ", b"Transfer-Encoding: ", b"chunked", b"identity", b"Connection: close\r\n", b"GET ",
    b"Upgrade: websocket\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"POST ",
    b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n\r\n", b"5\r\nhello\r\n", b"/head/allow", b"/end/block", b"X-A: b\r\n",
    b"Expect: 100-continue\r\n", b"Connection: content-length\r\n", b"Connection: keep-alive\r\n", b"\t", b"\x0b",
)  # fmt: skip
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_TO_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_QUIET = 4
"""Turns of the loop in which nothing is left to do."""

type Request = tuple[bytes, bytes]


class Sink(asyncio.Protocol):
    """A destination that keeps each whole request, and answers it; what it cannot read in one way is a fault."""

    def __init__(self, whole: list[Request], faults: list[str]) -> None:
        self._whole, self._faults = whole, faults
        self._buffer = bytearray()
        self._head = b""
        self._body = bytearray()
        self._reader: BodyReader | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while self._step():
                pass
        except HeadError as fault:
            self._faults.append(f"the sink cannot read {self._head + bytes(self._buffer)!r}: {fault}")
            self._transport.abort()

    def _step(self) -> bool:
        if self._reader is None:
            octets = take_head(self._buffer, DEFAULT_LIMITS)
            if octets is None:
                return False
            _, _, version, lines = split_head(octets)
            self._head, self._body, self._reader = octets, bytearray(), body_reader(framing(version, lines))
        piece = self._reader.take(self._buffer)
        if piece is None:
            return False
        if not isinstance(piece, End):
            self._body += piece
            return True
        trailers = b"".join(b"%b: %b\r\n" % line for line in piece.trailers)
        self._whole.append((self._head, bytes(self._body) + trailers))
        self._reader = None
        self._transport.write(_TO_HEAD if self._head.startswith(b"HEAD ") else _ANSWER)
        return True


@dataclass(slots=True)
class Lived:
    """What came of one input in one lane."""

    decisions: list[tuple[object, ...]] = field(default_factory=list)
    arrived: list[Request] = field(default_factory=list)
    heard: bytes = b""

    @property
    def statuses(self) -> list[int]:
        """Of the answers; 400 for every refusal, which is told by the first of several reasons that is found."""
        found = (int(status) for status in _STATUS.findall(self.heard))
        return [min(status, 400) for status in found]


class Lanes:
    """Both lanes of one process, for as long as it lives."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = contextlib.AsyncExitStack()
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="subrosa-fuzz-")))
        self._whole: list[Request] = []
        self._faults: list[str] = []
        self._loop.run_until_complete(self._start())

    async def _start(self) -> None:
        server = await self._loop.create_server(lambda: Sink(self._whole, self._faults), "127.0.0.1", 0)
        self._target = Authority.parse(f"{HOST}:80", None)
        self._port = server.sockets[0].getsockname()[1]
        self._setups = {
            name: await self._stack.enter_async_context(gateway(self._directory, lanes=lanes))
            for name, lanes in LANES.items()
        }

    def check(self, _: bytes, pieces: Iterable[bytes]) -> None:
        """Raises AssertionError where the lanes differ."""
        cut = tuple(pieces)
        engine, lean = (self._loop.run_until_complete(self._live(name, cut)) for name in LANES)
        compare(engine, lean)
        assert not self._faults, self._faults

    async def _live(self, name: str, pieces: tuple[bytes, ...]) -> Lived:
        setup, lived = self._setups[name], Lived()
        setup.recorder.decisions.clear()
        self._whole.clear()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        serving = self._loop.create_task(self._serve(setup, name, theirs))
        for piece in pieces:
            with contextlib.suppress(ConnectionError):
                ours.send(piece.replace(b":80", b":%d" % self._port))
            await self._settled()
        await self._settled()
        with contextlib.suppress(OSError):
            while octets := ours.recv(1 << 20):
                lived.heard += octets
        ours.close()
        await asyncio.wait_for(serving, 10)
        await setup.recorder.at_rest()
        lived.decisions = [
            (
                one.verdict.outcome,
                one.verdict.reason,
                one.verdict.rules,
                one.method,
                one.host,
                one.path,
                one.query,
            )
            for one in setup.recorder.decisions
        ]
        lived.arrived = list(self._whole)
        return lived

    async def _serve(self, setup: Setup, name: str, sock: socket.socket) -> None:
        front = setup.front
        listener = setup.front.settings.listeners[0]
        client = ClientFacts(listener="explicit:0", address=ip_address("192.0.2.1"))
        target = Authority(self._target.host, self._port)
        caller = Caller(shared=front.shared, listener=listener, client=client, target=target, tunnelled=True)
        lane = known(front.lean).serve if name == "lean" else front.engine.serve
        await lane(Arrival(socket=sock, caller=caller))

    async def _settled(self) -> None:
        """Wait until nothing is left to do: no callback, no socket that is ready."""
        quiet = 0
        while quiet < _QUIET:
            await asyncio.sleep(0)
            busy = self._loop._ready or self._loop._selector.select(0)  # type: ignore[attr-defined]
            quiet = 0 if busy else quiet + 1


def compare(engine: Lived, lean: Lived) -> None:
    """Equal; but where the engine hung up after a refusal, lean may have gone on."""
    for one, other in ((engine.decisions, lean.decisions), (engine.arrived, lean.arrived)):
        for left, right in zip(one, other, strict=False):
            assert left == right, (engine, lean)
        assert len(one) == len(other) or (len(one) < len(other) and _hung_up(engine)), (engine, lean)
    assert engine.statuses == lean.statuses[: len(engine.statuses)], (engine, lean)


def _hung_up(engine: Lived) -> bool:
    return b"\r\nconnection: close\r\n" in engine.heard


@cache
def lanes() -> Lanes:
    """Made when the first input comes."""
    return Lanes()


def check(data: bytes, pieces: Iterable[bytes]) -> None:
    """The law of both lanes."""
    lanes().check(data, pieces)
