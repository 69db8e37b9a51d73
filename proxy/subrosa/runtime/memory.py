"""What stands still is taken out of the garbage collector's sight, so that its full rounds cost little."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def settle() -> None:
    """Throw away what is left over, and look no more at what is there: rules, catalogue, code.

    A full round over the catalogue takes 0.2 s in which nothing is served, and one comes for each quarter by which the
    rest grows. What was taken out before is looked at once more, so that a policy that was replaced is freed.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Load without rounds of the collector: all that is made stays, and they take a quarter of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
