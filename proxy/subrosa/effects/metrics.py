"""What is counted, on a registry that the caller owns; series are bounded by policy and settings, never by traffic."""

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from subrosa import __version__
from subrosa.effects.definitions import DEFINITIONS, Definition
from subrosa.effects.words import NONE, OTHER, TUNNEL, Words, verdict_word
from subrosa.policy.decision import Decision, TransferOutcome
from subrosa.policy.policy import Policy

MOST_SERIES = 10_000
"""Of one metric; further combinations are counted under ``other``, whatever a policy's size."""

_OPEN = frozenset({"rule", "provider", "operation", "source"})
"""The labels whose lists are as long as policy and settings make them."""


class Family[M: (Counter, Gauge, Histogram)]:
    """One metric's children by raw label values; a value outside its list never gets a child of its own."""

    __slots__ = ("_children", "_metric", "_names", "_words")

    def __init__(self, metric: M, names: tuple[str, ...], words: Words) -> None:
        self._metric: M = metric
        self._names = names
        self._words = words
        self._children: dict[tuple[str, ...], M] = {}

    def child(self, *values: str) -> M:
        """The series with these label values, in the order of the definition."""
        found = self._children.get(values)
        return found if found is not None else self._resolve(values)

    def _resolve(self, values: tuple[str, ...]) -> M:
        closed = tuple(
            self._words.closed(name, value) for name, value in zip(self._names, values, strict=True)
        )
        if closed not in self._children and len(self._children) >= MOST_SERIES:
            pairs = zip(self._names, closed, strict=True)
            closed = tuple(OTHER if name in _OPEN else value for name, value in pairs)
        found = self._children.get(closed)
        if found is None:
            found = self._children[closed] = self._metric.labels(*closed)
        return found


class Metrics:
    """All metrics of `DEFINITIONS`.

    ``gateway`` is the registry for what only the supervisor knows; without one, everything is on ``registry``.
    ``clock`` gives Unix time, for the age of the catalogue.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        clock: Callable[[], float],
        *,
        gateway: CollectorRegistry | None = None,
        words: Words | None = None,
    ) -> None:
        self.words = words if words is not None else Words()
        self._clock = clock
        self._reviewed = nan
        scopes = {"transfers": registry, "gateway": registry if gateway is None else gateway}
        made = {made.name: _make(made, scopes[made.scope]) for made in DEFINITIONS}
        self._plain = {name: metric for name, metric in made.items() if not _BY_NAME[name].labels}
        self._transfers = self._counters(made, "subrosa_transfers_total")
        self._blocked = self._counters(made, "subrosa_blocked_total")
        self._would_block = self._counters(made, "subrosa_would_block_total")
        self._bytes = self._counters(made, "subrosa_bytes_total")
        self._fail_closed = self._counters(made, "subrosa_fail_closed_total")
        self._egress = self._counters(made, "subrosa_egress_denied_total")
        self._late = self._counters(made, "subrosa_late_total")
        self._reloads = self._counters(made, "subrosa_policy_reload_total")
        self._decision = self._histograms(made, "subrosa_decision_seconds")
        self._policy_info = _as(Gauge, made["subrosa_policy_info"])
        self._request = self._histogram("subrosa_request_seconds")
        self._records = self._counter("subrosa_evidence_records_total")
        self._failures = self._counter("subrosa_evidence_failures_total")
        self._held_transfers = self._gauge("subrosa_held_transfers")
        self._held_bytes = self._gauge("subrosa_held_bytes")
        self._inflight = self._gauge("subrosa_inflight_transfers")
        self._tunnels = self._gauge("subrosa_tunnels")
        self._gauge("subrosa_enforcing").set(1)
        self._gauge("subrosa_catalogue_age_seconds").set_function(self._age)
        _as(Gauge, made["subrosa_build_info"]).labels(__version__, platform.python_version()).set(1)
        for result in ("ok", "failed"):
            self._reloads.child(result)
        for cause in self.words.causes:
            self._fail_closed.child(cause)

    # --- transfers -----------------------------------------------------------------------------------------

    def decided(self, decision: Decision, seconds: float) -> None:
        """Count one decision."""
        verdict = decision.verdict
        word, stage = verdict_word(verdict), verdict.stage.label
        provider = verdict.provider or NONE
        self._transfers.child(
            word, verdict.reason.value, verdict.purpose, provider, decision.source, stage
        ).inc()
        self._decision.child(stage).observe(seconds)
        if not verdict.allows:
            rule = verdict.rules[0] if verdict.rules else NONE
            kind = decision.kinds[0] if decision.kinds else NONE
            self._blocked.child(rule, provider, verdict.operation or NONE, kind, decision.source).inc()
        elif verdict.would_block:
            rule = verdict.rules[0] if verdict.rules else NONE
            self._would_block.child(rule, provider, verdict.operation or NONE, decision.source).inc()

    def ended(self, decision: Decision, outcome: TransferOutcome) -> None:
        """Count what became of a transfer."""
        path = TUNNEL if decision.transport == TUNNEL else "inspected"
        for octets, of, direction in (
            (outcome.sent, path, "upstream"),
            (outcome.received, path, "downstream"),
            (outcome.discarded, "blocked", "upstream"),
        ):
            if octets > 0:
                self._bytes.child(of, direction).inc(octets)
        if outcome.refused:
            verdict, kind = decision.verdict, decision.kinds[0] if decision.kinds else NONE
            self._blocked.child(
                outcome.rule or NONE,
                verdict.provider or NONE,
                verdict.operation or NONE,
                kind,
                decision.source,
            ).inc()
        if outcome.late:
            self._late.child(decision.verdict.operation or NONE).inc()
        if outcome.seconds > 0:
            self._request.observe(outcome.seconds)

    def failed_closed(self, cause: str) -> None:
        """Count a refusal for a failure inside."""
        self._fail_closed.child(cause).inc()

    def egress_denied(self, address_class: str) -> None:
        """Count a destination refused for its address."""
        self._egress.child(address_class).inc()

    def held(self, transfers: int, octets: int) -> None:
        """Move the gauges of what is held back."""
        self._held_transfers.inc(transfers)
        self._held_bytes.inc(octets)

    def inflight(self, change: int) -> None:
        """Move the gauge of transfers in flight."""
        self._inflight.inc(change)

    def tunnels(self, change: int) -> None:
        """Move the gauge of open tunnels."""
        self._tunnels.inc(change)

    def evidence(self, records: int, failures: int) -> None:
        """Count evidence records written, and lost."""
        self._records.inc(records)
        self._failures.inc(failures)

    # --- the gateway ---------------------------------------------------------------------------------------

    def policy_swapped(self, policy: Policy) -> None:
        """Tell the policy in force, and learn its words before its first decision."""
        self.words.learn(policy)
        self._gauge("subrosa_policy_generation").set(policy.generation)
        self._policy_info.clear()
        self._policy_info.labels(policy.digest, policy.profile.value).set(1)
        self._gauge("subrosa_enforcing").set(not policy.observe)
        self._gauge("subrosa_asserted_facts").set(len(policy.asserted))
        self._reviewed = _day(policy.reviewed)

    def reload(self, *, ok: bool) -> None:
        """Count an attempt to load the policy."""
        self._reloads.child("ok" if ok else "failed").inc()

    def lockdown(self, *, on: bool) -> None:
        """Tell whether everything is refused."""
        self._gauge("subrosa_lockdown").set(on)

    def ca_expires(self, timestamp: float) -> None:
        """Tell when the certificate authority expires, in Unix time."""
        self._gauge("subrosa_ca_expiry_timestamp_seconds").set(timestamp)

    def worker_restarted(self) -> None:
        """Count a worker that was started again."""
        self._counter("subrosa_worker_restarts_total").inc()

    # --- how they are made ---------------------------------------------------------------------------------

    def _age(self) -> float:
        return self._clock() - self._reviewed

    def _counters(self, made: dict[str, "Instrument"], name: str) -> Family[Counter]:
        return Family(_as(Counter, made[name]), _BY_NAME[name].labels, self.words)

    def _histograms(self, made: dict[str, "Instrument"], name: str) -> Family[Histogram]:
        return Family(_as(Histogram, made[name]), _BY_NAME[name].labels, self.words)

    def _counter(self, name: str) -> Counter:
        return _as(Counter, self._plain[name])

    def _gauge(self, name: str) -> Gauge:
        return _as(Gauge, self._plain[name])

    def _histogram(self, name: str) -> Histogram:
        return _as(Histogram, self._plain[name])


type Instrument = Counter | Gauge | Histogram

_BY_NAME = {definition.name: definition for definition in DEFINITIONS}


def _make(definition: Definition, registry: CollectorRegistry) -> Instrument:
    name, text, labels = definition.name, definition.help, definition.labels
    if definition.kind == "counter":
        return Counter(name, text, labels, registry=registry)
    if definition.kind == "histogram":
        return Histogram(name, text, labels, registry=registry, buckets=definition.buckets)
    return Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum")


def _as[M](kind: type[M], metric: Instrument) -> M:
    if not isinstance(metric, kind):
        msg = f"{metric} is defined as another kind of metric"
        raise TypeError(msg)
    return metric


def _day(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() if text else nan
