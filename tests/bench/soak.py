"""Ten minutes of everything at once: no error, and nothing grows after the first minute."""

import contextlib
import math
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.gateway import ASKED, counts, tasks
from bench.load import Client, Destination, LoadError, Told
from bench.measure import Outcome
from bench.place import TUNNELLED, Place
from bench.rounds import client, say, standing
from bench.subjects import Standing
from bench.works import FORM, GET, MB, POST, REFUSED, UPLOAD, Cell

EVERY, LEAST = 10.0, 12
"""Seconds from sample to sample; and so many samples at least."""
PATIENCE = 5.0
"""Seconds that a process has to tell its tasks."""
LOADS = {
    "posts": replace(POST, connections=12),
    "connections": replace(GET, connections=2, fresh=True),
    "uploads": replace(UPLOAD, connections=2),
    "forms": replace(FORM, size=2 * MB, connections=2, requests=0, warm=1),
    "refusals": replace(REFUSED, connections=2),
    "tunnels": replace(UPLOAD, connections=2, host=TUNNELLED),
    "http2": replace(POST, connections=2, protocol="h2"),
}
ALLOWANCE = {"MiB": (1.10, 16.0), "descriptors": (1.05, 16.0), "threads": (1.0, 8.0), "tasks": (1.10, 32.0)}
"""What may be added after the first minute before it counts as growth: a share, and so many."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process had at one moment."""

    at: float
    values: dict[str, float]


def _tasks(on: Standing) -> float:
    """Asyncio tasks of every process that tells them; no number where none does."""
    counting = [stat.pid for stat in on.group.tree() if (on.directory / counts(stat.pid)).exists()]
    return math.fsum(_told(on, pid) for pid in counting) if counting else math.nan


def _told(on: Standing, pid: int) -> float:
    file = on.directory / tasks(pid)
    file.unlink(missing_ok=True)
    with contextlib.suppress(OSError, ValueError):
        os.kill(pid, ASKED)
        until = time.monotonic() + PATIENCE
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.02)
        return float(file.read_text())
    return math.nan


def sample(on: Standing, at: float) -> Sample:
    """Take one."""
    group = on.group
    values = {
        "MiB": group.resident() / 2**20,
        "descriptors": float(group.entries("fd")),
        "threads": float(group.entries("task")),
        "tasks": _tasks(on),
    }
    return Sample(at, values)


def grown(samples: Sequence[Sample], key: str, settled: float) -> tuple[float, float, bool]:
    """The median of the first third after the settling, of the last third, and whether that is growth."""
    later = [one.values[key] for one in samples if one.at >= settled] or [math.nan]
    third = max(1, len(later) // 3)
    first, last = statistics.median(later[:third]), statistics.median(later[-third:])
    share, more = ALLOWANCE[key]
    return first, last, last > max(first * share, first + more)


def soak(
    name: str, seconds: float, kinds: Sequence[str], place: Place, to: Destination, found: list[Outcome]
) -> None:
    """Load one subject for so long, with some kinds of work or with all; samples each ten seconds.

    What is found is told too of one that was broken off.
    """
    with contextlib.ExitStack() as stack:
        up, absent = stack.enter_context(standing([Cell(name, name, FORM)], place, to))
        if name in absent:
            found.append(Outcome(f"soak: {name}", "no error", absent[name], None))
            return
        on = up[name]
        clients: dict[str, Client] = {}
        for title in kinds or LOADS:
            made = client(LOADS[title], on, place, to, seconds)
            stack.callback(made.close)
            assert isinstance(made, Client)
            clients[title] = made
        samples: list[Sample] = []
        began = time.monotonic()
        try:
            _watch(on, clients, seconds, samples)
        finally:
            lasted = min(seconds, time.monotonic() - began)
            for one in clients.values() if lasted < seconds else ():
                one.stop()
            found += judged(
                name, seconds, lasted, samples, {title: _end(one) for title, one in clients.items()}
            )


def _watch(on: Standing, clients: dict[str, Client], seconds: float, samples: list[Sample]) -> None:
    began = time.monotonic()
    every = min(EVERY, seconds / LEAST)
    for one in clients.values():
        one.say()
    while (at := time.monotonic() - began) < seconds - every / 2:
        samples.append(sample(on, at))
        say(f"  {at:4.0f} s  " + "  ".join(f"{key} {value:.0f}" for key, value in samples[-1].values.items()))
        time.sleep(max(0.0, min(every, seconds - (time.monotonic() - began))))
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))


def _end(one: Client) -> Told | str:
    """What a client did, or why it cannot tell."""
    try:
        return one.told()
    except LoadError as fault:
        return f"fails: {fault}"


def judged(
    name: str, seconds: float, lasted: float, samples: Sequence[Sample], told: Mapping[str, Told | str]
) -> list[Outcome]:
    """A soak that was to take so many seconds, and lasted so many."""
    settled = min(60.0, lasted / 3)
    done = sum(one.requests for one in told.values() if isinstance(one, Told))
    wrong = [f"broken off after {lasted:.0f} s"] if lasted < seconds else []
    for title, one in told.items():
        if isinstance(one, str):
            wrong.append(f"{title}: {one}")
        elif one.errors:
            wrong.append(f"{title}: {one.errors} errors, {one.first_error[:120]}")
    measured = "; ".join([f"{done:,} requests", *wrong])
    found = [Outcome(f"soak, {seconds:g} s: {name}", "no error", measured, not wrong and done > 0)]
    for key in ALLOWANCE:
        title, goal = f"soak, {key}: {name}", f"no growth after {settled:.0f} s"
        first, last, grew = grown(samples, key, settled)
        known = math.isfinite(first) and math.isfinite(last)
        met = not grew if known else False
        found.append(
            Outcome(title, goal, f"{first:.0f}, at the end {last:.0f}" if known else "nobody tells", met)
        )
    return found
