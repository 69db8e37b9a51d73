"""The store of upload sessions: SQLite in the state directory, in WAL mode, shared by all workers of a machine.

Keys are hashed, for upload ids and presigned addresses are as good as passwords. What is acknowledged survives the
death of the process; a loss of power may take the last moments, and an unknown id adds no fact. Any failure is a
`SessionsError`, and the next call opens the file anew.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

from subrosa.facts.sessions import SessionFacts, SessionKey, SessionsError
from subrosa.facts.tagwords import Tag

LIFETIME: Final = 8 * 86400.0
"""Seconds: a resumable upload of GCS lives for a week, the longest of those that end by themselves."""

MOST_FACTS: Final = 64 * 1024
"""Octets of one upload's facts."""

_PAGE: Final = 4096
_VERSION: Final = 1
_SWEPT: Final = 500
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS sessions (
        key BLOB PRIMARY KEY, facts TEXT NOT NULL, expires REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS expiring ON sessions (expires);
"""


class SessionStore:
    """What the openings of uploads said, for eight days; safe to use from several threads and processes.

    ``octets`` bounds the file, ``patience`` is how many seconds a call waits for another process. Nothing is opened
    before the first call.
    """

    def __init__(
        self, file: Path, clock: Callable[[], float], *, octets: int = 256 << 20, patience: float = 1.0
    ) -> None:
        self._file = file
        self._clock = clock
        self._pages = max(octets // _PAGE, 1)
        self._patience = patience
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def recall(self, keys: Sequence[SessionKey]) -> SessionFacts | None:
        """What was said under any of these names, all together; None where nothing was.

        Raises:
            SessionsError: when the store cannot be read, also when no name is asked for.
        """
        found: SessionFacts | None = None
        with self._using() as connection:
            for key in keys or (_NOBODY,):
                said = _read(connection, _hashed(key), self._clock())
                if said is not None:
                    found = said if found is None else found.join(said)
        return found

    def remember(self, keys: Iterable[SessionKey], facts: SessionFacts) -> None:
        """Keep what was said under each of these names, besides what is known; returns when it is kept.

        Raises:
            SessionsError: when it cannot be kept; nothing of it is then.
        """
        with self._using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            now = self._clock()
            _sweep(connection, now)
            for key in dict.fromkeys(map(_hashed, keys)):
                known = _read(connection, key, now)
                text = _encode(facts if known is None else known.join(facts))
                connection.execute("REPLACE INTO sessions VALUES (?, ?, ?)", (key, text, now + LIFETIME))
            connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._lock:
            self._drop()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The open file, for one caller at a time; whatever fails closes it and is a SessionsError."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                yield self._connection
            except SessionsError:
                self._drop()
                raise
            except (sqlite3.Error, OSError, ValueError) as fault:
                self._drop()
                raise SessionsError(f"the store of upload sessions cannot be used: {fault}") from fault

    def _open(self) -> sqlite3.Connection:
        # SQLite gives its other files the same mode. A file that exists is not opened here: closing it would take the
        # locks of every connection of this process.
        with suppress(FileExistsError):
            os.close(os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(
            self._file, timeout=self._patience, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, self._pages)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


_NOBODY: Final = SessionKey("", "", "")
"""Asked for where there is no name: a read that finds nothing, and fails where the store does."""


def _prepare(connection: sqlite3.Connection, pages: int) -> None:
    connection.execute(f"PRAGMA page_size = {_PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLE} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise SessionsError(f"the store of upload sessions is of version {version}, not {_VERSION}")


def _hashed(key: SessionKey) -> bytes:
    return hashlib.sha256(json.dumps([key.scope, key.kind, key.id]).encode()).digest()


def _read(connection: sqlite3.Connection, key: bytes, now: float) -> SessionFacts | None:
    row = connection.execute(
        "SELECT facts FROM sessions WHERE key = ? AND expires > ?", (key, now)
    ).fetchone()
    return None if row is None else _decode(row[0])


def _sweep(connection: sqlite3.Connection, now: float) -> None:
    """Forget what is over, a bounded number at a time."""
    connection.execute(
        "DELETE FROM sessions WHERE key IN (SELECT key FROM sessions WHERE expires <= ? LIMIT ?)",
        (now, _SWEPT),
    )


def _encode(facts: SessionFacts) -> str:
    tags = [(tag.carrier, tag.key, tag.value) for tag in facts.tags]
    text = json.dumps([tags, facts.content, facts.operations, facts.unreadable], separators=(",", ":"))
    if len(text) > MOST_FACTS:
        raise SessionsError("the opening of an upload says more than 64 KiB")
    return text


def _decode(text: object) -> SessionFacts:
    if not isinstance(text, str):
        raise SessionsError("the store of upload sessions holds something else")
    try:
        tags, content, operations, unreadable = json.loads(text)
        return SessionFacts(
            tuple(Tag(str(carrier), str(key), str(value)) for carrier, key, value in tags),
            bool(content),
            tuple(str(operation) for operation in operations),
            bool(unreadable),
        )
    except TypeError as fault:
        raise SessionsError("the store of upload sessions holds something else") from fault
