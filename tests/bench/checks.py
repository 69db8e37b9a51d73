"""What turns cannot show: memory, what the destination saw before a verdict, a long connection, the decision alone."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.load import Client, Destination, Load, LoadError
from bench.measure import GIGABYTE, Outcome, Spread
from bench.place import Place
from bench.rounds import Pace, client, standing, turn
from bench.subjects import Standing
from bench.subrosa import environment
from bench.works import FORM, GB, GET, GROWS, MB, OURS, UPLOAD, Cell

MIB = 1 << 20
SETTLED = 0.5
"""Seconds in which what a proxy lets through has long arrived on the same machine."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One subject that stands, and what it is asked through."""

    on: Standing
    place: Place
    to: Destination
    small: bool

    def client(self, load: Load) -> Client:
        """A client of this subject."""
        made = client(load, self.on, self.place, self.to, 1.0)
        assert isinstance(made, Client)
        return made

    def once(self, load: Load) -> int:
        """Do a load, and tell the peak of memory in it."""
        with self.client(load) as one:
            reading = turn(self.on, one)
            if reading.told.errors:
                raise LoadError(reading.told.first_error)
            return reading.peak


@dataclass(frozen=True, slots=True)
class Check:
    """One check of several subjects."""

    name: str
    title: str
    goal: str
    subjects: tuple[str, ...]
    run: Callable[[Scene], tuple[str, bool | None]]
    quick: bool = False

    def among(self, words: Sequence[str]) -> "Check":
        """The check of only those subjects whose names begin with one of these words."""
        kept = tuple(name for name in self.subjects if not words or name.startswith(tuple(words)))
        return replace(self, subjects=kept)


def before_verdict(scene: Scene) -> tuple[str, bool | None]:
    """What the destination has of a form when all of it was sent but the last field, which makes it a refusal."""
    form = replace(FORM, size=5 * MB if scene.small else 64 * MB, connections=1, requests=1, halt=True)
    start = scene.to.count()
    with scene.client(replace(form, purpose="fine-tune", expect=403)) as one:
        one.say()
        one.expect("halted")
        time.sleep(SETTLED)
        held = scene.to.count()
        one.say()
        told = one.told()
        time.sleep(SETTLED)
    after = scene.to.count()
    with scene.client(replace(form, halt=False)) as one:
        if one.round().errors:
            return "the permitted twin did not pass", None
    twin = scene.to.count()["octets"] - after["octets"]
    seen = {key: (held[key] - start[key], after[key] - start[key]) for key in start}
    octets, connections = seen["octets"], seen["connections"]
    measured = (
        f"{octets[0]:,} octets and {connections[0]} connections before, {octets[1]:,} after; "
        f"answered {', '.join(told.statuses)}; its twin: {twin:,} octets"
    )
    return measured, octets == (0, 0) and connections == (0, 0) and not told.errors and twin >= form.size


def held_memory(scene: Scene) -> tuple[str, bool | None]:
    """Sixteen forms at once, held to their ends."""
    scene.once(replace(FORM, size=MB, connections=1, requests=1))
    before = scene.on.group.resident()
    size = 32 * MB if scene.small else GB
    load = replace(FORM, size=size, connections=16, requests=16)
    with scene.client(load) as one:
        reading = turn(scene.on, one)
    if reading.told.errors:
        raise LoadError(reading.told.first_error)
    growth = (reading.peak - before) / MIB
    rate = reading.told.octets / 1e6 / reading.cpu
    return (
        f"{growth:.1f} MiB for 16 × {size // MB:,} MB ({rate:.0f} MB/s of CPU)",
        growth <= 64 and rate >= 100,
    )


def upload_memory(scene: Scene) -> tuple[str, bool | None]:
    """One large permitted upload beside a small one."""
    one = replace(UPLOAD, connections=1, requests=1, warm=0)
    large = 200 * MB if scene.small else 5 * GB
    small = scene.once(replace(one, size=5 * MB))
    growth = (scene.once(replace(one, size=large)) - small) / MIB
    return f"{growth:.1f} MiB for {large // MB:,} MB", growth <= 32


def long_connection(scene: Scene) -> tuple[str, bool | None]:
    """Uploads of 1 MB on one connection: the last tenth beside the first."""
    each = 60 if scene.small else 200
    with scene.client(replace(UPLOAD, connections=1, requests=each)) as one:
        costs = [GIGABYTE.cost(turn(scene.on, one)) for _ in range(10)]
    first, last = Spread.of(costs[:3]), Spread.of(costs[-3:])
    grown = last.median / first.median
    sent = f"{each * 10 * MB / GB:g} GB"
    return f"{grown:.2f} ({first.median:.2f}, then {last.median:.2f} s/GB after {sent})", grown <= GROWS


def shared(scene: Scene) -> tuple[str, bool | None]:
    """How new connections are spread over workers, by the CPU that each takes."""
    with scene.client(replace(GET, fresh=True, connections=8)) as one:
        before = {stat.pid: stat.cpu for stat in scene.on.group.tree()}
        told = one.round()
        spent = [stat.cpu - before.get(stat.pid, stat.cpu) for stat in scene.on.group.tree()]
    less, more = sorted(spent)[-2:]
    measured = f"{less:.2f} and {more:.2f} s of CPU for {told.requests:,} new connections"
    return measured, not told.errors and less >= more / 2


CHECKS: tuple[Check, ...] = (
    Check("before-verdict", "at the destination before a verdict", "0 octets, no connection",
          (*OURS, "mitmdump-script", "squid"), before_verdict, quick=True),
    Check("held-memory", "growth of RSS by 16 held uploads at once", "≤ 64 MiB, ≥ 100 MB/s of CPU",
          OURS, held_memory, quick=True),
    Check("upload-memory", "growth of RSS by a permitted upload of 5 GB over one of 5 MB", "≤ 32 MiB",
          (*OURS, "squid"), upload_memory, quick=True),
    Check("growth-octets", "cost of an upload late on a connection", f"≤ {GROWS} × its cost at first",
          OURS, long_connection),
    Check("workers-share", "what each of two workers takes of new connections", "at least half of the other's",
          ("subrosa-workers",), shared),
)  # fmt: skip


def examine(check: Check, place: Place, to: Destination, pace: Pace) -> list[Outcome]:
    """A check of each of its subjects, one after the other, each started anew."""
    found = []
    for name in check.subjects:
        with standing([Cell(name, name, FORM)], place, to) as (up, absent):
            title = f"{check.title}: {name}"
            if name in absent:
                found.append(Outcome(title, check.goal, absent[name], None))
                continue
            try:
                measured, met = check.run(Scene(up[name], place, to, pace.small))
            except LoadError as fault:
                measured, met = f"fails: {fault}", False if up[name].subject.ours else None
            # A goal is ours to reach; a peer stands beside it for comparison.
            found.append(Outcome(title, check.goal, measured, met if up[name].subject.ours else None))
    return found


def decision(place: Place, *, small: bool) -> list[Outcome]:
    """The decision alone, without any proxy, in a process of its own (`bench.decision`)."""
    command = [sys.executable, "-m", "bench.decision", "--json", "--decisions", "1000" if small else "4000"]
    done = subprocess.run(
        command, env=environment(place.checkout), capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode != 0:
        return [Outcome("one decision", "≤ 20 µs", f"fails: {done.stderr.strip()[-300:]}", met=False)]
    return decided(json.loads(done.stdout))


def decided(rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """The rows of `bench.decision` beside the goals."""
    heads = {row["request"]: float(row["head_median_us"]) for row in rows if "request" in row}
    held = [float(row["held_median_us"]) for row in rows if "held_median_us" in row]
    sizes = {int(row["rules"]): row for row in rows if "rules" in row}
    last = sizes[max(sizes)]
    middle, dearest = statistics.median(heads.values()), max(heads, key=lambda name: heads[name])
    return [
        Outcome(
            f"one decision at the head, median of {len(heads)} kinds of request, shipped rules",
            "≤ 20 µs",
            f"{middle:.1f} µs (the dearest, {dearest}: {heads[dearest]:.1f}; with a small body held: "
            f"{min(held):.0f}–{max(held):.0f})",
            met=middle <= 20,
        ),
        Outcome(
            f"one decision with {max(sizes):,} rules against {min(sizes)}",
            "≤ 1.3 ×",
            f"{last['ratio']} ({', '.join(f'{n:,} rules: {row["head_median_us"]} µs' for n, row in sizes.items())})",
            met=float(last["ratio"]) <= 1.3,
        ),
    ]
