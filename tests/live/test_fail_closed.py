"""Whatever fails inside, nothing passes: each hook and each call of the engine, one by one, over each protocol."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, override

import pytest

from live.clients import Heard, Refused
from live.doubles import Coming, ListRecorder, by_path, policy
from live.harness import HOST, LIMITS, Setup, facing, replace
from live.origins import Origin
from subrosa.gateway.engine import Listener
from subrosa.gateway.front.connect import MOST
from subrosa.gateway.ports import EvidenceError, Kept
from subrosa.gateway.seam import Parts
from subrosa.gateway.spool import Spool
from subrosa.policy.inspection import Inspection

pytestmark = [pytest.mark.asyncio, pytest.mark.lanes]

PROTOCOLS = ("http", "h1", "h2")
BODY = b"SECRET" * 100_000


class BrokenError(Exception):
    """What the tests have everything raise."""


def broken(*_args: object, **_named: object) -> Any:
    raise BrokenError


async def broken_later(*_args: object, **_named: object) -> Any:
    await asyncio.sleep(0)
    raise BrokenError


async def hanging(*_args: object, **_named: object) -> Any:
    await asyncio.Event().wait()


async def cancelled(*_args: object, **_named: object) -> Any:
    raise asyncio.CancelledError


WAYS: dict[str, Callable[..., Any]] = {
    "raises": broken,
    "raises later": broken_later,
    "hangs": hanging,
    "is cancelled": cancelled,
}


async def attempt(setup: Setup, origin: Origin, protocol: str, path: str, lines: str = "") -> Heard:
    """One upload over one protocol; a connection that fails on the way is heard as closed."""
    authority = f"{HOST}:{origin.port}"
    try:
        if protocol == "h2":
            h2 = await setup.h2(origin, head=lines)
            stream = h2.open("POST", authority, path)
            await h2.send(stream, BODY)
            return await h2.hear(stream)
        h1 = await setup.plain() if protocol == "http" else await setup.h1(origin, head=lines)
        target = f"http://{authority}{path}" if protocol == "http" else path
        head = f"POST {target} HTTP/1.1\r\nHost: {authority}\r\n{lines}Content-Length: {len(BODY)}\r\n\r\n"
        await h1.send(head.encode() + BODY)
        return await h1.hear()
    except Refused as refused:
        return refused.heard
    except (ConnectionError, OSError, EOFError):
        return Heard(end="closed")


def check(setup: Setup, origin: Origin, heard: Heard, *causes: str, at_head: bool = True) -> None:
    assert heard.status >= 400 or (heard.status == 0 and heard.end in ("closed", "reset")), heard
    assert origin.tally.body_octets == 0
    if at_head:
        assert not origin.tally.requests
    assert set(setup.recorder.causes) & set(causes), (setup.recorder.causes, heard)


BEYOND_THE_FRONT = f"X-Long: {'x' * MOST}\r\n"
"""A field that makes the head of a CONNECT one that only the engine reads."""
HOOKS = {
    "client_connected": PROTOCOLS,
    "next_layer": PROTOCOLS,
    "http_connect": ("h1", "h2"),
    "tls_clienthello": ("h1", "h2"),
    "tls_start_client": ("h1", "h2"),
    "tls_established_client": ("h1", "h2"),
    "requestheaders": PROTOCOLS,
    "request": PROTOCOLS,
    "tls_start_server": ("h1", "h2"),
    "tls_established_server": ("h1", "h2"),
}


@pytest.mark.lanes("engine")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("hook", "protocol"), [(hook, one) for hook, over in HOOKS.items() for one in over])
async def test_a_hook_that_fails(tmp_path: Path, hook: str, protocol: str, way: str) -> None:
    addon = type("Failing", (), {"name": "failing", hook: staticmethod(WAYS[way])})()
    limits = replace(LIMITS, step_seconds=0.2)
    async with facing(tmp_path, tls=protocol != "http", limits=limits, parts=Parts(addons=(addon,))) as (
        setup,
        origin,
    ):
        lines = BEYOND_THE_FRONT if hook == "http_connect" else ""
        heard = await attempt(setup, origin, protocol, "/end/allow", lines=lines)
        check(setup, origin, heard, "hook", "timeout")
        await setup.recorder.at_rest()


class Fails(Inspection):
    """An inspection that fails at one step."""

    step = ""

    @override
    def head(self, head: Any, opened: Any = None) -> Any:
        return broken() if self.step == "head" else super().head(head, opened)

    @override
    def data(self, octets: bytes) -> Any:
        return broken() if self.step == "data" else super().data(octets)

    @override
    def end(self) -> Any:
        return broken() if self.step == "end" else super().end()


class BadSpool(Spool):
    """A spool that fails at one step."""

    step = ""

    @override
    def append(self, data: Any) -> None:
        if self.step == "append":
            raise BrokenError
        super().append(data)

    @override
    def read(self, octets: int) -> bytes:
        if self.step == "read":
            raise BrokenError
        return super().read(octets)


def inspection(step: str) -> dict[str, Any]:
    return {"parts": Parts(inspection=type("Failing", (Fails,), {"step": step, "__slots__": ()}))}


def spool(step: str) -> dict[str, Any]:
    return {"parts": Parts(spool=type("Failing", (BadSpool,), {"step": step}))}


CALLS: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "policy": ({"policy": broken}, "/head/allow", ("engine",)),
    "no policy": ({"policy": lambda: None}, "/head/allow", ("no-policy",)),
    "lockdown": ({"lockdown": broken}, "/head/allow", ("engine", "hook")),
    "new_id": ({"new_id": broken}, "/head/allow", ("engine",)),
    "authenticate": ({"authenticate": broken_later}, "/head/allow", ("engine",)),
    "authenticate hangs": ({"authenticate": hanging}, "/head/allow", ("timeout",)),
    "inspection": ({"parts": Parts(inspection=broken)}, "/head/allow", ("inspection",)),
    "inspection.head": (inspection("head"), "/head/allow", ("inspection",)),
    "inspection.data": (inspection("data"), "/end/allow", ("inspection",)),
    "inspection.end": (inspection("end"), "/end/allow", ("inspection",)),
    "check_head": ({"parts": Parts(check_head=broken)}, "/head/allow", ("engine",)),
    "spool": ({"parts": Parts(spool=broken)}, "/end/allow", ("spool",)),
    "spool.append": (spool("append"), "/end/allow", ("spool",)),
    "spool.read": (spool("read"), "/end/allow", ("spool", "engine")),
    "answer at the head": ({"parts": Parts(answer=broken)}, "/head/block", ("engine",)),
    "answer at the end": ({"parts": Parts(answer=broken)}, "/end/block", ("engine",)),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_that_fails(tmp_path: Path, call: str, protocol: str) -> None:
    given, path, causes = CALLS[call]
    user = "Proxy-Authorization: Basic eDp5\r\n" if call.startswith("authenticate") else ""
    limits = replace(LIMITS, step_seconds=0.3)
    async with facing(tmp_path, tls=protocol != "http", limits=limits, **given) as (setup, origin):
        heard = await attempt(setup, origin, protocol, path, user)
        check(setup, origin, heard, *causes, at_head=call != "spool.read")
        await setup.recorder.at_rest()


class FailingRecorder(ListRecorder):
    """A recorder whose evidence cannot be written."""

    how: Callable[..., Coroutine[None, None, None]]

    @override
    def decided(self, decision: Any, seconds: float) -> Kept:
        return Coming(self.how(decision, seconds))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("stage", ["head", "body", "end"])
@pytest.mark.parametrize(
    "fault", [EvidenceError("disk full"), RuntimeError("broken"), TimeoutError()], ids=repr
)
async def test_evidence_that_cannot_be_written(
    tmp_path: Path, protocol: str, stage: str, fault: Exception
) -> None:
    recorder = ListRecorder(fail=fault)
    async with facing(tmp_path, tls=protocol != "http", recorder=recorder) as (setup, origin):
        heard = await attempt(setup, origin, protocol, f"/{stage}/allow")
        assert heard.status == 503
        assert b"evidence" in heard.body
        check(setup, origin, heard, "evidence")
        assert origin.tally.connections == 0
        blocked = await attempt(setup, origin, protocol, f"/{stage}/block")
        assert blocked.status == 403
        assert setup.recorder.causes["evidence"] == 2
        await setup.recorder.at_rest()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_evidence_that_hangs(tmp_path: Path, protocol: str) -> None:
    recorder = FailingRecorder()
    recorder.how = hanging
    limits = replace(LIMITS, step_seconds=0.3)
    async with facing(tmp_path, tls=protocol != "http", recorder=recorder, limits=limits) as (setup, origin):
        heard = await attempt(setup, origin, protocol, "/head/allow")
        assert heard.status == 503
        check(setup, origin, heard, "timeout")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", [OSError("broken"), RuntimeError("broken"), None], ids=repr)
async def test_a_resolver_that_fails(tmp_path: Path, protocol: str, fault: Exception | None) -> None:
    limits = replace(LIMITS, step_seconds=0.3)
    async with facing(tmp_path, tls=protocol != "http", limits=limits) as (setup, origin):
        setup.egress.fail, setup.egress.hang = fault, fault is None
        heard = await attempt(setup, origin, protocol, "/head/allow")
        assert heard.status in (502, 503)
        check(setup, origin, heard, "resolver")
        await setup.recorder.at_rest()
        assert setup.recorder.outcomes[0].aborted in ("upstream", "gateway")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_lockdown_refuses_and_cuts(tmp_path: Path, protocol: str) -> None:
    locked = [False]
    async with facing(tmp_path, tls=protocol != "http", lockdown=lambda: locked[0]) as (setup, origin):
        assert (await attempt(setup, origin, protocol, "/head/allow")).status == 200
        locked[0] = True
        setup.front.abort_all()
        before = len(origin.tally.requests)
        heard = await attempt(setup, origin, protocol, "/head/allow")
        assert heard.status == 403
        assert b"locked down" in heard.body
        assert len(origin.tally.requests) == before
        await setup.recorder.at_rest()


@pytest.mark.lanes("engine")
async def test_a_missing_addon_is_a_refusal(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        setup.engine._master.addons.chain.pop()  # type: ignore[union-attr]
        setup.engine._master.addons._table.clear()  # type: ignore[union-attr]
        heard = await attempt(setup, origin, "http", "/head/allow")
        assert heard.status != 200
        assert origin.tally.connections == 0


async def test_nothing_fails_where_nothing_is_broken(tmp_path: Path) -> None:
    async with facing(tmp_path, current=policy(by_path())) as (setup, origin):
        for protocol in ("h1", "h2"):
            assert (await attempt(setup, origin, protocol, "/end/allow")).status == 200
        assert not setup.recorder.causes


@pytest.mark.lanes("engine")
@pytest.mark.parametrize("way", WAYS)
async def test_a_socks_login_that_fails(tmp_path: Path, way: str) -> None:
    addon = type("Failing", (), {"name": "failing", "socks5_auth": staticmethod(WAYS[way])})()
    limits = replace(LIMITS, step_seconds=0.2)
    listeners = (Listener(mode="socks5", host="127.0.0.1", port=0),)
    async with facing(tmp_path, listeners=listeners, limits=limits, parts=Parts(addons=(addon,))) as (
        setup,
        origin,
    ):
        client = await setup.plain()
        client.write(b"\x05\x01\x02\x01\x01a\x01b\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50")
        assert await client.closed() in (b"", b"\x05\x02")
        assert set(setup.recorder.causes) <= {"hook", "timeout"}
        assert sum(setup.recorder.causes.values()) == 1
        assert origin.tally.connections == 0


@pytest.mark.lanes("engine")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("hook", ["websocket_start", "websocket_message"])
async def test_a_websocket_hook_that_fails(tmp_path: Path, hook: str, way: str) -> None:
    seen: list[bytes] = []

    async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        seen.append(await reader.read(-1))

    addon = type("Failing", (), {"name": "failing", hook: staticmethod(WAYS[way])})()
    limits = replace(LIMITS, step_seconds=0.2)
    async with facing(
        tmp_path, Origin(raw=raw), alpn=("http/1.1",), limits=limits, parts=Parts(addons=(addon,))
    ) as (setup, origin):
        client = await setup.h1(origin)
        client.write(
            f"GET /head/allow HTTP/1.1\r\nHost: {HOST}:{origin.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        await origin.tally.until(lambda tally: tally.connections == 1)
        client.write(b"\x81\x86\x00\x00\x00\x00SECRET")
        await client.closed()
        await origin.tally.until(lambda tally: tally.closed == 1)
        assert b"".join(seen) == b""
        assert set(setup.recorder.causes) <= {"hook", "timeout"}
        await setup.recorder.at_rest()


@pytest.mark.lanes("engine")
async def test_a_closing_hook_that_fails_is_counted(tmp_path: Path) -> None:
    addon = type("Failing", (), {"name": "failing", "client_disconnected": staticmethod(broken)})()
    async with facing(tmp_path, parts=Parts(addons=(addon,))) as (setup, origin):
        assert (await attempt(setup, origin, "h1", "/head/allow")).status == 200
        setup.clients[-1].abort()
        await setup.recorder.until(lambda told: told.causes["hook"] == 1)
        await setup.recorder.at_rest()
