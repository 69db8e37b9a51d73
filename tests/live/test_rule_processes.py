"""Every case of the shipped rules through `subrosa run` with two workers, in each lane: what the pure core says.

The client of each case has an address of its own, by which its records are found; its source is told by its network.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from pathlib import Path
from typing import Any

import pytest
import trustme
import wsproto
import wsproto.events as ws

from live.clients import Heard, Http1, connect, trusting, tunnel
from live.harness import LANES
from live.origins import Origin, Reply, serve
from live.sdk.places import Places
from live.sdk.process import Gateway
from live.test_rule_messages import CASES as OVER_WEBSOCKET
from live.test_rule_messages import message
from live.test_rule_parity import SENT, host_of
from live.test_wire import Echo, until
from property.seeds import Transfer, judge, raw_of
from subrosa.effects.segments import read_segments
from subrosa.facts.references import GuardedStore, GuardedStores, Provider
from subrosa.policy.policy import Profile
from subrosa.policy.verdict import Verdict

type Record = dict[str, object]

AT_ONCE = 16
NETWORKS = {"customer-content": "127.64.0.0/16", "nothing": "127.65.0.0/16"}
SCHEMES = {Provider.S3: "s3://{}/{}", Provider.GCS: "gs://{}/{}", Provider.HTTPS: "https://{}/{}"}
IN_ONE_CERTIFICATE = 40
SINK = "sink.example.com"
FEW, MANY, ONE_IN = 30, 1000, 4
"""Cases that may all meet the same worker; so many that one in some is sent, where not every one is asked for."""
STATED = {"owner": "tests", "why": "a case of the rules says so", "expires": "2028-01-01"}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What one gateway is told, so that each of these cases gets the verdict there that it gets under its own."""

    profile: Profile
    asserted: frozenset[str]
    guarded: GuardedStores
    cases: tuple[Transfer, ...]

    @classmethod
    def of(cls, cases: Sequence[Transfer]) -> "Circumstances":
        """All facts and stores of these cases, of which those are kept whose verdict the others' do not change."""
        asserted = frozenset[str]().union(*(case.asserted for case in cases))
        guarded = GuardedStores(
            tuple(dict.fromkeys(store for case in cases for store in case.guarded.stores))
        )
        kept = tuple(
            case
            for case in cases
            if judge(replace(case, asserted=asserted, guarded=guarded)).told == judge(case).told
        )
        return cls(cases[0].profile, asserted, guarded, kept)

    def settings(self, port: int) -> dict[str, Any]:
        """The same as a user writes it; what is named by its address has the port at which it is here."""
        facts = [(fact, value) for fact, _, value in (text.partition("=") for text in sorted(self.asserted))]
        return {
            "workers": 2,
            "profile": self.profile.value,
            "sources": [
                {
                    "name": name,
                    "networks": [network],
                    "holds": name if name == "nothing" else "customer-content",
                }
                for name, network in NETWORKS.items()
            ],
            "assert": [
                {"fact": fact, **({"values": [value]} if value else {}), **STATED} for fact, value in facts
            ],
            "guarded": [_uri(store, port) for store in self.guarded.stores],
        }


def _uri(store: GuardedStore, port: int) -> str:
    if store.provider is Provider.AZURE:
        account, _, container = store.bucket.partition("/")
        return f"https://{account}.blob.core.windows.net/{container}/{store.prefix}"
    bucket = f"{store.bucket.partition(':')[0]}:{port}" if store.provider is Provider.HTTPS else store.bucket
    return SCHEMES[store.provider].format(bucket, store.prefix)


def grouped(cases: Iterable[Transfer]) -> list[Circumstances]:
    """As few circumstances as will do."""
    waiting: dict[tuple[Profile, bool], list[Transfer]] = {}
    for case in cases:
        waiting.setdefault((case.profile, bool(case.asserted or case.guarded.stores)), []).append(case)
    found = []
    while waiting:
        key, alike = waiting.popitem()
        found.append(one := Circumstances.of(alike))
        assert one.cases
        if left := [case for case in alike if case not in one.cases]:
            waiting[key] = left
    return found


@dataclass(slots=True)
class World:
    """The destinations: every host of the cases, over TLS, in clear, and for WebSocket."""

    places: Places
    tls: Origin
    plain: Origin
    echo: Origin

    @property
    def arrived(self) -> int:
        """Requests that reached one of them whole, but for those of WebSocket."""
        return sum(seen.whole for origin in (self.tls, self.plain) for seen in origin.tally.requests)

    def port(self, case: Transfer) -> int:
        if case.messages:
            return self.echo.port
        return self.plain.port if case.url.startswith("http://") else self.tls.port


@contextlib.asynccontextmanager
async def world(places: Places, cases: Sequence[Transfer]) -> AsyncIterator[World]:
    """All of them on loopback, and files that tell the gateway so."""
    hosts = sorted({host_of(case) for case in cases})
    places.hosts_file.write_text("".join(f"127.0.0.1 {host}\n" for host in hosts))
    numbers = iter(range(1_000_000))
    answer = lambda _seen: Reply(body=b'{"id": "upload_%06d"}' % next(numbers))  # noqa: E731
    async with (
        serve(Origin(answer), context := _context(places.ca, hosts)) as tls,
        serve(Origin(answer)) as plain,
        serve(Origin(raw=Echo()), echoing := _context(places.ca, hosts)) as echo,
    ):
        for listening in (context, echoing):
            _by_name(listening, places.ca, hosts)
        yield World(places, tls, plain, echo)


def _context(ca: trustme.CA, hosts: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*hosts).configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _by_name(context: ssl.SSLContext, ca: trustme.CA, hosts: Sequence[str]) -> None:
    """Show a certificate of few names, since one of many costs more than all the rest."""
    found = {
        name: made
        for few in batched(hosts, IN_ONE_CERTIFICATE)
        for made in [_context(ca, few)]
        for name in few
    }

    def choose(conn: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        conn.context = found[str(name)]

    context.sni_callback = choose


# --- asking ----------------------------------------------------------------------------------------------------


async def ask(case: Transfer, address: str, gateway: Gateway, over: World) -> Heard | int:
    """What a client hears, from this address; of messages the code with which they end."""
    port, raw = int(gateway.listeners["explicit"].rpartition(":")[2]), raw_of(case)
    authority, target = f"{host_of(case)}:{over.port(case)}", raw.target.decode("latin-1")
    if case.url.startswith("http://"):
        client = await connect(port, address)
        target = f"http://{authority}/" + case.url.partition("://")[2].partition("/")[2]
    else:
        client = await tunnel(port, authority, trusting(gateway.ca, "http/1.1"), address=address)
    try:
        if case.messages:
            return await _converse(client, case, authority, target)
        lines = [(name, value) for name, value in raw.lines if name.lower() != b"host"]
        head = [f"{case.method} {target} HTTP/1.1".encode("latin-1"), b"Host: " + authority.encode()]
        head += [name + b": " + value for name, value in lines]
        client.write(b"\r\n".join(head) + b"\r\n\r\n" + case.body)
        return await client.hear(method=case.method)
    finally:
        client.abort()


async def _converse(client: Http1, case: Transfer, authority: str, target: str) -> int:
    conn = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    client.write(conn.send(ws.Request(host=authority, target=target)))
    await until(client, conn, ws.AcceptConnection)
    for octets in case.messages:
        client.write(conn.send(message(octets)))
    if case.expected == "allow":
        client.write(conn.send(ws.CloseConnection(code=1000)))
    closed = await until(client, conn, ws.CloseConnection)
    assert isinstance(closed, ws.CloseConnection)
    return closed.code


def addressed(cases: Sequence[Transfer]) -> dict[str, Transfer]:
    """Each case under an address of its own, in the network of its source."""
    prefixes = {source: network.removesuffix(".0.0/16") for source, network in NETWORKS.items()}
    return {f"{prefixes[case.source]}.{at // 250}.{at % 250 + 1}": case for at, case in enumerate(cases)}


# --- comparing -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Became:
    """What became of each case in one lane, by the address of its client."""

    heard: dict[str, Heard | int]
    told: dict[str, list[Record]]
    """Its records."""
    writers: set[str]
    """The workers that recorded decisions."""
    failed: float
    """What was refused for a fault of the gateway's own."""


async def send_all(
    clients: dict[str, Transfer], lane: str, settings: dict[str, Any], over: World, work: Path
) -> Became:
    """Send the cases through a gateway with this lane."""
    gateway = Gateway(work, over.places, settings=settings | {"lanes": list(LANES[lane])})
    heard: dict[str, Heard | int] = {}
    room = asyncio.Semaphore(AT_ONCE)

    async def one(address: str, case: Transfer) -> None:
        async with room:
            heard[address] = await ask(case, address, gateway, over)

    async with contextlib.AsyncExitStack() as stack:
        await asyncio.to_thread(gateway.__enter__)
        stack.push_async_callback(asyncio.to_thread, gateway.__exit__, None)
        async with asyncio.TaskGroup() as tasks:
            for address, case in clients.items():
                tasks.create_task(one(address, case))
        failed = await asyncio.to_thread(gateway.metric, "subrosa_fail_closed_total")
    told, writers = records(gateway.state_dir / "evidence", clients)
    return Became(heard, told, writers, failed)


async def send_through_both(
    group: Circumstances, clients: dict[str, Transfer], work: Path
) -> tuple[dict[str, Became], int]:
    """What becomes of them in each lane, at once, and how many requests reached a destination."""
    with Places((SINK,), (), work) as places:
        async with world(places, group.cases) as over:
            settings = group.settings(over.tls.port)
            async with asyncio.TaskGroup() as tasks:
                sent = {
                    lane: tasks.create_task(send_all(clients, lane, settings, over, work / lane))
                    for lane in LANES
                }
            return {lane: one.result() for lane, one in sent.items()}, over.arrived


def records(evidence: Path, clients: Iterable[str]) -> tuple[dict[str, list[Record]], set[str]]:
    """Each client's records, and which workers wrote decisions."""
    told: dict[str, list[Record]] = {address: [] for address in clients}
    owners: dict[object, str] = {}
    writers = set()
    for entry in read_segments(evidence):
        record = entry.record
        if record.get("record") == "decision":
            owners[record["id"]] = str(record["client"])
            writers.add(entry.segment.split("-")[1])
        if record.get("id") in owners:
            told[owners[record["id"]]].append(record)
    return told, writers


def wrong(case: Transfer, pure: Verdict, heard: Heard | int, told: Sequence[Record]) -> str:
    """How an answer and its records differ from what the pure core says; empty where they do not."""
    decisions = [one for one in told if one["record"] == "decision"]
    said = [(one["verdict"], one["reason"], one["rules"], one["operation"]) for one in decisions]
    if said != [(pure.outcome.value, pure.reason.value, list(pure.rules), pure.operation)]:
        return f"recorded as {said}, where the core says {pure}"
    refused = [one["rule"] for one in told if one.get("refused")]
    if bool(refused) is not (pure.allows and case.expected == "block"):  # by a message of its own
        return f"passed and then refused by {refused}"
    if isinstance(heard, int):
        return "" if heard == (1008 if refused else 1000) else f"closed with {heard}"
    if pure.allows:
        return "" if heard.status == 200 else f"allowed and answered {heard.status}"
    if heard.status not in {pure.http_status, 200}:  # gRPC tells a refusal inside a 200
        return f"refused and answered {heard.status}, not {pure.http_status}"
    named = heard.header("subrosa-decision")
    return "" if named == decisions[0]["id"] else f"the answer names decision {named}"


def comparable(heard: Heard | int, told: Sequence[Record]) -> tuple[object, ...]:
    """All of it but what differs from time to time."""
    kept = [{key: value for key, value in one.items() if key not in _OF_THE_MOMENT} for one in told]
    if isinstance(heard, int) or heard.header("subrosa-decision") is None:
        return heard if isinstance(heard, int) else heard.status, kept
    named = str(heard.header("subrosa-decision"))
    lines = [(name.lower(), value.replace(named, "ID")) for name, value in heard.lines]
    return heard.status, lines, heard.body.replace(named.encode(), b"ID"), kept


_OF_THE_MOMENT = frozenset({"id", "time", "seconds", "listener"})
GROUPS = grouped((*SENT, *OVER_WEBSOCKET))


def test_every_case_is_sent_once() -> None:
    assert sum(len(group.cases) for group in GROUPS) == len(SENT) + len(OVER_WEBSOCKET)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{len(group.cases)} cases of one setting")
def test_rule_cases_end_in_both_lanes_as_the_pure_core_says(
    group: Circumstances, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    several = 1 if request.config.getoption("--every-case") or len(group.cases) < MANY else ONE_IN
    clients = addressed(group.cases[::several])
    for lane in LANES:
        (tmp_path / lane).mkdir()
    became, arrived = asyncio.run(send_through_both(group, clients, tmp_path))
    pure = {address: judge(case).verdict for address, case in clients.items()}
    for lane, one in became.items():
        faults = [
            f"{case.name}: {fault}"
            for address, case in clients.items()
            if (fault := wrong(case, pure[address], one.heard[address], one.told[address]))
        ]
        assert not faults, f"{lane}:\n" + "\n".join(faults[:20])
        assert one.failed == 0
        assert one.writers == {"w0", "w1"} or len(clients) < FEW
    engine, lean = became.values()
    for address, case in clients.items():
        told = [comparable(lane.heard[address], lane.told[address]) for lane in (engine, lean)]
        assert told[0] == told[1], case.name
    whole = sum(case.expected == "allow" and not case.messages for case in clients.values())
    assert arrived == len(LANES) * whole
