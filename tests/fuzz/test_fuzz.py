"""A short run of what `make fuzz` does for long: every reader, the same inputs each time."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fuzz import feed as fuzz_feed
from fuzz.feed import feed, repeat
from fuzz.laws import Pieces
from fuzz.mutate import Mutator
from fuzz.readers import READERS, Reader

INPUTS = 400


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_any_input_is_read_in_one_way_or_refused(reader: Reader) -> None:
    assert feed(reader, INPUTS, number=1).faults == ()


def test_the_same_number_draws_the_same_inputs() -> None:
    reader = READERS[0]
    first, second = (Mutator(reader.seeds, reader.words, number=7) for _ in range(2))
    assert [first.input() for _ in range(50)] == [second.input() for _ in range(50)]


def _crash(data: bytes, _pieces: Pieces) -> None:
    raise ValueError(data)


def _break(data: bytes, pieces: Pieces) -> None:
    assert len(list(pieces)) == 1, data


def _hang(_data: bytes, _pieces: Pieces) -> None:
    while True:
        with suppress(Exception):  # a reader that swallows everything
            sum(range(1000))


@pytest.mark.parametrize(
    ("check", "told"),
    [
        pytest.param(_crash, "ValueError", id="a crash"),
        pytest.param(_break, "AssertionError", id="a broken law"),
        pytest.param(_hang, "HangError", id="a hang"),
    ],
)
def test_a_fault_is_found_and_can_be_repeated(
    check: Callable[[bytes, Pieces], None], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Reader("broken", (b"seed",), (), check)
    monkeypatch.setattr(fuzz_feed, "READERS", (broken,))
    monkeypatch.setattr(fuzz_feed.fault, "__defaults__", (0.02,))
    fault = feed(broken, 50, number=1, slow=0.02).faults[0]
    assert told in fault.told
    fault.save(tmp_path / "find.json")
    assert told in repeat(tmp_path / "find.json")
