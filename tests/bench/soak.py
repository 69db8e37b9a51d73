"""Ten minutes of everything at once: no error, and nothing grows after the first minute."""

import contextlib
import os
import signal
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.load import Client, Destination, Told
from bench.measure import Outcome
from bench.place import TUNNELLED, Place
from bench.rounds import client, say, standing
from bench.subjects import Standing
from bench.works import FORM, GET, MB, POST, REFUSED, UPLOAD, Cell

EVERY = 10.0
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
    """Asyncio tasks of every process that tells them."""
    total = 0.0
    for stat in on.group.tree():
        file = on.directory / f"tasks-{stat.pid}"
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError, ValueError):
            os.kill(stat.pid, signal.SIGUSR1)
            until = time.monotonic() + 2
            while not file.exists() and time.monotonic() < until:
                time.sleep(0.02)
            total += float(file.read_text())
    return total


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
    later = [one.values[key] for one in samples if one.at >= settled]
    third = max(1, len(later) // 3)
    first, last = statistics.median(later[:third]), statistics.median(later[-third:])
    share, more = ALLOWANCE[key]
    return first, last, last > max(first * share, first + more)


def soak(name: str, seconds: float, kinds: Sequence[str], place: Place, to: Destination) -> list[Outcome]:
    """Load one subject for so long, with some kinds of work or with all; samples each ten seconds."""
    with contextlib.ExitStack() as stack:
        up, absent = stack.enter_context(standing([Cell(name, name, FORM)], place, to))
        if name in absent:
            return [Outcome(f"soak: {name}", "no error", absent[name], None)]
        on = up[name]
        clients: dict[str, Client] = {}
        for title in kinds or LOADS:
            made = client(LOADS[title], on, place, to, seconds)
            stack.callback(made.close)
            assert isinstance(made, Client)
            clients[title] = made
        samples = _watch(on, clients, seconds)
        told = {title: one.told() for title, one in clients.items()}
    return _judged(name, seconds, samples, told)


def _watch(on: Standing, clients: dict[str, Client], seconds: float) -> list[Sample]:
    began = time.monotonic()
    for one in clients.values():
        one.say()
    samples = []
    while (at := time.monotonic() - began) < seconds - EVERY / 2:
        samples.append(sample(on, at))
        say(f"  {at:4.0f} s  " + "  ".join(f"{key} {value:.0f}" for key, value in samples[-1].values.items()))
        time.sleep(max(0.0, min(EVERY, seconds - at)))
    return samples


def _judged(name: str, seconds: float, samples: Sequence[Sample], told: dict[str, Told]) -> list[Outcome]:
    settled = min(60.0, seconds / 3)
    errors = {title: one for title, one in told.items() if one.errors}
    done = sum(one.requests for one in told.values())
    wrong = "; ".join(
        f"{title}: {one.errors} errors, {one.first_error[:120]}" for title, one in errors.items()
    )
    found = [Outcome(f"soak, {seconds:g} s: {name}", "no error", wrong or f"{done:,} requests", not errors)]
    for key in ALLOWANCE:
        first, last, grew = grown(samples, key, settled)
        found.append(
            Outcome(
                f"soak, {key}: {name}",
                f"no growth after {settled:g} s",
                f"{first:.0f}, at the end {last:.0f}",
                not grew,
            )
        )
    return found
