"""The workers kept in step, with members that answer as they are told: who serves what, swaps, switches, deaths."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from subrosa.runtime.workers.crew import Crew
from subrosa.runtime.workers.members import Member, Target, Told
from subrosa.runtime.workers.messages import (
    Alive,
    Done,
    Drain,
    Failed,
    Flush,
    Forget,
    Load,
    Loaded,
    Lock,
    Message,
    Records,
    Serve,
    Serving,
    Switch,
    Switched,
    Unable,
)

pytestmark = pytest.mark.asyncio


def target(number: int, generation: int = 0) -> Target:
    load = Load(number=number, generation=generation or number, rules=f"/{number}", today="2026-11-25")
    return Target(digest=f"d{number}", load=load)


@dataclass(eq=False)
class Double:
    """A worker process that says what a test has it say."""

    crew: Crew
    pid: int
    told: list[Message] = field(default_factory=list)
    killed: bool = False

    def __post_init__(self) -> None:
        self.member = Member(pid=self.pid, send=self.told.append, kill=self.kill)
        self.crew.joined(self.member)

    def kill(self) -> None:
        self.killed = True

    def says(self, message: Message) -> None:
        self.crew.heard(self.member, message)

    def loads(self, number: int) -> None:
        self.says(Loaded(number=number, digest=f"d{number}"))

    def gone(self) -> None:
        self.crew.left(self.member)

    def last(self, kind: type[Message]) -> Any:
        return next(message for message in reversed(self.told) if isinstance(message, kind))

    def was_told(self, kind: Any) -> int:
        return sum(isinstance(message, kind) for message in self.told)

    @property
    def slot(self) -> int | None:
        return self.member.slot


class Bench:
    """A crew, its doubles, and what it told."""

    def __init__(self, size: int = 2, *, locked: bool = False) -> None:
        self.records: list[Records] = []
        self.vacated: list[int] = []
        self.replaced: list[int] = []
        self.faults: list[str] = []
        told = Told(
            records=self.records.append,
            vacated=self.vacated.append,
            replaced=self.replaced.append,
            unable=self.faults.extend,
        )
        self.crew = Crew(size, told, locked=locked)
        self.pids = iter(range(100, 1000))

    def hire(self) -> Double:
        return Double(self.crew, next(self.pids))

    async def serving(self, count: int = 2) -> list[Double]:
        """So many members that serve generation 1."""
        assert await self.crew.swap(target(1), 1.0) == []
        found = [self.hire() for _ in range(count)]
        for one in found:
            one.loads(1)
            one.says(Switched(number=1))
            if one.slot is not None:
                one.says(Serving())
        return found

    def begin[T](self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        return asyncio.get_running_loop().create_task(work)


async def turn() -> None:
    """Let what was begun come to its next wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_slot_is_served_only_by_who_has_the_policy_in_force() -> None:
    bench = Bench()
    one = bench.hire()
    assert one.told == []

    assert await bench.crew.swap(target(1), 1.0) == []
    assert [message.kind for message in one.told] == ["load"]
    assert one.slot is None

    one.loads(1)
    assert [message.kind for message in one.told] == ["load", "switch", "serve"]
    assert (bench.crew.slots, bench.crew.serving) == ([one.member, None], 0)
    one.says(Serving())
    assert bench.crew.serving == 1
    assert not bench.crew.whole.is_set()


async def test_every_slot_gets_one_worker_and_a_further_one_stands_by() -> None:
    bench = Bench()
    first, second, third = await bench.serving(3)

    assert (first.slot, second.slot, third.slot) == (0, 1, None)
    assert bench.crew.whole.is_set()
    assert third.was_told(Switch) == 1


async def test_the_slot_of_one_that_dies_goes_to_the_one_that_stands_by_at_once() -> None:
    bench = Bench()
    first, _, third = await bench.serving(3)
    first.gone()

    assert (bench.vacated, bench.replaced) == ([0], [])
    assert third.last(Serve).slot == 0
    assert not bench.crew.whole.is_set()
    third.says(Serving())
    assert bench.replaced == [0]
    assert bench.crew.whole.is_set()


async def test_a_swap_is_in_force_nowhere_until_all_have_loaded_and_then_everywhere() -> None:
    bench = Bench()
    members = await bench.serving(3)
    swap = bench.begin(bench.crew.swap(target(2), 1.0))
    await turn()
    assert all(one.last(Load).number == 2 for one in members)

    members[0].loads(2)
    members[1].loads(2)
    await turn()
    assert not any(one.last(Switch).number == 2 for one in members)

    members[2].loads(2)
    await turn()
    assert all(one.last(Switch).number == 2 for one in members)
    assert not swap.done()
    for one in members:
        one.says(Switched(number=2))
    assert await swap == []
    assert bench.crew.in_force == 2


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(Failed(number=2, fault="disk full"), "disk full", id="one cannot load"),
        pytest.param(Loaded(number=2, digest="other"), "built another policy", id="one builds another"),
        pytest.param(None, "did not load the policy within", id="one says nothing"),
    ],
)
async def test_a_swap_that_one_cannot_follow_changes_nothing_anywhere(
    answer: Message | None, told: str
) -> None:
    bench = Bench()
    good, bad = await bench.serving()
    swap = bench.begin(bench.crew.swap(target(2), 0.05))
    await turn()
    good.loads(2)
    if answer is not None:
        bad.says(answer)
    (fault,) = await swap

    assert told in fault
    assert bench.crew.in_force == 1
    for one in (good, bad):
        assert one.last(Forget).number == 2
        assert one.last(Switch).number == 1
    assert (good.slot, bad.slot) == (0, 1)


async def test_what_comes_late_of_a_swap_that_failed_spoils_no_later_one() -> None:
    bench = Bench()
    good, late = await bench.serving()
    failed = bench.begin(bench.crew.swap(target(2), 1.0))
    await turn()
    good.says(Failed(number=2, fault="no"))
    assert await failed == ["no"]

    swap = bench.begin(bench.crew.swap(target(3, generation=2), 1.0))
    await turn()
    late.loads(2)
    for one in (good, late):
        one.loads(3)
        one.says(Switched(number=3))
    assert await swap == []
    assert [one.last(Switch).number for one in (good, late)] == [3, 3]


async def test_a_death_during_a_swap_does_not_hold_it_up() -> None:
    bench = Bench()
    first, second = await bench.serving()
    swap = bench.begin(bench.crew.swap(target(2), 1.0))
    await turn()
    first.loads(2)
    first.says(Switched(number=2))
    second.gone()
    assert await swap == []
    assert bench.crew.slots[1] is None


async def test_one_that_gets_ready_during_a_swap_serves_only_after_it_and_by_the_new_policy() -> None:
    bench = Bench()
    first, second = await bench.serving()
    second.gone()
    joining = bench.hire()
    swap = bench.begin(bench.crew.swap(target(2), 1.0))
    await turn()
    joining.loads(1)
    assert joining.slot is None

    first.loads(2)
    first.says(Switched(number=2))
    assert await swap == []
    assert joining.slot is None
    assert joining.last(Load).number == 2
    joining.loads(2)
    assert bench.crew.slots == [first.member, joining.member]
    assert joining.last(Switch).number == 2


async def test_one_that_gets_ready_during_a_swap_that_fails_serves_by_the_old_policy() -> None:
    bench = Bench()
    first, second = await bench.serving()
    second.gone()
    joining = bench.hire()
    swap = bench.begin(bench.crew.swap(target(2), 1.0))
    await turn()
    joining.loads(1)
    first.says(Failed(number=2, fault="no"))

    assert await swap == ["no"]
    assert (joining.slot, joining.last(Switch).number) == (1, 1)


async def test_one_that_was_still_loading_the_old_policy_is_told_the_new_one_once() -> None:
    bench = Bench()
    first, second = await bench.serving()
    second.gone()
    joining = bench.hire()
    swap = bench.begin(bench.crew.swap(target(2), 1.0))
    await turn()
    first.loads(2)
    first.says(Switched(number=2))
    await swap
    joining.loads(1)

    assert [message.number for message in joining.told if isinstance(message, Load)] == [1, 2]
    assert joining.slot is None


async def test_one_that_loads_but_does_not_switch_is_killed() -> None:
    bench = Bench()
    first, second = await bench.serving()
    swap = bench.begin(bench.crew.swap(target(2), 0.05))
    await turn()
    first.loads(2)
    second.loads(2)
    await turn()
    first.says(Switched(number=2))

    assert await swap == []
    assert (first.killed, second.killed) == (False, True)


async def test_one_that_cannot_load_what_is_in_force_is_replaced_and_told() -> None:
    bench = Bench()
    await bench.serving(1)
    broken, strange = bench.hire(), bench.hire()
    broken.says(Failed(number=1, fault="no memory"))
    strange.says(Loaded(number=1, digest="other"))

    assert (broken.killed, strange.killed) == (True, True)
    assert bench.faults[0] == "no memory"
    assert "built another policy" in bench.faults[1]


async def test_the_switch_is_turned_when_every_worker_that_serves_has_turned_it() -> None:
    bench = Bench()
    first, second, standby = await bench.serving(3)
    lock = bench.begin(bench.crew.lock(1.0, on=True))
    await turn()
    number = first.last(Lock).number
    assert standby.last(Lock).on
    first.says(Done(number=number))
    await turn()
    assert not lock.done()
    second.says(Done(number=number))
    await lock
    assert not first.killed


async def test_one_that_does_not_turn_the_switch_in_time_is_killed_and_one_that_stays_locked_is_not() -> None:
    bench = Bench()
    first, second = await bench.serving()
    lock = bench.begin(bench.crew.lock(0.05, on=True))
    await turn()
    first.says(Done(number=first.last(Lock).number))
    await lock
    assert (first.killed, second.killed) == (False, True)

    await bench.crew.lock(0.05, on=False)
    assert not first.last(Lock).on
    assert not first.killed


async def test_a_flush_waits_for_those_who_serve_and_for_nobody_too_long() -> None:
    bench = Bench()
    first, second = await bench.serving()
    flush = bench.begin(bench.crew.flush(1.0))
    await turn()
    for one in (first, second):
        assert not flush.done()
        one.says(Done(number=one.last(Flush).number))
        await turn()
    await flush
    await bench.crew.flush(0.01)
    assert not first.killed


@pytest.mark.parametrize("before", [True, False])
async def test_who_joins_while_everything_is_refused_hears_of_it_before_anything_else(before: bool) -> None:
    bench = Bench(locked=before)
    if not before:
        await bench.crew.lock(0.05, on=True)
    await bench.crew.swap(target(1), 1.0)
    one = bench.hire()

    assert [message.kind for message in one.told] == ["lock", "load"]
    await bench.crew.lock(0.05, on=False)
    assert [message.kind for message in bench.hire().told] == ["load"]


async def test_silence_is_counted_from_the_last_word_and_a_start_may_take_longer() -> None:
    bench = Bench()
    quiet, talking = await bench.serving()
    starting = bench.hire()
    late: list[Member] = []
    for _ in range(5):
        late = bench.crew.tick(most_silent=4, most_starting=5)
        talking.says(Alive(evidence=""))

    assert late == [quiet.member]
    assert bench.crew.tick(most_silent=4, most_starting=5) == [quiet.member, starting.member]


async def test_what_evidence_fails_with_is_told_of_those_who_serve() -> None:
    bench = Bench()
    first, _, standby = await bench.serving(3)
    standby.says(Alive(evidence="not open"))
    assert bench.crew.evidence_fault == ""
    first.says(Alive(evidence="disk full"))
    assert bench.crew.evidence_fault == "disk full"
    first.gone()
    assert bench.crew.evidence_fault == "not open"


async def test_records_and_faults_are_passed_on() -> None:
    bench = Bench()
    (one,) = await bench.serving(1)
    one.says(Records.of(['{"id":"1"}', '{"id":"2"}']))
    one.says(Unable(faults=("no room",)))

    assert [records.count for records in bench.records] == [2]
    assert bench.faults == ["no room"]


async def test_at_the_end_those_who_serve_drain_and_the_others_end_and_nobody_follows() -> None:
    bench = Bench()
    first, second, standby = await bench.serving(3)
    bench.crew.drain()

    assert [first.was_told(Drain), second.was_told(Drain), standby.was_told(Drain)] == [1, 1, 0]
    assert (first.killed, standby.killed) == (False, True)
    first.gone()
    assert standby.slot is None


@pytest.mark.parametrize("late", [Switched(number=9), Done(number=9), Failed(number=9, fault="x")])
async def test_an_answer_that_nobody_waits_for_changes_nothing(late: Message) -> None:
    bench = Bench()
    (one,) = await bench.serving(1)
    said: Callable[[Message], None] = one.says
    said(late)

    assert (one.killed, bench.faults, one.slot) == (False, [], 0)
