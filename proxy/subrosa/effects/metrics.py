"""What is counted of transfers, on a registry that the caller owns; series are bounded by policy and settings."""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram

from subrosa.effects.families import Instruments
from subrosa.effects.words import NONE, TUNNEL, Words, verdict_word
from subrosa.policy.decision import Decision, TransferOutcome
from subrosa.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class _Counted:
    """Where a decision is counted; ``plain`` is an allow, of which there is nothing else to count."""

    transfers: Counter
    seconds: "_Seconds"
    plain: bool


class _Adds(Protocol):
    def inc(self, amount: float = 1) -> object: ...


class _Seconds:
    """One series of a histogram, in the parts that one observation moves: its own method asks twice what it costs."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, histogram: Histogram) -> None:
        self.bounds: list[float] = histogram._upper_bounds  # noqa: SLF001 - as above
        self.buckets: list[_Adds] = histogram._buckets  # noqa: SLF001
        self.total: _Adds = histogram._sum  # noqa: SLF001


class Metrics:
    """All metrics of `DEFINITIONS` that are about transfers: each worker counts its own.

    ``held_limit`` is how many octets this process may hold back. What one turn of the event loop counts is added up
    and counted at its end: ten transfers move a gauge forty times, mostly to and fro, and each costs a lock.
    """

    def __init__(self, registry: CollectorRegistry, *, held_limit: int, words: Words | None = None) -> None:
        self.words = words if words is not None else Words()
        made = Instruments("transfers", registry, self.words)
        self._transfers = made.counters("subrosa_transfers_total")
        self._blocked = made.counters("subrosa_blocked_total")
        self._would_block = made.counters("subrosa_would_block_total")
        self._bytes = made.counters("subrosa_bytes_total")
        self._fail_closed = made.counters("subrosa_fail_closed_total")
        self._egress = made.counters("subrosa_egress_denied_total")
        self._late = made.counters("subrosa_late_total")
        self._decision = made.histograms("subrosa_decision_seconds")
        self._request = _Seconds(made.histogram("subrosa_request_seconds"))
        self._records = made.counter("subrosa_evidence_records_total")
        self._failures = made.counter("subrosa_evidence_failures_total")
        self._held_transfers = made.gauge("subrosa_held_transfers")
        self._held_bytes = made.gauge("subrosa_held_bytes")
        made.gauge("subrosa_held_limit_bytes").set(held_limit)
        self._inflight = made.gauge("subrosa_inflight_transfers")
        self._tunnels = made.gauge("subrosa_tunnels")
        for cause in self.words.causes:
            self._fail_closed.child(cause)
        self._waiting: defaultdict[_Adds, float] = defaultdict(float)

    def learn(self, policy: Policy) -> None:
        """Take the words of a policy, before its first decision."""
        self.words.learn(policy)

    def decided(self, decision: Decision, seconds: float) -> None:
        """Count one decision."""
        counted = decision.shared.get(self)
        if not isinstance(counted, _Counted):
            counted = decision.shared[self] = self._counted(decision)
        turn, series = self._turn(), counted.seconds
        turn[counted.transfers] += 1
        turn[series.buckets[bisect_left(series.bounds, seconds)]] += 1
        turn[series.total] += seconds
        if counted.plain:
            return
        verdict = decision.verdict
        provider = verdict.provider or NONE
        if not verdict.allows:
            rule = verdict.rules[0] if verdict.rules else NONE
            kind = decision.kinds[0] if decision.kinds else NONE
            self._blocked.child(rule, provider, verdict.operation or NONE, kind, decision.source).inc()
        elif verdict.would_block:
            rule = verdict.rules[0] if verdict.rules else NONE
            self._would_block.child(rule, provider, verdict.operation or NONE, decision.source).inc()

    def _counted(self, decision: Decision) -> "_Counted":
        verdict = decision.verdict
        word, stage = verdict_word(verdict), verdict.stage.label
        transfers = self._transfers.child(
            word, verdict.reason.value, verdict.purpose, verdict.provider or NONE, decision.source, stage
        )
        plain = verdict.allows and not verdict.would_block
        return _Counted(transfers, _Seconds(self._decision.child(stage)), plain)

    def ended(self, decision: Decision, outcome: TransferOutcome) -> None:
        """Count what became of a transfer."""
        path, octets = TUNNEL if decision.transport == TUNNEL else "inspected", self._bytes
        turn, series = self._turn(), self._request
        if outcome.sent > 0:
            turn[octets.child(path, "upstream")] += outcome.sent
        if outcome.received > 0:
            turn[octets.child(path, "downstream")] += outcome.received
        if outcome.discarded > 0:
            turn[octets.child("blocked", "upstream")] += outcome.discarded
        if outcome.seconds > 0:
            turn[series.buckets[bisect_left(series.bounds, outcome.seconds)]] += 1
            turn[series.total] += outcome.seconds
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

    def failed_closed(self, cause: str) -> None:
        """Count a refusal for a failure inside."""
        self._fail_closed.child(cause).inc()

    def egress_denied(self, address_class: str) -> None:
        """Count a destination refused for its address."""
        self._egress.child(address_class).inc()

    def held(self, transfers: int, octets: int) -> None:
        """Move the gauges of what is held back."""
        turn = self._turn()
        if transfers:
            turn[self._held_transfers] += transfers
        if octets:
            turn[self._held_bytes] += octets

    def inflight(self, change: int) -> None:
        """Move the gauge of transfers in flight."""
        self._turn()[self._inflight] += change

    def tunnels(self, change: int) -> None:
        """Move the gauge of open tunnels."""
        self._tunnels.inc(change)

    def evidence(self, records: int, failures: int) -> None:
        """Count evidence records written, and lost."""
        self._records.inc(records)
        self._failures.inc(failures)

    def flush(self) -> None:
        """Count what was added up."""
        waiting, self._waiting = self._waiting, defaultdict(float)
        for metric, amount in waiting.items():
            if amount:
                metric.inc(amount)

    def _turn(self) -> "defaultdict[_Adds, float]":
        """What this turn of the loop counted so far; without a loop, what nobody flushed yet."""
        if not self._waiting:
            with suppress(RuntimeError):
                asyncio.get_running_loop().call_soon(self.flush)
        return self._waiting
