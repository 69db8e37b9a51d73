"""Factories for tests: small real objects, made with what matters to the test and nothing else."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from subrosa.content.kinds import KindTable
from subrosa.facts.fields import Fields
from subrosa.facts.head import RawHead, check_head
from subrosa.facts.hosts import Authority
from subrosa.facts.records import ClientFacts, ConnectFacts, RequestHead
from subrosa.facts.references import GuardedStores
from subrosa.facts.tags import HeaderCarrier, TagFormat, TagTable, Vocabulary
from subrosa.policy.conditions import build
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.index import Index
from subrosa.policy.inspection import Inspection
from subrosa.policy.operations import FieldMatch, Operation, RequestPattern
from subrosa.policy.policy import Policy, Provider, precedence
from subrosa.policy.purposes import Purpose, Strength
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.sources import Source, Sources
from subrosa.policy.verdict import Outcome, Reason

TAGS = TagTable(
    headers=(HeaderCarrier(header="x-purpose", format=TagFormat.VALUE),),
    vocabulary=Vocabulary(compound=frozenset({"model-training"})),
)


def rule(
    name: str,
    when: Mapping[str, object],
    *,
    rank: Rank = Rank.SEALED,
    outcome: Outcome = Outcome.BLOCK,
    reason: Reason = Reason.TRAINING_DESTINATION,
) -> Rule:
    """A rule from a condition in plain data."""
    return Rule(id=name, rank=rank, outcome=outcome, reason=reason, when=build(when), why="because")


PLEDGE = (
    rule("pledge.training-destination", {"customer_content": True, "training": True}),
    rule("pledge.training-tag", {"customer_content": True, "tag": "training"}, reason=Reason.TRAINING_TAG),
)


def operation(
    name: str,
    path: str,
    *,
    purpose: Purpose = Purpose.FINE_TUNING,
    method: str = "POST",
    form: Mapping[str, Iterable[str]] | None = None,
) -> Operation:
    """A `definite` operation with one request pattern."""
    fields = tuple(FieldMatch("form", key, frozenset(values)) for key, values in (form or {}).items())
    return Operation(
        id=name,
        provider="acme",
        purpose=purpose,
        strength=Strength.DEFINITE,
        requests=(RequestPattern(frozenset({method}), path, fields),),
    )


def policy(
    rules: Iterable[Rule] = PLEDGE,
    operations: Iterable[Operation] = (operation("acme.tune", "/v1/tune"),),
    *,
    host: str = "api.acme.example",
    sources: Iterable[Source] = (),
    observe: bool = False,
) -> Policy:
    """A policy over one provider on one host."""
    index, known, pattern = Index(), tuple(operations), HostPattern.parse(host)
    for one in known:
        for request in one.requests:
            index.add(pattern, one, request)
    blocks, allows, defaults = precedence(rules)
    return Policy(
        generation=1,
        digest="test",
        observe=observe,
        providers={"acme": Provider(id="acme", hosts=(pattern,), operations=known)},
        index=index,
        blocks=blocks,
        allows=allows,
        defaults=defaults,
        tags=TAGS,
        kinds=KindTable(()),
        sources=Sources(tuple(sources)),
        guarded=GuardedStores(()),
    )


def connect(address: str = "192.0.2.1", *, user: str | None = None) -> ConnectFacts:
    """A client on the default listener."""
    return ConnectFacts(client=ClientFacts(listener="explicit:8080", address=ip_address(address), user=user))


def head(
    target: str = "/v1/tune",
    *,
    method: str = "POST",
    host: str = "api.acme.example",
    lines: Iterable[tuple[str, str]] = (("Content-Length", "5"),),
) -> RequestHead:
    """A checked HTTP/1.1 head inside TLS."""
    encoded = [(name.encode(), value.encode()) for name, value in (("Host", host), *lines)]
    return check_head(
        RawHead(
            version="HTTP/1.1",
            method=method.encode(),
            target=target.encode(),
            lines=encoded,
            tls=True,
            tunnel=Authority.parse(host, 443),
        )
    )


def inspect(under: Policy, request: RequestHead, *pieces: bytes, end: bool = True) -> Inspection:
    """An inspection that has seen a head, pieces of body, and the end."""
    inspection = Inspection(under, connect())
    inspection.head(request)
    for piece in pieces:
        inspection.data(piece)
    if end:
        inspection.end()
    return inspection


NO_FIELDS = Fields.of([])
