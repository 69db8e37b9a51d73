"""The ground of the threat table: one gateway with the shipped rules, real egress, and sinks that count octets."""

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import hpack

from live.clients import Heard, Http1, Refused, connect, new_trusting, tunnel
from live.harness import LANES, LIMITS, Setup, gateway, replace
from live.origins import Authority, Origin, Reply, Seen, serve
from live.threats.rows import CLEAR_PORT, PREFACE, SECRET, TLS_PORT, UNREAD, Act, Fine, Row, Way
from subrosa.facts.hosts import Authority as Target
from subrosa.gateway.egress import Egress
from subrosa.gateway.engine import Listener
from subrosa.policy.policy import Policy
from subrosa.runtime.configuration import load_policy
from subrosa.settings import Layer, parse

ADDRESSES = {
    "private.example.com": ["10.0.0.1"],
    "metadata.example.com": ["169.254.169.254"],
    "both.example.com": ["127.0.0.1", "10.0.0.1"],
    "mapped.example.com": ["::ffff:10.0.0.1"],
    "nat64.example.com": ["64:ff9b::a00:1"],
    "six.example.com": ["fd00::1"],
    "nothing.example.com": [],
    "strange.example.com": ["not an address"],
}
"""What names resolve to; every other name is the sink's."""
NAMES = ("*.openai.com", "*.example.com", "*.corp.example.com", "*.s3.eu-central-1.amazonaws.com", "*.amazonaws.com", "*.googleapis.com",
         "*.blob.core.windows.net", "*.deepgram.com", "huggingface.co", "*.ingest.sentry.io", "slack.com", "*.mistral.ai",
         "xn--bcher-kva.example", "*.xn--bcher-kva.example", "github.com", "*.together.xyz")  # fmt: skip
_BOUNDS = replace(
    LIMITS,
    head_seconds=1.0,
    spool=replace(LIMITS.spool, memory=65536, transfer=8 << 20),
    message=1 << 20,
)
_STATED = {"owner": "tests", "why": "a client that pins a certificate", "expires": "2028-01-01"}
_EMPTY = b"5\r\n\0\0\0\0\0\r\n0\r\n\r\n"
"""An empty message of gRPC and the end, in chunks."""
_ASKED = b"\x05\x01\x00\x03"


@dataclass(slots=True)
class Names:
    """The egress guard, whose resolver is a table; an address that a client names itself gets no exception."""

    setup: Setup | None = None
    asked: list[str] = field(default_factory=list)
    turns: dict[str, list[list[str]]] = field(default_factory=dict)
    """Names whose answers change with each question."""

    async def resolve(self, authority: Target) -> list[str]:
        name = authority.host.name
        self.asked.append(name)
        if self.turns.get(name):
            return self.turns[name].pop(0)
        return ADDRESSES.get(name, ["127.0.0.1"])

    async def vet(self, authority: Target) -> Sequence[str]:
        own = self.setup.front.addresses if self.setup is not None else set
        named = authority.host.address is None
        allowed = [ip_network("127.0.0.1/32")] if named else []
        return await Egress(resolve=self.resolve, allow_private=allowed, own_listeners=own).vet(authority)


@dataclass(slots=True, kw_only=True)
class Ground:
    """Everything that a row needs."""

    setup: Setup
    names: Names
    sink: Origin
    clear: Origin
    shipped: Policy

    def placed(self, octets: bytes) -> bytes:
        """The octets with the real ports in them."""
        for stands, origin in ((TLS_PORT, self.sink), (CLEAR_PORT, self.clear)):
            octets = octets.replace(b"%d" % stands, b"%d" % origin.port)
        return octets

    def authority(self, text: str) -> str:
        return self.placed(text.encode()).decode()

    def reached(self) -> tuple[int, int]:
        """Connections and octets at both sinks."""
        one, other = self.sink.tally, self.clear.tally
        return one.connections + other.connections, one.octets + other.octets

    # --- clients ---------------------------------------------------------------------------------------------

    def trusting(self, *alpn: str, named: bool = True) -> ssl.SSLContext:
        context = new_trusting(self.setup.ca, *alpn)
        context.check_hostname = named
        return context

    async def opened(self, row: Row | Fine) -> Http1:
        """The connection of a row, up to where its octets begin.

        Raises:
            Refused: when the tunnel is refused.
            OSError: when TLS is.
        """
        if row.way is Way.CLEAR:
            return self.setup.kept(await connect(self.setup.port))
        to = self.authority(row.connect)
        if row.way is Way.SOCKS:
            client = await self.socks(to)
        else:
            client = self.setup.kept(await tunnel(self.setup.port, to, None))
        if row.way is not Way.TUNNEL:
            offered = ("h2",) if row.way is Way.H2 else ("http/1.1",)
            sni = to.rpartition(":")[0] if row.sni is None else row.sni
            context = self.trusting(*(offered if row.alpn is None else row.alpn), named=bool(sni))
            if sni != to.rpartition(":")[0]:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            async with asyncio.timeout(5):
                await client.writer.start_tls(context, server_hostname=sni or None)
        return client

    async def socks(self, to: str) -> Http1:
        host, _, port = to.rpartition(":")
        client = self.setup.kept(await connect(self.setup.ports[1]))
        client.write(
            b"\x05\x01\x00" + _ASKED + bytes([len(host)]) + host.encode() + struct.pack("!H", int(port))
        )
        await client.reader.readexactly(12)
        return client

    async def attempt(self, row: Row | Fine) -> Heard:
        """Send a row and hear the last answer to it."""
        try:
            client = await self.opened(row)
            await client.send(self.placed(row.octets), piece=getattr(row, "piece", 65536))
            if row.way is Way.H2:
                return await hear_h2(client)
            return await self.last(client, row)
        except Refused as refused:
            return refused.heard
        except (OSError, EOFError, TimeoutError) as fault:
            return Heard(end=f"closed: {type(fault).__name__}")

    async def last(self, client: Http1, row: Row | Fine) -> Heard:
        """The answer; of a row that is let reach the sink, the one after."""
        tunnel = row.octets.startswith(b"CONNECT ")
        heard = await client.hear(method=row.octets[:4].decode("latin-1"), tunnel=tunnel, seconds=5)
        if getattr(row, "reached", False) and heard.status == 200:
            return await client.hear(seconds=5)
        return heard


async def hear_h2(client: Http1) -> Heard:
    """The first answer on an HTTP/2 connection, or how it ended: read leniently, for nothing else may answer."""
    heard = Heard()
    decoder = hpack.Decoder()
    try:
        async with asyncio.timeout(5):
            while not heard.end:
                top = await client.reader.readexactly(9)
                kind, stream = top[3], int.from_bytes(top[5:]) & 0x7FFFFFFF
                payload = await client.reader.readexactly(int.from_bytes(top[:3]))
                if kind == 1:
                    fields = [(str(name), str(value)) for name, value in decoder.decode(payload)]
                    heard.status = int(dict(fields).get(":status", heard.status))
                    heard.lines += fields
                elif kind == 0:
                    heard.body += payload
                if kind == 7 or (kind == 3 and stream):
                    heard.end = "closed"
                elif kind in (0, 1) and top[4] & 1:
                    heard.end = "whole"
    except TimeoutError:
        heard.end = "silence"
    except (OSError, EOFError):
        heard.end = "closed"
    return heard


async def swallow(origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A sink that takes whatever comes and calls it fine."""
    seen = Seen("?", "?", [], "raw")
    origin.tally.requests.append(seen)
    while octets := await origin.read(reader):
        seen.take(octets)
        origin.tally.note()
        writer.write(b'HTTP/1.1 200 OK\r\nAlt-Svc: h3=":443"\r\nContent-Length: 0\r\n\r\n')
        await writer.drain()


def sink() -> Origin:
    """An origin that reads nothing into what it gets."""
    origin = Origin()
    origin.raw = lambda reader, writer: swallow(origin, reader, writer)
    return origin


@contextlib.asynccontextmanager
async def grounds(
    directory: Path,
    to: Origin,
    clear: Origin,
    *,
    alpn: tuple[str, ...],
    lanes: tuple[str, ...] = LANES["engine"],
) -> AsyncIterator[Ground]:
    """A gateway as it is shipped, in front of two origins."""
    names, authority = Names(), Authority(directory)
    unread = {"host": UNREAD.rpartition(":")[0], "inspect": "never", **_STATED}
    shipped = load_policy(parse([Layer({"state_dir": str(directory), "destinations": [unread]}, str)]))
    listeners = tuple(Listener(mode=mode, host="127.0.0.1", port=0) for mode in ("explicit", "socks5"))
    async with (
        gateway(
            directory,
            listeners=listeners,
            limits=_BOUNDS,
            current=shipped,
            trust=authority,
            egress=names,
            lanes=lanes,
        ) as setup,
        serve(to, authority.server_context(*NAMES, alpn=alpn)),
        serve(clear),
    ):
        names.setup = setup
        yield Ground(setup=setup, names=names, sink=to, clear=clear, shipped=shipped)


async def check(ground: Ground, row: Row | Act) -> None:
    """Run one attempt: it is refused as the row says, and not one octet of what it carries arrives."""
    recorder = ground.setup.recorder
    before, causes, requests = (
        ground.reached(),
        recorder.causes.copy(),
        [len(origin.tally.requests) for origin in (ground.sink, ground.clear)],
    )
    heard = await (ground.attempt(row) if isinstance(row, Row) else row.step(ground))
    for client in ground.setup.clients:
        client.abort()
    ground.setup.clients.clear()
    await recorder.at_rest()
    after = ground.reached()
    assert heard is None or heard.status in row.status, (heard, recorder.decisions[-1:])
    assert heard is None or heard.end != "silence", heard
    head_only = isinstance(row, Row) and row.head_only
    if not row.reached and not head_only:
        assert after == before, "the sink was reached"
    for origin, known in zip((ground.sink, ground.clear), requests, strict=True):
        for seen in origin.tally.requests[known:]:
            assert SECRET[:16] not in seen.body
            assert not head_only or len(seen.body.partition(b"\r\n\r\n")[2]) < len(_EMPTY)
    assert not set(recorder.causes - causes) & {"engine", "timeout"}, recorder.causes


__all__ = ["PREFACE", "Ground", "Reply", "check", "grounds", "sink"]
