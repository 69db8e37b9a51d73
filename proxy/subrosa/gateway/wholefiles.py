"""Files that are whole or not there: written beside their name, flushed to the disk, and then given it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def publish(target: Path, content: bytes, mode: int) -> None:
    """Write a file; one that is there already stays, so that two processes agree on one. Raises OSError."""
    with _draft(target, content, mode) as draft:
        try:
            target.hardlink_to(draft)
        except FileExistsError:
            return
        finally:
            draft.unlink()
    sync(target.parent)


def replace(target: Path, content: bytes, mode: int) -> None:
    """Write a file in the place of the one that is there. Raises OSError."""
    with _draft(target, content, mode) as draft:
        draft.replace(target)
    sync(target.parent)


def sync(directory: Path) -> None:
    """Have the names in a directory on the disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _draft(target: Path, content: bytes, mode: int) -> Iterator[Path]:
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
