"""The board *Operations*, for whoever is on call: rate, errors, latency, what waits, what fails, what was reloaded."""

from boards.panels import Board, Panel, Query, Row, Step, Variable, View
from boards.pledge import AT

ON = f'{AT}, instance=~"$instance"'
_RED, _GREEN, _YELLOW = "red", "green", "orange"
_QUIET = "no traffic in this time"

_STATE = (
    Panel(
        title="Replicas",
        about="Gateways that are scraped now, by version.",
        queries=(Query(f"count by (version, python) (subrosa_build_info{{{ON}}})", "{{version}}"),),
        view=View.STAT,
        width=4,
        height=5,
        runbook="subrosadown",
    ),
    Panel(
        title="Transfers a second",
        about="Decided now, all verdicts.",
        queries=(Query(f"sum(rate(subrosa_transfers_total{{{ON}}}[$__rate_interval]))"),),
        view=View.STAT,
        unit="reqps",
        width=4,
        height=5,
        empty=_QUIET,
        runbook="subrosanotraffic",
    ),
    Panel(
        title="Failed closed",
        about="Refused in the time shown because something inside the gateway failed.",
        queries=(Query(f"sum(increase(subrosa_fail_closed_total{{{ON}}}[$__range]))"),),
        view=View.STAT,
        steps=(Step(None, _GREEN), Step(1, _YELLOW), Step(100, _RED)),
        width=4,
        height=5,
        runbook="subrosafailclosed",
    ),
    Panel(
        title="Policy generation",
        about="The lowest generation in force; 0 is a gateway without a policy, which refuses everything.",
        queries=(Query(f"min(subrosa_policy_generation{{{ON}}})"),),
        view=View.STAT,
        steps=(Step(None, _RED), Step(1, _GREEN)),
        width=4,
        height=5,
        runbook="subrosanopolicy",
    ),
    Panel(
        title="Certificate authority ends in",
        about="When clients stop trusting the gateway, on the replica where that is first.",
        queries=(Query(f"min(subrosa_ca_expiry_timestamp_seconds{{{ON}}}) - time()"),),
        view=View.STAT,
        unit="s",
        steps=(Step(None, _RED), Step(14 * 86400, _YELLOW), Step(45 * 86400, _GREEN)),
        width=4,
        height=5,
        runbook="subrosacaexpires",
    ),
    Panel(
        title="Enforcing",
        about="Whether every replica enforces, and none is locked down: 1 is as it should be.",
        queries=(Query(f"min(subrosa_enforcing{{{ON}}}) - max(subrosa_lockdown{{{ON}}})"),),
        view=View.STAT,
        words=(("-1", "observe and locked", _RED), ("0", "LOOK", _RED), ("1", "as it should be", _GREEN)),
        width=4,
        height=5,
        runbook="subrosanotenforcing",
    ),
)

_TRAFFIC = (
    Panel(
        title="Transfers by verdict",
        about="Rate of decisions; would_block is what observe mode let pass.",
        queries=(
            Query(
                f"sum by (verdict) (rate(subrosa_transfers_total{{{ON}}}[$__rate_interval]))", "{{verdict}}"
            ),
        ),
        unit="reqps",
        stacked=True,
        empty=_QUIET,
    ),
    Panel(
        title="Refusals by reason",
        about="Why transfers were refused; `egress`, `head` and `limit` are the guards.",
        queries=(
            Query(
                f'sum by (reason) (rate(subrosa_transfers_total{{{ON}, verdict="block"}}[$__rate_interval]))',
                "{{reason}}",
            ),
        ),
        unit="reqps",
        stacked=True,
        empty="nothing was refused",
    ),
    Panel(
        title="Octets a second",
        about="Bodies by path and direction.",
        queries=(
            Query(
                f"sum by (path, direction) (rate(subrosa_bytes_total{{{ON}}}[$__rate_interval]))",
                "{{path}} {{direction}}",
            ),
        ),
        unit="Bps",
        empty="no body was sent",
    ),
)


def _quantiles(metric: str) -> tuple[Query, ...]:
    return tuple(
        Query(f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{{{ON}}}[$__rate_interval])))", name)
        for q, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
    )


_LATENCY = (
    Panel(
        title="Time of a decision",
        about="What the gateway itself spends on a verdict; the record's durability is not in it.",
        queries=_quantiles("subrosa_decision_seconds"),
        unit="s",
        empty=_QUIET,
        runbook="subrosadecisionsslow",
    ),
    Panel(
        title="Time of a decision, by stage",
        about="Mean by the stage that decided; `end` includes reading a held body.",
        queries=(
            Query(
                f"sum by (stage) (rate(subrosa_decision_seconds_sum{{{ON}}}[$__rate_interval])) / "
                f"sum by (stage) (rate(subrosa_decision_seconds_count{{{ON}}}[$__rate_interval]))",
                "{{stage}}",
            ),
        ),
        unit="s",
        empty=_QUIET,
    ),
    Panel(
        title="Time of a transfer",
        about="From its head to its end: mostly the destination's time and the size of the body.",
        queries=_quantiles("subrosa_request_seconds"),
        unit="s",
        empty=_QUIET,
    ),
)

_WAITING = (
    Panel(
        title="In flight",
        about="Transfers between head and end, and tunnels that are open.",
        queries=(
            Query(f"sum(subrosa_inflight_transfers{{{ON}}})", "transfers"),
            Query(f"sum(subrosa_tunnels{{{ON}}})", "tunnels"),
        ),
    ),
    Panel(
        title="Held",
        about="Transfers held back until their verdict.",
        queries=(Query(f"sum(subrosa_held_transfers{{{ON}}})", "transfers"),),
        runbook="subrosaheldnearlimit",
    ),
    Panel(
        title="Octets held",
        about="In memory and in the encrypted spool, beside what the limits allow; at the limit transfers are refused.",
        queries=(
            Query(f"sum(subrosa_held_bytes{{{ON}}})", "held"),
            Query(f"sum(subrosa_held_limit_bytes{{{ON}}})", "limit"),
        ),
        unit="bytes",
        runbook="subrosaheldnearlimit",
    ),
)

_FAULTS = (
    Panel(
        title="Failed closed, by cause",
        about="What failed inside. One cause that goes on is a fault to mend; the transfers were refused, not leaked.",
        queries=(
            Query(f"sum by (cause) (rate(subrosa_fail_closed_total{{{ON}}}[$__rate_interval]))", "{{cause}}"),
        ),
        unit="reqps",
        stacked=True,
        runbook="subrosafailclosed",
    ),
    Panel(
        title="Destinations refused for their address",
        about="Private, metadata, loopback and other addresses that no transfer may go to.",
        queries=(
            Query(
                f"sum by (class) (rate(subrosa_egress_denied_total{{{ON}}}[$__rate_interval]))", "{{class}}"
            ),
        ),
        unit="reqps",
        stacked=True,
        empty="no destination was refused for its address",
        runbook="subrosaegressdenied",
    ),
    Panel(
        title="Evidence",
        about="Records written, and records that could not be: while they cannot, customer content is refused.",
        queries=(
            Query(f"sum(rate(subrosa_evidence_records_total{{{ON}}}[$__rate_interval]))", "written"),
            Query(f"sum(rate(subrosa_evidence_failures_total{{{ON}}}[$__rate_interval]))", "failed"),
        ),
        unit="wps",
        runbook="subrosaevidencefailing",
    ),
    Panel(
        title="Reloads",
        about="Attempts to load the policy; after a failed one the policy before it stays in force.",
        queries=(
            Query(
                f"sum by (result) (increase(subrosa_policy_reload_total{{{ON}}}[$__interval]))", "{{result}}"
            ),
        ),
        bars=True,
        width=12,
        runbook="subrosareloadfailed",
    ),
    Panel(
        title="Workers started again",
        about="Workers that died and were replaced; other workers' connections live on.",
        queries=(Query(f"sum(increase(subrosa_worker_restarts_total{{{ON}}}[$__interval]))", "restarts"),),
        bars=True,
        width=12,
        runbook="subrosaworkersrestart",
    ),
)

OPERATIONS = Board(
    uid="subrosa-operations",
    title="Subrosa / Operations",
    about="The gateway at work: rate, refusals, latency, what waits, what fails.",
    rows=(
        Row("Now", _STATE),
        Row("Traffic", _TRAFFIC),
        Row("Latency", _LATENCY),
        Row("What waits", _WAITING),
        Row("What fails", _FAULTS),
    ),
    variables=(
        Variable(name="job", label="Job", metric="subrosa_build_info", of="job"),
        Variable(name="instance", label="Instance", metric="subrosa_build_info", of="instance"),
    ),
    since="now-6h",
    refresh="30s",
)
