"""The admin port's patience: with those who say nothing, say it slowly, do not read, or are too many."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from subrosa.admin import asking, server, stream
from subrosa.admin.server import AdminServer
from unit.admin.test_app import Runtime, record, until

pytestmark = pytest.mark.asyncio

type Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def listening(runtime: Runtime | None = None) -> AsyncIterator[int]:
    served = AdminServer.of((runtime or Runtime()).admin(), "127.0.0.1")
    _, port = await served.start("127.0.0.1", 0)
    try:
        yield port
    finally:
        await served.close()


async def connect(port: int) -> Peer:
    return await asyncio.open_connection("127.0.0.1", port)


async def answered(peer: Peer, octets: bytes) -> bytes:
    """The first line of an answer."""
    reader, writer = peer
    writer.write(octets)
    async with asyncio.timeout(5):
        first = await reader.readline()
        await reader.readuntil(b"\r\n\r\n")
    return first


async def closed(peer: Peer) -> bool:
    """Whether the port ends it, whatever it says before."""
    reader, writer = peer
    try:
        async with asyncio.timeout(5):
            await reader.read()
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    finally:
        writer.close()
    return True


@pytest.mark.parametrize(
    "begun", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc"], ids=["nothing", "half a head"]
)
async def test_who_says_nothing_or_half_is_left(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(server, "SWEEP", 0.01)
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    async with listening() as port:
        peer = await connect(port)
        peer[1].write(begun)
        assert await closed(peer)


async def test_who_asked_once_may_ask_again_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SWEEP", 0.01)
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.3)
    async with listening() as port:
        peer = await connect(port)
        for _ in range(3):
            assert await answered(peer, GET) == b"HTTP/1.1 200 OK\r\n"
            await peer[0].readexactly(3)
        peer[1].write(GET[:-4])
        assert await closed(peer)


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "BODY_SECONDS", 0.05)
    head = b"PUT /api/v1/lockdown HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9"
    async with listening() as port:
        peer = await connect(port)
        assert await answered(peer, head + b"\r\n\r\n{") == b"HTTP/1.1 408 Request Timeout\r\n"
        peer[1].close()


async def test_a_follower_who_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SLOW", 0.05)
    runtime = Runtime()
    async with listening(runtime) as port:
        peer = await connect(port)
        peer[1].write(GET.replace(b"/healthz", b"/api/v1/decisions/stream"))
        await until(lambda: runtime.queues)
        (queue,) = runtime.queues
        for number in range(200):
            queue.put_nowait(record(str(number), detail="x" * 100_000))
        await until(lambda: not runtime.queues)
        assert await closed(peer)


async def test_one_connection_too_many_is_closed_and_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    async with listening() as port:
        kept = [await connect(port) for _ in range(2)]
        assert [await answered(peer, GET) for peer in kept] == [b"HTTP/1.1 200 OK\r\n"] * 2
        assert await closed(await connect(port))
        kept[0][1].close()
        await kept[0][1].wait_closed()

        async def free() -> bool:
            peer = await connect(port)
            peer[1].write(GET)
            first = await peer[0].readline()
            peer[1].close()
            return first.startswith(b"HTTP/1.1 200")

        async with asyncio.timeout(5):
            while not await free():
                pass
        kept[1][1].close()


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        pytest.param(GET[:-2] + b"X: " + b"x" * 9000 + b"\r\n\r\n", 400, id="a long header"),
        pytest.param(GET.replace(b"/healthz", b"/" + b"x" * 9000), 400, id="a long address"),
        pytest.param(GET[:-2] + b"X: y\r\n" * 10_000 + b"\r\n", 400, id="many headers"),
        pytest.param(b"\x16\x03\x01" + GET, 400, id="no HTTP"),
    ],
)
async def test_a_head_that_is_too_much_is_refused_and_not_logged(
    octets: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening() as port:
        peer = await connect(port)
        assert (await answered(peer, octets)).split()[1] == str(status).encode()
        told = json.loads(await peer[0].read())
        assert told["detail"] == "this is no HTTP that can be read, or it is too long"
        peer[1].close()
    assert not caplog.records


async def test_a_defect_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    runtime = Runtime()
    runtime.health = lambda: 1 // 0  # type: ignore[method-assign,assignment,return-value]
    async with listening(runtime) as port:
        peer = await connect(port)
        assert b"500" in await answered(peer, GET.replace(b"healthz", b"readyz"))
        told = json.loads(await peer[0].read())
        assert told["detail"] == "this is a defect of the gateway: its log has more"
        peer[1].close()
    assert "ZeroDivisionError" in caplog.text
