"""The one place of this package that touches the disk: rules directories and samples."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from subrosa.loading.faults import Fault

MOST_OCTETS = 4 << 20
TEST_SUFFIX = ".test.yaml"


@dataclass(frozen=True, slots=True)
class File:
    """One YAML file of a rules directory, read whole.

    ``shown`` is how faults name it; ``name`` is the same wherever the directories stand.
    """

    path: Path
    shown: str
    name: str
    builtin: bool
    octets: bytes

    @property
    def stem(self) -> str:
        """The name without its suffix, ``openai`` of ``openai.test.yaml`` too."""
        return self.path.name.removesuffix(TEST_SUFFIX).removesuffix(".yaml")

    @property
    def tests(self) -> bool:
        """Whether it holds test cases."""
        return self.path.name.endswith(TEST_SUFFIX)


def test_name(shown: str) -> str:
    """How faults name the test file beside a file."""
    return shown.removesuffix(".yaml") + TEST_SUFFIX


def read_rules(builtin: Path, extra: tuple[Path, ...], faults: list[Fault]) -> tuple[File, ...]:
    """Every YAML file of the shipped directory, then of the user's, in order of their names."""
    found: list[File] = []
    for at, directory in enumerate((builtin, *extra)):
        shipped = at == 0
        shown = "rules" if shipped else str(directory)
        if not directory.is_dir():
            faults.append(
                Fault(
                    shown, 0, 0, "", f"`{directory}` is no directory: name the directory that holds the rules"
                )
            )
            continue
        for name in _listed(directory, Path(), faults, shown):
            octets = _read(directory / name, f"{shown}/{name.as_posix()}", faults)
            if octets is not None:
                told = f"{shown}/{name.as_posix()}"
                found.append(File(directory / name, told, f"{at}/{name.as_posix()}", shipped, octets))
    return tuple(found)


def fingerprint(builtin: Path, extra: tuple[Path, ...]) -> frozenset[tuple[str, int, int, int]]:
    """Which YAML files there are, by name, inode, size and time of change: cheap to ask, different after a change."""
    found: set[tuple[str, int, int, int]] = set()
    for directory in (builtin, *extra):
        for name in _listed(directory, Path(), [], "") if directory.is_dir() else ():
            try:
                stat = (directory / name).stat()
            except OSError:
                continue  # gone since it was listed; the next look finds it gone
            found.add((str(directory / name), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return frozenset(found)


def read_sample(places: tuple[Path, ...], name: str) -> bytes | None:
    """A sample by its path below one of the places where samples are kept; None where none has it."""
    for place in places:
        path = (place / name).resolve()
        if path.is_file() and path.is_relative_to(place.resolve()):
            return path.read_bytes()
    return None


def sample_places(builtin: Path, extra: tuple[Path, ...]) -> tuple[Path, ...]:
    """Where the samples that test cases name are kept: the checkout's, and each directory's own."""
    return (
        builtin.resolve().parent / "tests" / "samples",
        *(directory / "samples" for directory in (builtin, *extra)),
    )


def write_rules(files: Iterable[File], directories: int, into: Path) -> None:
    """Write files that were read, so that they can be loaded again as they were: into ``0``, ``1`` … below ``into``."""
    for at in range(directories):
        (into / str(at)).mkdir(mode=0o700, parents=True)
    for file in files:
        (into / file.name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (into / file.name).write_bytes(file.octets)


def write_text(directory: Path, texts: dict[str, str]) -> None:
    """Write generated files into a directory, and make it where it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


def _listed(root: Path, below: Path, faults: list[Fault], shown: str) -> Iterator[Path]:
    """YAML files by name; hidden ones (a ConfigMap's ``..data``) are left out, links are followed."""
    for path in sorted((root / below).iterdir(), key=lambda path: path.name):
        name = below / path.name
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if name.parts != ("samples",):
                yield from _listed(root, name, faults, shown)
        elif path.suffix == ".yaml":
            yield name
        elif path.suffix == ".yml":
            faults.append(Fault(f"{shown}/{name.as_posix()}", 0, 0, "", "is not read: name it `.yaml`"))


def _read(path: Path, told: str, faults: list[Fault]) -> bytes | None:
    try:
        octets = path.read_bytes()
    except OSError as error:
        faults.append(Fault(told, 0, 0, "", f"cannot be read: {error.strerror or error}"))
        return None
    if len(octets) > MOST_OCTETS:
        faults.append(Fault(told, 0, 0, "", f"is larger than {MOST_OCTETS} octets: split it"))
        return None
    return octets
