"""Promise 3. The pledge is sealed."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from property.consent import allow, allows, claims, conditions, declared, loaded, said, vocabularies
from property.seeds import Judged, Transfer, judge, sealed, shipped
from subrosa.loading.faults import RuleErrors
from subrosa.policy.operations import Operation
from subrosa.policy.policy import Profile
from subrosa.policy.purposes import TRAINING, Strength
from subrosa.policy.verdict import Outcome

PROVIDERS = shipped().providers.values()
SEALED = sealed()
DEFINITE = tuple(
    one for provider in PROVIDERS for one in provider.operations
    if one.purpose in TRAINING and one.strength is Strength.DEFINITE
)  # fmt: skip
DIALECTS = frozenset(one.id for one in PROVIDERS if any(host.text == "*" for host in one.hosts))
NOT_TRAINING = ["inference", "storage", "saas", "evaluation"]
refused = st.sampled_from(SEALED)


def same_block(transfer: Transfer, judged: Judged) -> bool:
    """Whether it is refused for the same reason by the same rule."""
    before = judge(transfer).verdict
    return judged.verdict.outcome is Outcome.BLOCK and judged.verdict.rules[:1] == before.rules[:1]


def test_promise_03_there_is_something_to_seal() -> None:
    assert len(SEALED) > 200
    assert len(DEFINITE) > 50
    told = {judge(seed).verdict.rules[0] for seed in SEALED}
    assert {rule for rule in told if rule.startswith("pledge.")} == {
        "pledge.training-destination",
        "pledge.training-reference",
        "pledge.training-signal",
        "pledge.training-tag",
        "pledge.vendor-default",
    }


@settings(max_examples=300)
@given(st.data())
def test_promise_03_the_pledge_is_sealed(data: st.DataObject) -> None:
    """Whatever a request says of consent."""
    transfer = data.draw(refused)

    assert same_block(transfer, judge(data.draw(said(transfer))))


@settings(max_examples=15)
@given(st.data())
def test_promise_03_no_rule_of_a_user_and_no_setting_lifts_a_block(data: st.DataObject) -> None:
    transfer = data.draw(refused)
    files = {"allow.yaml": data.draw(allows)}
    own = declared("*.partner.example", data.draw(st.sampled_from(NOT_TRAINING)))
    host = urlsplit(transfer.url).hostname or ""
    theirs = declared(host.lower(), data.draw(st.sampled_from(NOT_TRAINING)))
    try:
        policy = loaded(files, declared=(own, theirs), profile=data.draw(st.sampled_from(list(Profile))))
    except ValueError:
        assume(False)

    assert same_block(transfer, judge(data.draw(said(transfer)), base=policy))


@settings(max_examples=30)
@given(st.data())
def test_promise_03_no_operation_and_no_word_of_a_user_lifts_a_block(data: st.DataObject) -> None:
    """The loader refuses what would; what it takes in lifts nothing.

    A dialect, an API found on any host by its paths, is only `likely` and gives way to who knows the host.
    """
    transfer = data.draw(refused.filter(lambda one: judge(one).verdict.provider not in DIALECTS))
    files = {"destinations/corp.yaml": data.draw(claims(transfer)), "tags.yaml": data.draw(vocabularies)}
    chosen = data.draw(st.lists(st.sampled_from(sorted(files)), min_size=1, unique=True))
    try:
        policy = loaded({name: files[name] for name in chosen})
    except RuleErrors:
        return

    before, after = judge(transfer).verdict, judge(transfer, base=policy).verdict
    assert after.outcome is Outcome.BLOCK
    if after.rules == before.rules == ("pledge.training-destination",):
        assert after.operation == before.operation


@settings(max_examples=15)
@given(conditions, st.sampled_from(["pledge", "strict", "guard"]), st.booleans())
def test_promise_03_no_user_claims_a_reserved_id_or_a_seal(
    when: dict[str, object], family: str, seal: bool
) -> None:
    rule = allow("corp.own" if seal else f"{family}.own", when, **({"sealed": True} if seal else {}))
    with pytest.raises(RuleErrors, match="sealed" if seal else "the gateway's own"):
        loaded({"own.yaml": {"rules": [rule]}})


@settings(max_examples=10)
@given(st.sampled_from(DEFINITE), st.sampled_from(NOT_TRAINING))
def test_promise_03_nothing_definite_is_reclassified(operation: Operation, purpose: str) -> None:
    told = {"owner": "legal", "why": "agreed", "expires": "2027-06-30"}
    form = {"operation": operation.id, "purpose": purpose, **told}
    with pytest.raises(RuleErrors, match="is definite"):
        loaded({"own.yaml": {"reclassify": [form]}})


@settings(max_examples=30)
@given(st.data())
def test_promise_03_an_asserted_fact_is_named_where_it_decides(data: st.DataObject) -> None:
    """Settings state facts: they lift a vendor's default, in every record that they decided, and nothing else."""
    facts = {
        one.unless.assertion
        for provider in PROVIDERS
        for one in provider.operations
        if one.unless is not None
    }
    transfer = data.draw(refused)
    asserted = replace(transfer, asserted=transfer.asserted | (facts - {""}))
    verdict = judge(asserted).verdict

    if verdict.outcome is not Outcome.BLOCK:
        assert judge(transfer).verdict.rules == ("pledge.vendor-default",)
        assert verdict.asserted
