"""A run as Markdown and as JSON."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bench.measure import Outcome, Reading, Spread, judge, ratio
from bench.rounds import Measured
from bench.subjects import BY_NAME, SUBJECTS

BEGIN, END = "<!-- the last run begins -->", "<!-- the last run ends -->"
MARK = {True: "met", False: "**not met**", None: "–"}
type Table = Sequence[Sequence[str]]


def table(head: Sequence[str], rows: Table) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def number(value: float) -> str:
    """Three figures that say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """Median, and the range in brackets."""
    of = Spread.of(values)
    return f"{number(of.median)} ({number(of.low)}–{number(of.high)})"


def _median(readings: Sequence[Reading], what: Any) -> str:
    return number(Spread.of([what(reading) for reading in readings]).median)


def _ratios(label: str, measured: Measured) -> str:
    """What one of ours costs against each peer under the same load; peers are not compared with each other."""
    costs = measured.costs()
    cells = {cell.label: cell for cell in measured.work.cells}
    own = cells[label]
    if not BY_NAME[own.subject].ours:
        return ""
    peers = [name for name in costs if not BY_NAME[cells[name].subject].ours and cells[name].load == own.load]
    return ", ".join(f"{number(ratio(costs[label], costs[peer]).median)} × {peer}" for peer in peers)


def cells(measured: Measured) -> str:
    """One work: a line for each cell."""
    unit, costs = measured.work.unit, measured.costs()
    rows = [
        [
            label,
            spread(costs[label]),
            _median(readings, lambda reading: unit.rate(reading.told)),
            _median(readings, lambda reading: reading.told.p50_us / 1000),
            _median(readings, lambda reading: reading.told.p99_us / 1000),
            number(max(reading.peak for reading in readings) / 2**20),
            _ratios(label, measured),
        ]
        for label, readings in measured.readings.items()
    ]
    head = ["", unit.name, unit.rate_name, "p50 ms", "p99 ms", "peak MiB", "ratio"]
    notes = [f"- {label}: {why}" for label, why in measured.absent.items()]
    for label, readings in measured.readings.items():
        errors = sum(reading.told.errors for reading in readings)
        if errors:
            first = next(reading.told.first_error for reading in readings if reading.told.errors)
            notes.append(f"- {label}: {errors} errors, the first: {first[:160]}")
    return table(head, rows) + ("\n" + "\n".join(notes) + "\n" if notes else "")


def outcomes(measured: Measured) -> list[Outcome]:
    """The goals of one work: what fails misses its goal, and cells that were left out on purpose have none."""
    labels = {cell.label for cell in measured.work.cells}
    costs = measured.costs()
    judged = {
        goal.of: judge(goal, measured.work.title, measured.work.unit, costs)
        for goal in measured.work.goals
        if goal.of in labels
    }
    return [
        dataclasses.replace(outcome, measured=why, met=False)
        if (why := measured.absent.get(label, "")).startswith("fails")
        else outcome
        for label, outcome in judged.items()
    ]


def markdown(machine: Mapping[str, str], works: Sequence[Measured], checks: Sequence[Outcome]) -> str:
    """The whole report: where, the goals, then each work."""
    goals = [outcome for measured in works for outcome in outcomes(measured)] + list(checks)
    parts = [
        table(["", ""], [[key, value] for key, value in machine.items()]),
        "### Goals\n\n" + table(["row", "goal", "measured", ""], _lines(goals)),
        *(f"### {one.work.title} (`{one.work.name}`)\n\n{cells(one)}" for one in works),
        "### Who is who\n\n" + table(["", ""], [[one.name, one.title] for one in SUBJECTS]),
    ]
    return "\n".join(parts)


def _lines(goals: Sequence[Outcome]) -> Table:
    return [[one.title, one.goal, one.measured, MARK[one.met]] for one in goals]


def as_json(
    machine: Mapping[str, str], works: Sequence[Measured], checks: Sequence[Outcome]
) -> dict[str, Any]:
    """The same with every round, for who wants to calculate with it."""
    return {
        "machine": dict(machine),
        "works": [
            {
                "name": one.work.name,
                "title": one.work.title,
                "unit": one.work.unit.name,
                "absent": one.absent,
                "costs": one.costs(),
                "rounds": {
                    label: [dataclasses.asdict(reading) for reading in readings]
                    for label, readings in one.readings.items()
                },
                "goals": [dataclasses.asdict(outcome) for outcome in outcomes(one)],
            }
            for one in works
        ],
        "checks": [dataclasses.asdict(outcome) for outcome in checks],
    }


def inserted(page: str, report: str) -> str:
    """BENCHMARKS.md with the last run between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks `{BEGIN}` or `{END}`")
    return f"{before}{BEGIN}\n\n{report}\n{END}{after}"
