import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import override

import pytest

from subrosa.effects import evidence as module
from subrosa.effects.evidence import Evidence, Told
from subrosa.effects.segments import Segments, read_segments
from subrosa.policy.decision import EvidenceError
from telling import SmallDisk

SOURCE = Path(module.__file__).parents[2]


def line(name: str, size: int = 0) -> str:
    return json.dumps({"record": "decision", "id": name, "pad": "x" * size})


def kept(directory: Path) -> list[object]:
    return [entry.record["id"] for entry in read_segments(directory) if "id" in entry.record]


class Store:
    """A store on a disk that can fail, and what it told."""

    def __init__(self, directory: Path, disk: SmallDisk | None = None, patience: float = 10.0) -> None:
        self.told: list[Told] = []
        self.disk = disk if disk is not None else SmallDisk(1 << 30)
        segments = Segments(directory, time.time, disk=self.disk)
        self.evidence = Evidence(segments, self.told.append, patience=patience)

    async def append(self, name: str, *, durable: bool = True) -> None:
        waiter = self.evidence.append(line(name), durable=durable)
        if waiter is not None:
            await waiter

    async def lost(self, name: str) -> bool:
        try:
            await self.append(name)
        except EvidenceError:
            return True
        return False

    def written(self) -> int:
        return sum(told.records for told in self.told if not told.fault)


class Hanging(SmallDisk):
    """A disk whose syncs wait for `go`; `asked` is set once one does."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self.go, self.asked = threading.Event(), threading.Event()
        self.go.set()

    @override
    def sync(self, descriptor: int) -> None:
        self.asked.set()
        self.go.wait(10)
        super().sync(descriptor)

    async def hang(self) -> None:
        """Wait until a sync waits."""
        await asyncio.to_thread(self.asked.wait, 10)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a file has no event to wait for
            await asyncio.sleep(0.005)


@pytest.mark.asyncio
async def test_a_durable_record_is_on_disk_when_the_wait_ends(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.append("a")

    assert kept(tmp_path) == ["a"]
    await store.evidence.close()


@pytest.mark.asyncio
async def test_records_that_arrive_together_share_one_sync(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = store.disk.syncs
    await asyncio.gather(*(store.append(f"{number}") for number in range(500)))
    syncs = store.disk.syncs - before

    assert syncs <= 3
    assert kept(tmp_path) == [f"{number}" for number in range(500)]
    await store.evidence.close()


@pytest.mark.asyncio
async def test_records_that_arrive_while_the_disk_is_busy_share_the_next_sync(tmp_path: Path) -> None:
    disk = Hanging()
    store = Store(tmp_path, disk)
    disk.go.clear()
    disk.asked.clear()
    before = disk.syncs
    waiting = [asyncio.ensure_future(store.append("0"))]
    await disk.hang()
    for number in range(1, 50):
        waiting.append(asyncio.ensure_future(store.append(f"{number}")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    disk.go.set()
    await asyncio.gather(*waiting)

    assert disk.syncs - before == 2
    assert kept(tmp_path) == [f"{number}" for number in range(50)]
    assert store.written() == 50
    await store.evidence.close()


@pytest.mark.asyncio
async def test_of_records_written_together_none_is_kept_where_one_came_too_late(tmp_path: Path) -> None:
    disk = Hanging()
    store = Store(tmp_path, disk, patience=0.3)
    disk.go.clear()
    disk.asked.clear()
    early = [asyncio.ensure_future(store.lost("being written"))]
    await disk.hang()
    early.append(asyncio.ensure_future(store.lost("waiting")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    store.evidence._patience = 60
    late = asyncio.ensure_future(store.lost("waiting with it"))
    assert await asyncio.gather(*early) == [True, True]
    disk.go.set()
    assert await late
    await until(lambda: store.evidence.fault == "")
    await store.append("after")
    await store.evidence.close()

    assert kept(tmp_path) == ["after"]
    assert [told.records for told in store.told if told.fault] == [1, 1, 1]


@pytest.mark.asyncio
async def test_a_record_nobody_waits_for_is_written_soon_and_not_synced(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = store.disk.syncs
    await store.append("a", durable=False)
    await until(lambda: kept(tmp_path) == ["a"])

    assert store.disk.syncs == before
    await store.evidence.close()


@pytest.mark.asyncio
async def test_order_is_kept_between_records_of_both_sorts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(100):
        await store.append(f"{number}", durable=number % 7 == 0)
    await store.evidence.close()

    assert kept(tmp_path) == [f"{number}" for number in range(100)]


@pytest.mark.asyncio
async def test_closing_writes_what_is_pending(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(50):
        await store.append(f"{number}", durable=False)
    await store.evidence.close()
    await store.evidence.close()

    assert len(kept(tmp_path)) == 50


@pytest.mark.asyncio
async def test_a_closed_store_takes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.evidence.close()
    with pytest.raises(EvidenceError):
        await store.append("late")

    assert store.told[-1].fault


@pytest.mark.asyncio
async def test_a_full_disk_is_told_to_everyone_who_waits_and_counted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.disk.room = 0
    lost = await asyncio.gather(*(store.lost(f"{number}") for number in range(20)))

    assert all(lost)
    assert sum(told.records for told in store.told if told.fault) == 20
    assert "no space left on device" in store.evidence.fault
    assert kept(tmp_path) == []
    await store.evidence.close()


@pytest.mark.asyncio
async def test_it_recovers_with_the_next_record_when_there_is_room(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.disk.room = 0
    assert await store.lost("a")
    store.disk.room = 1 << 20
    await store.append("b")

    assert store.evidence.fault == ""
    assert kept(tmp_path) == ["b"]
    await store.evidence.close()


@pytest.mark.asyncio
async def test_it_recovers_by_itself_without_traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE", 0.01)
    store = Store(tmp_path)
    store.disk.room = 0
    assert await store.lost("a")
    await asyncio.sleep(0.05)
    store.disk.room = 1 << 20
    await until(lambda: store.evidence.fault == "")
    await store.evidence.close()

    assert [entry.record["lost"] for entry in read_segments(tmp_path) if "lost" in entry.record] == [1]


@pytest.mark.asyncio
async def test_a_disk_that_hangs_is_a_disk_that_fails_and_leaves_no_record_of_the_refused(
    tmp_path: Path,
) -> None:
    disk = Hanging()
    store = Store(tmp_path, disk, patience=0.05)
    disk.go.clear()
    began = time.perf_counter()
    lost = await asyncio.gather(*(store.lost(name) for name in "ab"))
    took = time.perf_counter() - began
    assert lost == [True, True]
    assert took < 5
    with pytest.raises(EvidenceError, match=r"evidence was not written within 0\.05 s"):
        store.evidence.append(line("at once"), durable=True)
    disk.go.set()
    await until(lambda: store.evidence.fault == "")
    await store.append("c")
    await store.evidence.close()

    assert kept(tmp_path) == ["c"]


@pytest.mark.asyncio
async def test_memory_is_bounded_while_the_disk_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PENDING", 10)
    store = Store(tmp_path)
    for number in range(10):
        store.evidence.append(line(f"{number}"), durable=False)
    with pytest.raises(EvidenceError):
        store.evidence.append(line("more"), durable=False)
    await store.evidence.close()

    assert store.told[0] == Told(1, "too many evidence records wait")


@pytest.mark.asyncio
async def test_a_caller_who_gives_up_does_not_disturb_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    tasks = [asyncio.ensure_future(store.append(f"{number}")) for number in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]
    await store.evidence.close()


@pytest.mark.asyncio
async def test_a_disk_that_cannot_be_written_is_found_when_the_store_is_made(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="give `state_dir`"):
        Store(tmp_path, SmallDisk(0))


WRITER = """
import asyncio, json, os, sys, time
from pathlib import Path
from subrosa.effects.evidence import Evidence
from subrosa.effects.segments import Segments

async def main():
    store = Evidence(Segments(Path(sys.argv[1]), time.time), lambda told: None)
    async def one(task):
        number = 0
        while True:
            name = f"{task}-{number}"
            line = json.dumps({"record": "decision", "id": name, "pad": "x" * 700})
            await store.append(line, durable=True)
            os.write(1, (name + "\\n").encode())
            number += 1
    await asyncio.gather(*(one(task) for task in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("run", range(20))
def test_everything_acknowledged_before_a_sudden_death_is_there(tmp_path: Path, run: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    ) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(10 + 23 * run)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().splitlines(keepends=True)
    names = [name.decode().strip() for name in acknowledged if name.endswith(b"\n")]
    there = kept(tmp_path)

    assert names
    assert set(names) <= set(there)
    assert len(there) == len(set(there))


FULL = """
import asyncio, json, os, sys, time
from pathlib import Path
from subrosa.effects.evidence import Evidence
from subrosa.effects.segments import Segments, read_segments
from subrosa.policy.decision import EvidenceError

async def main(directory):
    store = Evidence(Segments(directory, time.time), lambda told: None)
    kept, lost = [], 0
    for number in range(200):
        line = json.dumps({"record": "decision", "id": number, "pad": "x" * 700})
        try:
            await store.append(line, durable=True)
            kept.append(number)
        except EvidenceError:
            lost += 1
    (directory.parent / "ballast").unlink()
    await store.append(json.dumps({"record": "decision", "id": "after"}), durable=True)
    await store.close()
    there = [entry.record["id"] for entry in read_segments(directory) if "id" in entry.record]
    gaps = [entry.record["lost"] for entry in read_segments(directory) if "lost" in entry.record]
    faults = [entry.fault for entry in read_segments(directory) if entry.fault]
    print(json.dumps({"lost": lost, "same": there == [*kept, "after"], "gaps": gaps, "faults": faults}))

root = Path(sys.argv[1])
(root / "ballast").write_bytes(b"x" * 40000)
asyncio.run(main(root / "evidence"))
"""


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="this user may not mount a small file system")
def test_a_really_full_disk_loses_records_whole_and_recovers(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            'mount -t tmpfs -o size=128k none "$1" && exec "$2" -c "$3" "$1"',
            "sh",
            str(tmp_path),
            sys.executable,
            FULL,
        ],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        text=True,
    )
    told = json.loads(done.stdout)

    assert told["lost"] > 0
    assert told["same"]
    assert told["gaps"] == [told["lost"]]
    assert told["faults"] == []
