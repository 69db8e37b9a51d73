"""Whether the cases beside the rules prove each of them: it decides what it must, and leaves alone what it must."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from subrosa.facts.hosts import Authority
from subrosa.facts.unreadable import UnreadableError
from subrosa.loading.cases import Case, Cases, KindCase
from subrosa.loading.catalogue import Catalogued
from subrosa.loading.draft import Draft, ReadRule
from subrosa.loading.faults import Fault, RuleErrors
from subrosa.loading.files import test_name
from subrosa.loading.running import Policies, recognised, stored, verdict_of
from subrosa.policy.operations import Operation
from subrosa.policy.policy import Policy
from subrosa.policy.purposes import TRAINING
from subrosa.policy.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Ran:
    """One case and what became of it."""

    case: Case
    verdict: Verdict


def coverage(draft: Draft, policy: Policy, cases: Cases) -> Iterator[Fault]:
    """Run the cases and tell every operation, rule and recogniser that they do not prove."""
    by_file: dict[str, list[Ran]] = defaultdict(list)
    policies = Policies(draft.inputs)
    try:
        for case in cases.requests:
            by_file[case.file].append(Ran(case, verdict_of(policies(case), case)))
    except RuleErrors as errors:
        yield from errors.faults
        return
    for provider in draft.providers.values():
        ran = by_file[test_name(provider.form.spot.file)]
        for entry in provider.operations:
            yield from _operation(entry, ran)
            yield from _references(entry, policy, ran)
    everything = [one for ran in by_file.values() for one in ran]
    for read in draft.rules.values():
        yield from _rule(read, everything, by_file[test_name(read.form.spot.file)])
    yield from _recognisers(draft, policy, cases.kinds)


def _operation(entry: Catalogued, ran: list[Ran]) -> Iterator[Fault]:
    operation = entry.operation
    if not any(_proves(operation, one.verdict) for one in ran):
        what = "refuses it" if operation.trains else "calls it"
        yield entry.form.spot.fault(f"`{operation.id}` is not tested: no case beside it {what}")
    if not any(_spares(entry, one) for one in ran):
        miss = _MISS[_sort(operation)]
        message = f"`{operation.id}` has no near miss: no case beside it calls the same host and {miss}"
        yield entry.form.spot.fault(message)


def _references(entry: Catalogued, policy: Policy, ran: list[Ran]) -> Iterator[Fault]:
    """A hint: what the cases of a training operation send names stored objects, and nobody says that it may."""
    operation = entry.operation
    if not operation.trains or operation.by_default or operation.carries is not None:
        return
    for one in ran:
        named = stored(policy, one.case) if _proves(operation, one.verdict) else ""
        if named:
            message = (
                f"`{operation.id}` is sent `{named}` in its cases: write `carries: reference`, "
                "so that guarded stores count"
            )
            yield entry.form.spot.fault(message, warning=True)
            return


_MISS = {
    "training": "passes as something else",
    "default": "passes with the opt-out, or as something else",
    "hint": "passes",
    "other": "is something else",
}


def _sort(operation: Operation) -> str:
    if operation.by_default:
        return "default"
    if operation.purpose not in TRAINING:
        return "other"
    return "training" if operation.trains else "hint"


def _proves(operation: Operation, verdict: Verdict) -> bool:
    """Whether the verdict is about this operation, and a refusal where it trains."""
    return verdict.operation == operation.id and not (operation.trains and verdict.allows)


def _spares(entry: Catalogued, one: Ran) -> bool:
    """Whether the case goes to the operation's host with content, and is rightly not refused for it."""
    sort = _sort(entry.operation)
    if not _same_host(entry, one.case):
        return False
    if sort == "other":
        return one.verdict.operation != entry.operation.id
    if not one.verdict.allows or one.case.source == "nothing":
        return False
    return sort != "training" or one.verdict.operation != entry.operation.id


def _same_host(entry: Catalogued, case: Case) -> bool:
    named = case.url.partition("://")[2].partition("/")[0].partition("?")[0]
    try:
        host = Authority.parse(named, 443).host
    except UnreadableError:
        return False
    return any(pattern.covers(host) for pattern in entry.hosts)


def _rule(read: ReadRule, everything: list[Ran], beside: list[Ran]) -> Iterator[Fault]:
    spot = read.form.spot
    if not any(read.rule.id in one.verdict.rules for one in everything):
        yield spot.fault(f"rule `{read.rule.id}` is not tested: no case is decided by it")
    if not any(read.rule.id not in one.verdict.rules and one.verdict.allows for one in beside):
        yield spot.fault(f"rule `{read.rule.id}` has no near miss: no case beside it passes without it")


def _recognisers(draft: Draft, policy: Policy, cases: tuple[KindCase, ...]) -> Iterator[Fault]:
    known = [(case, {one.by for one in recognised(policy, case)}) for case in cases]
    for content in draft.shelf.contents:
        beside = [ids for case, ids in known if case.file == test_name(content.file.shown)]
        for form in content.form.recognisers:
            if not any(form.id in ids for ids in beside):
                yield form.spot.fault(
                    f"recogniser `{form.id}` is not tested: no case beside it is known by it"
                )
            if not any(form.id not in ids for ids in beside):
                yield form.spot.fault(
                    f"recogniser `{form.id}` has no near miss: every case beside it is known by it"
                )
