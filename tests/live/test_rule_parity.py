"""Every case of the shipped rules on the wire: the same verdict as in the pure core, over HTTP/1.1 and HTTP/2."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from live.clients import Heard, Http2, trusting, tunnel
from live.harness import Setup, gateway
from live.origins import Authority, Origin, Reply, serve
from property.seeds import CASES, Transfer, judge, raw_of, shipped
from subrosa.facts.hosts import Authority as Target
from subrosa.facts.hosts import Host
from subrosa.policy.policy import Profile

_OF_FRAMING = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"}
)


def _on_the_wire(case: Transfer) -> bool:
    """Whether the default policy judges it, and any client can send it to any port."""
    names = {name.lower() for name, _ in case.lines}
    return (
        case.url.startswith("https://")
        and (case.source, case.profile) == ("customer-content", Profile.STANDARD)
        and not case.asserted
        and not case.guarded.stores
        and names.isdisjoint(_OF_FRAMING)
        and raw_of(case).tunnel is not None
        and _host(case).address is None
    )


def _host(case: Transfer) -> Host:
    target = raw_of(case).tunnel
    assert target is not None
    return target.host


SENT = [case for case in CASES if _on_the_wire(case)]


class Anywhere:
    """An egress guard that knows every name, here."""

    async def vet(self, authority: Target) -> Sequence[str]:  # noqa: ARG002 - the protocol's
        return ("127.0.0.1",)


async def _kept(_keys: object, _facts: object) -> None:
    """Uploads are remembered elsewhere."""


@dataclass
class Lane:
    setup: Setup
    origin: Origin

    async def send(self, case: Transfer, way: str) -> Heard:
        """One request over a connection of its own."""
        raw = raw_of(case)
        authority = f"{_host(case).name}:{self.origin.port}"
        alpn = "h2" if way == "h2" else "http/1.1"
        over = self.setup.kept(await tunnel(self.setup.port, authority, trusting(self.setup.ca, alpn)))
        lines = [(name, value) for name, value in raw.lines if name.lower() != b"host"]
        target, method = raw.target.decode("latin-1"), raw.method.decode()
        if way == "h2":
            fields = [(name.decode().lower(), value.decode("latin-1")) for name, value in lines]
            return await Http2(over).ask(method, authority, target, fields, case.body)
        head = [raw.method + b" " + raw.target + b" HTTP/1.1", b"Host: " + authority.encode()]
        head += [name + b": " + value for name, value in lines]
        over.write(b"\r\n".join(head) + b"\r\n\r\n" + case.body)
        return await over.hear(method=method)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lane]:
    directory: Path = tmp_path_factory.mktemp("parity")
    authority = Authority(directory)
    names = sorted({_host(case).name for case in SENT})
    context = authority.server_context(*names, alpn=("http/1.1",))
    async with (
        gateway(directory, current=shipped(), trust=authority, egress=Anywhere(), remember=_kept) as setup,
        serve(Origin(lambda _seen: Reply(body=b'{"id": "upload_1"}')), context) as origin,
    ):
        yield Lane(setup, origin)


def test_most_cases_go_on_the_wire() -> None:
    assert len(SENT) > 400


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("way", ["h1", "h2"])
@pytest.mark.parametrize("case", SENT, ids=lambda case: case.name)
async def test_a_rule_case_gets_the_same_verdict_on_the_wire(lane: Lane, case: Transfer, way: str) -> None:
    recorder, tally = lane.setup.recorder, lane.origin.tally
    recorder.decisions.clear()
    arrived = (tally.connections, tally.body_octets)
    pure = judge(case).verdict
    heard = await lane.send(case, way)
    await recorder.at_rest()

    (told,) = [one.verdict for one in recorder.decisions]
    assert (told.outcome, told.reason, told.rules, told.operation) == (
        pure.outcome,
        pure.reason,
        pure.rules,
        pure.operation,
    )
    if pure.allows:
        assert heard.status == 200
    else:
        assert heard.status in {pure.http_status, 200}  # gRPC tells a refusal inside a 200
        assert (tally.connections, tally.body_octets) == arrived
