"""A short run of what `make fuzz` does for long: every reader, the same inputs each time."""

import pytest

from fuzz.mutate import Mutator
from fuzz.readers import READERS, Reader

INPUTS = 400


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_any_input_is_read_in_one_way_or_refused(reader: Reader) -> None:
    mutator = Mutator(reader.seeds, reader.words, number=1)
    for _ in range(INPUTS):
        data = mutator.input()
        reader.check(data, mutator.pieces(data))


def test_the_same_number_draws_the_same_inputs() -> None:
    reader = READERS[0]
    first, second = (Mutator(reader.seeds, reader.words, number=7) for _ in range(2))
    assert [first.input() for _ in range(50)] == [second.input() for _ in range(50)]
