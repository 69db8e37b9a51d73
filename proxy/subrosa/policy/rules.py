"""Rules: a condition, an outcome, and how much it outranks; evaluated by `decide`."""

from dataclasses import dataclass
from enum import IntEnum

from subrosa.policy.conditions import Condition
from subrosa.policy.verdict import Outcome, Reason


class Rank(IntEnum):
    """Precedence: a sealed block above a block above an allow above a profile's default."""

    SEALED = 0
    BLOCK = 1
    ALLOW = 2
    DEFAULT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the policy; only the shipped rules directory can seal one."""

    id: str
    rank: Rank
    outcome: Outcome
    reason: Reason
    when: Condition
    why: str = ""
    remedy: str = ""

    @property
    def family(self) -> str:
        """The part before the first dot: ``pledge``, ``strict``, or the user's own."""
        return self.id.partition(".")[0]
