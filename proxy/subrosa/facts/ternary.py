"""Three-valued logic with a fourth value for facts that cannot be read; facts only grow, so values only settle.

UNKNOWN may still become anything; TRUE, FALSE and UNREADABLE are final. A block rule that ends UNREADABLE
blocks, an allow rule that ends UNREADABLE does not allow.
"""

from collections.abc import Iterable
from enum import IntEnum


class Ternary(IntEnum):
    """The truth of a condition over the facts known so far."""

    FALSE = 0
    TRUE = 1
    UNKNOWN = 2
    UNREADABLE = 3


def negate(value: Ternary) -> Ternary:
    """Swap TRUE and FALSE; UNKNOWN and UNREADABLE stay what they are."""
    if value is Ternary.TRUE:
        return Ternary.FALSE
    if value is Ternary.FALSE:
        return Ternary.TRUE
    return value


def conjunction(values: Iterable[Ternary]) -> Ternary:
    """Every value holds: FALSE beats UNKNOWN beats UNREADABLE beats TRUE; reads no further than the first FALSE."""
    result = Ternary.TRUE
    for value in values:
        if value is Ternary.FALSE:
            return Ternary.FALSE
        if value is Ternary.UNKNOWN or (value is Ternary.UNREADABLE and result is Ternary.TRUE):
            result = value
    return result


def disjunction(values: Iterable[Ternary]) -> Ternary:
    """Some value holds: TRUE beats UNKNOWN beats UNREADABLE beats FALSE; reads no further than the first TRUE."""
    result = Ternary.FALSE
    for value in values:
        if value is Ternary.TRUE:
            return Ternary.TRUE
        if value is Ternary.UNKNOWN or (value is Ternary.UNREADABLE and result is Ternary.FALSE):
            result = value
    return result


_BOTH = tuple(tuple(conjunction((first, second)) for second in Ternary) for first in Ternary)
_EITHER = tuple(tuple(disjunction((first, second)) for second in Ternary) for first in Ternary)


def both(first: Ternary, second: Ternary) -> Ternary:
    """The conjunction of two."""
    return _BOTH[first][second]


def either(first: Ternary, second: Ternary) -> Ternary:
    """The disjunction of two."""
    return _EITHER[first][second]


def truth(value: bool) -> Ternary:  # noqa: FBT001 - the argument is the value itself
    """A settled fact as a Ternary."""
    return Ternary.TRUE if value else Ternary.FALSE
