"""Where a held body waits: a little of it in memory, the rest in an unlinked, encrypted temporary file.

First in, first out. The file has no name and its key lives in this process alone, so a killed gateway leaves
nothing that can be read. What was read is given back: memory at once, the file when it is drained.
"""

import errno
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from subrosa.policy.verdict import Reason

KIB = 1024
GIB = 1024**3
_PIECE = 64 * KIB
"""What is sealed and written at a time: larger pieces cost fresh pages for each, three times the CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    """In octets: of one transfer in memory, of one transfer, and of all; ``held`` is how many transfers may be held."""

    memory: int = 256 * KIB
    transfer: int = 8 * GIB
    total: int = 64 * GIB
    held: int = 1024


class SpoolError(OSError):
    """A body cannot be held, so its transfer is refused; ``reason`` says as what."""

    def __init__(self, detail: str, reason: Reason = Reason.ENGINE) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


class SpoolFull(SpoolError):  # noqa: N818 - the name says which error
    """A limit was reached, or the disk is full."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, Reason.LIMIT)


def _unseen(_transfers: int, _octets: int) -> None:
    pass


class SpoolBudget:
    """What all spools of one process hold together; ``moved`` is told each change (transfers, octets)."""

    def __init__(
        self, limits: SpoolLimits | None = None, moved: Callable[[int, int], None] = _unseen
    ) -> None:
        self.limits = limits or SpoolLimits()
        self.transfers = 0
        self.octets = 0
        self._moved = moved

    def enter(self) -> None:
        """Count one more held transfer.

        Raises:
            SpoolFull: when as many are held as may be.
        """
        if self.transfers >= self.limits.held:
            raise SpoolFull(f"{self.limits.held} transfers are held already")
        self.transfers += 1
        self._moved(1, 0)

    def take(self, octets: int) -> None:
        """Count more held octets.

        Raises:
            SpoolFull: when that would be more than may be held in all.
        """
        if self.octets + octets > self.limits.total:
            raise SpoolFull(f"all held transfers together reached the limit of {self.limits.total} bytes")
        self.octets += octets
        self._moved(0, octets)

    def give(self, octets: int, transfers: int = 0) -> None:
        """Take back what was counted."""
        self.octets -= octets
        self.transfers -= transfers
        self._moved(-transfers, -octets)


class _File:
    """An unlinked file as an encrypted queue of octets; its key is drawn here and never leaves."""

    def __init__(self, directory: Path) -> None:
        self._fd = _open_unlinked(directory)
        cipher = Cipher(algorithms.AES(secrets.token_bytes(32)), modes.CTR(secrets.token_bytes(16)))
        # Both contexts pass over the same octets in the same order, so the two key streams stay in step; no
        # octet of a key stream serves twice, even when the file is written again from its start.
        self._seal: CipherContext = cipher.encryptor()
        self._open: CipherContext = cipher.decryptor()
        self.written = 0
        self.consumed = 0

    def write(self, data: memoryview) -> None:
        for start in range(0, data.nbytes, _PIECE):
            sealed = memoryview(self._seal.update(data[start : start + _PIECE]))
            while sealed:
                done = os.pwrite(self._fd, sealed, self.written)
                self.written += done
                sealed = sealed[done:]

    def read(self, octets: int) -> bytes:
        sealed = os.pread(self._fd, min(octets, self.written - self.consumed), self.consumed)
        if not sealed:
            raise OSError(errno.EIO, "the spool file is shorter than what was written to it")
        self.consumed += len(sealed)
        return self._open.update(sealed)

    def empty(self) -> None:
        """Give the disk back once everything was read; the next octet stands at the start again."""
        os.ftruncate(self._fd, 0)
        self.written = self.consumed = 0

    def close(self) -> None:
        os.close(self._fd)


class Spool:
    """One held body.

    Counts as a held transfer from its first octet to `close`. An error of `append` or `read` closes it: what
    was held is gone, and every later use is an error too.
    """

    def __init__(self, budget: SpoolBudget, directory: Path, *, hashed: bool = True) -> None:
        self._budget = budget
        self._directory = directory
        self._memory = bytearray()
        self._file: _File | None = None
        self._hash = hashlib.sha256() if hashed else None
        self._held = 0
        self._entered = False
        self._closed = False
        self.size = 0
        """Octets appended, over all."""
        self.consumed = 0
        """Octets read, over all."""

    @property
    def pending(self) -> int:
        """Octets that wait to be read."""
        return 0 if self._closed else self.size - self.consumed

    @property
    def sha256(self) -> str:
        """Hex digest of all that was appended since the start or the last reset; empty where nothing is hashed."""
        return "" if self._hash is None else self._hash.hexdigest()

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Put octets at the end.

        Raises:
            SpoolFull: a limit is reached or the disk is full.
            SpoolError: the file failed, or the spool is closed.
        """
        self._check_open()
        if not data:
            return
        try:
            self._append(memoryview(data).cast("B"))
        except BaseException:
            self.close()
            raise

    def read(self, octets: int) -> bytes:
        """The next octets, at most so many; empty only when nothing waits.

        Raises:
            SpoolError: the file failed, or the spool is closed.
        """
        self._check_open()
        if octets <= 0 or self.size == self.consumed:
            return b""
        try:
            data = self._read(octets)
        except BaseException as fault:
            self.close()
            if isinstance(fault, OSError) and not isinstance(fault, SpoolError):
                raise _told(fault) from fault
            raise
        self.consumed += len(data)
        return data

    def stop_hashing(self) -> None:
        """Hash nothing from here on; ``sha256`` becomes empty."""
        self._hash = None

    def reset(self) -> None:
        """Throw away what is held and begin anew: size 0, a fresh hash, still one held transfer."""
        self._check_open()
        self._drop()
        self.size = self.consumed = 0
        if self._hash is not None:
            self._hash = hashlib.sha256()

    def close(self) -> None:
        """Throw away what is held and give the budget back; may be called again."""
        if self._closed:
            return
        self._closed = True
        self._drop()
        if self._entered:
            self._budget.give(0, transfers=1)

    def _append(self, data: memoryview) -> None:
        octets, limits = data.nbytes, self._budget.limits
        if self._held + octets > limits.transfer:
            raise SpoolFull(f"the transfer reached the limit of {limits.transfer} held bytes")
        if not self._entered:
            self._budget.enter()
            self._entered = True
        self._budget.take(octets)
        self._held += octets
        if self._hash is not None:
            self._hash.update(data)
        in_memory = self._file is None or not self._file.written
        if in_memory and len(self._memory) + octets <= limits.memory:
            self._memory += data
        else:
            self._write(data)
        self.size += octets

    def _write(self, data: memoryview) -> None:
        try:
            if self._file is None:
                self._file = _File(self._directory)
            self._file.write(data)
        except OSError as fault:
            raise _told(fault) from fault

    def _read(self, octets: int) -> bytes:
        if self._memory:
            data = bytes(memoryview(self._memory)[:octets])
            del self._memory[: len(data)]
            self._give(len(data))
            return data
        if self._file is None:
            raise SpoolError("the spool lost its file")
        data = self._file.read(octets)
        if self._file.consumed == self._file.written:
            self._give(self._file.written)
            self._file.empty()
        return data

    def _give(self, octets: int) -> None:
        self._held -= octets
        self._budget.give(octets)

    def _drop(self) -> None:
        self._memory.clear()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
        if self._held:
            self._give(self._held)

    def _check_open(self) -> None:
        if self._closed:
            raise SpoolError("the spool is closed")


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})


def _told(fault: OSError) -> SpoolError:
    what = os.strerror(fault.errno).lower() if fault.errno else "input/output error"
    if fault.errno in _FULL:
        return SpoolFull(f"the spool cannot hold more: {what}")
    return SpoolError(f"the spool failed: {what}")


def _open_unlinked(directory: Path) -> int:
    """A descriptor of a file, mode 0600, that no name leads to."""
    try:
        return os.open(directory, os.O_TMPFILE | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        if fault.errno not in _NO_TMPFILE:
            raise
    descriptor, name = tempfile.mkstemp(prefix=".spool-", dir=directory)
    Path(name).unlink()
    return descriptor
