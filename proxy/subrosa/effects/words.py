"""The closed lists that label values come from; a value outside its list is counted as ``other``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from subrosa.facts.addresses import AddressClass
from subrosa.facts.body import Kind
from subrosa.facts.stage import Stage
from subrosa.policy.policy import Policy
from subrosa.policy.purposes import Purpose
from subrosa.policy.sources import DEFAULT, names
from subrosa.policy.verdict import Outcome, Reason, Verdict

NONE = "none"
"""The label where there is nothing to name: no rule decided, no operation claimed the request."""
OTHER = "other"
WOULD_BLOCK = "would_block"
TUNNEL = "tunnel"
"""The word in ``Decision.transport`` for a transfer that is relayed without inspection."""

GUARDS: frozenset[str] = frozenset(
    {f"guard.{reason.value}" for reason in Reason} | {"guard.framing", "guard.ambiguity", "guard.engine"}
)
CAUSES: frozenset[str] = frozenset(
    {
        "engine",
        "evidence",
        "hook",
        "inspection",
        "no-policy",
        "protocol",
        "resolver",
        "sessions",
        "spool",
        "timeout",
    }
)


@dataclass(slots=True)
class Words:
    """Label name to the values it may take; those of the policy only grow, so that old generations stay told."""

    guards: frozenset[str] = GUARDS
    causes: frozenset[str] = CAUSES
    _known: dict[str, frozenset[str]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._known = {
            "verdict": frozenset({Outcome.ALLOW.value, Outcome.BLOCK.value, WOULD_BLOCK}),
            "reason": frozenset(reason.value for reason in Reason),
            "purpose": frozenset(purpose.value for purpose in Purpose),
            "stage": frozenset(stage.label for stage in Stage),
            "kind": frozenset({NONE, *(kind.value for kind in Kind)}),
            "path": frozenset({"inspected", TUNNEL, "blocked"}),
            "direction": frozenset({"upstream", "downstream"}),
            "result": frozenset({"ok", "failed"}),
            "cause": self.causes,
            "class": frozenset(each.value for each in AddressClass),
            "provider": frozenset({NONE}),
            "operation": frozenset({NONE}),
            "rule": self.guards | {NONE},
            "source": frozenset({DEFAULT.name}),
        }

    def learn(self, policy: Policy) -> None:
        """Take the words of a new generation."""
        providers = policy.providers.values()
        self._add("provider", policy.providers)
        self._add("operation", (operation.id for provider in providers for operation in provider.operations))
        self._add(
            "rule",
            (rule for rules in (policy.blocks, policy.allows, policy.defaults) for rule in rules.ids()),
        )
        self._add("source", names(policy.sources))

    def _add(self, label: str, words: Iterable[str]) -> None:
        self._known[label] |= frozenset(words)

    def closed(self, label: str, value: str) -> str:
        """The value, or ``other`` where the label's list does not have it."""
        known = self._known.get(label)
        return value if known is None or value in known else OTHER

    @property
    def known(self) -> Mapping[str, frozenset[str]]:
        """Every list as it stands; for documentation and tests."""
        return self._known


def verdict_word(verdict: Verdict) -> str:
    """The one word for a verdict in metrics, logs and evidence; undecided is refused, so it is told as a block."""
    if verdict.would_block:
        return WOULD_BLOCK
    return Outcome.ALLOW.value if verdict.allows else Outcome.BLOCK.value
