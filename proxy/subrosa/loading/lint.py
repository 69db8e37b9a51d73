"""What `subrosa check` asks beyond loading: sources, reviews, owners, tests, and claims that are made twice."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import PurePath

from subrosa.loading.cases import Cases, read_cases
from subrosa.loading.coverage import coverage
from subrosa.loading.draft import Draft
from subrosa.loading.faults import Fault, instead
from subrosa.loading.files import File
from subrosa.loading.forms import OperationForm, RuleForm
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.policy import build
from subrosa.loading.reach import check_reach
from subrosa.loading.shapes import Spot
from subrosa.loading.statements import asked_facts
from subrosa.policy.purposes import Strength
from subrosa.policy.verdict import Outcome

_SOURCE = re.compile(r"https?://\S.*|pkg \S+==\S+: \S.*|repo [\w.-]+/[\w.-]+(?:@[0-9a-f]{7,40})?:? \S.*")
_WRITE_SOURCE = "write an address, `pkg name==version: file` or `repo owner/name@commit path`"


def check(inputs: PolicyInputs) -> tuple[Fault, ...]:
    """Every fault and warning of the rules and of the tests beside them, sorted."""
    draft = Draft(inputs)
    policy = build(draft, 0)
    sound = not draft.failed
    cases = read_cases(draft.files, inputs, draft.faults)
    faults = draft.faults
    faults += _destinations(draft)
    faults += _rules(draft)
    faults += _tables(draft)
    faults += _siblings(draft)
    faults += check_reach(draft)
    if not cases.requests and not cases.kinds:
        faults.append(Fault("rules", 0, 0, "", "no test case was found: write <x>.test.yaml beside <x>.yaml"))
    if sound:  # else a name that seems unknown may stand in a file that could not be read
        faults += _expectations(draft, cases)
        faults += coverage(draft, policy, cases)
    return tuple(sorted(set(faults)))


def _destinations(draft: Draft) -> Iterator[Fault]:
    for one in draft.shelf.destinations:
        if one.file.builtin:  # an API of the user's own may have no page to name
            yield from _review(one.form.spot, one.form.reviewed, draft.inputs)
            for operation in one.form.operations:
                yield from _documented(operation, draft.inputs)
        for operation in one.form.operations:
            if operation.unless is not None and operation.strength is Strength.SIGNAL:
                yield operation.spot.child("unless").fault(
                    "a `signal` never blocks alone, and `unless` would have it: write `likely` or `definite`"
                )


def _documented(operation: OperationForm, inputs: PolicyInputs) -> Iterator[Fault]:
    yield from _source(operation.spot, operation.source)
    if not operation.breaks:
        yield operation.spot.fault("`breaks` is missing: who could be hurt by a wrong block?")
    if operation.reviewed:
        yield from _stale(operation.spot.child("reviewed"), operation.reviewed, inputs)


def _rules(draft: Draft) -> Iterator[Fault]:
    for one in draft.shelf.rules:
        for rule in one.form.rules:
            if rule.sealed:
                yield from _source(rule.spot, rule.source)
            if not one.file.builtin and rule.verdict is Outcome.ALLOW:
                yield from _answered(rule)


def _answered(rule: RuleForm) -> Iterator[Fault]:
    if not rule.owner:
        yield rule.spot.fault("`owner` is missing: who answers for this allow?")
    if not rule.expires:
        yield rule.spot.fault("`expires` is missing: the last day on which this allow counts")


def _tables(draft: Draft) -> Iterator[Fault]:
    for tags in draft.shelf.tags:
        if tags.file.builtin:
            yield from _review(tags.form.spot, tags.form.reviewed, draft.inputs)
    for content in draft.shelf.contents:
        if content.file.builtin:
            yield from _review(content.form.spot, content.form.reviewed, draft.inputs)
            for recogniser in content.form.recognisers:
                # a format's source is a standard, or where its files were seen: a sentence that says which
                if not recogniser.source:
                    yield recogniser.spot.fault(
                        "`source` is missing: name the standard, or where it was seen"
                    )


def _source(spot: Spot, sources: tuple[str, ...]) -> Iterator[Fault]:
    if not sources:
        yield spot.fault(f"`source` is missing: {_WRITE_SOURCE}")
    for at, source in enumerate(sources):
        if _SOURCE.fullmatch(source) is None:
            yield spot.child("source").item(at).fault(f"`{source}` is no source: {_WRITE_SOURCE}")


def _review(spot: Spot, reviewed: str, inputs: PolicyInputs) -> Iterator[Fault]:
    if not reviewed:
        yield spot.fault("`reviewed` is missing: the day on which it was compared with its sources")
        return
    yield from _stale(spot.child("reviewed"), reviewed, inputs)


def _stale(spot: Spot, reviewed: str, inputs: PolicyInputs) -> Iterator[Fault]:
    age = date.fromisoformat(inputs.today) - date.fromisoformat(reviewed)
    if age < timedelta(days=-1):
        yield spot.fault(f"`{reviewed}` is not there yet: write the day of the last review")
    if age > timedelta(days=inputs.review_days):
        yield spot.fault(f"reviewed {age.days} days ago: compare it with its sources again", warning=True)


def _siblings(draft: Draft) -> Iterator[Fault]:
    """Every file of rules has its tests beside it, and every test file tests something."""
    places = {file.name: file for file in draft.files}
    for file in draft.files:
        if file.tests:
            if _beside(file, ".yaml") not in places:
                yield Fault(file.shown, 1, 1, "", f"tests nothing: no `{file.stem}.yaml` stands beside it")
        elif _needs_tests(draft, file) and _beside(file, ".test.yaml") not in places:
            yield Fault(file.shown, 1, 1, "", f"has no tests: write `{file.stem}.test.yaml` beside it")


def _beside(file: File, suffix: str) -> str:
    return str(PurePath(file.name).with_name(file.stem + suffix))


def _needs_tests(draft: Draft, file: File) -> bool:
    return all(one.file is not file or one.form.rules for one in draft.shelf.rules)


def _expectations(draft: Draft, cases: Cases) -> Iterator[Fault]:
    """Names in cases that nothing has: such a case would prove nothing."""
    operations = {entry.operation.id for entry in draft.operations()}
    asked, by_value = asked_facts(draft.operations())
    facts = asked | by_value
    rules = set(draft.rules)
    recognisers = {one.id for content in draft.shelf.contents for one in content.form.recognisers}
    for case in cases.requests:
        spot = case.expect.spot
        if case.expect.operation and case.expect.operation not in operations:
            yield _unknown(spot.child("operation"), "operation", case.expect.operation, operations)
        if case.expect.rule and case.expect.rule not in rules and not case.expect.rule.startswith("guard."):
            yield _unknown(spot.child("rule"), "rule", case.expect.rule, rules)
        for fact in sorted({stated.partition("=")[0] for stated in case.asserted} - facts):
            yield _unknown(spot, "fact that an operation asks for", fact, facts)
    for kind_case in cases.kinds:
        for name in kind_case.expect:
            if name not in recognisers:
                message = f"`{name}` is no recogniser: {instead(name, recognisers)}"
                yield Fault(kind_case.file, kind_case.line, 1, "", message)


def _unknown(spot: Spot, what: str, name: str, known: set[str]) -> Fault:
    return spot.fault(f"`{name}` is no {what}: {instead(name, known)}")
