"""Every metric that Subrosa exposes, in one table: names and labels are contracts with dashboards and alerts."""

from dataclasses import dataclass
from typing import Literal

type MetricKind = Literal["counter", "gauge", "histogram"]
type Scope = Literal["transfers", "gateway"]

DECISION_BUCKETS = (
    5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.5, 1.0
)  # fmt: skip
"""From 5 µs: a decision at the head takes 20 µs, one that reads a held body takes what the body takes."""

REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)
"""From the head to the end of a transfer: a status poll takes milliseconds, a recording takes minutes."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric. ``scope``: ``transfers`` is counted by each worker, ``gateway`` is set by the supervisor alone."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    help: str
    scope: Scope = "transfers"
    buckets: tuple[float, ...] = ()


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "subrosa_transfers_total",
        "counter",
        ("verdict", "reason", "purpose", "provider", "source", "stage"),
        "Transfers decided; verdict is allow, block, or would_block where observe mode let a block pass.",
    ),
    Definition(
        "subrosa_blocked_total",
        "counter",
        ("rule", "provider", "operation", "kind", "source"),
        "Transfers refused, by the deciding rule and the first content kind found.",
    ),
    Definition(
        "subrosa_would_block_total",
        "counter",
        ("rule", "provider", "operation", "source"),
        "Transfers that observe mode let pass and that would have been refused.",
    ),
    Definition(
        "subrosa_bytes_total",
        "counter",
        ("path", "direction"),
        "Octets of body: inspected and forwarded, relayed in tunnels, or blocked and discarded.",
    ),
    Definition(
        "subrosa_decision_seconds",
        "histogram",
        ("stage",),
        "Time the gateway spent on a decision, by the stage that decided.",
        buckets=DECISION_BUCKETS,
    ),
    Definition(
        "subrosa_request_seconds",
        "histogram",
        (),
        "Time from the head of a transfer to its end.",
        buckets=REQUEST_BUCKETS,
    ),
    Definition("subrosa_held_transfers", "gauge", (), "Transfers held back until their verdict."),
    Definition("subrosa_held_bytes", "gauge", (), "Octets of body held back, in memory and in the spool."),
    Definition(
        "subrosa_held_limit_bytes",
        "gauge",
        (),
        "Octets that may be held back; beyond it transfers are refused.",
    ),
    Definition("subrosa_inflight_transfers", "gauge", (), "Transfers between their head and their end."),
    Definition(
        "subrosa_tunnels", "gauge", (), "Open tunnels, relayed without inspection because policy says so."
    ),
    Definition(
        "subrosa_fail_closed_total",
        "counter",
        ("cause",),
        "Transfers refused because something inside the gateway failed.",
    ),
    Definition(
        "subrosa_egress_denied_total",
        "counter",
        ("class",),
        "Destinations refused for their address, by its class.",
    ),
    Definition(
        "subrosa_late_total",
        "counter",
        ("operation",),
        "Transfers refused after some of their octets or earlier messages had left.",
    ),
    Definition("subrosa_evidence_records_total", "counter", (), "Evidence records written."),
    Definition(
        "subrosa_evidence_failures_total", "counter", (), "Evidence records that could not be written."
    ),
    Definition(
        "subrosa_policy_generation",
        "gauge",
        (),
        "Generation of the policy in force, 0 without one.",
        "gateway",
    ),
    Definition(
        "subrosa_policy_info",
        "gauge",
        ("digest", "profile"),
        "Always 1: digest and profile of the policy in force.",
        "gateway",
    ),
    Definition(
        "subrosa_policy_reload_total",
        "counter",
        ("result",),
        "Attempts to load the policy, ok or failed.",
        "gateway",
    ),
    Definition(
        "subrosa_catalogue_age_seconds",
        "gauge",
        (),
        "Time since the least recently reviewed catalogue entry was checked against its source.",
        "gateway",
    ),
    Definition("subrosa_enforcing", "gauge", (), "1 while rules are enforced, 0 in observe mode.", "gateway"),
    Definition("subrosa_lockdown", "gauge", (), "1 while every transfer is refused.", "gateway"),
    Definition(
        "subrosa_asserted_facts",
        "gauge",
        (),
        "Facts that hold only because the settings state them.",
        "gateway",
    ),
    Definition(
        "subrosa_ca_expiry_timestamp_seconds",
        "gauge",
        (),
        "When the certificate authority that clients trust expires, in Unix time.",
        "gateway",
    ),
    Definition(
        "subrosa_worker_restarts_total", "counter", (), "Workers started again after they died.", "gateway"
    ),
    Definition("subrosa_build_info", "gauge", ("version", "python"), "Always 1: what is running.", "gateway"),
)
