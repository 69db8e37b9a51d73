"""What a lane hands to the engine: a connection in the middle of its way, with what is known of it."""

import asyncio
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from live.clients import Http1
from live.harness import HOST, Setup, facing
from live.origins import Origin
from subrosa.facts import hosts
from subrosa.facts.records import ClientFacts, TlsFacts
from subrosa.gateway.arrival import Arrival
from subrosa.gateway.caller import Caller

pytestmark = pytest.mark.asyncio


async def handed(setup: Setup, origin: Origin, tls: TlsFacts | None) -> tuple[Http1, asyncio.Task[None]]:
    """One end of a pair of sockets; the other is served by the engine as the inside of a tunnel to `HOST`."""
    ours, theirs = socket.socketpair()
    listener = setup.front.settings.listeners[0]
    theirs.setblocking(False)
    caller = Caller(
        shared=setup.front.shared,
        listener=listener,
        client=ClientFacts(listener=listener.named(1), address=ip_address("192.0.2.7"), user="ann"),
        target=hosts.Authority.parse(f"{HOST}:{origin.port}", None),
        tunnelled=True,
        tls=tls,
    )
    serving = asyncio.get_running_loop().create_task(
        setup.engine.serve(Arrival(socket=theirs, caller=caller))
    )
    reader, writer = await asyncio.open_connection(sock=ours)
    return setup.kept(Http1(reader, writer)), serving


async def test_what_was_inside_tls_is_judged_and_sent_as_such(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client, serving = await handed(setup, origin, TlsFacts(sni=hosts.Host.parse(HOST)))
        for word in ("block", "allow"):
            client.write(f"GET /head/{word} HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
            assert (await client.hear()).status == {"block": 403, "allow": 200}[word]
        assert [seen.target for seen in origin.tally.requests] == ["/head/allow"]
        assert origin.tally.snis == [HOST]
        decision = setup.recorder.decisions[0]
        assert (decision.scheme, decision.host, decision.port) == ("https", HOST, origin.port)
        assert (decision.user, decision.client) == ("ann", "192.0.2.7")
        client.abort()
        async with asyncio.timeout(5):
            await serving
        await setup.recorder.at_rest()


async def test_another_host_than_that_of_the_hello_is_refused(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client, _ = await handed(setup, origin, TlsFacts(sni=hosts.Host.parse("other.example.com")))
        client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
        assert (await client.hear()).status == 403
        assert setup.recorder.decisions[0].verdict.rules == ("guard.authority-mismatch",)
        assert origin.tally.connections == 0


async def test_a_lockdown_reaches_what_was_handed_over(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client, serving = await handed(setup, origin, TlsFacts(sni=hosts.Host.parse(HOST)))
        client.write(
            f"POST /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nContent-Length: 9\r\n\r\n".encode()
        )
        await origin.tally.until(lambda tally: len(tally.requests) == 1)
        setup.front.abort_all()
        assert await client.closed() == b""
        async with asyncio.timeout(5):
            await serving
        assert setup.recorder.outcomes[0].aborted == "gateway"


async def test_tls_and_other_protocols_inside_it_are_refused(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        for octets in (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"SSH-2.0-x\r\n"):
            client, _ = await handed(setup, origin, TlsFacts(sni=hosts.Host.parse(HOST)))
            client.write(octets)
            assert await client.closed() == b""
        assert origin.tally.connections == 0
        assert setup.recorder.causes["protocol"] == 2
