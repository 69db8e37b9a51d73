"""What all tests share: how Hypothesis runs, and what the garbage collector leaves alone."""

import gc
import os

from hypothesis import settings

# Two busy cores make the time of one example say nothing; pytest-timeout bounds each test as a whole. CI draws the same
# examples each time, so that a submission is judged by what it changes; everybody else draws new ones.
settings.register_profile("subrosa", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI")))
settings.load_profile("subrosa")


def pytest_collection_finish() -> None:
    """Keep what was collected out of every later search for garbage: thousands of tests, whose rows stay to the end."""
    gc.collect()
    gc.freeze()
