"""Where a run happens: the checkout, the peers' environment, a temporary directory, and who vouches for whom."""

import secrets
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

import trustme

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENVIRONMENT = HERE / ".env"
RESULTS = HERE / "results"
HOST = "localhost"
"""The one name that every proxy resolves to this machine without being told."""

TUNNELLED = "127.0.0.1"
"""The same destination under a name that Subrosa's settings except from inspection."""

_given: set[int] = set()
_giving = threading.Lock()


def free_port() -> int:
    """A port of the loopback interface on which nobody listens now, and that was given to nobody else."""
    with _giving:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in _given:
                _given.add(port)
                return port


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate authority as files, for proxies that make certificates of their own."""

    cert: Path
    key: Path
    both: Path


@dataclass(frozen=True, slots=True)
class Place:
    """What subjects are started with."""

    work: Path
    checkout: Path
    destination_ca: Path
    destination_cert: Path
    destination_key: Path
    rsa: Signer
    ec: Signer

    def binary(self, name: str) -> Path:
        """A command of the peers' environment."""
        return ENVIRONMENT / "bin" / name

    def directory(self, name: str) -> Path:
        """A directory of one subject, new each time, readable by a proxy that gives up being root."""
        path = self.work / f"{name}-{secrets.token_hex(4)}"
        path.mkdir(mode=0o755)
        return path


def _signer(directory: Path, name: str, kind: trustme.KeyType) -> Signer:
    authority = trustme.CA(key_type=kind)
    signer = Signer(directory / f"{name}.pem", directory / f"{name}.key", directory / f"{name}-both.pem")
    authority.cert_pem.write_to_path(signer.cert)
    authority.private_key_pem.write_to_path(signer.key)
    signer.both.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    for path in (signer.cert, signer.key, signer.both):
        path.chmod(0o644)  # keys of an hour, for a proxy that reads them after it gave up being root
    return signer


def prepare(work: Path, checkout: Path = ROOT) -> Place:
    """Certificates for the destination, and authorities for the proxies, in a temporary directory."""
    work.chmod(0o755)
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    leaf = authority.issue_cert(HOST, "127.0.0.1", key_type=trustme.KeyType.ECDSA)
    ca, cert, key = (work / name for name in ("destination-ca.pem", "destination.pem", "destination.key"))
    authority.cert_pem.write_to_path(ca)
    cert.write_bytes(b"".join(part.bytes() for part in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(key)
    return Place(
        work=work,
        checkout=checkout,
        destination_ca=ca,
        destination_cert=cert,
        destination_key=key,
        rsa=_signer(work, "rsa", trustme.KeyType.RSA),
        ec=_signer(work, "ec", trustme.KeyType.ECDSA),
    )
