"""What a policy is built from besides the files: the settings' part, as plain data."""

from dataclasses import dataclass, field
from pathlib import Path

from subrosa.content.reader import ReaderLimits
from subrosa.facts.references import GuardedStores
from subrosa.policy.policy import Declared, Profile
from subrosa.policy.sources import Sources


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """The directories of rules and the facts that the settings state.

    ``asserted`` holds facts and `fact=value`; ``today`` is an ISO date.
    """

    builtin: Path
    extra: tuple[Path, ...]
    profile: Profile
    observe: bool
    sources: Sources
    declared: tuple[Declared, ...]
    guarded: GuardedStores
    asserted: frozenset[str]
    today: str
    review_days: int = 365
    """How old a review may be before `check` warns."""
    limits: ReaderLimits = field(default_factory=ReaderLimits)
