"""The arithmetic of a run: what a round cost, how rounds spread, how two subjects compare."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from bench.load import Told


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several rounds, and how far they lay apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Reading:
    """One round of one cell: the proxy's own CPU in it, what the client saw, the most memory it had."""

    cpu: float
    told: Told
    peak: int


@dataclass(frozen=True, slots=True)
class Unit:
    """What CPU is counted against."""

    name: str
    cost: Callable[[Reading], float]
    rate_name: str
    rate: Callable[[Told], float]


def _per_request(scale: float) -> Callable[[Reading], float]:
    return lambda reading: reading.cpu * scale / max(1, reading.told.requests)


def _requests_a_second(told: Told) -> float:
    return told.requests / told.seconds if told.seconds else 0.0


def _megabytes_a_second(told: Told) -> float:
    return told.octets / told.seconds / 1e6 if told.seconds else 0.0


REQUEST = Unit("µs CPU a request", _per_request(1e6), "requests/s", _requests_a_second)
CONNECTION = Unit("ms CPU a connection", _per_request(1e3), "connections/s", _requests_a_second)
GIGABYTE = Unit(
    "s CPU a GB",
    lambda reading: reading.cpu * 1e9 / max(1, reading.told.octets),
    "MB/s",
    _megabytes_a_second,
)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Round by round, so that what disturbed both in a round cancels out."""
    return Spread.of([mine / other for mine, other in zip(ours, theirs, strict=True) if other > 0] or [0.0])


def best(costs: Mapping[str, Sequence[float]], names: Sequence[str]) -> str | None:
    """The one of these with the lowest median that was measured."""
    measured = [name for name in names if costs.get(name)]
    return min(measured, key=lambda name: statistics.median(costs[name]), default=None)


@dataclass(frozen=True, slots=True)
class Goal:
    """A cell costs at most this many times the best of some others, or at most so much in the work's unit."""

    of: str
    most: float
    against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A goal beside what was measured; `met` is None where it could not be measured."""

    title: str
    goal: str
    measured: str
    met: bool | None


def judge(goal: Goal, title: str, unit: Unit, costs: Mapping[str, Sequence[float]]) -> Outcome:
    """Compare a goal with the costs of a work's cells, round by round."""
    other = best(costs, goal.against)
    wanted = (
        f"≤ {goal.most:g} × {' or '.join(goal.against)}" if goal.against else f"≤ {goal.most:g} {unit.name}"
    )
    if not costs.get(goal.of) or (goal.against and other is None):
        return Outcome(f"{title}: {goal.of}", wanted, "not measured", None)
    found = ratio(costs[goal.of], costs[other]) if other else Spread.of(costs[goal.of])
    suffix = f" × {other}" if other else ""
    return Outcome(
        f"{title}: {goal.of}",
        wanted,
        f"{found.median:.2f}{suffix} ({found.low:.2f}–{found.high:.2f})",
        found.median <= goal.most,
    )
