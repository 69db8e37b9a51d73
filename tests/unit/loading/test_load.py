"""From directories to a policy: what the files say is what the policy holds."""

from dataclasses import replace
from pathlib import Path

import pytest

from subrosa.facts.hosts import Host
from subrosa.facts.paths import Path as RequestPath
from subrosa.loading.faults import RuleErrors
from subrosa.loading.policy import load
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.operations import FieldMatch, OptOut, RequestPattern
from subrosa.policy.policy import Declared, Policy, Profile
from subrosa.policy.purposes import Carries, Purpose, Strength
from subrosa.policy.rules import Rank
from subrosa.policy.sources import Source, Sources
from subrosa.policy.verdict import Outcome, Reason
from unit.loading.directories import GOOD, copied, inputs, written

ALLOW = """
rules:
  - id: corp.partner
    verdict: allow
    when: {{host: partner.example}}
    owner: Ada
    expires: {expires}
"""


def good(**changes: object) -> Policy:
    return load(replace(inputs(), **changes), 1).policy  # type: ignore[arg-type]


def claimed(policy: Policy, host: str, method: str, path: str) -> list[str]:
    claims = policy.index.claims(Host.parse(host), method, RequestPath.parse(path))
    return list(dict.fromkeys(claim.operation.id for claim in claims))


def test_the_good_directory_loads_without_a_warning() -> None:
    loaded = load(inputs(), 7)

    assert loaded.warnings == ()
    assert loaded.policy.generation == 7
    assert loaded.policy.reviewed == "2026-11-01"
    assert {file.path.relative_to(GOOD).as_posix() for file in loaded.files} == {
        "content/video.yaml",
        "destinations/acme.yaml",
        "pledge.yaml",
        "profiles/standard.yaml",
        "profiles/strict.yaml",
        "tags.yaml",
    }


def test_an_operation_is_what_its_file_says() -> None:
    operations = {one.id: one for one in good().providers["acme"].operations}

    tune = operations["acme.files.tune"]
    assert (tune.purpose, tune.strength, tune.shape) == (Purpose.DATASET_UPLOAD, Strength.DEFINITE, "problem")
    assert tune.requests == (
        RequestPattern(
            frozenset({"POST"}),
            "/v1/files",
            (FieldMatch("form", "purpose", frozenset({"fine-tune", "tune*"})),),
        ),
    )
    assert tune.source == "https://acme.example/docs/files"
    assert tune.reviewed == "2026-11-01"
    assert operations["acme.files.create"].strength is Strength.DEFINITE
    assert operations["acme.files.create"].requests[0].fields[0].absent
    assert operations["acme.jobs.create"].carries is Carries.REFERENCE
    assert operations["acme.listen"].unless == OptOut(
        (FieldMatch("query", "no_train", frozenset({"true"}), exact=True),), "acme.opted-out"
    )
    assert operations["acme.store"].object_body
    assert operations["acme.store"].shape == "s3"


def test_an_aws_target_is_claimed_in_each_of_its_wire_forms() -> None:
    jobs = {one.id: one for one in good().providers["acme"].operations}["acme.jobs.create"].requests[1:]

    kind = FieldMatch("json", "kind", frozenset({"train"}))
    assert jobs == (
        RequestPattern(
            frozenset({"POST"}),
            "/",
            (FieldMatch("header", "x-amz-target", frozenset({"acme.createjob"})), kind),
        ),
        RequestPattern(frozenset({"POST"}), "/service/Acme/operation/CreateJob", (kind,)),
    )


def test_an_aws_target_without_prefix_is_claimed_as_query_and_form(tmp_path: Path) -> None:
    user = written(
        tmp_path,
        destinations__corp="""
provider: corp
hosts: [sqs.corp.example]
operations:
  - {id: corp.send, purpose: saas, request: {aws_target: SendMessage}}
""",
    )

    requests = load(inputs(GOOD, user), 1).policy.providers["corp"].operations[0].requests
    assert requests == (
        RequestPattern(
            frozenset({"GET", "POST"}), "/", (FieldMatch("query", "Action", frozenset({"sendmessage"})),)
        ),
        RequestPattern(frozenset({"POST"}), "/", (FieldMatch("form", "action", frozenset({"sendmessage"})),)),
    )


def test_an_operation_with_hosts_of_its_own_is_claimed_there_only() -> None:
    policy = good()

    assert claimed(policy, "api.acme.example", "POST", "/v1/jobs") == ["acme.jobs.create"]
    assert claimed(policy, "x.eu.acme.example", "POST", "/v1/jobs") == []
    assert claimed(policy, "ml.eu-1.acme.example", "POST", "/v1/chat") == ["acme.chat"]


def test_the_sealed_rules_come_first_whatever_the_files_are_called(tmp_path: Path) -> None:
    user = written(
        tmp_path,
        a="rules:\n  - {id: a.block, verdict: block, when: {customer_content: true}, why: because}\n",
    )

    rules = load(inputs(GOOD, user), 1).policy.blocks.everywhere
    assert [rule.rank for rule in rules] == [Rank.SEALED] * 5 + [Rank.BLOCK]
    assert rules[0].id == "pledge.training-destination"
    assert rules[-1].reason is Reason.USER_RULE


@pytest.mark.parametrize(
    ("profile", "ids"), [(Profile.STANDARD, []), (Profile.STRICT, ["strict.unclassified"])]
)
def test_a_profile_brings_its_own_rules_only(profile: Profile, ids: list[str]) -> None:
    assert [rule.id for rule in good(profile=profile).defaults.everywhere] == ids


def test_an_allow_counts_until_its_last_day(tmp_path: Path) -> None:
    user = written(tmp_path, corp=ALLOW.format(expires="2026-11-25"))
    last_day = load(inputs(GOOD, user, today="2026-11-25"), 1)
    day_after = load(inputs(GOOD, user, today="2026-11-26"), 1)

    partner = Host.parse("partner.example")
    assert [(rule.id, rule.outcome) for rule in last_day.policy.allows.on(partner)] == [
        ("corp.partner", Outcome.ALLOW)
    ]
    assert day_after.policy.allows.on(partner) == ()
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in day_after.warnings] == [
        "corp.yaml:7:14 rules[0].expires: rule `corp.partner` expired on 2026-11-25: it is ignored; renew or remove it"
    ]


def test_what_expires_changes_the_digest_and_nothing_else_about_time_does(tmp_path: Path) -> None:
    user = written(tmp_path, corp=ALLOW.format(expires="2026-11-25"))
    digests = [load(inputs(GOOD, user, today=f"2026-11-{day}"), 1).policy.digest for day in (24, 25, 26, 27)]

    assert digests[0] == digests[1] != digests[2] == digests[3]


def test_the_digest_is_of_the_content_not_of_comments_tests_places_or_generations(tmp_path: Path) -> None:
    moved = copied(tmp_path)
    (moved / "tags.yaml").write_text("# a comment\n" + (moved / "tags.yaml").read_text())
    (moved / "tags.test.yaml").write_text("[]")

    assert load(inputs(moved), 2).policy.digest == load(inputs(), 1).policy.digest


@pytest.mark.parametrize(
    "change",
    [
        {"profile": Profile.STRICT},
        {"observe": True},
        {"sources": Sources((Source(name="recorder", users=frozenset({"a", "b"})),))},
        {"asserted": frozenset({"acme.opted-out"})},
        {"declared": (Declared(host=HostPattern.parse("llm.corp.example"), speaks="acme"),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_covers_what_the_settings_state(change: dict[str, object]) -> None:
    assert good(**change).digest != good().digest


def test_a_declared_host_speaks_the_provider_s_operations() -> None:
    declared = (Declared(host=HostPattern.parse("llm.corp.example"), speaks="acme"),)
    policy = good(declared=declared)

    assert claimed(policy, "llm.corp.example", "POST", "/v1/files") == [
        "acme.files.tune",
        "acme.files.create",
    ]
    assert claimed(policy, "llm.corp.example", "POST", "/v1/jobs") == ["acme.jobs.create"]
    assert policy.declared.get(Host.parse("llm.corp.example")) == tuple(declared)


def test_a_declared_host_counts_until_its_last_day() -> None:
    declared = (
        Declared(host=HostPattern.parse("llm.corp.example"), purpose="storage", expires="2026-11-24"),
    )
    loaded = load(inputs(declared=declared), 1)

    assert loaded.policy.declared.get(Host.parse("llm.corp.example")) == ()
    assert [str(fault) for fault in loaded.warnings] == [
        "settings destinations[0].expires: `llm.corp.example` expired on 2026-11-24: it is ignored; renew or remove it"
    ]


def test_settings_that_name_what_nobody_knows_are_told() -> None:
    host = HostPattern.parse("llm.corp.example")
    declared = (Declared(host=host, speaks="acne"), Declared(host=host, purpose="saas"))

    with pytest.raises(RuleErrors) as raised:
        load(inputs(declared=declared, asserted=frozenset({"acme.opted-in"})), 1)

    assert str(raised.value).splitlines() == [
        "settings assert: no operation asks for the fact `acme.opted-in`: write `acme.opted-out`",
        "settings destinations[0].speaks: `acne` is no provider of the catalogue: write `acme`",
        "settings destinations[1].host: `llm.corp.example` is declared twice",
    ]


@pytest.mark.parametrize("host", ["api.acme.example", "*.acme.example", "*"])
def test_where_something_trains_nothing_is_left_unread(host: str) -> None:
    declared = (
        Declared(host=HostPattern.parse("pinned.example"), tunnel="tls"),
        Declared(host=HostPattern.parse(host), tunnel="tls"),
    )

    with pytest.raises(RuleErrors) as raised:
        load(inputs(declared=declared), 1)

    assert [fault.where for fault in raised.value.faults] == ["destinations[1].inspect"]
    assert f"`{host}` cannot be left unread: `acme." in str(raised.value)


def test_what_the_settings_let_speak_a_training_api_is_not_left_unread() -> None:
    declared = (
        Declared(host=HostPattern.parse("*.corp.example"), speaks="acme"),
        Declared(host=HostPattern.parse("llm.corp.example"), tunnel="any"),
    )

    with pytest.raises(RuleErrors, match=r"destinations\[1\]\.inspect: .* claims `\*\.corp\.example`"):
        load(inputs(declared=declared), 1)


def test_a_tunnel_of_the_settings_is_one_of_the_policy() -> None:
    one = Declared(host=HostPattern.parse("*.pinned.example"), tunnel="tls")
    policy = load(inputs(declared=(one,)), 1).policy

    assert policy.tunnel(Host.parse("a.pinned.example")) is one
    assert policy.tunnel(Host.parse("pinned.example")) is None
    assert policy.digest != good().digest


def test_a_fact_is_asserted_in_the_way_it_is_asked(tmp_path: Path) -> None:
    rules = copied(tmp_path)
    with (rules / "destinations" / "acme.yaml").open("a") as file:
        file.write(
            "  - id: acme.tell\n    purpose: model-improvement\n    strength: likely\n"
            "    request: {method: POST, path: /v1/tell}\n"
            "    unless: {tenant: {header: acme-allowed, assert: acme.tenant}}\n"
        )

    def told(*asserted: str) -> list[str]:
        try:
            load(inputs(rules, asserted=frozenset(asserted)), 1)
        except RuleErrors as raised:
            return str(raised).splitlines()
        return []

    assert told("acme.tenant=t-1", "acme.opted-out") == []
    assert told("acme.tenant", "acme.opted-out=t-1") == [
        "settings assert: `acme.opted-out` is a fact of its own: leave `values` away",
        "settings assert: `acme.tenant` is asked by its values: write `values: […]`, the ids of our accounts",
    ]


def test_a_rule_may_name_a_source_of_the_settings(tmp_path: Path) -> None:
    user = written(
        tmp_path, corp="rules:\n  - {id: corp.r, verdict: block, when: {source: recorder}, why: because}\n"
    )
    sources = Sources((Source(name="recorder"),))

    assert load(inputs(GOOD, user, sources=sources), 1).policy.blocks.everywhere[-1].id == "corp.r"


def test_a_reclassification_changes_the_operation_and_says_who_did_it(tmp_path: Path) -> None:
    user = written(
        tmp_path,
        corp="""
reclassify:
  - {operation: acme.models, purpose: storage, owner: Ada, why: a private hub, expires: 2026-11-25}
""",
    )

    def hub(today: str) -> tuple[Purpose, str]:
        policy = load(inputs(GOOD, user, today=today), 1).policy
        (claim,) = policy.index.claims(
            Host.parse("api.acme.example"), "POST", RequestPath.parse("/v1/hub/x/push")
        )
        assert claim.operation in policy.providers["acme"].operations
        return claim.operation.purpose, claim.operation.reclassified

    assert hub("2026-11-25") == (Purpose.STORAGE, "Ada: a private hub")
    assert hub("2026-11-26") == (Purpose.DATASET_HUB, "")


def test_users_add_carriers_and_terms_to_the_shipped_ones(tmp_path: Path) -> None:
    user = written(
        tmp_path,
        tags="carriers: {headers: [{header: X-Corp-Use}]}\nvocabulary: {compound: [corpus building]}\n",
    )

    tags = load(inputs(GOOD, user), 1).policy.tags
    assert [carrier.header for carrier in tags.headers] == ["x-data-purpose", None, "x-corp-use"]
    assert tags.vocabulary.compound == {"model-training", "train-ai=y", "corpus building"}


def test_a_directory_may_be_flat_or_a_mounted_config_map(tmp_path: Path) -> None:
    hidden = tmp_path / "..2026_11_25"
    hidden.mkdir()
    (hidden / "corp.yaml").write_text(
        "provider: corp\nhosts: [a.example]\n"
        "operations:\n  - {id: corp.a, purpose: saas, request: {method: GET, path: /}}\n"
    )
    (tmp_path / "..data").symlink_to(hidden.name)
    (tmp_path / "corp.yaml").symlink_to("..data/corp.yaml")

    loaded = load(inputs(GOOD, tmp_path), 1)
    assert "corp" in loaded.policy.providers
    assert loaded.files[-1].path == tmp_path / "corp.yaml"
