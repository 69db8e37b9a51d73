"""An authority of the operator's own, such as a company's intermediate: checked, and put where the lanes look."""

import stat
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from subrosa.gateway.ca import CaError, CaPaths, check
from subrosa.gateway.wholefiles import replace

DIRECTORY = "ca-given"
_MOST = 1024 * 1024


def install(state_dir: Path, cert: Path, key: Path, now: float) -> CaPaths:
    """The authority of two files in PEM, of the certificate with those above it; ``now`` in Unix seconds.

    The two are copied into one under ``state_dir``, readable by the gateway's user alone, at each start: a certificate
    that was renewed in its place is taken by starting again. The group may read the key, as Kubernetes has it for
    Secrets; others may not.

    Raises:
        CaError: when a file cannot be read, or the authority is not in order.
    """
    paths = CaPaths(state_dir / DIRECTORY)
    if key.exists() and key.stat().st_mode & stat.S_IRWXO:
        raise CaError(f"{key} can be read or written by everybody: run chmod 640 {key}")
    chain = _read(cert)
    content = _read(key) + b"\n" + chain
    certificate = check(cert, content, now)
    _check_chain(cert, chain, now)
    try:
        paths.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(paths.key, content, 0o600)
        replace(paths.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except OSError as fault:
        raise CaError(
            f"{fault.filename or paths.directory}: {(fault.strerror or str(fault)).lower()}"
        ) from fault
    return paths


def _check_chain(path: Path, content: bytes, now: float) -> None:
    """Each certificate is issued by the one after it, and none of them has ended."""
    chain = x509.load_pem_x509_certificates(content)
    for lower, upper in pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            raise CaError(
                f"{path}: `{lower.subject.rfc4514_string()}` is not issued by the certificate after it: put each "
                "issuer after what it issued"
            ) from None
        if upper.not_valid_after_utc <= datetime.fromtimestamp(now, UTC):
            raise CaError(f"{path}: `{upper.subject.rfc4514_string()}` expired: renew it")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError as fault:
        raise CaError(f"{path}: {(fault.strerror or str(fault)).lower()}") from fault
