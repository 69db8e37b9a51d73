"""A gateway in this process with doubles around it, in front of origins that count."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from live.clients import Http1, Http2, connect, trusting, tunnel
from live.doubles import DictEgress, ListRecorder, by_path, policy, ports
from live.origins import Authority, Origin, serve
from subrosa.gateway import ca
from subrosa.gateway.engine import Engine, EngineSettings, Limits, Listener
from subrosa.gateway.front.front import Front
from subrosa.gateway.handler import GatewayHandler
from subrosa.gateway.lean.client import Client
from subrosa.gateway.seam import Parts, Vetting
from subrosa.gateway.transfer import Transfer
from subrosa.policy.policy import Policy

HOST = "api.example.com"
LANES = {"engine": ("engine",), "lean": ("lean", "engine")}
"""What a gateway is made of that shows one lane: lean cannot be without the engine, which takes what it leaves."""
through = ["engine"]
"""The lane that the test at hand shows, where it says none itself; the marker ``lanes`` runs it over both."""
LIMITS = Limits(step_seconds=5.0, connect_seconds=3.0, discard_seconds=1.0, head_seconds=2.0)


@dataclass(slots=True)
class Setup:
    """One running gateway and its surroundings."""

    front: Front
    recorder: ListRecorder
    egress: DictEgress
    authority: Authority
    ca: Path
    ports: list[int]
    current: list[Policy | None]
    clients: list[Http1] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.front.engine

    @property
    def port(self) -> int:
        return self.ports[0]

    def transfers(self) -> list[Transfer]:
        """What is in flight, in whatever lane."""
        found: list[Transfer] = []
        for served in self.front.connections:
            if isinstance(served, GatewayHandler):
                found += served.session.transfers
            elif isinstance(served, Client) and served.exchange is not None:
                found.append(served.exchange.transfer)
        return found

    async def h1(self, origin: Origin, host: str = HOST, **more: Any) -> Http1:
        """HTTP/1.1 in TLS in a tunnel."""
        return self.kept(
            await tunnel(self.port, f"{host}:{origin.port}", trusting(self.ca, "http/1.1"), **more)
        )

    async def h2(self, origin: Origin, host: str = HOST, *, acknowledge: bool = True, **more: Any) -> Http2:
        """HTTP/2 likewise."""
        over = self.kept(await tunnel(self.port, f"{host}:{origin.port}", trusting(self.ca, "h2"), **more))
        return Http2(over, acknowledge=acknowledge)

    async def plain(self) -> Http1:
        """Nothing but a connection to the gateway."""
        return self.kept(await connect(self.port))

    def kept(self, client: Http1) -> Http1:
        """Have a client closed with the gateway."""
        self.clients.append(client)
        return client


@contextlib.asynccontextmanager
async def gateway(
    directory: Path,
    *,
    listeners: tuple[Listener, ...] = (Listener(mode="explicit", host="127.0.0.1", port=0),),
    limits: Limits = LIMITS,
    parts: Parts | None = None,
    current: Policy | None = None,
    recorder: ListRecorder | None = None,
    trust: Authority | None = None,
    egress: Vetting | None = None,
    **more: Any,
) -> AsyncIterator[Setup]:
    """Start a gateway on free ports; its policy is `by_path` where none is given, its egress a table."""
    recorder = recorder or ListRecorder()
    paths = ca.ensure(directory, time.time())
    authority = trust or Authority(directory)
    table = DictEgress({HOST: ["127.0.0.1"], "other.example.com": ["127.0.0.1"]})
    known: list[Policy | None] = [current if current is not None else policy(by_path())]
    given = {
        key: more.pop(key)
        for key in ("authenticate", "resolve", "lockdown", "policy", "new_id", "recall", "remember")
        if key in more
    }
    settings = EngineSettings(
        listeners=listeners,
        ca_dir=paths.directory,
        state_dir=directory,
        upstream_ca=authority.file,
        limits=limits,
        lanes=more.pop("lanes", LANES[through[-1]]),
        **more,
    )
    front = Front(
        settings,
        ports(recorder, given.pop("policy", lambda: known[0]), **given),
        egress or table,
        time.time,
        parts=parts,
    )
    bound = await front.start()
    setup = Setup(front, recorder, table, authority, paths.certificate, [port for _, _, port in bound], known)
    try:
        yield setup
    finally:
        for client in setup.clients:
            client.abort()
        await front.stop()


@contextlib.asynccontextmanager
async def facing(
    directory: Path,
    origin: Origin | None = None,
    *,
    alpn: tuple[str, ...] = ("h2", "http/1.1"),
    tls: bool = True,
    **more: Any,
) -> AsyncIterator[tuple[Setup, Origin]]:
    """A gateway and one origin for `HOST`."""
    async with gateway(directory, **more) as setup:
        context = setup.authority.server_context(HOST, "other.example.com", alpn=alpn) if tls else None
        async with serve(origin or Origin(), context) as listening:
            yield setup, listening


__all__ = ["HOST", "LIMITS", "Callable", "Setup", "facing", "gateway", "replace"]
