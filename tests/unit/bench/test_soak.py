"""The soak's judgement, from samples that were made up; and how a process tells its tasks."""

import asyncio
import math
import os
import signal
from pathlib import Path

import pytest

from bench.gateway import ASKED, count_tasks, tasks
from bench.load import Told
from bench.soak import ALLOWANCE, Sample, judged
from subrosa.runtime.signals import Wish

FINE = Told(1000, 0, "", 0, 600.0, 0.0, 0.0, {"200": 1000})
FAULTY = Told(1000, 3, "status 502 instead of 200", 0, 600.0, 0.0, 0.0, {"200": 997, "502": 3})


def samples(key: str = "", more: float = 0.0, *, seconds: int = 600) -> list[Sample]:
    """A sample each ten seconds of what a gateway has at rest, and of one thing so much more a second."""
    flat = dict.fromkeys(ALLOWANCE, 100.0)
    return [
        Sample(float(at), flat | ({key: 100.0 + more * at} if key else {})) for at in range(0, seconds, 10)
    ]


def met(taken: list[Sample], *, lasted: float = 600.0, told: Told | str = FINE) -> dict[str, bool | None]:
    outcomes = judged("subrosa-lean", 600.0, lasted, taken, {"posts": told})
    return {outcome.title.removesuffix(": subrosa-lean"): outcome.met for outcome in outcomes}


def test_what_does_not_grow_has_met_its_goals() -> None:
    assert set(met(samples()).values()) == {True}


@pytest.mark.parametrize("key", ALLOWANCE)
def test_a_leak_is_growth_and_nothing_else_is(key: str) -> None:
    found = met(samples(key, 0.2))
    assert [title for title, fine in found.items() if not fine] == [f"soak, {key}"]


def test_what_a_gateway_takes_in_its_first_minute_is_no_leak() -> None:
    early = [Sample(one.at, one.values | {"MiB": min(one.at, 50.0)}) for one in samples()]
    assert met(early)["soak, MiB"] is True


@pytest.mark.parametrize(
    "told", [pytest.param(FAULTY, id="an error"), pytest.param("fails: it died", id="a client that died")]
)
def test_an_error_is_told(told: Told | str) -> None:
    assert met(samples(), told=told)["soak, 600 s"] is False


def test_a_soak_that_is_broken_off_is_told_as_far_as_it_came() -> None:
    (first, *others) = judged("subrosa-lean", 600.0, 120.0, samples(seconds=120), {"posts": FINE})
    assert first.met is False
    assert first.measured == "1,000 requests; broken off after 120 s"
    assert [outcome.met for outcome in others] == [True] * len(ALLOWANCE)
    assert {outcome.goal for outcome in others} == {"no growth after 40 s"}


@pytest.mark.parametrize(
    "taken", [pytest.param([], id="no sample"), pytest.param([math.nan], id="no number")]
)
def test_what_nobody_tells_has_not_met_its_goal(taken: list[float]) -> None:
    unknown = [
        Sample(float(at), one.values | {"tasks": value})
        for value in taken
        for at, one in enumerate(samples())
    ]
    assert met(unknown)["soak, tasks"] is False


@pytest.mark.asyncio
async def test_a_process_tells_its_tasks_when_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = signal.signal(ASKED, count_tasks)
    try:
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(asyncio.Event().wait()) for _ in range(3)]
            await asyncio.sleep(0)
            os.kill(os.getpid(), ASKED)
            assert int(tasks(os.getpid()).read_text()) == len(waiting) + 1
            for one in waiting:
                one.cancel()
    finally:
        signal.signal(ASKED, before)


def test_the_signal_that_asks_for_it_asks_the_gateway_for_nothing() -> None:
    assert ASKED not in {wish.value for wish in Wish}
