"""A held body comes back as it came, within its bounds, and leaves nothing behind."""

import hashlib
import os
import resource
import secrets
import signal
import stat
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.gateway.spool import Spool, SpoolBudget, SpoolError, SpoolFull, SpoolLimits
from subrosa.policy.verdict import Reason

_SMALL = SpoolLimits(memory=64, transfer=4096, total=6000, held=3)


def _drained(spool: Spool, piece: int = 1000) -> bytes:
    return b"".join(iter(lambda: spool.read(piece), b""))


def _files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


# --- what goes in comes out ---------------------------------------------------------------------------------

_WRITE = st.binary(max_size=200).map(lambda data: ("append", data))
_READ = st.integers(0, 200).map(lambda octets: ("read", octets))


@given(st.lists(_WRITE | _READ, max_size=60), st.integers(0, 128))
def test_any_interleaving_of_writes_and_reads_gives_the_bytes_in_order(
    steps: list[tuple[str, bytes | int]], memory: int
) -> None:
    budget = SpoolBudget(SpoolLimits(memory=memory))
    written, found = bytearray(), bytearray()
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(budget, Path(directory))
        for _, value in steps:
            if isinstance(value, bytes):
                spool.append(value)
                written += value
            else:
                data = spool.read(value)
                assert len(data) <= value
                assert data or not value or len(found) == len(written)
                found += data
            assert (spool.size, spool.consumed) == (len(written), len(found))
            assert spool.pending == len(written) - len(found)
            assert len(spool._memory) <= memory
            assert budget.octets >= spool.pending
        found += _drained(spool)
        assert found == written
        assert budget.octets == 0
        assert spool.sha256 == hashlib.sha256(written).hexdigest()
        spool.close()
        assert (budget.octets, budget.transfers) == (0, 0)
        assert _files(Path(directory)) == []


@pytest.mark.parametrize(
    "give",
    [bytes, bytearray, memoryview, lambda data: memoryview(data).cast("H")],
    ids=["bytes", "bytearray", "view", "wide"],
)
def test_every_kind_of_octets_is_taken(tmp_path: Path, give: Callable[[bytes], bytes]) -> None:
    data = secrets.token_bytes(300)
    spool = Spool(SpoolBudget(_SMALL), tmp_path)
    spool.append(give(data))
    assert spool.size == 300
    assert _drained(spool) == data
    spool.close()


def test_a_large_piece_is_sealed_and_read_whole(tmp_path: Path) -> None:
    data = secrets.token_bytes(1_000_001)
    spool = Spool(SpoolBudget(), tmp_path)
    spool.append(data)
    assert _drained(spool, 300_000) == data
    spool.close()


def test_a_drained_file_is_used_again_from_its_start_under_a_fresh_key_stream(tmp_path: Path) -> None:
    spool = Spool(SpoolBudget(SpoolLimits(memory=0)), tmp_path)
    sealed = []
    for _ in range(2):
        spool.append(bytes(32))
        file = spool._file
        assert file is not None
        sealed.append(os.pread(file._fd, 100, 0))
        assert spool.read(100) == bytes(32)
        assert os.fstat(file._fd).st_size == 0
    assert len(sealed[0]) == len(sealed[1]) == 32
    assert sealed[0] != sealed[1]
    spool.close()


def test_reset_begins_anew(tmp_path: Path) -> None:
    budget = SpoolBudget(_SMALL)
    spool = Spool(budget, tmp_path)
    for text in (b"a" * 500, b"b" * 10):
        spool.append(text)
        spool.reset()
        assert (spool.size, spool.pending, spool.read(10)) == (0, 0, b"")
        assert spool.sha256 == hashlib.sha256().hexdigest()
        assert (budget.octets, budget.transfers) == (0, 1)
    spool.append(b"c")
    assert _drained(spool) == b"c"
    spool.close()


def test_the_hash_outlives_what_was_held(tmp_path: Path) -> None:
    spool = Spool(SpoolBudget(_SMALL), tmp_path)
    spool.append(b"abc")
    spool.close()
    assert spool.sha256 == hashlib.sha256(b"abc").hexdigest()


def test_a_hash_that_saw_a_part_only_is_not_given(tmp_path: Path) -> None:
    spool = Spool(SpoolBudget(_SMALL), tmp_path)
    spool.append(b"abc")
    spool.stop_hashing()
    spool.append(b"def")
    assert spool.sha256 == ""
    spool.close()
    assert Spool(SpoolBudget(_SMALL), tmp_path, hashed=False).sha256 == ""


# --- bounds -------------------------------------------------------------------------------------------------


def test_small_bodies_touch_no_disk_and_none_counts_before_its_first_octet(tmp_path: Path) -> None:
    budget = SpoolBudget(_SMALL)
    spool = Spool(budget, tmp_path / "not-there")
    spool.append(b"")
    assert (budget.octets, budget.transfers) == (0, 0)
    spool.append(bytes(64))
    assert (budget.octets, budget.transfers) == (64, 1)
    spool.close()
    spool.close()
    assert (budget.octets, budget.transfers) == (0, 0)


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        pytest.param(
            [4097], "the transfer reached the limit of 4096 held bytes", id="one transfer too large"
        ),
        pytest.param(
            [4000, 2001], "all held transfers together reached the limit of 6000 bytes", id="all too large"
        ),
        pytest.param([1, 1, 1, 1], "3 transfers are held already", id="too many"),
    ],
)
def test_a_limit_refuses_the_transfer_that_reaches_it_and_gives_back_what_it_held(
    tmp_path: Path, sizes: list[int], told: str
) -> None:
    budget = SpoolBudget(_SMALL)
    *before, last = [(Spool(budget, tmp_path), size) for size in sizes]
    for spool, size in before:
        spool.append(bytes(size))
    counted = (budget.octets, budget.transfers)
    over, size = last
    with pytest.raises(SpoolFull, match=told) as caught:
        over.append(bytes(size))
    assert caught.value.reason is Reason.LIMIT
    assert (budget.octets, budget.transfers) == counted
    with pytest.raises(SpoolError, match="closed"):
        over.append(b"x")
    for spool, size in before:
        assert _drained(spool) == bytes(size)
        spool.close()
    assert (budget.octets, budget.transfers) == (0, 0)


def test_what_was_read_counts_no_more_so_a_stream_may_be_longer_than_the_limit(tmp_path: Path) -> None:
    spool = Spool(SpoolBudget(_SMALL), tmp_path)
    for _ in range(100):
        spool.append(bytes(1000))
        assert len(_drained(spool)) == 1000
    assert spool.size == 100_000
    spool.close()


def test_gauges_are_told_every_change(tmp_path: Path) -> None:
    transfers = octets = 0

    def moved(more_transfers: int, more_octets: int) -> None:
        nonlocal transfers, octets
        transfers += more_transfers
        octets += more_octets

    budget = SpoolBudget(_SMALL, moved)
    spool = Spool(budget, tmp_path)
    spool.append(bytes(100))
    assert (transfers, octets) == (budget.transfers, budget.octets) == (1, 100)
    spool.read(30)
    spool.close()
    assert (transfers, octets) == (0, 0)


def test_memory_does_not_grow_with_the_body(tmp_path: Path) -> None:
    piece = secrets.token_bytes(64 * 1024)
    spool = Spool(SpoolBudget(), tmp_path)
    tracemalloc.start()
    try:
        for _ in range(3200):
            spool.append(piece)
        assert spool.pending == 3200 * len(piece)
        while spool.pending:
            spool.read(64 * 1024)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    spool.close()
    assert peak < 1024 * 1024


# --- what goes wrong ----------------------------------------------------------------------------------------


@contextmanager
def _file_size_limit(octets: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_a_limit_and_ends_the_hold(tmp_path: Path) -> None:
    budget = SpoolBudget()
    spool = Spool(budget, tmp_path)
    with _file_size_limit(1024 * 1024), pytest.raises(SpoolFull, match="cannot hold more"):
        spool.append(bytes(2 * 1024 * 1024))
    assert (budget.octets, budget.transfers, spool.pending) == (0, 0, 0)
    with pytest.raises(SpoolError):
        spool.read(1)


def test_no_space_left_is_a_limit(tmp_path: Path) -> None:
    spool = Spool(SpoolBudget(SpoolLimits(memory=0)), tmp_path)
    spool.append(b"x")
    file = spool._file
    assert file is not None
    with Path("/dev/full").open("r+b", buffering=0) as full:
        os.dup2(full.fileno(), file._fd)
    with pytest.raises(SpoolFull, match="no space left on device"):
        spool.append(b"y")


def test_a_file_cut_behind_our_back_is_an_error_not_an_end(tmp_path: Path) -> None:
    budget = SpoolBudget(SpoolLimits(memory=0))
    spool = Spool(budget, tmp_path)
    spool.append(bytes(100))
    file = spool._file
    assert file is not None
    os.ftruncate(file._fd, 40)
    assert len(spool.read(100)) == 40
    with pytest.raises(SpoolError, match="the spool failed") as caught:
        spool.read(100)
    assert caught.value.reason is Reason.ENGINE
    assert (budget.octets, budget.transfers) == (0, 0)


def test_a_missing_directory_is_an_error_of_the_gateway(tmp_path: Path) -> None:
    spool = Spool(SpoolBudget(_SMALL), tmp_path / "not-there")
    with pytest.raises(SpoolError, match="no such file") as caught:
        spool.append(bytes(65))
    assert caught.value.reason is Reason.ENGINE


def test_a_file_system_without_nameless_files_gets_an_unlinked_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a kernel that does not know the flag: EISDIR.
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)
    spool = Spool(SpoolBudget(_SMALL), tmp_path)
    data = secrets.token_bytes(500)
    spool.append(data)
    file = spool._file
    assert file is not None
    assert _files(tmp_path) == []
    assert os.fstat(file._fd).st_nlink == 0
    assert _drained(spool) == data
    spool.close()


def test_the_file_is_its_owners_and_has_no_name(tmp_path: Path) -> None:
    spool = Spool(SpoolBudget(_SMALL), tmp_path)
    spool.append(bytes(500))
    file = spool._file
    assert file is not None
    status = os.fstat(file._fd)
    assert (stat.S_IMODE(status.st_mode), status.st_nlink, _files(tmp_path)) == (0o600, 0, [])
    spool.close()


_CHILD = """
import sys, time
from pathlib import Path
from subrosa.gateway.spool import Spool, SpoolBudget
spool = Spool(SpoolBudget(), Path(sys.argv[1]))
for _ in range(40):
    spool.append(b"what was said in the meeting " * 1000)
print(spool._file._fd, flush=True)
time.sleep(60)
"""


def test_a_killed_gateway_leaves_nothing_that_can_be_read(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _CHILD, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        descriptor = int(child.stdout.readline())
        on_disk = Path(f"/proc/{child.pid}/fd/{descriptor}").read_bytes()
        child.send_signal(signal.SIGKILL)
    assert len(on_disk) > 500_000
    assert b"meeting" not in on_disk
    assert _files(tmp_path) == []
