"""Rules directories for tests: the small good one beside this file, copied where a test may spoil it."""

import shutil
from pathlib import Path

from subrosa.facts.references import GuardedStores
from subrosa.loading.inputs import PolicyInputs
from subrosa.policy.policy import Declared, Profile
from subrosa.policy.sources import Sources

HERE = Path(__file__).parent
GOOD = HERE / "good"
TODAY = "2026-11-25"


def inputs(
    builtin: Path = GOOD,
    *extra: Path,
    profile: Profile = Profile.STANDARD,
    declared: tuple[Declared, ...] = (),
    asserted: frozenset[str] = frozenset(),
    sources: Sources | None = None,
    today: str = TODAY,
) -> PolicyInputs:
    """The inputs of a policy, with what matters to a test."""
    return PolicyInputs(
        builtin=builtin,
        extra=extra,
        profile=profile,
        observe=False,
        sources=sources or Sources(),
        declared=declared,
        guarded=GuardedStores(),
        asserted=asserted,
        today=today,
    )


def copied(tmp_path: Path) -> Path:
    """A copy of the good directory."""
    return Path(shutil.copytree(GOOD, tmp_path / "rules"))


def written(directory: Path, **files: str) -> Path:
    """A directory with these YAML files; ``__`` in a name is a slash."""
    for name, text in files.items():
        path = directory / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory
