"""How the engine starts, is bounded while it runs, and ends."""

import asyncio
import gc
import socket
from collections.abc import Awaitable
from pathlib import Path

import pytest

from live.clients import Heard, Http1
from live.harness import HOST, LIMITS, facing, gateway, replace
from live.origins import Origin, Reply, pattern
from subrosa.gateway.engine import Listener

pytestmark = [pytest.mark.asyncio, pytest.mark.lanes]


@pytest.mark.parametrize(("way", "upstream"), [("h1", "http/1.1"), ("h2", "http/1.1"), ("h2", "h2")])
async def test_a_stalled_destination_stops_the_client_not_the_gateway(
    tmp_path: Path, way: str, upstream: str
) -> None:
    size = 60_000_000
    async with facing(tmp_path, alpn=(upstream,)) as (setup, origin):
        origin.pause = asyncio.Event()
        body, authority = pattern(size), f"{HOST}:{origin.port}"
        loop = asyncio.get_running_loop()
        hearing: Awaitable[Heard]
        if way == "h1":
            h1 = await setup.h1(origin)
            h1.write(
                f"POST /head/allow HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {size}\r\n\r\n".encode()
            )
            sending, hearing = loop.create_task(h1.send(body)), h1.hear(seconds=60)
        else:
            h2 = await setup.h2(origin)
            stream = h2.open("POST", authority, "/head/allow")
            sending, hearing = loop.create_task(h2.send(stream, body)), h2.hear(stream, 60)
        await setup.recorder.until(lambda told: bool(told.decisions))
        (transfer,) = setup.transfers()
        before = -1
        while before != transfer.sent:  # until it stands still
            before = transfer.sent
            await asyncio.sleep(0.3)
        assert transfer.sent < 8_000_000
        assert not sending.done()
        origin.pause.set()
        heard = await hearing
        await sending
        assert heard.status == 200
        assert origin.tally.requests[0].octets == size
        await setup.recorder.at_rest()


async def test_a_drain_lets_what_is_in_flight_end(tmp_path: Path) -> None:
    async with facing(tmp_path, Origin(lambda _s: Reply(body=3_000_000))) as (setup, origin):
        origin.pause = asyncio.Event()
        idle, busy = await setup.plain(), await setup.h1(origin)
        busy.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
        await setup.recorder.until(lambda told: bool(told.decisions))
        draining = asyncio.get_running_loop().create_task(setup.front.drain(5.0))
        assert await idle.closed() == b""
        with pytest.raises(ConnectionRefusedError):
            await setup.plain()
        origin.pause.set()
        heard = await busy.hear()
        assert (heard.status, len(heard.body)) == (200, 3_000_000)
        await draining
        assert setup.recorder.outcomes[0].aborted == ""


async def test_a_drain_ends_what_does_not_end(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        origin.pause = asyncio.Event()
        client = await setup.h1(origin)
        client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
        await setup.recorder.until(lambda told: bool(told.decisions))
        await setup.front.drain(0.2)
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].aborted == "gateway"


async def test_a_lockdown_breaks_off_held_and_streaming_transfers(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        held, streaming = await setup.h2(origin), await setup.h1(origin)
        stream = held.open("POST", f"{HOST}:{origin.port}", "/end/allow")
        await held.send(stream, bytes(500_000), end=False)
        head = f"POST /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nContent-Length: 1000000\r\n\r\n"
        await streaming.send(head.encode() + bytes(500_000))
        await origin.tally.until(lambda tally: tally.body_octets == 500_000)
        await setup.recorder.until(lambda told: told.held_octets == 500_000)
        setup.front.abort_all()
        async with asyncio.timeout(1.0):
            await setup.recorder.at_rest()
        await held.over()
        assert [one.aborted for one in setup.recorder.outcomes] == ["gateway"]
        assert not any(seen.whole for seen in origin.tally.requests)


@pytest.mark.lanes("engine")
async def test_a_taken_port_is_named_and_nothing_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = Listener(mode="explicit", host="127.0.0.1", port=0)
        listeners = (free, Listener(mode="socks5", host="127.0.0.1", port=port))
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: is taken by another program"):
            async with gateway(tmp_path, listeners=listeners):
                pass


@pytest.mark.lanes("engine")
async def test_a_long_lived_client_keeps_nothing_of_what_is_over(tmp_path: Path) -> None:
    async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    async with facing(tmp_path, Origin(raw=raw), alpn=("http/1.1",)) as (setup, origin):
        client = await setup.h1(origin)
        for _ in range(40):
            client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
            assert (await client.hear()).body == b"ok"
        assert origin.tally.connections == 40
        gc.collect()
        handler = next(iter(setup.engine._handlers.values()))
        assert len(handler.session.endpoints) < 5
        assert len(handler.transports) < 5
        assert len(handler.session._gates) < 3
        assert not handler.session.transfers


@pytest.mark.lanes("engine")
async def test_the_streams_of_a_client_are_as_many_as_the_limit(tmp_path: Path) -> None:
    async with facing(tmp_path, limits=replace(LIMITS, streams=3)) as (setup, origin):
        client = await setup.h2(origin)
        await client.ask("GET", f"{HOST}:{origin.port}", "/head/allow")
        assert client.conn.remote_settings.max_concurrent_streams == 3


async def test_ipv6_clients_are_served(tmp_path: Path) -> None:
    listeners = (Listener(mode="explicit", host="::1", port=0),)
    async with facing(tmp_path, tls=False, listeners=listeners) as (setup, origin):
        reader, writer = await asyncio.open_connection("::1", setup.port)
        client = setup.kept(Http1(reader, writer))
        authority = f"{HOST}:{origin.port}"
        client.write(f"GET http://{authority}/head/allow HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        assert (await client.hear()).status == 200
        assert setup.recorder.decisions[0].client == "::1"
