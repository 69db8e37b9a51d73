import math
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder

from helpers import operation, policy
from subrosa.effects.definitions import DEFINITIONS
from subrosa.effects.families import MOST_SERIES
from subrosa.effects.gatewaymetrics import GatewayMetrics
from subrosa.effects.metrics import Metrics
from subrosa.effects.words import Words
from subrosa.facts.stage import Stage
from subrosa.policy.policy import Policy, Profile
from subrosa.policy.sources import Source
from subrosa.policy.verdict import Reason, refusal
from telling import ALLOW, BLOCK, NOW, OBSERVED, decision, metrics, outcome

FORBIDDEN_LABELS = {"host", "path_", "user", "id", "pid", "client", "address", "url", "query", "listener"}


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def series(registry: CollectorRegistry) -> int:
    return sum(len(metric.samples) for metric in registry.collect())


def known() -> tuple[Metrics, CollectorRegistry]:
    made, registry = metrics()
    made.learn(policy(sources=[Source(name="recorder")]))
    return made, registry


def test_a_block_is_counted_once_under_its_rule_and_kind() -> None:
    made, registry = known()
    made.decided(decision(kinds=("transcript", "audio"), source="recorder"), 1e-5)

    assert (
        value(
            registry,
            "subrosa_blocked_total",
            rule="pledge.training-destination",
            provider="acme",
            operation="acme.tune",
            kind="transcript",
            source="recorder",
        )
        == 1
    )
    assert (
        value(
            registry,
            "subrosa_transfers_total",
            verdict="block",
            reason="training-destination",
            purpose="fine-tuning",
            provider="acme",
            source="recorder",
            stage="body",
        )
        == 1
    )


def test_what_observe_mode_let_pass_is_counted_apart_and_never_as_blocked() -> None:
    made, registry = known()
    made.decided(decision(verdict=OBSERVED), 1e-5)
    told = generate_latest(registry).decode()

    assert (
        value(
            registry,
            "subrosa_would_block_total",
            rule="pledge.training-destination",
            provider="acme",
            operation="acme.tune",
            source="default",
        )
        == 1
    )
    assert 'verdict="would_block"' in told
    assert "subrosa_blocked_total{" not in told


def test_an_allowed_transfer_is_neither() -> None:
    made, registry = known()
    made.decided(decision(verdict=ALLOW), 1e-5)
    told = generate_latest(registry).decode()

    assert "subrosa_blocked_total{" not in told
    assert "subrosa_would_block_total{" not in told
    assert 'provider="none"' in told


def test_a_transfer_without_kind_rule_or_operation_says_none() -> None:
    made, registry = known()
    made.decided(decision(verdict=refusal(Reason.HEAD, "guard.head", Stage.HEAD)), 1e-5)

    assert (
        value(
            registry,
            "subrosa_blocked_total",
            rule="guard.head",
            provider="none",
            operation="none",
            kind="none",
            source="default",
        )
        == 1
    )


def test_ten_thousand_hosts_and_made_up_words_keep_the_number_of_series() -> None:
    made, registry = known()
    made.decided(decision(), 1e-5)
    made.decided(decision(verdict=replace(BLOCK, provider="x", operation="x", rules=("x",))), 1e-5)
    made.decided(decision(source="x", kinds=("x",)), 1e-5)
    made.decided(decision(verdict=replace(BLOCK, purpose="x"), source="x"), 1e-5)
    made.ended(decision(transport="x"), outcome(sent=1, received=1, discarded=1, late=True, seconds=1))
    made.ended(decision(verdict=replace(BLOCK, operation="x")), outcome(late=True))
    made.failed_closed("x")
    made.egress_denied("x")
    before = series(registry)
    for number in range(10_000):
        word = f"h{number}.example"
        odd = replace(BLOCK, provider=word, operation=word, rules=(word,), detail=word)
        made.decided(decision(host=word, path=f"/{word}", user=word, id=word, client=word), 1e-5)
        made.decided(decision(verdict=odd), 1e-5)
        made.decided(decision(source=word, kinds=(word,)), 1e-5)
        made.decided(decision(verdict=replace(BLOCK, purpose=word), source=word), 1e-5)
        made.ended(decision(transport=word), outcome(sent=1, late=True))
        made.ended(decision(verdict=odd), outcome(late=True))
        made.failed_closed(word)
        made.egress_denied(word)

    assert series(registry) == before
    assert b"h77" not in generate_latest(registry)


def test_a_policy_of_any_size_has_bounded_series() -> None:
    made, registry = metrics()
    count = MOST_SERIES + 500
    operations = [operation(f"acme.op{number}", f"/v1/{number}") for number in range(count)]
    made.learn(policy(operations=operations))
    for number in range(count):
        made.decided(decision(verdict=replace(BLOCK, operation=f"acme.op{number}")), 1e-5)
    found = [metric for metric in registry.collect() if metric.name == "subrosa_blocked"]
    counted = [sample for sample in found[0].samples if sample.name == "subrosa_blocked_total"]

    assert len(counted) == MOST_SERIES + 1
    assert sum(sample.value for sample in counted) == count


def test_words_of_an_older_generation_stay_known() -> None:
    made, registry = known()
    made.learn(replace(policy(operations=[]), generation=2))
    made.decided(decision(), 1e-5)

    assert b'operation="acme.tune"' in generate_latest(registry)


def test_octets_are_counted_by_path_and_direction() -> None:
    made, registry = known()
    made.ended(decision(verdict=ALLOW), outcome(sent=10, received=20))
    made.ended(decision(), outcome(discarded=30))
    made.ended(decision(verdict=ALLOW, transport="tunnel"), outcome(sent=40, received=50))

    assert value(registry, "subrosa_bytes_total", path="inspected", direction="upstream") == 10
    assert value(registry, "subrosa_bytes_total", path="inspected", direction="downstream") == 20
    assert value(registry, "subrosa_bytes_total", path="blocked", direction="upstream") == 30
    assert value(registry, "subrosa_bytes_total", path="tunnel", direction="upstream") == 40
    assert value(registry, "subrosa_bytes_total", path="tunnel", direction="downstream") == 50


def test_gauges_move_both_ways() -> None:
    made, registry = known()
    made.held(1, 4096)
    made.held(1, 100)
    made.held(-1, -4096)
    made.inflight(1)
    made.tunnels(2)
    made.tunnels(-1)

    assert value(registry, "subrosa_held_transfers") == 1
    assert value(registry, "subrosa_held_bytes") == 100
    assert value(registry, "subrosa_inflight_transfers") == 1
    assert value(registry, "subrosa_tunnels") == 1


def of_gateway(clock: Callable[[], float] = lambda: NOW) -> tuple[GatewayMetrics, CollectorRegistry]:
    registry = CollectorRegistry()
    return GatewayMetrics(registry, clock), registry


def test_a_swap_tells_the_policy_in_force_and_only_that_one() -> None:
    made, registry = of_gateway()
    made.policy_swapped(replace(policy(), digest="old", reviewed="2026-11-01"))
    made.policy_swapped(
        replace(
            policy(),
            digest="new",
            generation=2,
            profile=Profile.STRICT,
            observe=True,
            asserted=frozenset({"a.b"}),
        )
    )

    assert value(registry, "subrosa_policy_info", digest="new", profile="strict") == 1
    assert value(registry, "subrosa_policy_info", digest="old", profile="standard") is None
    assert value(registry, "subrosa_policy_generation") == 2
    assert value(registry, "subrosa_enforcing") == 0
    assert value(registry, "subrosa_asserted_facts") == 1


def test_the_age_of_the_catalogue_is_computed_when_it_is_asked_for() -> None:
    now = [NOW]
    made, registry = of_gateway(lambda: now[0])

    assert math.isnan(value(registry, "subrosa_catalogue_age_seconds") or 0.0)

    made.policy_swapped(replace(policy(), reviewed="2026-11-25"))
    first = value(registry, "subrosa_catalogue_age_seconds") or 0.0
    now[0] += 60

    assert value(registry, "subrosa_catalogue_age_seconds") == first + 60


def test_states_and_counts_of_the_gateway() -> None:
    made, registry = of_gateway()
    made.lockdown(on=True)
    made.ca_expires(1.5e9)
    made.reload(ok=True)
    made.reload(ok=False)
    made.reload(ok=False)
    made.worker_restarted()

    assert value(registry, "subrosa_lockdown") == 1
    assert value(registry, "subrosa_ca_expiry_timestamp_seconds") == 1.5e9
    assert value(registry, "subrosa_policy_reload_total", result="ok") == 1
    assert value(registry, "subrosa_policy_reload_total", result="failed") == 2
    assert value(registry, "subrosa_worker_restarts_total") == 1


def test_evidence_is_counted_as_written_or_lost() -> None:
    made, registry = metrics()
    made.evidence(3, 1)

    assert value(registry, "subrosa_evidence_records_total") == 3
    assert value(registry, "subrosa_evidence_failures_total") == 1


def test_failures_inside_are_there_before_the_first_one_so_that_an_alert_sees_it() -> None:
    made, registry = metrics()

    assert value(registry, "subrosa_fail_closed_total", cause="spool") == 0

    made.failed_closed("spool")
    assert value(registry, "subrosa_fail_closed_total", cause="spool") == 1


def test_causes_are_the_callers_closed_list() -> None:
    registry = CollectorRegistry()
    made = Metrics(registry, held_limit=1 << 30, words=Words(causes=frozenset({"mine"})))
    made.failed_closed("mine")

    assert value(registry, "subrosa_fail_closed_total", cause="mine") == 1
    assert value(registry, "subrosa_fail_closed_total", cause="spool") is None


def test_what_only_the_supervisor_knows_is_made_apart() -> None:
    _, workers = metrics()
    _, own = of_gateway()
    of_workers = {metric.name for metric in workers.collect()}
    of_supervisor = {metric.name for metric in own.collect()}

    assert "subrosa_transfers" in of_workers
    assert "subrosa_lockdown" in of_supervisor
    assert not of_workers & of_supervisor


def test_every_definition_is_exposed_with_its_kind_and_labels() -> None:
    registry = exercised()
    found = {metric.name: metric for metric in registry.collect()}

    assert {definition.name.removesuffix("_total") for definition in DEFINITIONS} == set(found)
    for definition in DEFINITIONS:
        metric = found[definition.name.removesuffix("_total")]
        assert metric.type == definition.kind
        assert metric.documentation == definition.help
        labels = {name for sample in metric.samples for name in sample.labels} - {"le"}
        assert labels == set(definition.labels), definition.name


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.name)
def test_no_label_can_come_from_the_wire(definition: object) -> None:
    labels = getattr(definition, "labels", ())

    assert not FORBIDDEN_LABELS & set(labels)


def test_names_are_unique() -> None:
    names = [definition.name for definition in DEFINITIONS]

    assert len(names) == len(set(names))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_say() -> None:
    registry = exercised()
    text = (
        b"\n".join(line for line in generate_latest(registry).split(b"\n") if b"_created" not in line) + b"\n"
    )
    found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)

    assert (found.returncode, found.stdout + found.stderr) == (0, b"")


def test_openmetrics_can_be_written() -> None:
    registry = exercised()

    encode, content_type = choose_encoder("application/openmetrics-text;version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert encode(registry).endswith(b"# EOF\n")


def exercised() -> CollectorRegistry:
    """Every metric on one registry, each used once."""
    made, registry = known()
    last: Policy = replace(policy(), reviewed="2026-11-25")
    GatewayMetrics(registry, lambda: NOW).policy_swapped(last)
    for verdict in (BLOCK, ALLOW, OBSERVED):
        made.decided(decision(verdict=verdict), 1e-5)
        made.ended(
            decision(verdict=verdict), outcome(sent=1, received=1, discarded=1, late=True, seconds=0.1)
        )
    made.failed_closed("spool")
    made.egress_denied("loopback")
    return registry
