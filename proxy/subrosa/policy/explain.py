"""Why a transfer gets its verdict: the same evaluation, told rule by rule and fact by fact."""

from collections.abc import Iterator
from dataclasses import dataclass

from subrosa.facts.ternary import Ternary
from subrosa.policy.conditions import atoms
from subrosa.policy.inspection import Inspection
from subrosa.policy.rules import Rule
from subrosa.policy.verdict import Verdict


@dataclass(frozen=True, slots=True)
class RuleTold:
    """One rule and the value of each fact it asks."""

    id: str
    rank: str
    value: Ternary
    facts: tuple[tuple[str, Ternary], ...]


@dataclass(frozen=True, slots=True)
class ClaimTold:
    """One operation that claims the request, and whether its fields match."""

    operation: str
    purpose: str
    strength: str
    value: Ternary


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that led to a verdict."""

    verdict: Verdict
    source: str
    holds_content: bool
    claims: tuple[ClaimTold, ...]
    tags: tuple[tuple[str, str, str], ...]
    meanings: tuple[str, ...]
    kinds: tuple[str, ...]
    shapes: tuple[str, ...]
    rules: tuple[RuleTold, ...]
    body: str
    detail: str
    unread: str
    """Why nothing of this is asked of a tunnel to the destination, or empty."""


def explain(inspection: Inspection) -> Explanation:
    """Tell an inspection in its present state; decides nothing anew."""
    subject = inspection.subject
    subject.renew()
    head = subject.head
    told: tuple[ClaimTold, ...] = ()
    if head is not None:
        told = tuple(
            ClaimTold(
                claim.operation.id,
                claim.operation.purpose.value,
                claim.operation.strength.value,
                claim.test(head, subject.body),
            )
            for claim in subject.standing.known
        )
    return Explanation(
        verdict=inspection.verdict,
        source=subject.source.name,
        holds_content=subject.source.holds_content,
        claims=told,
        tags=tuple((tag.carrier, tag.key, tag.value) for tag in subject.tags()),
        meanings=tuple(sorted(meaning.value for meaning in subject.meanings())),
        kinds=tuple(
            f"{found.kind.value} ({found.by})" for found in (*subject.head_kinds, *subject.body.kinds)
        ),
        shapes=tuple(subject.body.shapes),
        rules=tuple(_rules(inspection)),
        body=subject.body.form.value if subject.body.form is not None else "not read",
        detail=subject.body.detail,
        unread=_unread(inspection),
    )


def _unread(inspection: Inspection) -> str:
    head = inspection.subject.head
    declared = inspection.policy.tunnel(head.authority.host) if head is not None else None
    if declared is None:
        return ""
    stated = f"stated by {declared.owner} until {declared.expires}: {declared.why}"
    return f"`inspect: never` on {declared.host.text}, {stated}"


def _rules(inspection: Inspection) -> Iterator[RuleTold]:
    policy, subject = inspection.policy, inspection.subject
    head = subject.head
    if head is None:
        return
    for rules in (policy.blocks, policy.allows, policy.defaults):
        for rule in rules.on(head.authority.host):
            yield _tell(rule, inspection)


def _tell(rule: Rule, inspection: Inspection) -> RuleTold:
    facts = tuple((str(atom), atom.test(inspection.subject)) for atom in atoms(rule.when))
    return RuleTold(rule.id, rule.rank.name.lower(), rule.when.test(inspection.subject), facts)
