"""What stands still is out of the collector's sight, and what was replaced is freed all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from subrosa.runtime.memory import settle, undisturbed


class Ring:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    frozen = gc.get_freeze_count() > 0
    yield
    if not frozen:
        gc.unfreeze()


def test_what_is_there_is_looked_at_no_more() -> None:
    kept = Ring()
    settle()

    assert gc.get_freeze_count() > 1000
    assert not any(each is kept for each in gc.get_objects())


def test_what_was_replaced_is_freed_by_the_next_round() -> None:
    old = Ring()
    gone = weakref.ref(old)
    settle()
    del old
    gc.collect()
    assert gone() is not None, "the collector does not see it, which is the point"

    settle()
    assert gone() is None


def test_what_is_loaded_is_not_looked_at_meanwhile_and_is_again_whatever_happens() -> None:
    def load() -> None:
        with undisturbed():
            seen.append(gc.isenabled())
            raise OSError("gone")

    seen: list[bool] = []
    with pytest.raises(OSError, match="gone"):
        load()

    assert seen == [False]
    assert gc.isenabled()
