"""Segment files of evidence: one a process start, a day and 64 MiB; written whole, read back whole."""

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from subrosa.effects.records import Record, encode, timestamp
from subrosa.policy.decision import EvidenceError

SEGMENT_BYTES = 64 << 20
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_DAY = 86_400
_MOST_NAMES = 1_000


class Disk:
    """The system calls of a segment; tests pass one that fails."""

    def create(self, path: Path) -> int:
        """A new file for this user alone; refuses one that exists, and links."""
        return os.open(path, _FLAGS, 0o600)

    def write(self, descriptor: int, octets: bytes | memoryview) -> int:
        """Append; returns how many octets were taken."""
        return os.write(descriptor, octets)

    def sync(self, descriptor: int) -> None:
        """Make the file's octets durable."""
        os.fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file."""
        os.ftruncate(descriptor, size)

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Segments:
    """Appends batches of lines; used by one thread. Each segment opens with a record of its own.

    ``writer`` names one of several processes that write into the directory; it stands in names and opening records.
    """

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], float],
        *,
        segment_bytes: int = SEGMENT_BYTES,
        disk: Disk | None = None,
        writer: str = "",
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._limit = segment_bytes
        self._disk = disk if disk is not None else Disk()
        self._writer = writer
        self._descriptor = -1
        self._path = directory
        self._size = 0
        self._sequence = 0
        self._number = 0
        self._day = -1
        self._lost = 0
        self._last = (0, 0, 0)

    def open(self) -> None:
        """Make the directory and the first segment, durably: what cannot be written is found before any transfer.

        A second call does nothing. Raises EvidenceError with one line that says what to do.
        """
        if self._descriptor >= 0:
            return
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._disk.sync_directory(self._directory.parent)
            self._begin()
        except OSError as error:
            what = error.strerror or str(error)
            msg = (
                f"evidence cannot be written to `{self._directory}`: {what.lower()};"
                " give `state_dir` a directory that this user may write, with free space"
            )
            raise EvidenceError(msg) from error

    def write(self, lines: Sequence[str], *, sync: bool) -> None:
        """Append these records in order, all or none; durable on return with ``sync``.

        Raises EvidenceError; the segment then ends where it ended before, and the next write that succeeds
        opens with a record of how many were lost.
        """
        try:
            if self._due():
                self._begin()
            told = [self._gap(), *lines] if self._lost else lines
            octets = self._numbered(told)
            self._put(octets, sync=sync)
        except OSError as error:
            self._lost += len(lines)
            self._recover(error)
            msg = f"evidence cannot be written: {(error.strerror or str(error)).lower()}"
            raise EvidenceError(msg) from error
        self._last = (len(octets), len(told), self._lost + len(lines))
        self._lost = 0
        self._size += len(octets)
        self._sequence += len(told)

    def take_back(self) -> None:
        """Cut what the last write appended: its records came too late and count as lost."""
        octets, records, lost = self._last
        self._lost = lost
        self._size -= octets
        self._sequence -= records
        self._last = (0, 0, lost)
        try:
            self._disk.truncate(self._descriptor, self._size)
        except OSError:
            self._abandon()

    def close(self) -> None:
        """Sync and close the segment, if one is open."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                self._disk.sync(descriptor)
            except OSError:
                pass  # nobody waits for these records any more, and what was acknowledged is durable already
            finally:
                os.close(descriptor)

    def _due(self) -> bool:
        return self._descriptor < 0 or self._size >= self._limit or _day(self._clock()) != self._day

    def _begin(self) -> None:
        self.close()
        now = self._clock()
        self._descriptor = self._create(now)
        self._day, self._size, self._sequence, self._last = _day(now), 0, 0, (0, 0, 0)
        try:
            self._disk.sync_directory(self._directory)
            opening: Record = {
                "record": "segment",
                "time": timestamp(now),
                "pid": os.getpid(),
                "number": self._number,
            }
            first = encode({**opening, "writer": self._writer} if self._writer else opening)
            octets = self._numbered([first])
            self._put(octets, sync=True)
        except OSError:
            self._discard()
            raise
        self._size, self._sequence = len(octets), 1

    def _create(self, now: float) -> int:
        start = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{start}-{self._writer}-{os.getpid()}" if self._writer else f"{start}-{os.getpid()}"
        for _ in range(_MOST_NAMES):
            self._path = self._directory / f"{name}-{self._number + 1}.jsonl"
            try:
                descriptor = self._disk.create(self._path)
            except FileExistsError:
                self._number += 1
            else:
                self._number += 1
                return descriptor
        raise FileExistsError(errno.EEXIST, "every name for a new segment is taken")

    def _gap(self) -> str:
        return encode({"record": "gap", "time": timestamp(self._clock()), "lost": self._lost})

    def _numbered(self, lines: Sequence[str]) -> bytes:
        first = self._sequence
        return "".join([f'{{"seq":{number},{line[1:]}\n' for number, line in enumerate(lines, first)]).encode(
            "ascii"
        )

    def _put(self, octets: bytes, *, sync: bool) -> None:
        rest: bytes | memoryview = octets
        while rest:
            taken = self._disk.write(self._descriptor, rest)
            rest = memoryview(rest)[taken:]
        if sync:
            self._disk.sync(self._descriptor)

    def _recover(self, error: OSError) -> None:
        """Cut what was half written; after anything but a lack of room, what the kernel holds is not trusted."""
        if self._descriptor < 0:
            return
        try:
            self._disk.truncate(self._descriptor, self._size)
        except OSError:
            self._abandon()
        else:
            if error.errno not in _ROOM:
                self._abandon()

    def _abandon(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def _discard(self) -> None:
        self._abandon()
        self._number -= 1
        self._path.unlink(missing_ok=True)


def _day(now: float) -> int:
    """The day in UTC, by its number: asked at every write."""
    return int(now // _DAY)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a segment: its record, or what is wrong with it (a torn tail, a gap in the sequence)."""

    segment: str
    sequence: int
    record: Record
    fault: str = ""


def read_segments(directory: Path) -> Iterator[Entry]:
    """Every whole record, oldest segment first, and one entry with a fault for each place that is not whole."""
    for path in sorted(directory.glob("*.jsonl")):
        yield from _read(path)


def _read(path: Path) -> Iterator[Entry]:
    expected = 0
    with path.open("rb") as lines:
        for line in lines:
            record = _parse(line)
            if record is None:
                torn = not line.endswith(b"\n")
                yield Entry(path.name, expected, {}, "torn tail" if torn else "no record")
                expected += 1
                continue
            sequence = record.pop("seq", None)
            fault = "" if sequence == expected else f"record {sequence} where {expected} was due"
            yield Entry(path.name, expected, record, fault)
            expected = sequence + 1 if isinstance(sequence, int) else expected + 1


def _parse(line: bytes) -> Record | None:
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
