"""One work, measured: its subjects stand side by side, and take turns."""

import contextlib
import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.load import Client, Destination, Load, LoadError
from bench.measure import Reading
from bench.place import Place
from bench.processes import StartError
from bench.profile import record, top
from bench.subjects import BY_NAME, Standing, stand
from bench.tools import H2load, Wrk
from bench.works import Cell, Work

type Asking = Client | Wrk | H2load


PROFILED = 6.0
"""Seconds of a profile."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often."""

    seconds: float
    rounds: int
    small: bool = False
    """Whether sizes of the memory checks are cut down."""
    profile: Path | None = None
    """Where profiles of ours are put, where they are wanted."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A work's cells with their rounds, and why some have none."""

    work: Work
    readings: dict[str, list[Reading]]
    absent: dict[str, str]

    def costs(self) -> dict[str, list[float]]:
        """What each round of each cell cost."""
        return {
            label: [self.work.unit.cost(one) for one in rounds] for label, rounds in self.readings.items()
        }


def say(text: str) -> None:
    """Progress, for whoever watches."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def standing(
    cells: Sequence[Cell], place: Place, to: Destination
) -> Iterator[tuple[dict[str, Standing], dict[str, str]]]:
    """What stands for each cell, and why nothing does for the others; cells of one subject share its processes."""
    with contextlib.ExitStack() as stack:
        wanted = {cell.label if cell.apart else cell.subject: cell.subject for cell in cells}
        with ThreadPoolExecutor(4) as pool:
            rising = {name: pool.submit(_stood, subject, place, to) for name, subject in wanted.items()}
        for future in rising.values():
            if isinstance(one := future.result(), Standing):
                stack.callback(one.group.stop)
        found = {cell.label: rising[cell.label if cell.apart else cell.subject].result() for cell in cells}
        yield (
            {label: one for label, one in found.items() if isinstance(one, Standing)},
            {label: one for label, one in found.items() if isinstance(one, str)},
        )


def _stood(name: str, place: Place, to: Destination) -> Standing | str:
    subject = BY_NAME[name]
    if why := subject.missing(place):
        return why
    try:
        return stand(subject, place, to)
    except (StartError, OSError, subprocess.SubprocessError) as fault:
        return f"does not start: {fault}"


def client(load: Load, on: Standing, place: Place, to: Destination, seconds: float) -> Asking:
    """The client of one load, warmed up."""
    if load.tool == "go":
        url = to.url(load.path, host=load.host)
        return Client(place, load, url=url, proxy=on.ports.proxy, ca=on.ca, seconds=seconds)
    made: Wrk | H2load = (
        Wrk(on.directory, on.ports.proxy, to, load.path, seconds)
        if load.tool == "wrk"
        else H2load(on.directory, on.ports.reverse, to, load.path, seconds)
    )
    with contextlib.suppress(LoadError):  # the warm-up; what is wrong shows in the rounds
        made.round()
    return made


def turn(on: Standing, one: Asking) -> Reading:
    """One round of one cell."""
    on.group.forget_peak()
    before = on.group.cpu()
    told = one.round()
    return Reading(on.group.cpu() - before, told, on.group.peak())


def measure(work: Work, place: Place, to: Destination, pace: Pace) -> Measured:
    """All rounds of a work. The order turns around each time, so that nobody is always first."""
    with contextlib.ExitStack() as stack:
        up, missing = stack.enter_context(standing(work.cells, place, to))
        clients: dict[str, Asking] = {}
        for cell in work.cells:
            if cell.label in up:
                try:
                    made = client(cell.load, up[cell.label], place, to, pace.seconds)
                except LoadError as fault:
                    missing[cell.label] = f"fails: {fault}"
                    continue
                stack.callback(made.close)
                clients[cell.label] = made
        readings = _take_turns(up, clients, min(pace.rounds, work.most_rounds), missing)
        if pace.profile is not None:
            for label in readings:
                if up[label].subject.ours:
                    _profiled(f"{work.name}-{label}", up[label], clients[label], place, pace.profile)
        return Measured(work, readings, missing)


def _take_turns(
    up: Mapping[str, Standing], clients: Mapping[str, Asking], rounds: int, missing: dict[str, str]
) -> dict[str, list[Reading]]:
    """The readings of those that got to the end."""
    labels = list(clients)
    readings: dict[str, list[Reading]] = {label: [] for label in labels}
    for number in range(rounds):
        for label in labels if number % 2 == 0 else labels[::-1]:
            if label in missing:
                continue
            try:
                reading = turn(up[label], clients[label])
            except LoadError as fault:
                missing[label] = f"fails: {fault}"
                continue
            readings[label].append(reading)
            if reading.told.failed:
                missing[label] = f"fails: {reading.told.errors} errors in a round, {reading.told.first_error}"
    return {label: taken for label, taken in readings.items() if label not in missing}


def _profiled(name: str, on: Standing, one: Asking, place: Place, directory: Path) -> None:
    """More rounds, with py-spy beside them."""
    raw = on.directory / "profile"
    sampling = record(on.group, place, PROFILED, raw)
    until = time.monotonic() + PROFILED
    while time.monotonic() < until:
        one.round()
    sampling.wait(60)
    if raw.exists() and (samples := raw.read_text()):
        directory.mkdir(exist_ok=True)
        (directory / f"profile-{name.replace(' ', '-')}.txt").write_text(top(samples))


def narrowed(work: Work, subjects: Sequence[str]) -> Work:
    """The work with only the subjects whose names begin with one of these words."""
    if not subjects:
        return work
    cells = tuple(cell for cell in work.cells if cell.subject.startswith(tuple(subjects)))
    return dataclasses.replace(work, cells=cells)
