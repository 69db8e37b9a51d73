"""Which lane serves a client: what it offers decides, and the settings may prefer HTTP/2 or leave lean out."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from live.clients import trusting, tunnel
from live.harness import HOST, facing
from live.origins import Origin, Reply
from subrosa.policy.verdict import Reason

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("offered", "more", "agreed", "engine"),
    [
        pytest.param(("h2", "http/1.1"), {}, "http/1.1", False, id="both offered"),
        pytest.param(("h2", "http/1.1"), {"prefer_h2": True}, "h2", True, id="both offered and h2 preferred"),
        pytest.param(("h2",), {}, "h2", True, id="h2 alone"),
        pytest.param(("http/1.1",), {"prefer_h2": True}, "http/1.1", False, id="http/1.1 alone"),
        pytest.param((), {}, None, False, id="nothing offered"),
        pytest.param(("h2", "http/1.1"), {"lanes": ("engine",)}, "h2", True, id="lean left out"),
    ],
)
async def test_what_a_client_offers_decides(
    tmp_path: Path, offered: tuple[str, ...], more: dict[str, Any], agreed: str | None, engine: bool
) -> None:
    async with facing(tmp_path, Origin(), **{"lanes": ("lean", "engine"), **more}) as (setup, origin):
        client = setup.kept(await tunnel(setup.port, f"{HOST}:{origin.port}", trusting(setup.ca, *offered)))
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == agreed
        assert bool(setup.engine._handlers) is engine


@pytest.mark.parametrize("lanes", [("lean", "engine"), ("engine",)])
async def test_a_client_that_must_log_in_may_ask_again_on_its_connection(
    tmp_path: Path, lanes: tuple[str, ...]
) -> None:
    async def ann(user: str, password: str) -> bool:
        return (user, password) == ("ann", "secret")

    origin = Origin(lambda _seen: Reply(body=b"hello"))
    async with facing(tmp_path, origin, tls=False, lanes=lanes, authenticate=ann) as (setup, _):
        client = await setup.plain()
        line = f"CONNECT {HOST}:{origin.port} HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n"
        client.write(f"{line}Proxy-Authorization: Basic eDp5\r\n\r\n".encode())
        refused = await client.hear()
        assert (refused.status, refused.header("connection")) == (407, None)
        assert refused.header("proxy-authenticate") == 'Basic realm="subrosa", charset="UTF-8"'
        client.write(f"{line}Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n\r\n".encode())
        assert (await client.hear(tunnel=True)).status == 200
        client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
        assert (await client.hear()).body == b"hello"
        reasons = [(one.verdict.reason, one.user) for one in setup.recorder.decisions]
        assert reasons == [(Reason.AUTHENTICATION, ""), (Reason.ALLOWED, "ann")]


async def test_octets_sent_with_a_connect_are_not_lost(tmp_path: Path) -> None:
    async with facing(tmp_path, Origin(), tls=False, lanes=("lean", "engine")) as (setup, origin):
        client = await setup.plain()
        authority = f"{HOST}:{origin.port}"
        client.write(
            f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n"
            f"GET /head/allow HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()
        )
        assert (await client.hear(tunnel=True)).status == 200
        assert (await client.hear()).status == 200


@pytest.mark.parametrize("lanes", [("lean", "engine"), ("engine",)])
async def test_a_connection_may_become_a_tunnel_after_requests(
    tmp_path: Path, lanes: tuple[str, ...]
) -> None:
    async with facing(tmp_path, Origin(), tls=False, lanes=lanes) as (setup, origin):
        client, authority = await setup.plain(), f"{HOST}:{origin.port}"
        for line in (
            f"GET http://{authority}/head/allow",
            f"CONNECT {authority}",
            "GET /head/allow",
            f"CONNECT {authority}",
        ):
            client.write(f"{line} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
            tunnel_here = line.startswith("CONNECT") and not setup.recorder.decisions[1:]
            heard = await client.hear(tunnel=tunnel_here)
            assert heard.status == (200 if tunnel_here or "GET" in line else 405)


async def test_a_connect_in_pieces_is_one(tmp_path: Path) -> None:
    async with facing(tmp_path, Origin(), tls=False, lanes=("lean", "engine")) as (setup, origin):
        client = await setup.plain()
        for octet in f"CONNECT {HOST}:{origin.port} HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode():
            client.write(bytes([octet]))
            await asyncio.sleep(0)
        assert (await client.hear(tunnel=True)).status == 200


@pytest.mark.parametrize("octets", [b"", b"CONN", b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.ex"])
async def test_a_client_that_does_not_say_what_it_wants_is_closed(tmp_path: Path, octets: bytes) -> None:
    async with facing(tmp_path, Origin(), lanes=("lean", "engine")) as (setup, _):
        client = await setup.plain()
        client.write(octets)
        await asyncio.sleep(0.05)
        assert len(setup.front.connections) == 1
        setup.front.abort_all()
        assert await client.closed() == b""
