"""One request, two lanes: the same record, outcome and answer, and the same octets sent on, field by field."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import override

import pytest
import pytest_asyncio

from live.doubles import DictEgress, by_path, policy
from live.harness import HOST, LIMITS
from live.twins import FINE, Ground, Reply, twins
from subrosa.facts.head import HeadLimits
from subrosa.policy.sources import Source

in_one_loop = pytest.mark.asyncio(loop_scope="module")

PORT = b"18080"
"""Stands for the sink's."""
WHERE = HOST.encode() + b":" + PORT
SMALL = replace(
    LIMITS,
    head=HeadLimits(fields=20, field_bytes=500, head_bytes=2000, target_bytes=300),
    spool=replace(LIMITS.spool, memory=4096, transfer=60_000),
    discarded=100_000,
)
ANN, WRONG = (b"Proxy-Authorization: Basic " + word for word in (b"YW5uOnNlY3JldA==", b"eDp5"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a client says, through a tunnel but where it is said ``bare``, and what the sink answers.

    ``asks``: whether clients must log in; ``status``: of the first answer, 0 where there is none.
    """

    says: str
    octets: bytes
    status: int
    reply: Reply = FINE
    bare: bool = False
    asks: bool = False
    locked: bool = False
    ruled: bool = True
    half_close: bool = False
    login: bytes = b""

    @override
    def __str__(self) -> str:
        return self.says

    def pieces(self, port: int) -> tuple[bytes, ...]:
        """The octets, in writes that are waited for: `|` parts them."""
        first = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (
            WHERE,
            WHERE,
            self.login and self.login + b"\r\n",
        )
        octets = self.octets if self.bare else first + b"|" + self.octets
        return tuple(octets.replace(PORT, b"%d" % port).split(b"|"))


def asked(line: bytes, *lines: bytes, body: bytes = b"", host: bytes = WHERE) -> bytes:
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: " + host, *lines, b"", body])


def sized(path: bytes, body: bytes, *lines: bytes) -> bytes:
    return asked(b"POST " + path, b"Content-Length: %d" % len(body), *lines, body=body)


def chunked(path: bytes, body: bytes, *lines: bytes) -> bytes:
    return asked(b"POST " + path, b"Transfer-Encoding: chunked", *lines, body=body)


def answer(octets: bytes, *, closes: bool = False, early: bool = False) -> Reply:
    return Reply(octets, octets, closes, early)


GET, CLOSED = (
    asked(b"GET /head/allow/x?y=1", b"Accept: */*"),
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
)
CHUNKS = b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"
TRAILED = b"5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n"
EXPECT = b"Expect: 100-continue"
ROWS = (
    # allowed
    Row(says="a GET", octets=GET, status=200),
    Row(says="a GET in absolute form, straight to the proxy", octets=GET.replace(b"/head", b"http://" + WHERE + b"/head"), bare=True, status=200),
    Row(says="a GET in absolute form in a tunnel", octets=GET.replace(b"/head", b"http://" + WHERE + b"/head"), status=200),
    Row(says="a HEAD", octets=asked(b"HEAD /head/allow/x"), status=200),
    Row(says="OPTIONS of everything", octets=asked(b"OPTIONS *"), status=400),
    Row(says="HTTP/1.0", octets=GET.replace(b"HTTP/1.1", b"HTTP/1.0"), status=200),
    Row(says="HTTP/1.0 that stays", octets=asked(b"GET /head/allow", b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0") + b"|" + GET, status=200),
    Row(says="HTTP/1.0 that stays, as most spell it", octets=asked(b"GET /head/allow", b"Connection: Keep-Alive").replace(b"HTTP/1.1", b"HTTP/1.0") + b"|" + GET, status=200),
    Row(says="a client that asks to close, as few spell it", octets=asked(b"GET /head/allow", b"Connection: Close") + GET, status=200),
    Row(says="a client that asks to close", octets=asked(b"GET /head/allow", b"Connection: close") + GET, status=200),
    Row(says="hop-by-hop fields", octets=asked(b"GET /head/allow", b"Connection: X-Hop, keep-alive", b"X-Hop: 1", b"Keep-Alive: 5", b"TE: trailers", b"X-END: 2"), status=200),
    Row(says="a body with a length", octets=sized(b"/head/allow", b"hello"), status=200),
    Row(says="a body with a length in pieces", octets=sized(b"/head/allow", b"he|l|lo").replace(b"Length: 7", b"Length: 5"), status=200),
    Row(says="a body with a length of nothing", octets=sized(b"/end/allow", b""), status=200),
    Row(says="a body in chunks", octets=chunked(b"/head/allow", CHUNKS), status=200),
    Row(says="a body in chunks with a trailer", octets=chunked(b"/head/allow", TRAILED), status=200),
    Row(says="a held body", octets=sized(b"/end/allow", b"hello"), status=200),
    Row(says="a held body in chunks with a trailer", octets=chunked(b"/end/allow", TRAILED), status=200),
    Row(says="a held body larger than memory", octets=sized(b"/end/allow", b"x" * 50_000), status=200),
    Row(says="100 Continue for a held body", octets=sized(b"/end/allow", b"", EXPECT).replace(b"Length: 0", b"Length: 5") + b"|hello", status=100),
    Row(says="100 Continue for a body that goes on at once", octets=sized(b"/head/allow", b"", EXPECT).replace(b"Length: 0", b"Length: 5") + b"|hello", status=100),
    Row(says="an expectation with its body", octets=sized(b"/head/allow", b"hello", EXPECT), status=100),
    Row(says="pipelined requests", octets=GET + sized(b"/end/allow", b"abc") + asked(b"HEAD /head/allow") + GET, status=200),
    Row(says="requests one after the other", octets=GET + b"|" + GET + b"|" + chunked(b"/end/allow", CHUNKS) + b"|" + GET, status=200),
    Row(says="CRLF before a request", octets=b"\r\n\r\n" + GET, status=200),
    # refused
    Row(says="refused at the head", octets=asked(b"GET /head/block"), status=403),
    Row(says="refused at the head, the method HEAD", octets=asked(b"HEAD /head/block"), status=403),
    Row(says="refused at the head with a body that came", octets=sized(b"/head/block", b"hello") + GET, status=403),
    Row(says="refused at the head with a body that comes", octets=sized(b"/head/block", b"", EXPECT).replace(b"Length: 0", b"Length: 5") + b"|hello", status=403),
    Row(says="refused at the head while little of the body is to come", octets=sized(b"/head/block", b"he|l|lo").replace(b"Length: 7", b"Length: 5") + GET, status=403),
    Row(says="refused at the head while little of the body is to come, by a client that asks to close", octets=sized(b"/head/block", b"he|lo", b"Connection: close").replace(b"Length: 5", b"Length: 4") + GET, status=403),
    Row(says="refused at the head while little of the body is to come, by an old client that stays", octets=sized(b"/head/block", b"he|lo", b"Connection: keep-alive").replace(b"Length: 5", b"Length: 4").replace(b"HTTP/1.1", b"HTTP/1.0") + GET, status=403),
    Row(says="refused at the head while much of the body is to come", octets=sized(b"/head/block", b"x" * 5 + b"|" + b"x" * 70_000).replace(b"Length: 70006", b"Length: 70005") + GET, status=403),
    Row(says="refused at the head while chunks are to come", octets=chunked(b"/head/block", b"|" + CHUNKS) + GET, status=403),
    Row(says="refused at the head by a client that leaves then", octets=sized(b"/head/block", b"he|").replace(b"Length: 3", b"Length: 5"), half_close=True, status=403),
    Row(says="refused at the end", octets=sized(b"/end/block", b"hello") + GET, status=403),
    Row(says="refused at the end of chunks", octets=chunked(b"/end/block", TRAILED) + GET, status=403),
    Row(says="refused at the end of a large body", octets=sized(b"/end/block", b"x" * 50_000), status=403),
    Row(says="refused between two that pass", octets=GET + asked(b"DELETE /head/block") + GET, status=200),
    Row(says="more than may be held", octets=sized(b"/end/allow", b"x" * 70_000).replace(b"Length: 70", b"Length: 90"), status=413),
    Row(says="locked down", octets=GET, locked=True, status=403),
    Row(says="no policy", octets=GET, ruled=False, status=503),
    # heads
    Row(says="two hosts", octets=asked(b"GET /head/allow", b"Host: " + WHERE), status=400),
    Row(says="no host", octets=b"GET /head/allow HTTP/1.1\r\n\r\n", status=400),
    Row(says="another host", octets=asked(b"GET /head/allow", host=b"other.example.com"), status=403),
    Row(says="a folded line", octets=asked(b"GET /head/allow", b"X: a", b" b"), status=400),
    Row(says="a blank before the colon", octets=asked(b"GET /head/allow", b"X : a"), status=400),
    Row(says="two lengths", octets=asked(b"POST /head/allow", b"Content-Length: 3", b"Content-Length: 3", body=b"abc"), status=400),
    Row(says="a length and chunks", octets=chunked(b"/head/allow", CHUNKS, b"Content-Length: 3"), status=400),
    Row(says="an unknown coding", octets=asked(b"POST /head/allow", b"Transfer-Encoding: gzip, chunked", body=CHUNKS), status=400),
    Row(says="lines that end in LF", octets=GET.replace(b"\r\n", b"\n"), status=400),
    Row(says="a version that is none", octets=GET.replace(b"HTTP/1.1", b"HTTP/1.9"), status=505),
    Row(says="a version that is none, and would be kept", octets=asked(b"GET /head/allow", b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTT0") + b"|" + GET, status=505),
    Row(says="a target too long", octets=asked(b"GET /head/allow?" + b"a" * 400), status=414),
    Row(says="a field too long", octets=asked(b"GET /head/allow", b"X: " + b"a" * 600), status=431),
    Row(says="too many fields", octets=asked(b"GET /head/allow", *[b"X: 1"] * 30), status=431),
    Row(says="a head without an end", octets=asked(b"GET /head/allow", b"X: " + b"a" * 3000)[:-4], status=431),
    Row(says="an expectation that is none", octets=sized(b"/head/allow", b"hello", b"Expect: more"), status=417),
    Row(says="TRACE", octets=asked(b"TRACE /head/allow"), status=405),
    Row(says="CONNECT in a tunnel", octets=asked(b"CONNECT " + WHERE), status=405),
    Row(says="CONNECT with a body in a tunnel", octets=asked(b"CONNECT " + WHERE, b"Content-Length: 5", body=b"he") + b"|llo" + GET, status=405),
    Row(says="CONNECT with chunks in a tunnel", octets=asked(b"CONNECT " + WHERE, b"Transfer-Encoding: chunked", body=TRAILED) + GET, status=405),
    Row(says="a body on GET", octets=GET[:-2] + b"Content-Length: 3\r\n\r\nabc", status=403),
    # bodies
    Row(says="a chunk size that is none, held", octets=chunked(b"/end/allow", b"5\r\nhello\r\nxyz\r\n"), status=400),
    Row(says="a chunk size that is none, behind a refusal", octets=chunked(b"/head/block", b"5\r\nhello\r\nxyz\r\n") + GET, status=403),
    Row(says="a chunk too long", octets=chunked(b"/end/block", b"3\r\nhello\r\n0\r\n\r\n") + GET, status=400),
    Row(says="a trailer that routes, held", octets=chunked(b"/end/allow", b"0\r\nHost: evil\r\n\r\n"), status=400),
    Row(says="a trailer that routes, too late", octets=chunked(b"/head/allow", b"5\r\nhello\r\n|0\r\nHost: evil\r\n\r\n"), status=400),
    # logins
    Row(says="no login", octets=b"", asks=True, status=407),
    Row(says="a wrong login", octets=b"", asks=True, login=WRONG, status=407),
    Row(says="a login", octets=GET, asks=True, login=ANN, status=200),
    Row(says="a login with the request", octets=asked(b"GET http://" + WHERE + b"/head/allow", ANN), bare=True, asks=True, status=200),
    Row(says="a wrong login with the request, and a right one", octets=asked(b"GET http://" + WHERE + b"/head/allow", WRONG) + b"|" + asked(b"GET http://" + WHERE + b"/head/allow", ANN), bare=True, asks=True, status=407),
    # tunnels
    *(
        Row(says=f"a CONNECT with {said}", octets=b"CONNECT " + WHERE + b" HTTP/1.1\r\nHost: " + WHERE + b"\r\n" + lines, bare=True, status=400)
        for said, lines in (
            ("a body and a trailer", b"Transfer-Encoding: chunked\r\n\r\n9\r\nGET /head\r\n0\r\nX-Sum: a\r\n\r\n|" + GET),
            ("a body whose end the client keeps back", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel|" + GET),
            ("a length", b"Content-Length: 5\r\n\r\nhello|" + GET),
            ("a length, in pieces", b"Content-Length: 5\r\n|\r\n|he|llo|" + GET),
            ("a length and chunks", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n|" + GET),
            ("an unknown coding", b"Transfer-Encoding: gzip\r\n\r\n|" + GET),
        )
    ),
    Row(says="a CONNECT with a length of nothing", octets=b"CONNECT " + WHERE + b" HTTP/1.1\r\nContent-Length: 0\r\n\r\n|" + GET, bare=True, status=200),
    # upgrades
    Row(says="an upgrade to WebSocket that is refused there", octets=asked(b"GET /head/allow", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), status=200),
    Row(says="an upgrade to h2c", octets=asked(b"GET /head/allow", b"Connection: Upgrade", b"Upgrade: h2c"), status=403),
    Row(says="an upgrade to h2c with a body that comes", octets=sized(b"/head/allow", b"he|l|lo", b"Connection: Upgrade", b"Upgrade: h2c").replace(b"Length: 7", b"Length: 5"), status=403),
    Row(says="an upgrade behind another request", octets=GET + asked(b"GET /head/block", b"Connection: Upgrade", b"Upgrade: websocket"), status=200),
    Row(says="an upgrade behind another request, with a method that is none", octets=GET + asked(b'"GET" /head/allow', b"Connection: Upgrade", b"Upgrade: websocket"), status=200),
    # destinations
    Row(says="a name that is not known", octets=asked(b"GET http://nowhere.example.com/head/allow", host=b"nowhere.example.com"), bare=True, status=502),
    Row(says="a port where nobody listens", octets=asked(b"GET http://" + HOST.encode() + b":1/head/allow", host=HOST.encode() + b":1"), bare=True, status=502),
    Row(says="an answer in chunks with a trailer", octets=GET + GET, reply=answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"), status=200),
    Row(says="an answer in chunks for an old client", octets=GET.replace(b"HTTP/1.1", b"HTTP/1.0"), reply=answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), status=200),
    Row(says="an answer that ends with its connection", octets=GET + GET, reply=answer(b"HTTP/1.1 200 OK\r\n\r\nok", closes=True), status=200),
    Row(says="interim answers", octets=GET, reply=answer(b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), status=200),
    Row(says="no content", octets=GET + GET, reply=answer(b"HTTP/1.1 204 No Content\r\n\r\n"), status=204),
    Row(says="not modified", octets=GET + GET, reply=answer(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), status=304),
    Row(says="an answer with fields of its own hop", octets=GET, reply=answer(b"HTTP/1.1 200 Fine\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nAlt-Svc: h3\r\nX-END: 1\r\nContent-Length: 2\r\n\r\nok"), status=200),
    Row(says="a length for nothing", octets=GET + GET, reply=answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), status=200),
    Row(says="an early answer to an upload", octets=sized(b"/head/allow", b"x" * 50_000), reply=answer(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", early=True), status=413),
    Row(says="an early answer to an upload that comes", octets=sized(b"/head/allow", b"hel|lo").replace(b"Length: 6", b"Length: 5"), reply=answer(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", early=True), status=413),
    Row(says="an answer that is cut short", octets=GET, reply=answer(CLOSED, closes=True), status=200),
    Row(says="a length with a nought before it", octets=GET + GET, reply=answer(b"HTTP/1.1 200 OK\r\nContent-Length: 02\r\n\r\nok"), status=200),
    *(
        Row(says=f"an answer whose length, {said}, is named as of one hop", octets=GET + GET, reply=answer(b"HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)), status=200)
        for said, body in (("0", b""), ("2", b"ok"))
    ),
    Row(says="octets behind an answer, and another request", octets=GET + b"|" + GET, reply=answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 Smuggled\r\nContent-Length: 0\r\n\r\n"), status=200),
    Row(says="no answer", octets=sized(b"/head/allow", b"hello"), reply=answer(b"", closes=True), status=502),
    Row(says="an answer that is none", octets=GET, reply=answer(b"SSH-2.0-x\r\n\r\n"), status=502),
    Row(says="an answer of two lengths", octets=GET, reply=answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"), status=502),
    Row(says="an answer of a length and chunks", octets=GET, reply=answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), status=502),
    Row(says="a protocol that nobody asked for", octets=GET, reply=answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), status=502),
    # clients that leave
    Row(says="a client that ends before its body does", octets=sized(b"/end/allow", b"hel").replace(b"Length: 3", b"Length: 5"), half_close=True, status=0),
    Row(says="a client that ends before its last chunk", octets=chunked(b"/end/allow", b"5\r\nhello\r\n"), half_close=True, status=0),
    Row(says="a client that ends in a head", octets=GET[:20], half_close=True, status=0),
    Row(says="a client that leaves before its body ends", octets=sized(b"/head/allow", b"hel").replace(b"Length: 3", b"Length: 5"), status=0),
    Row(says="a client that ends after its answer", octets=GET, half_close=True, status=200),
)  # fmt: skip


@dataclass(slots=True)
class Switches:
    """What rows turn."""

    locked: bool = False


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Ground, Switches]]:
    async def ann(user: str, password: str) -> bool:
        return (user, password) == ("ann", "secret")

    switches = Switches()
    async with twins(
        tmp_path_factory.mktemp("alike"),
        limits=SMALL,
        egress=DictEgress({HOST: ["127.0.0.1"], "other.example.com": ["127.0.0.1"]}),
        authenticate=ann,
        lockdown=lambda: switches.locked,
    ) as found:
        yield found, switches


@in_one_loop
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_both_lanes_do_the_same(ground: tuple[Ground, Switches], row: Row) -> None:
    gateways, switches = ground
    gateways.reply, switches.locked = row.reply, row.locked
    sources = (Source(name="users", users=frozenset({"ann"}), authenticate=True),) if row.asks else ()
    became = {}
    for lane, setup in gateways.gateways.items():
        setup.current[0] = policy(by_path(), sources=sources) if row.ruled else None
        async with asyncio.timeout(20):
            became[lane] = await gateways.say(lane, row.pieces(gateways.port), half_close=row.half_close)

    engine, lean = became.values()
    inside = engine.heard.removeprefix(b"HTTP/1.1 200 Connection established\r\n\r\n")
    assert int(inside[9:12] or 0) == row.status, engine
    for name in engine.__dataclass_fields__:
        assert getattr(lean, name) == getattr(engine, name), name
    assert not engine.broken
    assert not engine.failed
