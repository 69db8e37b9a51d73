"""`make bench`: Subrosa beside what a user would take instead, on this machine's loopback."""

import argparse
import json
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import machine, report, setup
from bench.checks import CHECKS, Check, decision, examine
from bench.load import Destination, destination
from bench.measure import Outcome
from bench.place import RESULTS, ROOT, Place, prepare
from bench.rounds import Measured, Pace, measure, narrowed, say
from bench.soak import LOADS, soak
from bench.subjects import SUBJECTS
from bench.works import WORKS, Work

PAGE = ROOT / "BENCHMARKS.md"
DESCRIPTORS = 32_768


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What is asked for; names that do not exist are faults."""
    names = [work.name for work in WORKS] + [check.name for check in CHECKS] + ["decision"]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", type=_words, default=[], metavar="WORK,…", help=", ".join(names))
    parser.add_argument(
        "--subjects",
        type=_words,
        default=[],
        metavar="WORD,…",
        help="those whose names begin with one of these",
    )
    parser.add_argument("--rounds", type=int, default=None, help="5 without it, 2 with --quick")
    parser.add_argument("--seconds", type=float, default=None, help="of a timed round: 1.2, 0.7 with --quick")
    parser.add_argument("--quick", action="store_true", help="the main rows only, in less than four minutes")
    parser.add_argument(
        "--soak",
        type=float,
        default=0,
        metavar="SECONDS",
        help=f"nothing but a soak of Subrosa; of its work --only {', '.join(LOADS)}",
    )
    parser.add_argument("--checkout", type=Path, default=ROOT, help="measure the Subrosa of this directory")
    parser.add_argument("--profile", action="store_true", help="with profiles of Subrosa beside the report")
    parser.add_argument("--write", action="store_true", help="put the report into BENCHMARKS.md")
    told = parser.parse_args(arguments)
    names = list(LOADS) if told.soak else names
    if unknown := set(told.only) - set(names):
        parser.error(f"`{min(unknown)}` is no work: write one of {', '.join(names)}")
    every = [subject.name for subject in SUBJECTS]
    if strange := [word for word in told.subjects if not any(name.startswith(word) for name in every)]:
        parser.error(f"`{strange[0]}` begins no subject's name: write one of {', '.join(every)}")
    return told


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a run does."""

    works: list[Work]
    checks: list[Check]
    decision: bool


def choose(told: argparse.Namespace) -> Chosen:
    """All of it, the quick part, or what was named."""

    def wanted(name: str, *, quick: bool) -> bool:
        return name in told.only if told.only else quick or not told.quick

    works = [narrowed(work, told.subjects) for work in WORKS if wanted(work.name, quick=work.quick)]
    checks = [check for check in CHECKS if wanted(check.name, quick=check.quick)]
    return Chosen(
        [work for work in works if work.cells],
        [narrow for check in checks if (narrow := check.among(told.subjects)).subjects],
        wanted("decision", quick=True),
    )


@dataclass(slots=True)
class Found:
    """What a run has measured so far, and where."""

    facts: dict[str, str] = field(default_factory=dict)
    works: list[Measured] = field(default_factory=list)
    checks: list[Outcome] = field(default_factory=list)
    whole: bool = False
    """Whether it came to its end."""


def run(told: argparse.Namespace, found: Found) -> None:
    """Measure what was chosen; the machine's facts are read before it is loaded."""
    pace = Pace(
        seconds=told.seconds or (0.7 if told.quick else 1.2),
        rounds=told.rounds or (2 if told.quick else 5),
        small=told.quick,
        profile=RESULTS if told.profile else None,
    )
    with tempfile.TemporaryDirectory(prefix="subrosa-bench-") as work:
        place = prepare(Path(work), told.checkout.resolve())
        found.facts |= machine.describe(place) | {
            "rounds": f"{pace.rounds}, timed ones of {pace.seconds:g} s"
        }
        with destination(place) as to:
            if told.soak:
                names = [s.name for s in SUBJECTS if s.name in ("subrosa-lean", "subrosa-engine")]
                wanted = [name for name in names if name.startswith(tuple(told.subjects or ["subrosa"]))]
                for name in wanted:
                    soak(name, told.soak, told.only, place, to, found.checks)
            else:
                _take(choose(told), place, to, pace, found)
    found.whole = True


def _take(chosen: Chosen, place: Place, to: Destination, pace: Pace, found: Found) -> None:
    for one in chosen.works:
        began = time.monotonic()
        found.works.append(measure(one, place, to, pace))
        say(
            f"\n{one.title} (`{one.name}`), {time.monotonic() - began:.0f} s\n\n{report.cells(found.works[-1])}"
        )
    for check in chosen.checks:
        found.checks += examine(check, place, to, pace)
        say(f"{check.title}: done")
    if chosen.decision:
        found.checks += decision(place, small=pace.small)


def main(arguments: Sequence[str]) -> int:
    """Set up, measure, write what was measured; 1 where a goal that was measured is not met."""
    told = parse(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, most), most))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything that was started is stopped
    setup.ready()
    began, found = time.monotonic(), Found()
    try:
        run(told, found)
    finally:  # of a run that is broken off, what it had
        found.facts["took"] = f"{(time.monotonic() - began) / 60:.1f} minutes"
        if not found.whole:
            found.facts["ended"] = "early: this is all that was measured"
        text = _write(found)
    if told.write:
        PAGE.write_text(report.inserted(PAGE.read_text(), text))
    missed = [outcome for one in found.works for outcome in report.outcomes(one)] + found.checks
    return int(any(outcome.met is False for outcome in missed))


def _write(found: Found) -> str:
    text = report.markdown(found.facts, found.works, found.checks)
    told = report.as_json(found.facts, found.works, found.checks)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "last.md").write_text(text)
    (RESULTS / "last.json").write_text(json.dumps(told, indent=1))
    print(text)
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
