"""Every case of the shipped rules on the wire: the same verdict as in the pure core, over every way in."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from live.clients import Heard, Http1, Http2, connect, trusting, tunnel
from live.harness import LANES, Setup, gateway
from live.origins import Authority, Origin, Reply, serve
from live.test_modes import socks
from property.seeds import CASES, STREAMS, Transfer, judge, policy_for, raw_of, shipped
from subrosa.facts.hosts import Authority as Target
from subrosa.facts.references import GuardedStores, Provider
from subrosa.gateway.engine import Listener

_OF_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "expect", "te"})
_HOP = frozenset({"connection", "upgrade"})
SAMPLE = 60


def names(case: Transfer) -> frozenset[str]:
    return frozenset(name.lower() for name, _ in case.lines)


def host_of(case: Transfer) -> str:
    """The host without a port: where everything is here, the ports are other ones."""
    authority = case.url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    return authority.partition(":")[0]


def can_be_sent(case: Transfer) -> bool:
    """Whether any client can send it under a name."""
    host = host_of(case)
    named = not host.startswith("[") and not host.replace(".", "").isdigit()
    tunnelled = case.url.startswith("https://") and named and raw_of(case).tunnel is not None
    return names(case).isdisjoint(_OF_FRAMING) and (tunnelled or case.url.startswith("http://"))


SENT = [case for case in (*CASES, *STREAMS) if can_be_sent(case) and not case.messages]
"""All but those whose messages a WebSocket carries: `test_rule_messages.py` has these."""
PLAIN = [case for case in SENT if case.url.startswith("http://")]
UPGRADES = [case for case in SENT if not names(case).isdisjoint(_HOP)]
TUNNELLED = [case for case in SENT if case not in PLAIN and case not in UPGRADES]
FEW = TUNNELLED[:: len(TUNNELLED) // SAMPLE][:SAMPLE]
"""Evenly over the files of rules, so the same until a case is added."""
REVERSED = sorted({host_of(case) for case in FEW})
WAYS = {"lean": SENT, "h1": SENT, "h2": TUNNELLED, "socks5": FEW, "transparent": FEW, "reverse": FEW}


class Anywhere:
    """An egress guard that knows every name, here."""

    async def vet(self, authority: Target) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        return ("127.0.0.1",)


async def _kept(_keys: object, _facts: object) -> None:
    """Uploads are remembered elsewhere."""


@dataclass
class Lane:
    setup: Setup
    lean: Setup
    """The same with the lean lane, which speaks HTTP/1.1 to those who do."""
    origin: Origin
    plain: Origin

    async def send(self, case: Transfer, way: str) -> Heard:
        """One request over a connection of its own, under the case's own policy."""
        self.setup.current[0] = policy_for(replace(case, guarded=self._guarded(case)))
        raw = raw_of(case)
        host = host_of(case)
        plain = case.url.startswith("http://")
        authority = f"{host}:{(self.plain if plain else self.origin).port}"
        lines = [(name, value) for name, value in raw.lines if name.lower() != b"host"]
        target, method = raw.target.decode("latin-1"), raw.method.decode()
        if way == "h2":
            over = self.setup.kept(await tunnel(self.setup.port, authority, trusting(self.setup.ca, "h2")))
            fields = [(name.decode().lower(), value.decode("latin-1")) for name, value in lines]
            return await Http2(over).ask(method, authority, target, fields, case.body)
        if plain:
            target = f"http://{authority}/" + case.url.partition("://")[2].partition("/")[2]
            over = self.setup.kept(await connect(self._port(way)))
        else:
            over = await self._over(way, host, authority)
        head = [f"{method} {target} HTTP/1.1".encode("latin-1"), b"Host: " + authority.encode()]
        head += [name + b": " + value for name, value in lines]
        over.write(b"\r\n".join(head) + b"\r\n\r\n" + case.body)
        return await over.hear(method=method)

    def _port(self, way: str) -> int:
        return self.lean.port if way == "lean" else self.setup.port

    def hang_up(self) -> None:
        """Leave no connection behind: there are thousands of cases."""
        while self.setup.clients:
            self.setup.clients.pop().abort()

    def _guarded(self, case: Transfer) -> GuardedStores:
        """The case's stores; what is named by its address has the port at which it is here."""
        port = self.origin.port
        return GuardedStores(
            tuple(
                replace(store, bucket=f"{store.bucket.partition(':')[0]}:{port}")
                if store.provider is Provider.HTTPS
                else store
                for store in case.guarded.stores
            )
        )

    async def _over(self, way: str, host: str, authority: str) -> Http1:
        """A connection on which a request to the destination can be written."""
        context = trusting(self.setup.ca, "http/1.1")
        if way in ("h1", "lean"):
            return self.setup.kept(await tunnel(self._port(way), authority, context))
        if way == "reverse":
            return self.setup.kept(await connect(self.setup.ports[3 + REVERSED.index(host)]))
        if way == "socks5":
            client = await socks(self.setup.ports[1], host, self.origin.port)
            assert isinstance(client, Http1)
        else:
            client = await connect(self.setup.ports[2])
        self.setup.kept(client)
        await client.writer.start_tls(context, server_hostname=host)
        return client


@asynccontextmanager
async def lane_to(directory: Path, cases: Sequence[Transfer], reverse: Sequence[str]) -> AsyncIterator[Lane]:
    """A gateway, and an origin that is every host of the cases."""
    authority = Authority(directory)
    hosts = {host_of(case) for case in cases if case.url.startswith("https://")}
    context = authority.server_context(*sorted(hosts), alpn=("http/1.1",))
    answer: Callable[[object], Reply] = lambda _seen: Reply(body=b'{"id": "upload_1"}')  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        async with serve(Origin(answer), context) as origin, serve(Origin(answer), None) as plain:
            patch.setattr(
                "subrosa.gateway.front.front.original_destination", lambda _sock: ("192.0.2.1", origin.port)
            )
            modes = (
                "explicit",
                "socks5",
                "transparent",
                *(f"reverse:https://{host}:{origin.port}" for host in reverse),
            )
            listeners = tuple(Listener(mode=mode, host="127.0.0.1", port=0) for mode in modes)
            same: dict[str, Any] = {"trust": authority, "egress": Anywhere(), "remember": _kept}
            async with (
                gateway(
                    directory, current=shipped(), listeners=listeners, lanes=LANES["engine"], **same
                ) as setup,
                gateway(
                    directory,
                    recorder=setup.recorder,
                    policy=lambda: setup.current[0],
                    lanes=LANES["lean"],
                    **same,
                ) as lean,
            ):
                yield Lane(setup, lean, origin, plain)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lane]:
    async with lane_to(tmp_path_factory.mktemp("parity"), SENT, REVERSED) as made:
        yield made


def test_every_case_goes_on_the_wire() -> None:
    assert len(SENT) + sum(bool(case.messages) for case in STREAMS) == len(CASES) + len(STREAMS)
    assert len(FEW) == SAMPLE
    assert any(case.asserted for case in SENT)
    assert any(case.guarded.stores for case in SENT)
    assert any(case.source == "nothing" for case in SENT)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("way", "case"),
    [
        pytest.param(way, case, id=f"{way}-{case.name}")
        for way, case in chain.from_iterable(((way, case) for case in cases) for way, cases in WAYS.items())
    ],
)
async def test_a_rule_case_gets_the_same_verdict_on_the_wire(lane: Lane, case: Transfer, way: str) -> None:
    recorder, tallies = lane.setup.recorder, (lane.origin.tally, lane.plain.tally)
    recorder.decisions.clear()
    recorder.outcomes.clear()
    arrived = [(tally.connections, tally.body_octets) for tally in tallies]
    pure = judge(case).verdict
    heard = await lane.send(case, way)
    await recorder.at_rest()
    lane.hang_up()

    (told,) = [one.verdict for one in recorder.decisions]
    assert (told.outcome, told.reason, told.rules, told.operation) == (
        pure.outcome,
        pure.reason,
        pure.rules,
        pure.operation,
    )
    if pure.allows:
        assert heard.status == 200
        refused = [one.refused for one in recorder.outcomes if one.refused]  # by a message of its own
        assert bool(refused) is (case.expected == "block"), refused
        assert not refused or lane.origin.tally.body_octets == arrived[0][1]
    else:
        assert heard.status in {pure.http_status, 200}  # gRPC tells a refusal inside a 200
        assert [(tally.connections, tally.body_octets) for tally in tallies] == arrived
