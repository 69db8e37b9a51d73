"""Tunnels that nobody reads: octets as they were, from one decision to one outcome, and nothing else lets them open."""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, override

import pytest

from live.clients import Http1, tunnel
from live.doubles import DictEgress, by_path, policy
from live.harness import HOST, LIMITS, Setup, facing, gateway, replace
from live.origins import Origin, Reply, pattern, serve
from subrosa.gateway.egress import EgressDenied
from subrosa.gateway.limits import Limits
from subrosa.gateway.listener import Listener
from subrosa.policy.hostmap import HostMap, HostPattern
from subrosa.policy.policy import Declared, Policy
from subrosa.policy.verdict import Reason

pytestmark = pytest.mark.asyncio

SIZE = 3_000_000


def unread(*hosts: str, protocol: str = "tls") -> Policy:
    """A policy that leaves tunnels to some hosts unread."""
    declared: HostMap[Declared] = HostMap()
    for host in hosts or (HOST,):
        one = Declared(
            host=HostPattern.parse(host),
            tunnel=protocol,
            owner="platform",
            why="a pinned certificate",
            expires="2027-06-30",
        )
        declared.set(one.host, one)
    return changed(policy(by_path()), declared=declared)


@pytest.fixture(params=["spliced", "copied"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How octets are relayed: by the kernel, and where it cannot."""
    if request.param == "copied":
        monkeypatch.setattr("subrosa.gateway.tunnel.lane.can_splice", lambda: False)
    return str(request.param)


@contextlib.asynccontextmanager
async def open_to(directory: Path, origin: Origin, **more: Any) -> AsyncIterator[tuple[Setup, Origin]]:
    """A gateway that leaves an origin in TLS unread."""
    async with facing(directory, origin, current=more.pop("current", unread()), **more) as (setup, listening):
        yield setup, listening


async def client_of(setup: Setup, origin: Origin, *, sni: str | None = None) -> Http1:
    """TLS with the origin itself: it trusts only the origin's authority, so nobody can be in between."""
    context = ssl.create_default_context(cafile=str(setup.authority.file))
    context.check_hostname = False
    context.set_alpn_protocols(["http/1.1"])
    return setup.kept(await tunnel(setup.port, f"{HOST}:{origin.port}", context, sni=sni))


async def test_octets_arrive_as_they_were_both_ways(tmp_path: Path, way: str) -> None:
    async with open_to(tmp_path, Origin(lambda _seen: Reply(body=SIZE))) as (setup, origin):
        client = await client_of(setup, origin)
        for _ in range(2):
            head = f"POST /head/block HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {SIZE}\r\n\r\n"
            await client.send(head.encode() + pattern(SIZE))
            heard = await client.hear(seconds=30)
            assert (heard.status, heard.body) == (200, pattern(SIZE))
        assert [seen.sha256 for seen in origin.tally.requests] == [
            hashlib.sha256(pattern(SIZE)).hexdigest()
        ] * 2
        assert origin.tally.snis == [HOST]
        client.close()
        await setup.recorder.until(lambda told: bool(told.outcomes))
        await setup.recorder.at_rest()


async def test_one_decision_and_one_outcome_tell_of_it(tmp_path: Path, way: str) -> None:
    async with open_to(tmp_path, Origin()) as (setup, origin):
        client = await client_of(setup, origin)
        await setup.recorder.until(lambda told: told.open_tunnels == 1)
        client.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert (await client.hear()).status == 200
        client.close()
        await setup.recorder.until(lambda told: bool(told.outcomes))
        await setup.recorder.at_rest()

        (decision,), (outcome,) = setup.recorder.decisions, setup.recorder.outcomes
        assert (decision.transport, decision.method) == ("tunnel", "CONNECT")
        assert (decision.host, decision.port) == (HOST, origin.port)
        assert (decision.verdict.reason, decision.verdict.stage.label) == (Reason.TUNNEL, "tls")
        assert decision.verdict.asserted == (f"inspect-never={HOST}",)
        assert outcome.id == decision.id
        assert outcome.sent > 400
        assert outcome.received > 400
        assert outcome.refused == outcome.aborted == ""


HELLO_HTTP = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("sni", "rule"),
    [
        pytest.param("other.example.com", "guard.authority-mismatch", id="another server name"),
        pytest.param("", "guard.authority-mismatch", id="no server name"),
    ],
)
async def test_tls_with_somebody_else_is_refused(tmp_path: Path, sni: str, rule: str) -> None:
    async with open_to(tmp_path, Origin()) as (setup, origin):
        with pytest.raises(ssl.SSLError, match=r"(?i)access.denied"):
            await client_of(setup, origin, sni=sni)
        await setup.recorder.at_rest()
        assert [one.verdict.rules for one in setup.recorder.decisions] == [(rule,)]
        assert setup.recorder.decisions[0].verdict.stage.label == "tls"
        assert (origin.tally.connections, setup.egress.asked) == (0, [])


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(HELLO_HTTP, id="a request in clear"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="another protocol"),
        pytest.param(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", id="a hello that is none"),
        pytest.param(b"\x16\x03\x01\x40\x00\x01\x00\x50\x00", id="a hello beyond the limit"),
    ],
)
async def test_what_is_not_tls_is_refused(tmp_path: Path, octets: bytes) -> None:
    async with open_to(tmp_path, Origin()) as (setup, origin):
        client = setup.kept(await tunnel(setup.port, f"{HOST}:{origin.port}", None))
        client.write(octets)
        assert await client.closed() == b""
        await setup.recorder.at_rest()
        assert [one.verdict.rules for one in setup.recorder.decisions] == [("guard.protocol",)]
        assert origin.tally.connections == 0


async def test_any_protocol_passes_where_it_is_declared(tmp_path: Path, way: str) -> None:
    async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        writer.write(await reader.readline())

    current = unread(protocol="any")
    async with open_to(tmp_path, Origin(raw=greeting), tls=False, current=current) as (setup, origin):
        client = setup.kept(await tunnel(setup.port, f"{HOST}:{origin.port}", None))
        assert await client.reader.readline() == b"220 ready\r\n"
        client.write(b"HELO\r\n")
        assert await client.reader.read() == b"HELO\r\n"
        client.close()
        await setup.recorder.at_rest()
        assert setup.recorder.decisions[0].verdict.stage.label == "connect"
        assert (setup.recorder.outcomes[0].sent, setup.recorder.outcomes[0].received) == (6, 17)


async def test_each_direction_ends_by_itself(tmp_path: Path, way: str) -> None:
    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = len(await reader.read(-1))
        writer.write(f"{received}\n".encode() + pattern(SIZE))
        await writer.drain()

    current = unread(protocol="any")
    async with open_to(tmp_path, Origin(raw=counting), tls=False, current=current) as (setup, origin):
        client = setup.kept(await tunnel(setup.port, f"{HOST}:{origin.port}", None))
        await client.send(pattern(SIZE))
        client.writer.write_eof()
        async with asyncio.timeout(20):
            assert await client.reader.readline() == f"{SIZE}\n".encode()
            assert await client.reader.read(-1) == pattern(SIZE)
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].aborted == ""


async def test_a_sink_that_takes_nothing_stops_the_source(tmp_path: Path, way: str) -> None:
    size = 64_000_000
    async with open_to(tmp_path, Origin()) as (setup, origin):
        client = await client_of(setup, origin)
        origin.pause = asyncio.Event()
        head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {size}\r\n\r\n".encode()
        sending = asyncio.get_running_loop().create_task(client.send(head + bytes(size)))
        (open_tunnel,) = setup.front.connections
        before = -1
        while before != open_tunnel._relay.sent:  # type: ignore[attr-defined]  # until it stands still
            before = open_tunnel._relay.sent  # type: ignore[attr-defined]
            await asyncio.sleep(0.3)
        assert before < size // 2
        assert not sending.done()
        origin.pause.set()
        await sending
        assert (await client.hear(seconds=60)).status == 200
        assert origin.tally.requests[0].octets == size


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(replace(LIMITS, stalled_seconds=0.5), id="silent for too long"),
        pytest.param(replace(LIMITS, tunnel_seconds=0.5), id="open for too long"),
    ],
)
async def test_time_ends_it(tmp_path: Path, way: str, limits: Limits) -> None:
    async with open_to(tmp_path, Origin(), limits=limits) as (setup, origin):
        client = await client_of(setup, origin)
        assert await client.closed() == b""
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].aborted == "gateway"


async def locked_down(setup: Setup) -> None:
    setup.front.abort_all()


async def drained(setup: Setup) -> None:
    await setup.front.drain(0.1)


async def swapped(setup: Setup) -> None:
    setup.current[0] = changed(policy(by_path()), generation=2)


@pytest.mark.parametrize("ends", [locked_down, drained, swapped])
async def test_the_gateway_ends_it(tmp_path: Path, way: str, ends: Callable[..., Any]) -> None:
    async with open_to(tmp_path, Origin()) as (setup, origin):
        client = await client_of(setup, origin)
        await setup.recorder.until(lambda told: told.open_tunnels == 1)
        await ends(setup)
        assert await client.closed() == b""
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].aborted == "gateway"
        assert setup.recorder.outcomes[0].refused == ("protocol" if ends is swapped else "")


async def test_a_swap_that_still_allows_it_leaves_it_open(tmp_path: Path) -> None:
    async with open_to(tmp_path, Origin(), limits=replace(LIMITS, idle_seconds=0.1)) as (setup, origin):
        client = await client_of(setup, origin)
        await setup.recorder.until(lambda told: told.open_tunnels == 1)
        setup.current[0] = changed(unread(), generation=2)
        await asyncio.sleep(0.7)
        client.write(HELLO_HTTP)
        assert (await client.hear()).status == 200


async def test_an_address_that_may_not_be_dialled_is_not(tmp_path: Path) -> None:
    async with open_to(tmp_path, Origin()) as (setup, origin):
        setup.egress.fail = EgressDenied("private", "it resolves to 10.0.0.7")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await client_of(setup, origin)
        await setup.recorder.at_rest()
        assert setup.recorder.decisions[0].verdict.reason is Reason.TUNNEL
        assert setup.recorder.outcomes[0].refused == "egress"
        assert origin.tally.connections == 0


async def test_a_destination_that_is_not_there_is_told_in_the_outcome(tmp_path: Path) -> None:
    async with gateway(tmp_path, current=unread()) as setup:
        closed = Origin()
        async with serve(closed):
            pass
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await client_of(setup, closed)
        await setup.recorder.at_rest()
        assert (setup.recorder.outcomes[0].refused, setup.recorder.outcomes[0].aborted) == (
            "upstream",
            "upstream",
        )


async def test_an_allow_that_cannot_be_recorded_opens_nothing(tmp_path: Path) -> None:
    async with open_to(tmp_path, Origin()) as (setup, origin):
        setup.recorder.fail = OSError("disk full")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await client_of(setup, origin)
        await setup.recorder.at_rest()
        assert setup.recorder.causes["evidence"] == 1
        assert origin.tally.connections == 0


async def test_a_lockdown_is_told_where_clients_can_read_it(tmp_path: Path) -> None:
    async with open_to(tmp_path, Origin(), lockdown=lambda: True) as (setup, origin):
        client = await setup.h1(origin)
        client.write(HELLO_HTTP)
        assert (await client.hear()).status == 403
        assert setup.recorder.decisions[0].verdict.reason is Reason.LOCKDOWN


@pytest.mark.parametrize("listens", [locked_down, drained])
async def test_what_ends_all_ends_it_while_it_is_dialled(tmp_path: Path, listens: Callable[..., Any]) -> None:
    async with open_to(tmp_path, Origin()) as (setup, origin):
        setup.egress.hang = True
        opening = asyncio.get_running_loop().create_task(client_of(setup, origin))
        await setup.recorder.until(lambda told: bool(told.decisions))
        await listens(setup)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await opening
        await setup.recorder.until(lambda told: bool(told.outcomes))
        assert [one.aborted for one in setup.recorder.outcomes] == ["gateway"]
        assert origin.tally.connections == 0


async def test_a_swap_while_it_is_dialled_is_heeded(tmp_path: Path) -> None:
    class Slow(DictEgress):
        @override
        async def vet(self, authority: Any) -> list[str]:
            await swap.wait()
            return await super().vet(authority)

    swap, egress = asyncio.Event(), Slow({HOST: ["127.0.0.1"]})
    async with open_to(tmp_path, Origin(), egress=egress) as (setup, origin):
        opening = asyncio.get_running_loop().create_task(client_of(setup, origin))
        await setup.recorder.until(lambda told: bool(told.decisions))
        await swapped(setup)
        swap.set()
        with contextlib.suppress(OSError):
            client = await opening
            assert await client.closed() == b""
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].refused == "protocol"


async def test_a_redirected_connection_is_a_tunnel_by_its_hello(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listeners = (Listener(mode="transparent", host="127.0.0.1", port=0),)
    async with open_to(tmp_path, Origin(), listeners=listeners) as (setup, origin):
        monkeypatch.setattr(
            "subrosa.gateway.front.front.original_destination", lambda _sock: ("192.0.2.1", origin.port)
        )
        for name, trusted, unread_here in (
            (HOST, setup.authority.file, True),
            ("b.example", setup.ca, False),
        ):
            client = await setup.plain()
            context = ssl.create_default_context(cafile=str(trusted))
            await client.writer.start_tls(context, server_hostname=name)
            client.write(f"GET /head/block HTTP/1.1\r\nHost: {name}:{origin.port}\r\n\r\n".encode())
            assert (await client.hear()).status == (200 if unread_here else 403)
        told = setup.recorder.decisions
        assert [(one.host, one.port, one.verdict.reason) for one in told] == [
            (HOST, origin.port, Reason.TUNNEL),
            ("b.example", origin.port, Reason.TRAINING_DESTINATION),
        ]


async def test_other_hosts_are_read(tmp_path: Path) -> None:
    async with open_to(tmp_path, Origin(), current=unread("other.example.com")) as (setup, origin):
        client = await setup.h1(origin)
        client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
        assert (await client.hear()).status == 200
        assert setup.recorder.decisions[0].verdict.reason is Reason.ALLOWED


async def test_many_tunnels_need_no_more_pipes_than_there_are(tmp_path: Path) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        received = 0
        while octets := await reader.read(1 << 20):
            received += len(octets)
        writer.write(str(received).encode())

    go, each, size = asyncio.Event(), 100, 6_000_000
    current = unread(protocol="any")
    async with open_to(tmp_path, Origin(raw=slow), tls=False, current=current) as (setup, origin):
        clients = [setup.kept(await tunnel(setup.port, f"{HOST}:{origin.port}", None)) for _ in range(each)]
        loop = asyncio.get_running_loop()
        sending = [loop.create_task(client.send(bytes(size))) for client in clients]
        await setup.recorder.until(lambda told: told.open_tunnels == each)
        await asyncio.sleep(1)
        go.set()
        await asyncio.gather(*sending)
        for client in clients:
            client.writer.write_eof()
            assert await client.reader.read(-1) == str(size).encode()
        assert sum(one.sent for one in setup.recorder.outcomes) == each * size


# --- through a parent proxy ----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def behind(
    directory: Path, answer: Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Any]
) -> AsyncIterator[tuple[Setup, Http1]]:
    """A tunnel for any protocol through a parent proxy that answers a CONNECT like this."""

    async def parent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await answer(await reader.readuntil(b"\r\n\r\n"), reader, writer)
            await writer.drain()
        writer.close()

    async def resolve(target: Any) -> list[str]:
        assert str(target.host) == "parent.local"
        return ["127.0.0.1"]

    server = await asyncio.start_server(parent, "127.0.0.1", 0)
    url = f"http://parent.local:{server.sockets[0].getsockname()[1]}"
    async with (
        server,
        gateway(directory, current=unread(protocol="any"), upstream_proxy=url, resolve=resolve) as setup,
    ):
        yield setup, setup.kept(await tunnel(setup.port, f"{HOST}:4711", None))


async def test_a_parent_proxy_is_asked_to_connect(tmp_path: Path, way: str) -> None:
    async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert head == f"CONNECT {HOST}:4711 HTTP/1.1\r\nHost: {HOST}:4711\r\n\r\n".encode()
        for octet in b"HTTP/1.1 200 fine\r\nVia: parent\r\n\r\n":
            writer.write(bytes([octet]))
            await asyncio.sleep(0)
        writer.write(b"220 ready\r\n" + await reader.readline())

    async with behind(tmp_path, answer) as (setup, client):
        client.write(b"HELO\r\n")
        async with asyncio.timeout(5):
            assert await client.reader.read() == b"220 ready\r\nHELO\r\n"
        assert setup.egress.asked == []
        client.close()
        await setup.recorder.at_rest()


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", id="it refuses"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="it leaves in the middle of its answer"),
        pytest.param(b"", id="it leaves without a word"),
        pytest.param(b"220 mail.example.com\r\n\r\n", id="it speaks something else"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, id="it does not come to an end"),
    ],
)
async def test_a_parent_proxy_that_does_not_connect_is_told(tmp_path: Path, octets: bytes) -> None:
    async def answer(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)

    async with behind(tmp_path, answer) as (setup, client):
        assert await client.closed() == b""
        await setup.recorder.at_rest()
        (outcome,) = setup.recorder.outcomes
        assert (outcome.refused, outcome.aborted, outcome.received) == ("upstream", "upstream", 0)
