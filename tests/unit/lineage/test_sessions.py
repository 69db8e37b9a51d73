"""The store of upload sessions: what it keeps, for how long, and that every way to fail is told."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from subrosa.facts.sessions import SessionFacts, SessionKey, SessionsError
from subrosa.facts.tags import Tag
from subrosa.lineage.sessions import LIFETIME, MOST_FACTS, SessionStore

TAGGED = SessionFacts(tags=(Tag("x-amz-tagging", "purpose", "model-training"),))
CONTENT = SessionFacts(content=True)
TUNING = SessionFacts(operations=("openai.uploads.create.fine_tune",), unreadable=True)
ONE, OTHER = SessionKey("aws-s3", "id", "U1"), SessionKey("aws-s3", "id", "U2")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite"


@pytest.fixture
def store(file: Path, clock: Clock) -> Iterator[SessionStore]:
    with closing(SessionStore(file, clock, patience=0.05)) as found:
        yield found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param([ONE], TAGGED, id="the upload that was opened"),
        pytest.param([OTHER], None, id="another id"),
        pytest.param([SessionKey("gcs", "id", "U1")], None, id="the same id at another provider"),
        pytest.param([SessionKey("aws-s3", "url", "U1")], None, id="the same text of another kind"),
        pytest.param([OTHER, ONE], TAGGED, id="one of several names"),
        pytest.param([], None, id="no name at all"),
    ],
)
def test_what_an_opening_said_is_found_under_its_own_name(
    store: SessionStore, asked: list[SessionKey], found: SessionFacts | None
) -> None:
    store.remember([ONE], TAGGED)

    assert store.recall(asked) == found


def test_facts_only_grow(store: SessionStore) -> None:
    for facts in (TAGGED, CONTENT, TUNING, TAGGED):
        store.remember([ONE], facts)

    assert store.recall([ONE]) == SessionFacts(TAGGED.tags, True, TUNING.operations, True)


def test_facts_under_several_names_come_together(store: SessionStore) -> None:
    store.remember([ONE], TAGGED)
    store.remember([OTHER], CONTENT)

    assert store.recall([ONE, OTHER]) == TAGGED.join(CONTENT)


def test_tags_come_back_as_they_were_sent(store: SessionStore) -> None:
    said = SessionFacts(tags=(Tag("json:metadata.*", "Zażółć \U0001f3a4", "a\0b\ud800"),))
    store.remember([ONE], said)

    assert store.recall([ONE]) == said


def test_an_upload_is_forgotten_after_eight_days(store: SessionStore, clock: Clock, file: Path) -> None:
    store.remember([ONE], TAGGED)
    clock.now += LIFETIME - 1
    assert store.recall([ONE]) == TAGGED
    clock.now += 1

    assert store.recall([ONE]) is None
    store.remember([OTHER], TAGGED)
    with closing(sqlite3.connect(file)) as seen:
        assert seen.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_another_process_reads_what_this_one_kept(store: SessionStore, file: Path, clock: Clock) -> None:
    store.remember([ONE], TAGGED)
    with closing(SessionStore(file, clock)) as other:
        assert other.recall([ONE]) == TAGGED
        other.remember([ONE], CONTENT)

    assert store.recall([ONE]) == TAGGED.join(CONTENT)


def test_threads_take_turns(store: SessionStore) -> None:
    def write(number: int) -> None:
        for at in range(20):
            store.remember([SessionKey("aws-s3", "id", f"{number}-{at}")], TAGGED)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    names = [SessionKey("aws-s3", "id", f"{number}-{at}") for number in range(4) for at in range(20)]
    assert all(store.recall([name]) == TAGGED for name in names)


def test_nobody_else_may_read_the_files_and_no_id_stands_in_them(store: SessionStore, file: Path) -> None:
    secret = SessionKey("aws-s3", "id", "a-very-secret-upload-id")
    store.remember([secret], TAGGED)

    files = sorted(file.parent.iterdir())
    assert [each.name for each in files] == [file.name, f"{file.name}-shm", f"{file.name}-wal"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert all(secret.id.encode() not in each.read_bytes() for each in files)


# --- failing -----------------------------------------------------------------------------------------------------


def corrupt(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as made:
        made.execute("PRAGMA user_version = 2")


def emptied(file: Path) -> None:
    with closing(sqlite3.connect(file)) as made:
        made.executescript("CREATE TABLE other (x); PRAGMA user_version = 1;")


def garbled(file: Path) -> None:
    with closing(SessionStore(file, Clock())) as made:
        made.remember([ONE], TAGGED)
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("UPDATE sessions SET facts = '7'")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(corrupt, id="a file that is no database"),
        pytest.param(newer, id="a file of a later version"),
        pytest.param(emptied, id="a database without the table"),
        pytest.param(garbled, id="facts that cannot be read"),
        pytest.param(Path.mkdir, id="a directory in its place"),
        pytest.param(lambda file: file.parent.rmdir(), id="a state directory that is gone"),
    ],
)
def test_a_store_that_cannot_be_read_says_so(
    store: SessionStore, file: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(file)

    with pytest.raises(SessionsError):
        store.recall([ONE])
    with pytest.raises(SessionsError):
        store.remember([ONE], TAGGED)


def test_a_store_that_is_down_says_so_even_when_no_name_is_asked_for(store: SessionStore, file: Path) -> None:
    corrupt(file)

    with pytest.raises(SessionsError):
        store.recall([])


def test_a_store_that_another_process_holds_can_be_read_and_not_written(
    store: SessionStore, file: Path
) -> None:
    store.remember([ONE], TAGGED)
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert store.recall([ONE]) == TAGGED
        with pytest.raises(SessionsError, match="locked"):
            store.remember([OTHER], TAGGED)
        holder.execute("ROLLBACK")

    store.remember([OTHER], TAGGED)
    assert store.recall([OTHER]) == TAGGED


def test_a_full_store_keeps_what_it_has_and_says_that_it_takes_no_more(file: Path, clock: Clock) -> None:
    with closing(SessionStore(file, clock, octets=128 << 10)) as store:
        large = SessionFacts(tags=tuple(Tag("x-amz-tagging", f"key-{at}", "v" * 250) for at in range(50)))
        kept = 0
        with pytest.raises(SessionsError, match="full"):  # noqa: PT012 - how many fit is not ours to say
            while kept < 100:
                store.remember([SessionKey("aws-s3", "id", str(kept))], large)
                kept += 1

        assert kept > 2
        assert store.recall([SessionKey("aws-s3", "id", "0")]) == large
        assert store.recall([SessionKey("aws-s3", "id", str(kept))]) is None
        clock.now += LIFETIME
        store.remember([ONE], large)
        assert store.recall([ONE]) == large


def test_an_opening_that_says_too_much_is_not_kept_in_part(store: SessionStore) -> None:
    with pytest.raises(SessionsError, match="64 KiB"):
        store.remember([OTHER, ONE], SessionFacts(tags=(Tag("x", "y", "z" * MOST_FACTS),)))

    assert store.recall([ONE, OTHER]) is None


def test_a_store_that_was_repaired_is_used_again(store: SessionStore, file: Path) -> None:
    corrupt(file)
    with pytest.raises(SessionsError):
        store.recall([ONE])
    file.unlink()
    store.remember([ONE], TAGGED)

    assert store.recall([ONE]) == TAGGED


WRITER = """
import sys, time
from pathlib import Path
from subrosa.facts.sessions import SessionFacts, SessionKey
from subrosa.lineage.sessions import SessionStore
store = SessionStore(Path(sys.argv[1]), time.time)
at = 0
while True:
    store.remember([SessionKey("aws-s3", "id", str(at))], SessionFacts(content=True))
    print(at, flush=True)
    at += 1
"""


def test_what_was_acknowledged_survives_a_kill(file: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert writer.stdout is not None
    with writer.stdout as told:
        while (line := told.readline()) and int(line) < 50:
            pass
        writer.send_signal(signal.SIGKILL)
        last = max(int(each) for each in (line, *told.read().split()) if each.strip())
    writer.wait()

    with closing(SessionStore(file, Clock())) as store:
        assert all(store.recall([SessionKey("aws-s3", "id", str(at))]) == CONTENT for at in range(last + 1))
