"""The board *Pledge*, for a privacy officer: is the pledge enforced, what was refused, what was never looked at."""

from boards.panels import Board, Panel, Query, Row, Step, Variable, View

AT = 'job=~"$job"'
"""The choice that every query of every board makes."""
FROM = f'{AT}, source=~"$source"'
OF = f'{FROM}, provider=~"$provider"'


def grown(selector: str, over: str) -> str:
    """How much each series of a counter grew, in PromQL: a series that is new counts from nothing.

    Prometheus's own ``increase`` knows no value before the first, so it would leave out the first refusal by a rule,
    which is the one that somebody will ask about.
    """
    return f"(({selector} unless {selector} offset {over}) or increase({selector}[{over}]))"


def octets(path: str) -> str:
    """The octets of bodies that took one path."""
    return f'subrosa_bytes_total{{{AT}, path="{path}"}}'


_RED, _GREEN, _YELLOW = "red", "green", "orange"
_NONE_YET = "none in this time: nothing was refused"

_ENFORCING = (
    Panel(
        title="Enforcing",
        about="Whether every replica enforces the rules. 0 is observe mode: what the rules would refuse passes.",
        queries=(Query(f"min(subrosa_enforcing{{{AT}}})"),),
        view=View.STAT,
        words=(("0", "OBSERVE ONLY", _RED), ("1", "enforcing", _GREEN)),
        width=4,
        height=5,
        runbook="subrosanotenforcing",
    ),
    Panel(
        title="Lockdown",
        about="Whether any replica refuses everything because somebody threw the switch.",
        queries=(Query(f"max(subrosa_lockdown{{{AT}}})"),),
        view=View.STAT,
        words=(("0", "off", _GREEN), ("1", "LOCKED DOWN", _RED)),
        width=4,
        height=5,
        runbook="subrosalockdown",
    ),
    Panel(
        title="Refused",
        about="Transfers refused in the time shown, for whatever reason.",
        queries=(Query(f"sum({grown(f'subrosa_blocked_total{{{OF}}}', '$__range')})"),),
        view=View.STAT,
        width=4,
        height=5,
        empty=_NONE_YET,
    ),
    Panel(
        title="Would have been refused",
        about="Transfers that passed only because of observe mode. The pledge was not kept for these.",
        queries=(Query(f"sum({grown(f'subrosa_would_block_total{{{OF}}}', '$__range')})"),),
        view=View.STAT,
        steps=(Step(None, _GREEN), Step(1, _RED)),
        width=4,
        height=5,
        empty="none: observe mode let nothing pass",
    ),
    Panel(
        title="Late",
        about="Refused after some of its octets, or earlier messages, had left: each needs a look at its record.",
        queries=(Query(f"sum({grown(f'subrosa_late_total{{{AT}}}', '$__range')})"),),
        view=View.STAT,
        steps=(Step(None, _GREEN), Step(1, _YELLOW)),
        width=4,
        height=5,
        empty="none: every refusal came before the first octet left",
        runbook="subrosalate",
    ),
    Panel(
        title="Facts by statement",
        about="Facts that hold only because the settings state them, with owner and reason; an auditor asks for these.",
        queries=(Query(f"max(subrosa_asserted_facts{{{AT}}})"),),
        view=View.STAT,
        width=4,
        height=5,
    ),
)

_REFUSED = (
    Panel(
        title="Refused by rule",
        about="Which rule refused; pledge.* are the pledge itself, guard.* are refusals for safety.",
        queries=(
            Query(f"sum by (rule) ({grown(f'subrosa_blocked_total{{{OF}}}', '$__interval')})", "{{rule}}"),
        ),
        stacked=True,
        bars=True,
        width=12,
        empty=_NONE_YET,
    ),
    Panel(
        title="Refused by provider",
        about="Where refused transfers were going to; `none` is a destination that the catalogue does not name.",
        queries=(
            Query(
                f"topk(12, sum by (provider) ({grown(f'subrosa_blocked_total{{{OF}}}', '$__interval')}))",
                "{{provider}}",
            ),
        ),
        stacked=True,
        bars=True,
        width=12,
        empty=_NONE_YET,
    ),
    Panel(
        title="Refused by kind of content",
        about="What meeting content the refused transfers carried; `none` where the source alone says what it is.",
        queries=(
            Query(f"sum by (kind) ({grown(f'subrosa_blocked_total{{{OF}}}', '$__interval')})", "{{kind}}"),
        ),
        stacked=True,
        bars=True,
        width=12,
        empty=_NONE_YET,
    ),
    Panel(
        title="Refused by source",
        about="Who sent what was refused, by the sources that the settings name.",
        queries=(
            Query(
                f"sum by (source) ({grown(f'subrosa_blocked_total{{{OF}}}', '$__interval')})", "{{source}}"
            ),
        ),
        stacked=True,
        bars=True,
        width=12,
        empty=_NONE_YET,
    ),
    Panel(
        title="What was refused",
        about="Operation by operation over the time shown, most refused first.",
        queries=(
            Query(
                f"sort_desc(sum by (rule, provider, operation, kind, source) "
                f"({grown(f'subrosa_blocked_total{{{OF}}}', '$__range')}) > 0)"
            ),
        ),
        view=View.TABLE,
        width=24,
        height=10,
        empty=_NONE_YET,
    ),
)

_LEDGER = (
    Panel(
        title="Octets inspected and passed",
        about="Bodies that the gateway looked at and let pass, both directions, in the time shown.",
        queries=(Query(f"sum({grown(octets('inspected'), '$__range')})"),),
        view=View.STAT,
        unit="bytes",
        width=6,
        height=5,
        empty="no body passed in this time",
    ),
    Panel(
        title="Octets in tunnels",
        about="Relayed without a look, only to destinations that the settings declare `inspect: never`.",
        queries=(Query(f"sum({grown(octets('tunnel'), '$__range')})"),),
        view=View.STAT,
        unit="bytes",
        width=6,
        height=5,
        empty="no destination is declared `inspect: never`, or none was used",
        runbook="subrosauninspectedbytesgrow",
    ),
    Panel(
        title="Octets refused",
        about="Read from clients and thrown away: they reached no destination.",
        queries=(Query(f"sum({grown(octets('blocked'), '$__range')})"),),
        view=View.STAT,
        unit="bytes",
        width=6,
        height=5,
        empty="refused before any octet of a body was read",
    ),
    Panel(
        title="Evidence records",
        about="Decision and outcome records written in the time shown.",
        queries=(Query(f"sum(increase(subrosa_evidence_records_total{{{AT}}}[$__range]))"),),
        view=View.STAT,
        width=6,
        height=5,
    ),
    Panel(
        title="Ledger of octets",
        about="Every octet of a body by what became of it: inspected, tunnelled, or refused.",
        queries=(Query(f"sum by (path) (rate(subrosa_bytes_total{{{AT}}}[$__rate_interval]))", "{{path}}"),),
        unit="Bps",
        stacked=True,
        width=12,
        empty="no body was sent",
    ),
    Panel(
        title="Allowed, by purpose of the destination",
        about="What passed and what for, as the catalogue knows it; `unclassified` passes in `standard` only.",
        queries=(
            Query(
                f'sum by (purpose) (rate(subrosa_transfers_total{{{OF}, verdict="allow"}}[$__rate_interval]))',
                "{{purpose}}",
            ),
        ),
        unit="reqps",
        stacked=True,
        width=12,
        empty="nothing passed in this time",
    ),
)

_GROUNDS = (
    Panel(
        title="Age of the catalogue",
        about="Since the least recently reviewed operation was checked against its source.",
        queries=(Query(f"max(subrosa_catalogue_age_seconds{{{AT}}})"),),
        view=View.STAT,
        unit="s",
        steps=(Step(None, _GREEN), Step(180 * 86400, _YELLOW), Step(365 * 86400, _RED)),
        width=6,
        height=5,
        runbook="subrosacatalogueold",
    ),
    Panel(
        title="Policy in force",
        about="Digest and profile of each replica; two digests for long means that replicas judge differently.",
        queries=(Query(f"max by (digest, profile, instance) (subrosa_policy_info{{{AT}}})"),),
        view=View.TABLE,
        width=18,
        height=5,
        runbook="subrosapolicydiffers",
    ),
)

PLEDGE = Board(
    uid="subrosa-pledge",
    title="Subrosa / Pledge",
    about="Is meeting content kept out of AI training: what was refused, what passed, and what was never looked at.",
    rows=(
        Row("Is it enforced", _ENFORCING),
        Row("What was refused", _REFUSED),
        Row("Every octet accounted for", _LEDGER),
        Row("On what grounds", _GROUNDS),
    ),
    variables=(
        Variable(name="job", label="Job", metric="subrosa_build_info", of="job"),
        Variable(name="source", label="Source", metric="subrosa_transfers_total", of="source"),
        Variable(name="provider", label="Provider", metric="subrosa_transfers_total", of="provider"),
    ),
    since="now-7d",
    refresh="5m",
)
