"""Three-valued logic: what is settled never changes, whatever becomes of the rest."""

from itertools import permutations, product

import pytest

from subrosa.facts.ternary import Ternary, conjunction, disjunction, negate, truth

F, T, U, R = Ternary.FALSE, Ternary.TRUE, Ternary.UNKNOWN, Ternary.UNREADABLE


@pytest.mark.parametrize(
    ("values", "every", "some"),
    [
        pytest.param((), T, F, id="nothing holds in every case and in no case"),
        pytest.param((T, F), F, T, id="one false decides a conjunction, one true a disjunction"),
        pytest.param((T, U), U, T, id="an unknown part keeps a conjunction open"),
        pytest.param((F, U), F, U, id="an unknown part keeps a disjunction open"),
        pytest.param((U, R), U, U, id="what cannot be read waits for what is not known yet"),
        pytest.param((T, R), R, T, id="what cannot be read is not true"),
        pytest.param((F, R), F, R, id="what cannot be read is not false"),
    ],
)
def test_combinations(values: tuple[Ternary, ...], every: Ternary, some: Ternary) -> None:
    for order in permutations(values):
        assert conjunction(order) is every
        assert disjunction(order) is some


def test_negation_swaps_only_what_is_settled() -> None:
    assert [negate(value) for value in (F, T, U, R)] == [T, F, U, R]
    assert (truth(True), truth(False)) == (T, F)


@pytest.mark.parametrize("combine", [conjunction, disjunction])
def test_a_settled_combination_stays_when_the_unknown_becomes_known(combine) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    for values in product(Ternary, repeat=3):
        before = combine(values)
        if before is U:
            continue
        for learned in product((F, T, R), repeat=3):
            later = [new if old is U else old for old, new in zip(values, learned, strict=True)]
            assert combine(later) is before
