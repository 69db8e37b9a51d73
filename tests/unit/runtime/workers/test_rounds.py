import asyncio

import pytest

from subrosa.runtime.workers.rounds import Round

pytestmark = pytest.mark.asyncio


async def ends(asked: Round[str]) -> bool:
    """Whether it is over already."""
    await asked.over(0)
    return asked._over.is_set()


async def test_nobody_asked_is_over_at_once() -> None:
    assert await ends(Round(()))


async def test_it_is_over_when_each_has_answered_or_left() -> None:
    asked = Round(("a", "b", "c"))
    asked.answer("a")
    asked.left("b")
    assert not await ends(asked)
    asked.answer("stranger", "no")
    assert not await ends(asked)
    asked.answer("c")
    assert await ends(asked)
    assert asked.faults == []


async def test_one_who_says_no_ends_it() -> None:
    asked = Round(("a", "b"))
    asked.answer("a", "no")

    assert await ends(asked)
    assert (asked.faults, asked.waiting) == (["no"], {"b"})


async def test_one_who_waits_hears_of_the_end_and_who_is_late_is_known() -> None:
    asked = Round(("a", "b"))
    waiting = asyncio.get_running_loop().create_task(asked.over(5.0))
    await asyncio.sleep(0)
    asked.answer("a")
    asked.answer("b")
    await waiting

    late = Round(("a",))
    await late.over(0.01)
    assert late.waiting == {"a"}
