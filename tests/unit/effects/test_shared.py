"""Metrics that several processes count: sums, deaths and restarts, with real processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from subrosa.admin.exposition import Exposed, totals
from subrosa.effects.metrics import Metrics
from subrosa.effects.shared import SharedMetrics
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
    blocks = [path.stat().st_blocks * 512 >= path.stat().st_size for path in again.directory.iterdir()]
    assert all(blocks)
