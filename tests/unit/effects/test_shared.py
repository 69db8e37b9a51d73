"""Metrics that several processes count: sums, deaths and restarts, with real processes."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from subrosa.admin.exposition import Exposed, totals
from subrosa.effects.metrics import Metrics
from subrosa.effects.shared import SharedMetrics, _Roomy
from telling import BLOCK, decision

COUNTING = """
import sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from subrosa.effects.shared import count_in
from subrosa.effects.metrics import Metrics
from telling import BLOCK, decision, outcome
count_in(Path(sys.argv[1]), int(sys.argv[2]))
made = Metrics(CollectorRegistry(), held_limit=1000)
for line in sys.stdin:
    made.decided(decision(verdict=BLOCK), 1e-5)
    made.ended(decision(verdict=BLOCK), outcome(sent=10, seconds=0.1))
    made.inflight(1)
    made.held(1, 100)
    made.flush()
    print(flush=True)
"""


class Process:
    """A process that counts one transfer for each line that it is given."""

    def __init__(self, directory: Path, slot: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(directory), str(slot)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def count(self, times: int = 1) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for _ in range(times):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
            assert self._process.stdout.readline() == b"\n"

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


@pytest.fixture
def shared(tmp_path: Path) -> SharedMetrics:
    return SharedMetrics.of(tmp_path / "metrics", 2)


def value(shared: SharedMetrics, name: str) -> float:
    return sum(
        sample.value for metric in shared.collect() for sample in metric.samples if sample.name == name
    )


def series(shared: SharedMetrics) -> int:
    return sum(len(metric.samples) for metric in shared.collect())


def files(shared: SharedMetrics) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in shared.directory.iterdir()}


def test_counts_of_all_slots_add_up(shared: SharedMetrics) -> None:
    one, other = Process(shared.directory, 0), Process(shared.directory, 1)
    one.count(3)
    other.count(4)

    assert value(shared, "subrosa_transfers_total") == 7
    assert value(shared, "subrosa_request_seconds_count") == 7
    assert value(shared, "subrosa_bytes_total") == 70
    assert value(shared, "subrosa_inflight_transfers") == 7
    assert value(shared, "subrosa_held_limit_bytes") == 2000
    assert totals([shared], "subrosa_transfers_total", "verdict") == {"block": 7.0}
    one.kill()
    other.kill()


def test_deaths_take_back_no_count_and_add_no_series_or_file(shared: SharedMetrics) -> None:
    lasting = Process(shared.directory, 1)
    lasting.count()
    counted = 1
    known: set[tuple[int, tuple[str, ...], int]] = set()
    for _ in range(6):
        dying = Process(shared.directory, 0)
        dying.count(2)
        dying.kill()
        counted += 2
        assert value(shared, "subrosa_inflight_transfers") == 3
        shared.clear_gauges(0)
        assert value(shared, "subrosa_inflight_transfers") == 1
        assert value(shared, "subrosa_transfers_total") == counted
        assert value(shared, "subrosa_held_limit_bytes") == 1000
        known.add((series(shared), tuple(sorted(files(shared))), sum(files(shared).values())))
    lasting.kill()

    assert len(known) == 1


def test_what_is_shown_is_what_one_process_shows(shared: SharedMetrics) -> None:
    process = Process(shared.directory, 0)
    process.count()
    process.kill()
    registry = CollectorRegistry()
    alone = Metrics(registry, held_limit=1000)
    alone.decided(decision(verdict=BLOCK), 1e-5)
    ours = {metric.name: (metric.type, metric.documentation) for metric in Exposed(shared).collect()}
    theirs = {metric.name: (metric.type, metric.documentation) for metric in Exposed(registry).collect()}

    assert ours.items() <= theirs.items()
    assert {name for name in theirs if name not in ours} <= {
        "subrosa_would_block",
        "subrosa_egress_denied",
        "subrosa_late",
    }


def test_a_start_begins_from_nothing_with_all_the_room_it_needs(shared: SharedMetrics) -> None:
    process = Process(shared.directory, 0)
    process.count()
    process.kill()
    again = SharedMetrics.of(shared.directory, 3)

    assert value(again, "subrosa_transfers_total") == 0
    assert len(files(again)) == 9
    assert all(has_its_room(path) for path in again.directory.iterdir())


def opened(file: Path) -> Any:
    """A file of values; the library says nothing of its types."""
    made: Any = _Roomy
    return made(str(file))


def has_its_room(file: Path) -> bool:
    return file.stat().st_blocks * 512 >= file.stat().st_size


def test_a_file_that_grows_takes_room_before_it_uses_it(tmp_path: Path) -> None:
    file = tmp_path / "counter_0.db"
    values = opened(file)
    for number in range(2_000):
        values.write_value(f"{'k' * (number % 90)}{number}", float(number), 0.0)
        assert file.stat().st_size == 65_536 or has_its_room(file)
    values.close()

    reading = opened(file)
    again = {key: value for key, value, _ in reading.read_all_values()}
    reading.close()
    assert len(again) == 2_000
    assert again[f"{'k' * 19}1999"] == 1999.0
    assert file.stat().st_size > 131_072


def test_a_file_that_cannot_grow_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "counter_0.db"
    values = opened(file)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            fill(values)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        signal.signal(signal.SIGXFSZ, before)

    values.write_value("0", 2.0, 0.0)
    assert values.read_value("0")[0] == 2.0
    values.close()


def fill(values: Any) -> None:
    for number in range(10_000):
        values.write_value(f"{number}", 1.0, 0.0)
