"""Every way in is judged alike: tunnels, absolute form, SOCKS5, transparent, reverse, TLS to the gateway itself."""

import asyncio
import base64
import socket
import ssl
import struct
from pathlib import Path

import pytest
import trustme

from live.clients import Http1, Http2, Refused, connect, trusting, tunnel
from live.doubles import by_path, policy
from live.harness import HOST, LIMITS, Setup, facing, gateway, replace
from live.origins import Authority, Origin, serve
from subrosa.facts.hosts import Authority as Target
from subrosa.gateway import original
from subrosa.gateway.engine import ClientCert, Listener
from subrosa.policy.sources import Source

pytestmark = pytest.mark.asyncio

USERS = policy(by_path(), sources=(Source(name="staff", users=frozenset({"ann"}), authenticate=True),))


def basic(user: str, password: str) -> str:
    return "Proxy-Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() + "\r\n"


async def ann_only(user: str, password: str) -> bool:
    await asyncio.sleep(0)
    return (user, password) == ("ann", "pass:word")


def local(mode: str, **more: Path | None) -> tuple[Listener, ...]:
    return (Listener(mode=mode, host="127.0.0.1", port=0, **more),)


async def ask(client: Http1, host: str, path: str, *, absolute: str = "", lines: str = "") -> int:
    client.write(
        f"POST {absolute}{path} HTTP/1.1\r\nHost: {host}\r\n{lines}Content-Length: 3\r\n\r\nabc".encode()
    )
    return (await client.hear()).status


async def both(client: Http1, host: str, **more: str) -> tuple[int, int]:
    """The status of an allowed and then of a refused request."""
    return await ask(client, host, "/end/allow", **more), await ask(client, host, "/end/block", **more)


# --- users ---------------------------------------------------------------------------------------------------


async def test_a_user_is_asked_for_at_connect_and_in_absolute_form(tmp_path: Path) -> None:
    async with facing(tmp_path, current=USERS, authenticate=ann_only) as (setup, origin):
        for lines in (
            "",
            basic("ann", "wrong"),
            "Proxy-Authorization: Basic !!\r\n",
            "Proxy-Authorization: Bearer x\r\n",
        ):
            with pytest.raises(Refused) as refused:
                await setup.h1(origin, head=lines)
            assert refused.value.heard.status == 407
            assert "Basic" in (refused.value.heard.header("proxy-authenticate") or "")
        client = await setup.h1(origin, head=basic("ann", "pass:word"))
        assert await both(client, f"{HOST}:{origin.port}") == (200, 403)
        told = setup.recorder.decisions[-1]
        assert (told.user, told.source) == ("ann", "staff")
        await setup.recorder.at_rest()
        assert origin.tally.requests[0].header("proxy-authorization") is None
    async with facing(tmp_path, current=USERS, authenticate=ann_only, tls=False) as (setup, origin):
        client = await setup.plain()
        host = f"{HOST}:{origin.port}"
        assert await ask(client, host, "/end/allow", absolute=f"http://{host}") == 407
        client = await setup.plain()
        named = basic("ann", "pass:word")
        assert await both(client, host, absolute=f"http://{host}", lines=named) == (200, 403)
        assert setup.recorder.decisions[-1].user == "ann"


async def test_a_wrong_password_is_refused_even_where_no_user_is_asked_for(tmp_path: Path) -> None:
    async with facing(tmp_path, authenticate=ann_only) as (setup, origin):
        with pytest.raises(Refused) as refused:
            await setup.h1(origin, head=basic("ann", "no"))
        assert refused.value.heard.status == 407


# --- SOCKS5 --------------------------------------------------------------------------------------------------


async def socks(port: int, host: str, to: int, user: tuple[str, str] | None = None) -> Http1 | bytes:
    """A SOCKS5 tunnel, or the octets of its refusal."""
    client = await connect(port)
    client.write(b"\x05\x01\x02" if user else b"\x05\x01\x00")
    answer = await client.reader.readexactly(2)
    if answer == b"\x05\xff":
        client.abort()
        return answer
    if user:
        name, password = (text.encode() for text in user)
        client.write(b"\x01" + bytes([len(name)]) + name + bytes([len(password)]) + password)
        answer = await client.reader.readexactly(2)
        if answer[1]:
            client.abort()
            return answer
    client.write(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + struct.pack("!H", to))
    assert (await client.reader.readexactly(10))[1] == 0
    return client


async def test_socks5(tmp_path: Path) -> None:
    async with facing(tmp_path, listeners=local("socks5")) as (setup, origin):
        client = await socks(setup.port, HOST, origin.port)
        assert isinstance(client, Http1)
        setup.kept(client)
        await client.writer.start_tls(trusting(setup.ca, "h2"), server_hostname=HOST)
        h2 = Http2(client)
        for path, status in (("/end/allow", 200), ("/end/block", 403)):
            assert (await h2.ask("POST", f"{HOST}:{origin.port}", path, body=b"abc")).status == status
        told = setup.recorder.decisions[-1]
        assert (told.listener, told.host, told.port) == (f"socks5:{setup.port}", HOST, origin.port)
        assert (await h2.ask("POST", f"other.example.com:{origin.port}", "/end/allow")).status == 403
        h2.close()


async def test_socks5_users(tmp_path: Path) -> None:
    async with facing(
        tmp_path, listeners=local("socks5"), current=USERS, authenticate=ann_only, tls=False
    ) as (setup, origin):
        assert await socks(setup.port, HOST, origin.port) == b"\x05\xff"
        assert await socks(setup.port, HOST, origin.port, ("ann", "wrong")) == b"\x01\x01"
        client = await socks(setup.port, HOST, origin.port, ("ann", "pass:word"))
        assert isinstance(client, Http1)
        setup.kept(client)
        assert await both(client, f"{HOST}:{origin.port}") == (200, 403)
        assert setup.recorder.decisions[-1].user == "ann"


# --- reverse, transparent ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
async def test_reverse(tmp_path: Path, *, tls: bool) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context(HOST) if tls else None
    async with serve(Origin(), context) as origin:
        scheme = "https" if tls else "http"
        async with gateway(
            tmp_path, listeners=local(f"reverse:{scheme}://{HOST}:{origin.port}"), trust=authority
        ) as setup:
            client = await setup.plain()
            assert await both(client, "store.local:9000", lines="Authorization: AWS4-HMAC-SHA256 x\r\n") == (
                200,
                403,
            )
            seen = origin.tally.requests[0]
            assert (seen.header("host"), seen.header("authorization")) == (
                "store.local:9000",
                "AWS4-HMAC-SHA256 x",
            )
            told = setup.recorder.decisions[-1]
            assert (told.host, told.port, told.scheme) == (HOST, origin.port, scheme)
            if tls:
                assert origin.tally.snis == [HOST]


async def test_transparent_dials_by_name_and_takes_the_port_that_was_dialled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with facing(tmp_path, listeners=local("transparent")) as (setup, origin):
        monkeypatch.setattr(
            "subrosa.gateway.front.front.original_destination", lambda _sock: ("192.0.2.1", origin.port)
        )
        client = await setup.plain()
        await client.writer.start_tls(trusting(setup.ca, "http/1.1"), server_hostname=HOST)
        assert await both(client, f"{HOST}:{origin.port}") == (200, 403)
        assert [str(asked) for asked in setup.egress.asked] == [f"{HOST}:{origin.port}"]
        other = await setup.plain()
        await other.writer.start_tls(trusting(setup.ca, "http/1.1"), server_hostname=HOST)
        assert await ask(other, f"other.example.com:{origin.port}", "/end/allow") == 403
        assert setup.recorder.decisions[-1].verdict.reason.value == "authority-mismatch"


async def test_a_connection_that_was_not_redirected_has_no_original() -> None:
    left, right = socket.socketpair()
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    try:
        with pytest.raises(OSError, match=r"\w"):
            original.original_destination(client)
    finally:
        for one in (left, right, server, client):
            one.close()


# --- TLS to the gateway itself -------------------------------------------------------------------------------


def own_certificate(directory: Path, ca: trustme.CA) -> dict[str, Path]:
    cert = ca.issue_cert("gateway.local")
    (directory / "own.pem").write_bytes(b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    (directory / "own.key").write_bytes(cert.private_key_pem.bytes())
    ca.cert_pem.write_to_path(directory / "clients.pem")
    return {"tls_cert": directory / "own.pem", "tls_key": directory / "own.key"}


async def https_proxy(setup: Setup, ca: trustme.CA, show: trustme.LeafCert | None) -> Http1:
    context = ssl.create_default_context(cadata=ca.cert_pem.bytes().decode())
    context.set_alpn_protocols(["h2", "http/1.1"])
    if show is not None:
        show.configure_cert(context)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", setup.port, ssl=context, server_hostname="gateway.local"
    )
    return setup.kept(Http1(reader, writer))


async def test_an_https_proxy_that_asks_for_a_certificate(tmp_path: Path) -> None:
    ca, stranger = trustme.CA(), trustme.CA()
    own = own_certificate(tmp_path, ca)
    listeners = local("explicit", **own, client_ca=tmp_path / "clients.pem")
    async with facing(tmp_path, listeners=listeners, tls=False) as (setup, origin):
        host = f"{HOST}:{origin.port}"
        client = await https_proxy(setup, ca, ca.issue_cert("recorder-7", common_name="recorder-7"))
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        assert await both(client, host, absolute=f"http://{host}") == (200, 403)
        assert "CN=recorder-7" in setup.recorder.decisions[-1].subject
        client = await https_proxy(setup, ca, ca.issue_cert("recorder-8", common_name="recorder-8"))
        client.write(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert (await client.hear(tunnel=True)).status == 200
        assert await both(client, host) == (200, 403)
        assert "CN=recorder-8" in setup.recorder.decisions[-1].subject
        before = origin.tally.connections
        for show in (None, stranger.issue_cert("evil")):
            try:
                refused = await https_proxy(setup, ca, show)
                assert await ask(refused, host, "/end/allow", absolute=f"http://{host}") == 0
            except (ConnectionError, ssl.SSLError):
                pass
        plain = await setup.plain()
        assert await ask(plain, host, "/end/allow", absolute=f"http://{host}") == 0
        assert origin.tally.connections == before


# --- the way out ---------------------------------------------------------------------------------------------


async def test_a_destination_that_cannot_be_trusted_is_told(tmp_path: Path) -> None:
    wrong = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wrong.issue_cert(HOST).configure_cert(context)
    async with gateway(tmp_path) as setup:
        for given in (context, setup.authority.server_context("elsewhere.example.com")):
            async with serve(Origin(), given) as origin:
                client = await setup.h1(origin)
                client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\n\r\n".encode())
                heard = await client.hear()
                assert (heard.status, origin.tally.octets) == (502, 0)
                assert "tls_certificate_error" in (heard.header("proxy-status") or "")
                await setup.recorder.at_rest()
                assert setup.recorder.outcomes[-1].aborted == "upstream"
        client = await tunnel(setup.port, f"{HOST}:1", trusting(setup.ca, "http/1.1"))
        setup.kept(client)
        for _ in range(2):  # a failure is not remembered for good
            client.write(f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:1\r\n\r\n".encode())
            heard = await client.hear()
            assert heard.status == 502
            assert "connection_refused" in (heard.header("proxy-status") or "")
        assert len(setup.egress.asked) == 4


async def test_an_upstream_certificate_of_ours_is_shown(tmp_path: Path) -> None:
    ours = trustme.CA()
    cert = ours.issue_cert("gateway-client")
    (tmp_path / "c.pem").write_bytes(b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    (tmp_path / "c.key").write_bytes(cert.private_key_pem.bytes())
    shown = (ClientCert(host="*.example.com", cert=tmp_path / "c.pem", key=tmp_path / "c.key"),)
    async with gateway(tmp_path, upstream_client_certs=shown) as setup:
        context = setup.authority.server_context(HOST)
        context.verify_mode = ssl.CERT_REQUIRED
        ours.configure_trust(context)
        async with serve(Origin(), context) as origin:
            client = await setup.h1(origin)
            assert await both(client, f"{HOST}:{origin.port}") == (200, 403)


class Parent:
    """A parent proxy: CONNECT, and absolute form by copying octets."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.lines: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.lines.append(head.split(b"\r\n")[0].decode())
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.to)
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            up_writer.write(head)

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.close()

        await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer), return_exceptions=True)


@pytest.mark.lanes
@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
async def test_a_parent_proxy_takes_what_passes(tmp_path: Path, *, tls: bool) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context(HOST) if tls else None

    async def resolve(target: Target) -> list[str]:
        assert target.host.name == "parent.local"
        return ["127.0.0.1"]

    async with serve(Origin(), context) as origin:
        parent = Parent(origin.port)
        server = await asyncio.start_server(parent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with gateway(
            tmp_path, upstream_proxy=f"http://parent.local:{port}", resolve=resolve, trust=authority
        ) as setup:
            host = f"{HOST}:{origin.port}"
            if tls:
                client = await setup.h1(origin)
                assert await both(client, host) == (200, 403)
                assert parent.lines == [f"CONNECT {host} HTTP/1.1"]
            else:
                client = await setup.plain()
                assert await both(client, host, absolute=f"http://{host}") == (200, 403)
                assert parent.lines == [f"POST http://{host}/end/allow HTTP/1.1"]
            assert setup.egress.asked == []
        server.close()
        await server.wait_closed()


@pytest.mark.lanes
async def test_other_names_for_the_tunnels_target_are_refused(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        assert await ask(client, f"other.example.com:{origin.port}", "/end/allow") == 403
        client = await setup.h1(origin, sni="other.example.com")
        assert await ask(client, f"{HOST}:{origin.port}", "/end/allow") == 403
        client = await setup.h1(origin)
        client.write(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert (await client.hear()).status == 405
        assert origin.tally.connections == 0
        assert replace(LIMITS).streams == 100
