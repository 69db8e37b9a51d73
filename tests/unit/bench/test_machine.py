import pytest

from bench.machine import busy

BEFORE = "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3 4\n"


@pytest.mark.parametrize(
    ("after", "told"),
    [
        pytest.param("cpu  102 0 102 1190 6 0 0 0 0 0\n", "1% of the processors", id="nobody else"),
        pytest.param(
            "cpu  300 0 100 1000 0 0 0 0 0 0\n",
            "50% of the processors: take ratios as rough and figures not at all",
            id="somebody took half of it",
        ),
    ],
)
def test_who_else_was_at_work_is_told(after: str, told: str) -> None:
    assert busy(BEFORE, after) == told
