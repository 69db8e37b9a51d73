"""One work, measured: its subjects stand side by side, and take turns."""

import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.load import Client, Destination, Load, LoadError
from bench.measure import Reading
from bench.place import Place
from bench.processes import StartError
from bench.subjects import BY_NAME, Standing, stand
from bench.tools import H2load, Wrk
from bench.works import Cell, Work

type Asking = Client | Wrk | H2load


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often."""

    seconds: float
    rounds: int
    small: bool = False
    """Whether sizes of the memory checks are cut down."""


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
        url = to.url(load.path)
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
                    stack.callback(made.close)
                    clients[cell.label] = made
                except LoadError as fault:
                    missing[cell.label] = f"fails: {fault}"
        cells = [cell for cell in work.cells if cell.label in clients]
        readings: dict[str, list[Reading]] = {cell.label: [] for cell in cells}
        for number in range(min(pace.rounds, work.most_rounds)):
            for cell in cells if number % 2 == 0 else cells[::-1]:
                if cell.label in missing:
                    continue
                try:
                    readings[cell.label].append(turn(up[cell.label], clients[cell.label]))
                except LoadError as fault:
                    missing[cell.label] = f"fails: {fault}"
                    readings[cell.label].clear()
        kept = {label: rounds for label, rounds in readings.items() if rounds}
        return Measured(work, kept, missing)


def narrowed(work: Work, subjects: Sequence[str]) -> Work:
    """The work with only the subjects whose names begin with one of these words."""
    if not subjects:
        return work
    cells = tuple(cell for cell in work.cells if cell.subject.startswith(tuple(subjects)))
    return dataclasses.replace(work, cells=cells)
