"""The bad files: each says in its first lines where it stands and, word for word, what must be said about it."""

import shutil
from pathlib import Path

from subrosa.loading.cases import load_cases
from subrosa.loading.faults import RuleErrors
from subrosa.loading.policy import load
from unit.loading.directories import GOOD, HERE, inputs

BAD = HERE / "bad"
SAYS = "#= "


def bad_files() -> list[Path]:
    """Every bad file; none at all is a fault of the test."""
    found = sorted(BAD.glob("*.bad.yaml"))
    assert found
    return found


def expected(path: Path) -> list[str]:
    """What the file says must be said."""
    return [line.removeprefix(SAYS) for line in path.read_text().splitlines() if line.startswith(SAYS)]


def told(octets: bytes, directory: Path) -> list[str]:
    """What is said about a bad file in its place: beside the good directory, or instead of one of its files."""
    place = octets.split(b"\n", 1)[0].decode().removeprefix("# ")
    shipped = Path(shutil.copytree(GOOD, directory / "shipped", dirs_exist_ok=True))
    target = directory / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(octets)
    (directory / "user").mkdir(exist_ok=True)
    given = inputs(shipped, directory / "user")
    said: list[str] = []
    for step in (lambda: load(given, 1), lambda: load_cases(given)):
        try:
            step()
        except RuleErrors as errors:
            said += [str(fault).replace(f"{directory}/", "") for fault in errors.faults]
    return said
