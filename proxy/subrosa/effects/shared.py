"""Metrics that several workers count and one process shows: prometheus_client's multiprocess mode, by slots.

Its values live in files that are mapped into memory, one of each kind for each process; counters of a process that
died stay, and the next one goes on from them. Who writes a file is told by a *slot* instead of a process id, so that
files and series are as many as there are slots, however often workers die.

A page of a mapped file that the disk has no room for ends the process (SIGBUS). So the files are made with room for
what is usual, and take more before they use it: where there is none, counting fails, and the transfer with it.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final, override

import prometheus_client.values
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_GAUGES: Final = "gauge_livesum"
_ROOM: Final = {"counter": 1 << 20, "histogram": 256 << 10, _GAUGES: 64 << 10}
"""Octets of the files of each slot; a series takes about 300."""
_MORE: Final = 32
"""Octets that a value takes besides its key, at most."""


class SharedMetrics(Collector):
    """The counts of all slots as one; for the process that shows them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._collector = MultiProcessCollector(None, str(directory))  # type: ignore[no-untyped-call]

    @classmethod
    def of(cls, directory: Path, slots: int) -> "SharedMetrics":
        """Start from nothing; raises OSError where there is no room."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700, parents=True)
        for slot in range(slots):
            for kind, room in _ROOM.items():
                _make(directory / f"{kind}_{slot}.db", room)
        return cls(directory)

    def clear_gauges(self, slot: int) -> None:
        """Set the gauges of a slot to nothing: its worker is gone. Counters stay. Raises OSError."""
        file = self.directory / f"{_GAUGES}_{slot}.db"
        draft = file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        _make(draft, _ROOM[_GAUGES])
        draft.replace(file)

    @override
    def collect(self) -> Iterable[Metric]:
        found: Iterable[Metric] = self._collector.collect()  # type: ignore[no-untyped-call]
        return found


def count_in(directory: Path, slot: int) -> None:
    """Have every metric that this process makes from now on counted in the files of a slot."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)  # noqa: TID251 - where the library looks for it
    prometheus_client.values.MmapedDict = _Roomy  # type: ignore[attr-defined]
    values = prometheus_client.values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
    prometheus_client.values.ValueClass = values


class _Roomy(MmapedDict):
    """A file of values that takes room before it uses it."""

    @override
    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + _MORE > self._capacity:
            os.posix_fallocate(self._f.fileno(), self._capacity, self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _make(file: Path, room: int) -> None:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, room)
    finally:
        os.close(descriptor)
