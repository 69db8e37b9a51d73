import errno
import json
import os
import re
import stat
from pathlib import Path

import pytest

from subrosa.effects.segments import Disk, Segments, read_segments
from subrosa.policy.decision import EvidenceError
from telling import NOW, SmallDisk, sizes

DAY = 86_400


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def segments(
    directory: Path, disk: Disk | None = None, *, limit: int = 1 << 20, clock: Clock | None = None
) -> Segments:
    made = Segments(directory, clock or Clock(), segment_bytes=limit, disk=disk)
    made.open()
    return made


def line(number: int) -> str:
    return json.dumps({"record": "decision", "id": f"d-{number}"})


def ids(directory: Path) -> list[object]:
    return [
        entry.record["id"] for entry in read_segments(directory) if entry.record.get("record") == "decision"
    ]


def faults(directory: Path) -> list[str]:
    return [entry.fault for entry in read_segments(directory) if entry.fault]


def test_a_segment_is_named_for_its_start_and_readable_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "evidence"
    segments(directory).close()
    (path,) = directory.iterdir()

    assert re.fullmatch(rf"20261125T023954Z-{os.getpid()}-1\.jsonl", path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_records_are_read_back_in_order_with_their_numbers(tmp_path: Path) -> None:
    made = segments(tmp_path)
    made.write([line(0), line(1)], sync=True)
    made.write([line(2)], sync=False)
    made.close()
    entries = list(read_segments(tmp_path))

    assert [entry.record["record"] for entry in entries] == ["segment", "decision", "decision", "decision"]
    assert [entry.sequence for entry in entries] == [0, 1, 2, 3]
    assert ids(tmp_path) == ["d-0", "d-1", "d-2"]
    assert faults(tmp_path) == []


def test_only_what_must_be_durable_is_synced(tmp_path: Path) -> None:
    disk = SmallDisk(1 << 20)
    made = segments(tmp_path, disk)
    before = disk.syncs
    made.write([line(0)], sync=False)

    assert disk.syncs == before

    made.write([line(1)], sync=True)
    assert disk.syncs == before + 1


def test_a_segment_that_is_large_enough_is_followed_by_a_new_one(tmp_path: Path) -> None:
    made = segments(tmp_path, limit=300)
    for number in range(30):
        made.write([line(number)], sync=False)
    made.close()

    assert len(sizes(tmp_path)) > 3
    assert ids(tmp_path) == [f"d-{number}" for number in range(30)]
    assert faults(tmp_path) == []


def test_a_new_day_begins_a_new_segment(tmp_path: Path) -> None:
    clock = Clock()
    made = segments(tmp_path, clock=clock)
    made.write([line(0)], sync=False)
    clock.now += DAY
    made.write([line(1)], sync=False)
    made.close()

    assert [name[:8] for name in sizes(tmp_path)] == ["20261125", "20261126"]
    assert ids(tmp_path) == ["d-0", "d-1"]


def test_a_second_process_in_the_same_second_takes_another_name(tmp_path: Path) -> None:
    segments(tmp_path).close()
    segments(tmp_path).close()

    assert len(sizes(tmp_path)) == 2


def test_a_link_in_the_place_of_a_segment_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    directory = tmp_path / "evidence"
    directory.mkdir()
    (directory / f"20261125T023954Z-{os.getpid()}-1.jsonl").symlink_to(target)
    segments(directory).close()

    assert not target.exists()


def test_a_full_disk_loses_the_whole_batch_and_says_so_later(tmp_path: Path) -> None:
    disk = SmallDisk(300)
    made = segments(tmp_path, disk)
    made.write([line(0)], sync=True)
    before = sizes(tmp_path)
    for _ in range(5):
        with pytest.raises(EvidenceError, match="evidence cannot be written: no space left on device"):
            made.write([line(number) for number in range(1, 20)], sync=True)
        disk.room += 5

    assert sizes(tmp_path) == before

    disk.room = 1 << 20
    made.write([line(20)], sync=True)
    made.close()
    entries = list(read_segments(tmp_path))

    assert ids(tmp_path) == ["d-0", "d-20"]
    assert [entry.record["lost"] for entry in entries if entry.record.get("record") == "gap"] == [95]
    assert faults(tmp_path) == []
    assert len(sizes(tmp_path)) == 1


def test_a_full_disk_leaves_no_pile_of_empty_segments(tmp_path: Path) -> None:
    disk, clock = SmallDisk(1 << 20), Clock()
    made = segments(tmp_path, disk, clock=clock)
    disk.room = 0
    clock.now += DAY
    for _ in range(50):
        with pytest.raises(EvidenceError):
            made.write([line(0)], sync=True)

    assert len(sizes(tmp_path)) == 1

    disk.room = 1 << 20
    made.write([line(1)], sync=True)
    assert ids(tmp_path) == ["d-1"]


def test_after_an_input_output_error_a_new_segment_is_begun(tmp_path: Path) -> None:
    disk = SmallDisk(1 << 20)
    made = segments(tmp_path, disk)
    made.write([line(0)], sync=True)
    disk.sync_error = errno.EIO
    with pytest.raises(EvidenceError, match="input/output error"):
        made.write([line(1)], sync=True)
    disk.sync_error = 0
    made.write([line(2)], sync=True)
    made.close()

    assert ids(tmp_path) == ["d-0", "d-2"]
    assert len(sizes(tmp_path)) == 2
    assert faults(tmp_path) == []


def test_what_was_written_too_late_can_be_taken_back(tmp_path: Path) -> None:
    made = segments(tmp_path)
    made.write([line(0)], sync=True)
    made.write([line(1), line(2)], sync=True)
    made.take_back()
    made.write([line(3)], sync=True)
    made.close()

    assert ids(tmp_path) == ["d-0", "d-3"]
    assert [entry.record["lost"] for entry in read_segments(tmp_path) if "lost" in entry.record] == [2]
    assert faults(tmp_path) == []


@pytest.mark.parametrize("cut", [1, 10, 25])
def test_a_torn_tail_is_flagged_and_whole_records_are_read(tmp_path: Path, cut: int) -> None:
    made = segments(tmp_path)
    made.write([line(0), line(1)], sync=True)
    made.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-cut])

    assert ids(tmp_path) == ["d-0"]
    assert faults(tmp_path) == ["torn tail"]


def test_a_line_taken_out_or_changed_is_flagged(tmp_path: Path) -> None:
    made = segments(tmp_path)
    made.write([line(0), line(1), line(2)], sync=True)
    made.close()
    (path,) = tmp_path.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1], lines[3]]))

    assert faults(tmp_path) == ["record 3 where 2 was due"]

    path.write_bytes(b"".join([lines[0], b"{]\n", lines[2], lines[3]]))
    assert faults(tmp_path) == ["no record"]
    assert ids(tmp_path) == ["d-1", "d-2"]


def test_a_segment_without_its_first_record_is_flagged(tmp_path: Path) -> None:
    (tmp_path / "20261125T000000Z-1-1.jsonl").write_bytes(b"")
    (tmp_path / "20261125T000000Z-1-2.jsonl").write_bytes(b"[]\n")

    assert faults(tmp_path) == ["no record"]


def test_a_directory_that_cannot_be_made_gives_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(EvidenceError) as caught:
        segments(tmp_path / "state" / "evidence")

    assert str(caught.value) == (
        f"evidence cannot be written to `{tmp_path}/state/evidence`: not a directory;"
        " give `state_dir` a directory that this user may write, with free space"
    )


def test_a_disk_that_is_full_at_the_start_is_found_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no space left on device; give `state_dir`"):
        segments(tmp_path, SmallDisk(0))

    assert sizes(tmp_path) == {}


def test_a_writer_among_several_stands_in_names_and_opening_records(tmp_path: Path) -> None:
    made = [Segments(tmp_path, Clock(), writer=name) for name in ("w0", "w1")]
    for one in made:
        one.open()
        one.close()
    opening = [json.loads(path.read_text()) for path in sorted(tmp_path.iterdir())]

    assert sorted(path.name.split("-")[1] for path in tmp_path.iterdir()) == ["w0", "w1"]
    assert [record["writer"] for record in opening] == ["w0", "w1"]
