"""The store: whole policies in, one reference out; a bad reload changes nothing but what is said about it."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from subrosa.loading.faults import Fault
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.policy import Loaded
from subrosa.loading.store import ReloadResult, Store
from subrosa.policy.policy import Policy, Profile
from unit.loading.directories import copied, inputs, written

RULE = "rules:\n  - {{id: corp.{name}, verdict: block, when: {{customer_content: true}}, why: because}}\n"


class Bench:
    """A store over a user directory, and what it told."""

    def __init__(self, directory: Path) -> None:
        self.user = written(directory / "user", corp=RULE.format(name="first"))
        self.inputs: PolicyInputs = inputs(copied(directory), self.user)
        self.swapped: list[Policy] = []
        self.results: list[ReloadResult] = []
        self.store = Store(lambda: self.inputs, self.swapped.append, self.results.append)

    def write(self, name: str) -> None:
        """Put another rule in the place of the user's, in one step."""
        fresh = self.user / ".corp.new"
        fresh.write_text(RULE.format(name=name))
        fresh.replace(self.user / "corp.yaml")

    def last_rule(self) -> str:
        """The id of the last block rule in force."""
        policy = self.store.current()
        assert policy is not None
        return policy.blocks.everywhere[-1].id


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_before_the_first_load_there_is_no_policy(bench: Bench) -> None:
    assert bench.store.current() is None
    assert not bench.store.stale


def test_a_reload_swaps_the_whole_policy_and_counts_a_generation(bench: Bench) -> None:
    first = bench.store.reload()
    before = bench.store.current()
    bench.write("second")
    second = bench.store.reload()

    assert (first.ok, first.generation, second.ok, second.generation) == (True, 1, True, 2)
    assert bench.last_rule() == "corp.second"
    assert before is not None
    assert before.blocks.everywhere[-1].id == "corp.first"
    assert [policy.generation for policy in bench.swapped] == [1, 2]


def test_a_bad_reload_keeps_the_policy_and_says_so_until_a_good_one(bench: Bench) -> None:
    bench.store.reload()
    kept = bench.store.current()
    (bench.user / "corp.yaml").write_text("rules: [{id: corp.x}]\n")
    bad = bench.store.reload()

    assert (bad.ok, bad.generation) == (False, 1)
    assert bench.store.current() is kept
    assert bench.store.stale
    assert [str(fault) for fault in bad.faults] == bench.store.last_fault.splitlines()
    assert "rules[0]: `verdict` is missing" in bench.store.last_fault

    bench.write("first")
    assert bench.store.reload().ok
    assert (bench.store.stale, bench.store.last_fault) == (False, "")
    assert bench.store.current() is kept
    assert [result.ok for result in bench.results] == [True, False, True]


def test_a_first_load_that_fails_leaves_no_policy(bench: Bench) -> None:
    (bench.user / "corp.yaml").write_text("rules: 1\n")

    assert bench.store.reload().generation == 0
    assert bench.store.current() is None
    assert bench.store.stale


def test_what_has_not_changed_is_not_swapped(bench: Bench) -> None:
    bench.store.reload()
    policy = bench.store.current()
    os.utime(bench.user / "corp.yaml")
    (bench.user / "corp.yaml").write_text("# a comment\n" + (bench.user / "corp.yaml").read_text())

    assert bench.store.reload() == ReloadResult(ok=True, generation=1)
    assert bench.store.current() is policy
    assert len(bench.swapped) == 1


def test_the_inputs_are_asked_anew(bench: Bench) -> None:
    bench.store.reload()
    bench.inputs = replace(bench.inputs, profile=Profile.STRICT)
    bench.store.reload()

    assert bench.swapped[-1].profile is Profile.STRICT


def test_whatever_loading_raises_keeps_the_policy(bench: Bench) -> None:
    bench.store.reload()
    store = Store(lambda: bench.inputs)
    store.reload()
    kept = store.current()
    bench.inputs = None  # type: ignore[assignment]

    result = store.reload()
    assert not result.ok
    assert str(result.faults[0]).startswith("rules: loading failed: AttributeError: ")
    assert store.current() is kept


def test_what_must_agree_is_asked_before_a_policy_is_in_force(bench: Bench) -> None:
    asked: list[tuple[str, int, str]] = []

    def agree(inputs: PolicyInputs, loaded: Loaded) -> list[Fault]:
        current = store.current()
        asked.append(("" if current is None else current.digest, loaded.policy.generation, inputs.today))
        return [Fault("workers", 0, 0, "", "no")] if len(asked) == 2 else []

    store = Store(lambda: bench.inputs, agree=agree)
    first = store.reload()
    kept = store.current()
    bench.write("second")
    refused = store.reload()

    assert (first.ok, refused.ok, refused.generation, store.stale) == (True, False, 1, True)
    assert [str(fault) for fault in refused.faults] == ["workers: no"]
    assert store.current() is kept
    assert store.reload().generation == 2
    assert not store.stale
    assert kept is not None
    assert asked == [
        (before, at, bench.inputs.today) for before, at in (("", 1), (kept.digest, 2), (kept.digest, 2))
    ]


def test_a_policy_that_is_in_force_already_needs_no_agreement(bench: Bench) -> None:
    asked: list[Loaded] = []

    def agree(_inputs: PolicyInputs, loaded: Loaded) -> tuple[Fault, ...]:
        asked.append(loaded)
        return ()

    store = Store(lambda: bench.inputs, agree=agree)
    store.reload()
    store.reload()

    assert len(asked) == 1


def test_warnings_are_those_of_the_policy_in_force(bench: Bench) -> None:
    rule = (
        "rules:\n  - {id: corp.a, verdict: allow, when: {host: a.example}, owner: Ada, expires: 2026-01-01}\n"
    )
    (bench.user / "corp.yaml").write_text(rule)

    assert not bench.store.warnings
    assert bench.store.reload().ok
    (warning,) = bench.store.warnings
    assert "expired on 2026-01-01" in str(warning)


def test_reloads_from_many_threads_leave_one_policy_and_no_gap(bench: Bench) -> None:
    bench.store.reload()
    threads = [threading.Thread(target=bench.store.reload) for _ in range(8)]
    bench.write("second")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert bench.last_rule() == "corp.second"
    assert [policy.generation for policy in bench.swapped] == [1, 2]


@contextlib.asynccontextmanager
async def watching(bench: Bench) -> AsyncIterator[asyncio.Queue[ReloadResult]]:
    """A watched store, and each result as it comes."""
    loop, results, stop = asyncio.get_running_loop(), asyncio.Queue[ReloadResult](), asyncio.Event()
    told = bench.results.append
    bench.store = Store(
        lambda: bench.inputs,
        bench.swapped.append,
        lambda result: (told(result), loop.call_soon_threadsafe(results.put_nowait, result))[0],
    )
    bench.store.reload()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.store.watch(stop))
        await results.get()
        try:
            yield results
        finally:
            stop.set()


async def changed(bench: Bench, results: asyncio.Queue[ReloadResult], name: str, *, ok: bool) -> ReloadResult:
    """Change the rules until the watcher, which may not have begun yet, has seen it."""
    while True:
        if ok:
            bench.write(name)
        else:
            (bench.user / "corp.yaml").write_text("rules: 1\n")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while (result := await results.get()).ok is not ok:
                    pass
                return result


@pytest.mark.asyncio
async def test_a_changed_file_is_in_force_without_a_call(bench: Bench) -> None:
    async with asyncio.timeout(30), watching(bench) as results:
        assert (await changed(bench, results, "second", ok=True)).generation == 2
        assert bench.last_rule() == "corp.second"
        assert not (await changed(bench, results, "", ok=False)).ok
        assert bench.store.stale
        assert bench.last_rule() == "corp.second"
        assert (await changed(bench, results, "third", ok=True)).ok
        assert bench.last_rule() == "corp.third"


@pytest.mark.asyncio
async def test_a_new_day_is_a_reload(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subrosa.loading.store.TICK_MS", 50)
    rule = (
        "rules:\n  - {id: corp.a, verdict: allow, when: {host: a.example}, owner: Ada, expires: 2026-11-25}\n"
    )
    (bench.user / "corp.yaml").write_text(rule)

    async with asyncio.timeout(30), watching(bench) as results:
        bench.inputs = replace(bench.inputs, today="2026-11-26")
        assert (await results.get()).generation == 2
        assert bench.store.warnings


@pytest.mark.asyncio
async def test_a_change_that_nobody_tells_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf(
        *_places: Path, stop_event: asyncio.Event, **_options: object
    ) -> AsyncIterator[set[object]]:
        while not stop_event.is_set():
            await asyncio.sleep(0.02)
            yield set()

    monkeypatch.setattr("subrosa.loading.store.awatch", deaf)

    async with asyncio.timeout(30), watching(bench) as results:
        bench.write("second")
        assert (await results.get()).generation == 2
        assert bench.last_rule() == "corp.second"
        await asyncio.sleep(0.1)
        assert results.empty()


@pytest.mark.asyncio
async def test_a_directory_that_cannot_be_watched_is_told_and_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subrosa.loading.store.RETRY_SECONDS", 0.05)
    asked = bench.inputs
    bench.inputs = replace(asked, extra=(bench.user / "nowhere",))

    async with asyncio.timeout(30), watching(bench) as results:
        await results.get()
        assert (
            "rules are not watched" in bench.store.last_fault or "is no directory" in bench.store.last_fault
        )
        bench.inputs = asked
        while bench.store.stale:
            bench.write("second")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await results.get()
        assert bench.last_rule() == "corp.second"
