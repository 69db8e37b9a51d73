"""Changing the authority without a day on which clients do not trust it: made first, trusted, then taken in use."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from subrosa.gateway.ca import CaError, CaPaths, check, ensure, make
from subrosa.gateway.wholefiles import publish, replace, sync

_MOST = 1024 * 1024


def prepare(state_dir: Path, now: float) -> Path:
    """The certificate of the successor, made where there is none; from now on exports hold both.

    Raises:
        CaError: when the authority in use is not in order, or the successor cannot be made.
    """
    paths = ensure(state_dir, now)
    folder = paths.successor.parent
    key = CaPaths(folder).key
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        publish(key, make(datetime.fromtimestamp(now, UTC)), 0o600)
        certificate = check(key, _read(key), now)
        replace(paths.successor, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except OSError as fault:
        raise _told(fault, folder) from fault
    return paths.successor


def finish(state_dir: Path, now: float) -> Path:
    """Put the successor in the place of the authority in use; a gateway takes it when it starts again.

    The replaced key is gone with this; its certificate stays, because gateways that run on still sign with it.

    Raises:
        CaError: where no successor was prepared, or it cannot be put in place.
    """
    paths = ensure(state_dir, now)
    successor = CaPaths(paths.successor.parent)
    if not successor.key.exists():
        raise CaError(
            "no rotation is prepared: run `subrosa ca rotate`, and have the clients trust both first"
        )
    content = _read(successor.key)
    check(successor.key, content, now)
    try:
        replace(paths.predecessor, paths.certificate.read_bytes(), 0o644)
        # a start between any two of these finds an authority in order: the certificate is made anew from the key
        paths.certificate.unlink()
        successor.key.replace(paths.key)
        sync(paths.directory)
        paths.successor.unlink(missing_ok=True)
        successor.directory.rmdir()
    except OSError as fault:
        raise _told(fault, paths.directory) from fault
    return ensure(state_dir, now).certificate


def told(paths: CaPaths) -> list[tuple[str, str, str]]:
    """Each authority that clients should trust: what it is, its name, and the day on which it ends.

    Raises:
        CaError: when a certificate cannot be read.
    """
    found = [("in use", paths.certificate), ("next", paths.successor), ("previous", paths.predecessor)]
    return [(word, *_named(path)) for word, path in found if path.exists()]


def _named(path: Path) -> tuple[str, str]:
    try:
        certificate = x509.load_pem_x509_certificates(_read(path))[0]
    except (ValueError, IndexError):
        raise CaError(f"{path} does not hold a certificate in PEM") from None
    return certificate.subject.rfc4514_string(), f"{certificate.not_valid_after_utc:%Y-%m-%d}"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError as fault:
        raise _told(fault, path) from fault


def _told(fault: OSError, path: Path) -> CaError:
    return CaError(f"{fault.filename or path}: {(fault.strerror or str(fault)).lower()}")
