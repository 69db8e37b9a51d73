"""Tunnels that nobody reads: opened only where a declaration says so and the hello names the same host."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from helpers import PLEDGE, connect, rule
from helpers import policy as made
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.records import TlsFacts
from subrosa.facts.stage import Stage
from subrosa.policy.decision import decision_of
from subrosa.policy.hostmap import HostMap, HostPattern
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Declared, Policy
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.tunnels import judge_tunnel
from subrosa.policy.verdict import Outcome, Reason, Verdict

PINNED = "pinned.example"


def declared(host: str = PINNED, *, tunnel: str = "tls", purpose: str = "") -> Declared:
    return Declared(
        host=HostPattern.parse(host),
        tunnel=tunnel,
        purpose=purpose,
        owner="platform",
        why="its client pins a certificate",
        expires="2027-06-30",
    )


def policy(*entries: Declared, rules: Iterable[Rule] = PLEDGE, observe: bool = False) -> Policy:
    by_host: HostMap[Declared] = HostMap()
    for entry in entries or (declared(),):
        by_host.set(entry.host, entry)
    return replace(made(rules, observe=observe), declared=by_host)


def inspection(over: Policy, hello: TlsFacts | None, target: str = f"{PINNED}:443") -> Inspection:
    asked = replace(connect(), target=Authority.parse(target, None))
    return Inspection(over, asked, hello)


def judged(over: Policy, hello: TlsFacts | None, target: str = f"{PINNED}:443") -> Verdict:
    return judge_tunnel(inspection(over, hello, target))


def hello(name: str | None = PINNED, *, ech: bool = False) -> TlsFacts:
    return TlsFacts(sni=Host.parse(name) if name else None, ech=ech)


def test_tls_under_the_host_s_own_name_passes_and_the_statement_is_named() -> None:
    verdict = judged(policy(declared(purpose="storage")), hello())

    assert (verdict.outcome, verdict.reason, verdict.stage) == (Outcome.ALLOW, Reason.TUNNEL, Stage.TLS)
    assert verdict.asserted == ("inspect-never=pinned.example",)
    assert verdict.purpose == "storage"
    assert verdict.detail == "stated by platform until 2027-06-30: its client pins a certificate"


@pytest.mark.parametrize(
    ("shown", "target", "rule_id"),
    [
        pytest.param(
            hello("other.example"), f"{PINNED}:443", "guard.authority-mismatch", id="another server name"
        ),
        pytest.param(hello(None), f"{PINNED}:443", "guard.authority-mismatch", id="no server name"),
        pytest.param(hello(ech=True), f"{PINNED}:443", "guard.protocol", id="an encrypted hello"),
        pytest.param(None, f"{PINNED}:443", "guard.protocol", id="no TLS at all"),
        pytest.param(
            hello("open.example"), "open.example:443", "guard.protocol", id="a host that nobody declared"
        ),
        pytest.param(
            hello(f"www.{PINNED}"), f"www.{PINNED}:443", "guard.protocol", id="a name below the declared one"
        ),
    ],
)
def test_anything_else_is_refused(shown: TlsFacts | None, target: str, rule_id: str) -> None:
    verdict = judged(policy(), shown, target)

    assert (verdict.outcome, verdict.rules) == (Outcome.BLOCK, (rule_id,))
    assert verdict.asserted == ()


@pytest.mark.parametrize("shown", [None, hello(), hello("other.example"), hello(ech=True)])
def test_where_any_protocol_is_declared_nothing_is_asked_of_the_hello(shown: TlsFacts | None) -> None:
    assert judged(policy(declared(tunnel="any")), shown).reason is Reason.TUNNEL


def test_an_address_has_no_server_name_to_show() -> None:
    over = policy(declared("192.0.2.9"))

    assert judged(over, hello(None), "192.0.2.9:443").allows
    assert not judged(over, hello("other.example"), "192.0.2.9:443").allows


def test_the_most_specific_declaration_says_what_may_go_through() -> None:
    over = policy(declared("*.corp.example", tunnel="any"), declared("db.corp.example"))

    assert not judged(over, None, "db.corp.example:5432").allows
    assert judged(over, None, "ssh.corp.example:22").allows


@pytest.mark.parametrize(
    "when",
    [{"host": PINNED}, {"source": "default"}, {"all": [{"host": "*.example"}, {"source": "default"}]}],
)
def test_a_block_of_host_or_source_outranks_the_declaration(when: dict[str, object]) -> None:
    block = rule("corp.block", when, rank=Rank.BLOCK, reason=Reason.USER_RULE)

    assert judged(policy(rules=(*PLEDGE, block)), hello()).rules == ("corp.block",)
    observed = judged(policy(rules=(*PLEDGE, block), observe=True), hello())
    assert (observed.outcome, observed.would_block) == (Outcome.ALLOW, True)
    assert not judged(policy(rules=(*PLEDGE, block), observe=True), hello("other.example")).allows


def test_a_block_of_what_nobody_reads_decides_nothing() -> None:
    block = rule("corp.block", {"path": "/v1/x"}, rank=Rank.BLOCK, reason=Reason.USER_RULE)

    assert judged(policy(rules=(*PLEDGE, block)), hello()).allows


def test_what_goes_through_is_recorded_as_content_to_the_target() -> None:
    looked = inspection(policy(), hello())
    looked.verdict = judge_tunnel(looked)
    decision = decision_of(looked, "d-1", "tunnel")

    assert (decision.method, decision.host, decision.port) == ("CONNECT", PINNED, 443)
    assert decision.customer_content
