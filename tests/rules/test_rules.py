"""The shipped rules, tried: each case beside them is one test, and nothing in them goes untried."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from subrosa.facts.references import GuardedStores
from subrosa.loading.cases import Case, KindCase, load_cases
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.lint import check
from subrosa.loading.policy import load
from subrosa.loading.rulebook import PLEDGE
from subrosa.loading.running import Policies, run_case, run_kind_case
from subrosa.policy.policy import Policy, Profile
from subrosa.policy.sources import Sources

RULES = Path(__file__).resolve().parents[2] / "rules"
INPUTS = PolicyInputs(
    builtin=RULES,
    extra=(),
    profile=Profile.STANDARD,
    observe=False,
    sources=Sources(),
    declared=(),
    guarded=GuardedStores(),
    asserted=frozenset(),
    today="2026-11-25",
)
CASES = load_cases(INPUTS)
POLICIES = Policies(INPUTS)
ALL: tuple[Case | KindCase, ...] = (*CASES.requests, *CASES.kinds)


@pytest.mark.parametrize("case", CASES.requests, ids=[case.id for case in CASES.requests])
def test_request(case: Case) -> None:
    failure = run_case(POLICIES, case)

    assert failure is None, str(failure)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(INPUTS, 0).policy


@pytest.mark.parametrize("case", CASES.kinds, ids=[case.id for case in CASES.kinds])
def test_content(policy: Policy, case: KindCase) -> None:
    failure = run_kind_case(policy, case)

    assert failure is None, str(failure)


def test_each_case_has_a_name_of_its_own() -> None:
    names = Counter(case.id for case in ALL)

    assert [name for name, times in names.items() if times > 1] == []


def test_nothing_in_the_rules_goes_untried() -> None:
    faults = [str(fault) for fault in check(INPUTS) if not fault.warning]

    assert faults == []


@pytest.mark.parametrize("profile", Profile)
def test_each_profile_loads_without_a_warning(profile: Profile) -> None:
    loaded = load(replace(INPUTS, profile=profile), 1)

    assert loaded.warnings == ()
    assert {rule.id for rule in loaded.policy.blocks.everywhere} >= set(PLEDGE)


def test_every_test_file_gave_cases() -> None:
    files = {path.relative_to(RULES).as_posix() for path in RULES.rglob("*.test.yaml")}
    gave = {case.file.removeprefix("rules/") for case in ALL}

    assert files
    assert gave == files


def test_the_cases_are_of_both_sorts() -> None:
    verdicts = Counter(case.expect.verdict for case in CASES.requests)

    assert min(verdicts["block"], verdicts["allow"]) > len(CASES.requests) // 5
