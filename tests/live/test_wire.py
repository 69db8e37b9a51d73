"""What stands on the wire: hellos in pieces, other protocols, broken framing, floods, WebSocket."""

import asyncio
import ssl
from pathlib import Path

import h2.exceptions
import pytest
import wsproto
import wsproto.events as ws

from live.clients import Http1, trusting, tunnel
from live.doubles import policy
from live.harness import HOST, LIMITS, Setup, facing, replace
from live.origins import Origin
from subrosa.content.kinds import KindTable, Recogniser
from subrosa.facts.body import Kind
from subrosa.gateway.nextlayer import Looks, looks_like
from subrosa.policy.conditions import build
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.verdict import Outcome, Reason

pytestmark = [pytest.mark.asyncio, pytest.mark.lanes]


async def opened(setup: Setup, origin: Origin) -> Http1:
    """A tunnel with nothing in it yet."""
    return setup.kept(await tunnel(setup.port, f"{HOST}:{origin.port}", None))


async def handshake_in_pieces(client: Http1, context: ssl.SSLContext, size: int) -> ssl.SSLObject:
    """TLS over an open connection, written in pieces of so many octets."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            octets = outgoing.read()
            for at in range(0, len(octets), size):
                client.write(octets[at : at + size])
                await client.writer.drain()
                await asyncio.sleep(0)
            incoming.write(await asyncio.wait_for(client.reader.read(65536), 5))
        else:
            client.write(outgoing.read())
            return tls


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100000])
async def test_a_hello_in_pieces_is_waited_for(tmp_path: Path, size: int) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await opened(setup, origin)
        tls = await handshake_in_pieces(client, trusting(setup.ca, "http/1.1"), size)
        assert tls.getpeercert()
        assert "Subrosa CA" in str(tls.getpeercert())
        assert origin.tally.connections == 0


OTHERS = {
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "binary": b"\x00\x01\x02\x03binary",
    "smtp, server first": b"EHLO\r\n",
    "h2 prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "dtls": b"\x16\xfe\xff\x00\x00",
    "an endless method": b"A" * 100,
    "a hello that is none": b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00",
    "a hello that is too large": b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + bytes(20_000),
    "a bare line feed": b"\nGET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("octets", OTHERS.values(), ids=OTHERS.keys())
async def test_other_protocols_are_closed_and_counted(tmp_path: Path, octets: bytes) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await opened(setup, origin)
        client.write(octets)
        assert await client.closed() == b""
        await setup.recorder.at_rest()
        assert setup.recorder.causes == {"protocol": 1}
        assert [one.verdict.reason.value for one in setup.recorder.decisions] == ["protocol"]
        assert origin.tally.connections == 0


async def test_tls_inside_tls_is_refused(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            trusting(setup.ca).wrap_bio(incoming, outgoing, server_hostname=HOST).do_handshake()
        client.write(outgoing.read())
        assert await client.closed() == b""
        assert setup.recorder.causes == {"protocol": 1}


@pytest.mark.lanes("engine")
async def test_alpn_of_other_protocols_only_is_refused(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await opened(setup, origin)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await client.writer.start_tls(trusting(setup.ca, "h3", "spdy/3"), server_hostname=HOST)
        assert origin.tally.connections == 0
        client = await opened(setup, origin)
        await client.writer.start_tls(trusting(setup.ca, "h3", "h2", "http/1.1"), server_hostname=HOST)
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"


@pytest.mark.lanes("engine")
@pytest.mark.parametrize(("data", "looks"), [
    (b"", Looks.MORE), (b"\x16", Looks.MORE), (b"\x16\x03", Looks.MORE), (b"\x16\x02", Looks.NEITHER),
    (b"G", Looks.MORE), (b"GET", Looks.MORE), (b"GET ", Looks.HTTP), (b"\r\n", Looks.MORE), (b"\r\nGET ", Looks.HTTP),
    (b"P", Looks.MORE), (b"PRI", Looks.MORE), (b"PRI ", Looks.NEITHER), (b"PRI * HTb", Looks.NEITHER),
    (b"PRINT ", Looks.HTTP),
    (b"G\x00", Looks.NEITHER),
    (b" GET", Looks.NEITHER), (b"SSH-2.0-x\r\n", Looks.NEITHER),
])  # fmt: skip
async def test_what_a_connection_begins_with(data: bytes, looks: Looks) -> None:
    assert looks_like(data, 16384) is looks


BROKEN = {
    "two lengths": "POST /head/allow HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunked": "POST /head/allow HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "vertical tab": "POST /head/allow HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "blank before the colon": "POST /head/allow HTTP/1.1\r\nHost: {}\r\nContent-Length : 3\r\n\r\nabc",
    "two hosts": "GET /head/allow HTTP/1.1\r\nHost: {}\r\nHost: {}\r\n\r\n",
    "no host": "GET /head/allow HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "a folded line": "GET /head/allow HTTP/1.1\r\nHost: {}\r\nX: a\r\n b\r\n\r\n",
    "lines that end in LF": "GET /head/allow HTTP/1.1\nHost: {}\n\n",
    "one line that ends in LF": "GET /head/allow HTTP/1.1\r\nHost: {}\r\nX: 1\nTransfer-Encoding: chunked\r\n\r\n",
    "a carriage return inside": "GET /head/allow HTTP/1.1\r\nHost: {}\r\nX: a\rb\r\n\r\n",
    "two blanks": "GET  /head/allow HTTP/1.1\r\nHost: {}\r\n\r\n",
    "version 2": "GET /head/allow HTTP/2.0\r\nHost: {}\r\n\r\n",
    "h2c": "GET /head/allow HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "a body on GET": "GET /head/allow HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\n\r\nabc",
    "too large": "GET /head/allow HTTP/1.1\r\nHost: {}\r\nX: " + "a" * 100_000 + "\r\n\r\n",
    "too many": "GET /head/allow HTTP/1.1\r\nHost: {}\r\n" + "X: 1\r\n" * 500 + "\r\n",
    "long target": "GET /head/allow?" + "a" * 20_000 + " HTTP/1.1\r\nHost: {}\r\n\r\n",
}
CHUNKS = {
    "no number": b"xyz\r\nabc\r\n0\r\n\r\n",
    "overflow": b"fffffffffffffffff\r\nabc",
    "lf": b"3\nabc\r\n0\r\n\r\n",
    "too long": b"3\r\nabcd\r\n0\r\n\r\n",
    "prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "endless extension": b"3;" + b"a" * 1000,
    "a routing trailer": b"3\r\nabc\r\n0\r\nHost: evil\r\n\r\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
async def test_a_head_without_one_reading_is_refused(tmp_path: Path, text: str) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        await client.send(text.replace("{}", f"{HOST}:{origin.port}").encode("latin-1"))
        heard = await client.hear()
        assert heard.status in (400, 403, 405, 414, 431, 505), heard
        assert heard.header("content-type") == "application/problem+json"
        client.close()
        await setup.recorder.at_rest()
        assert origin.tally.connections == 0
        assert not setup.recorder.causes
        assert len(setup.recorder.decisions) == 1


@pytest.mark.parametrize("stage", ["head", "end"])
@pytest.mark.parametrize("octets", CHUNKS.values(), ids=CHUNKS.keys())
async def test_a_body_that_is_framed_wrongly_is_refused(tmp_path: Path, octets: bytes, stage: str) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        client.write(
            f"POST /{stage}/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        client.write(octets)
        heard = await client.hear()
        assert heard.status == 400, heard
        client.close()
        await setup.recorder.at_rest()
        assert not any(seen.whole for seen in origin.tally.requests)
        if stage == "end":
            assert origin.tally.connections == 0


async def test_a_slow_head_or_hello_is_cut(tmp_path: Path) -> None:
    async with facing(tmp_path, limits=replace(LIMITS, head_seconds=0.3)) as (setup, origin):
        head = await setup.plain()
        head.write(b"GET http://x/ HTTP/1.1\r\nX: ")
        hello = await opened(setup, origin)
        hello.write(b"\x16\x03\x01")
        begun = asyncio.get_running_loop().time()
        for client in (head, hello):
            await client.closed()
        assert asyncio.get_running_loop().time() - begun < 3


async def test_idle_connections_are_closed_and_busy_ones_stay(tmp_path: Path) -> None:
    async with facing(tmp_path, limits=replace(LIMITS, idle_seconds=0.5)) as (setup, origin):
        origin.pause = asyncio.Event()
        idle, busy = await setup.plain(), await setup.h1(origin)
        busy.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
        await idle.closed()
        await asyncio.sleep(1.0)
        origin.pause.set()
        assert (await busy.hear()).status == 200


async def test_connections_beyond_the_limit_are_closed(tmp_path: Path) -> None:
    async with facing(tmp_path, limits=replace(LIMITS, connections=2)) as (setup, _):
        kept = [await setup.plain() for _ in range(2)]
        for client in kept:  # an answer from each says that each was accepted
            client.write(b"GET / HTTP/1.1\r\n\r\n")
            assert (await client.hear()).status == 400
        third = await setup.plain()
        assert await third.closed() == b""
        assert not any(client.reader.at_eof() for client in kept)


@pytest.mark.lanes("engine")
async def test_rapid_resets_end_the_connection(tmp_path: Path) -> None:
    async with facing(tmp_path, limits=replace(LIMITS, resets=50, resets_per_second=1.0)) as (setup, origin):
        client = await setup.h2(origin)
        for _ in range(500):
            if client.gone:
                break
            try:
                client.reset(client.open("GET", f"{HOST}:{origin.port}", "/end/allow"))
            except h2.exceptions.ProtocolError:
                break
            await asyncio.sleep(0)
        await client.over()
        assert "11" in client.gone or client.gone == "closed"
        await setup.recorder.at_rest()
        assert origin.tally.connections <= 1
        assert client.conn.remote_settings.max_concurrent_streams == 100


@pytest.mark.lanes("engine")
async def test_http2_data_after_a_get_is_refused(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h2(origin)
        for stage in ("head", "end"):
            stream = client.open("GET", f"{HOST}:{origin.port}", f"/{stage}/allow")
            await client.send(stream, b"SECRET")
            heard = await client.hear(stream)
            assert heard.status == 403
        assert origin.tally.body_octets == 0
        await setup.recorder.at_rest()


@pytest.mark.lanes("engine")
async def test_http2_connect_is_refused(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h2(origin)
        heard = await client.ask("CONNECT", f"{HOST}:{origin.port}", "/head/allow")
        assert heard.status == 405 or client.gone
        assert origin.tally.connections == 0


# --- WebSocket -----------------------------------------------------------------------------------------------


class Echo:
    """A WebSocket origin that answers each message, and remembers pings, pongs and close reasons."""

    def __init__(self) -> None:
        self.pings: list[bytes] = []
        self.reasons: list[object] = []
        self.messages = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conn = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        while data := await reader.read(65536):
            conn.receive_data(data)
            for event in conn.events():
                if isinstance(event, ws.Request):
                    writer.write(
                        conn.send(ws.AcceptConnection()) + conn.send(ws.Message(data="hello at once"))
                    )
                elif isinstance(event, ws.Message):
                    self.messages += event.data.encode() if isinstance(event.data, str) else bytes(event.data)
                    writer.write(conn.send(ws.Message(data=event.data)))
                    writer.write(conn.send(ws.Ping(payload=b"from the origin")))
                elif isinstance(event, ws.Ping | ws.Pong):
                    self.pings.append(bytes(event.payload))
                elif isinstance(event, ws.CloseConnection):
                    self.reasons.append(event.reason)
                    writer.write(conn.send(event.response()))
        writer.close()


async def upgraded(setup: Setup, origin: Origin, path: str) -> tuple[Http1, wsproto.WSConnection, int]:
    client = await setup.h1(origin)
    conn = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    client.write(conn.send(ws.Request(host=f"{HOST}:{origin.port}", target=path)))
    head = await client.reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    if status == 101:
        conn.receive_data(head)
        assert [type(event) for event in conn.events()] == [ws.AcceptConnection]
    return client, conn, status


async def until(client: Http1, conn: wsproto.WSConnection, kind: type[ws.Event]) -> ws.Event:
    async with asyncio.timeout(5):
        while True:
            for event in conn.events():
                if isinstance(event, kind):
                    return event
            data = await client.reader.read(65536)
            conn.receive_data(data or None)


async def test_websocket_messages_pass_and_nothing_beside_them(tmp_path: Path) -> None:
    echo = Echo()
    async with facing(tmp_path, Origin(raw=echo), alpn=("http/1.1",)) as (setup, origin):
        client, conn, status = await upgraded(setup, origin, "/head/allow")
        assert status == 101
        hello = await until(client, conn, ws.TextMessage)
        assert isinstance(hello, ws.TextMessage)
        assert hello.data == "hello at once"
        client.write(conn.send(ws.Ping(payload=b"SECRET")) + conn.send(ws.Pong(payload=b"SECRET")))
        client.write(conn.send(ws.Message(data="one")))
        pong = await until(client, conn, ws.Pong)
        assert isinstance(pong, ws.Pong)
        assert bytes(pong.payload) == b"SECRET"
        answer = await until(client, conn, ws.TextMessage)
        assert isinstance(answer, ws.TextMessage)
        assert answer.data == "one"
        client.write(conn.send(ws.CloseConnection(code=1000, reason="SECRET reason")))
        await until(client, conn, ws.CloseConnection)
        await setup.recorder.at_rest()
        assert echo.pings in ([b"from the origin"], [])
        assert all(reason in (None, "") for reason in echo.reasons)
        outcome = setup.recorder.outcomes[0]
        assert (outcome.upstream_status, outcome.sent, outcome.received) == (101, 3, 16)


async def test_websocket_refusals(tmp_path: Path) -> None:
    echo = Echo()
    async with facing(tmp_path, Origin(raw=echo), alpn=("http/1.1",)) as (setup, origin):
        _, _, status = await upgraded(setup, origin, "/head/block")
        assert (status, origin.tally.connections) == (403, 0)


CHATS = replace(
    policy(
        Rule(
            id="pledge.training-tag",
            rank=Rank.SEALED,
            outcome=Outcome.BLOCK,
            reason=Reason.TRAINING_TAG,
            when=build({"kind": "chat"}),
        )
    ),
    kinds=KindTable([Recogniser(id="a-chat", kind=Kind.CHAT, meeting=True, text="SECRET")]),
)


@pytest.mark.parametrize(
    ("before", "late", "discarded"),
    [
        pytest.param((), False, 6, id="as the first message"),
        pytest.param(("one", "two"), True, 6, id="after others, which were too early to be stopped"),
    ],
)
async def test_a_websocket_message_that_is_refused_closes_and_is_recorded(
    before: tuple[str, ...], late: bool, discarded: int, tmp_path: Path
) -> None:
    echo = Echo()
    async with facing(tmp_path, Origin(raw=echo), alpn=("http/1.1",), current=CHATS) as (setup, origin):
        client, conn, _ = await upgraded(setup, origin, "/chat")
        for text in before:
            client.write(conn.send(ws.Message(data=text)))
        client.write(conn.send(ws.Message(data="SEC", message_finished=False)))
        client.write(conn.send(ws.Message(data="RET")))
        closed = await until(client, conn, ws.CloseConnection)
        assert isinstance(closed, ws.CloseConnection)
        assert (closed.code, closed.reason) == (1008, "Blocked by Subrosa: pledge.training-tag, decision d-2")
        await setup.recorder.at_rest()
        assert [each.verdict.outcome for each in setup.recorder.decisions] == [Outcome.ALLOW]
        outcome = setup.recorder.outcomes[0]
        assert (outcome.refused, outcome.rule) == ("training-tag", "pledge.training-tag")
        assert (outcome.late, outcome.sent, outcome.discarded) == (late, len("".join(before)), discarded)
        assert b"SECRET" not in echo.messages
        assert bool(outcome.sha256) is not late


async def test_a_websocket_in_a_lockdown_closes_at_the_next_message(tmp_path: Path) -> None:
    locked: list[bool] = []
    echo = Origin(raw=Echo())
    async with facing(tmp_path, echo, alpn=("http/1.1",), lockdown=lambda: bool(locked)) as (setup, origin):
        client, conn, _ = await upgraded(setup, origin, "/head/allow")
        locked.append(True)
        client.write(conn.send(ws.Message(data="one")))
        closed = await until(client, conn, ws.CloseConnection)
        assert isinstance(closed, ws.CloseConnection)
        assert closed.code == 1008
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].refused == "lockdown"


async def test_a_websocket_extension_that_nobody_can_read_closes(tmp_path: Path) -> None:
    async def agrees(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: x-scramble\r\n\r\n"
        )
        await reader.read()
        writer.close()

    async with facing(tmp_path, Origin(raw=agrees), alpn=("http/1.1",)) as (setup, origin):
        client = await setup.h1(origin)
        client.write(
            f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Extensions: x-scramble\r\n\r\n".encode()
        )
        await client.reader.readuntil(b"\r\n\r\n")
        assert (await client.reader.readexactly(4))[2:] == (1008).to_bytes(2)
        client.abort()
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].rule == "guard.protocol"


async def test_a_websocket_message_beyond_the_limit_closes(tmp_path: Path) -> None:
    echo = Echo()
    limits = replace(LIMITS, message=1000)
    async with facing(tmp_path, Origin(raw=echo), alpn=("http/1.1",), limits=limits) as (setup, origin):
        client, conn, _ = await upgraded(setup, origin, "/head/allow")
        client.write(conn.send(ws.Message(data="x" * 600, message_finished=False)))
        client.write(conn.send(ws.Message(data="x" * 600)))
        closed = await until(client, conn, ws.CloseConnection)
        assert isinstance(closed, ws.CloseConnection)
        assert closed.code == 1009
        await setup.recorder.at_rest()


async def test_a_switch_that_nobody_asked_for_is_an_error(tmp_path: Path) -> None:
    async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\nraw")
        await reader.read(-1)

    async with facing(tmp_path, Origin(raw=raw), alpn=("http/1.1",)) as (setup, origin):
        client = await setup.h1(origin)
        client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
        assert (await client.hear()).status == 502


async def test_octets_behind_a_connect_are_judged(tmp_path: Path) -> None:
    async with facing(tmp_path, tls=False) as (setup, origin):
        authority = f"{HOST}:{origin.port}"
        for path, status in (("/end/allow", 200), ("/end/block", 403)):
            client = await setup.plain()
            head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"
            body = f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 6\r\n\r\nSECRET"
            client.write((head + body).encode())
            assert (await client.hear(tunnel=True)).status == 200
            assert (await client.hear()).status == status
        assert [bytes(seen.body) for seen in origin.tally.requests] == [b"SECRET"]
        await setup.recorder.at_rest()
