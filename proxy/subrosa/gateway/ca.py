"""The gateway's own certificate authority: made on the first run, checked on every start, never replaced silently.

The engine reads `mitmproxy-ca.pem` (key and certificate) in the folder that is its confdir, and would make a
new authority where the file is missing; so `ensure` runs first and refuses whatever is not in order.
"""

import os
import socket
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import certifi
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from subrosa.gateway.wholefiles import publish

LIFETIME = timedelta(days=730)
"""Two years: long enough that a fleet meets the change as planned work, with the expiry in the metrics; short enough
that a key that leaked with a machine's disk does not stay trusted for the life of the machine."""
_SKEW = timedelta(days=1)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_MOST = 1024 * 1024
_NAME = 64

type Format = Literal["pem", "der", "bundle"]
FORMATS: tuple[Format, ...] = ("pem", "der", "bundle")


class CaError(Exception):
    """The authority cannot be used; one line that says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class CaPaths:
    """Where the authority lives; ``directory`` is the engine's confdir."""

    directory: Path

    @property
    def certificate(self) -> Path:
        """The certificate alone, for clients."""
        return self.directory / "ca.pem"

    @property
    def key(self) -> Path:
        """Key and certificate, mode 0600, for the engine."""
        return self.directory / "mitmproxy-ca.pem"

    @property
    def successor(self) -> Path:
        """The certificate of the authority that a rotation has made and not yet taken in use."""
        return self.directory / "next" / "ca.pem"

    @property
    def predecessor(self) -> Path:
        """The certificate that the last rotation replaced: what was signed with it is trusted until all restarted."""
        return self.directory / "previous.pem"


def ensure(state_dir: Path, now: float) -> CaPaths:
    """The authority under ``state_dir``, made where there is none; ``now`` in Unix seconds.

    Two processes that start together agree on one.

    Raises:
        CaError: when it cannot be made or read, or is not in order.
    """
    paths = CaPaths(state_dir / "ca")
    try:
        paths.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if paths.directory.stat().st_mode & _OTHERS_WRITE:
            raise CaError(
                f"{paths.directory} can be written by others than its owner: run chmod 700 {paths.directory}"
            )
        if not paths.key.exists():
            if paths.certificate.exists():
                raise CaError(
                    f"{paths.certificate} is there without its key: restore {paths.key}, or remove both and give "
                    "the new certificate to every client"
                )
            publish(paths.key, make(datetime.fromtimestamp(now, UTC)), 0o600)
        certificate = _checked(paths, now)
        if not paths.certificate.exists():
            publish(paths.certificate, _pem(certificate), 0o644)
        if _first(paths.certificate) != certificate:
            raise CaError(
                f"{paths.certificate} is not the certificate in {paths.key}: remove it, it will be written anew"
            )
    except OSError as fault:
        raise CaError(
            f"{fault.filename or paths.directory}: {(fault.strerror or str(fault)).lower()}"
        ) from fault
    return paths


def expiry(paths: CaPaths) -> float:
    """When the certificate ends, in Unix seconds.

    Raises:
        CaError: when it cannot be read.
    """
    return _first(paths.certificate).not_valid_after_utc.timestamp()


def export(paths: CaPaths, form: str = "pem") -> bytes:
    """What a client is to trust, in one of `FORMATS`; during a rotation ``pem`` and ``bundle`` have both authorities.

    ``bundle`` is the public authorities (certifi) and ours in one PEM file, for tools that take one file in
    place of their own: SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, AWS_CA_BUNDLE.

    Raises:
        CaError: when it cannot be read, or there is no such format.
    """
    if form not in FORMATS:
        raise CaError(f"format `{form}`: give one of {', '.join(FORMATS)}")
    certificate = _first(paths.certificate)
    if form == "der":
        return certificate.public_bytes(serialization.Encoding.DER)
    own = [certificate, *(_first(path) for path in (paths.successor, paths.predecessor) if path.exists())]
    if form == "pem":
        return b"".join(map(_pem, own))
    told = [f"\n# {each.subject.rfc4514_string()}\n".encode() + _pem(each) for each in own]
    return Path(certifi.where()).read_bytes().rstrip() + b"\n" + b"".join(told)


def is_sent(certificate: x509.Certificate) -> bool:
    """Whether a certificate of the authority goes to clients in the handshake: a root does not (RFC 8446 4.4.2)."""
    return certificate.subject != certificate.issuer


def make(now: datetime) -> bytes:
    """A new key and its certificate, in one PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(
                NameOID.COMMON_NAME, f"Subrosa CA {socket.gethostname()[:40]} {now:%Y-%m-%d}"[:_NAME]
            )
        ]
    )
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_KEY_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _key_pem(key) + _pem(certificate)


_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _checked(paths: CaPaths, now: float) -> x509.Certificate:
    path = paths.key
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            raise CaError(f"{path} can be read or written by others than its owner: run chmod 600 {path}")
        content = file.read(_MOST)
    return check(path, content, now)


def check(path: Path, content: bytes, now: float) -> x509.Certificate:
    """The certificate of an authority that is in order: its own key, may sign, valid now; ``path`` is for the words.

    Raises:
        CaError: for one that is not.
    """
    try:
        key = serialization.load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificates(content)[0]
    except (ValueError, TypeError, IndexError, UnsupportedAlgorithm):
        raise CaError(
            f"{path} does not hold a private key without passphrase and its certificate in PEM"
        ) from None
    if _spki(key.public_key()) != _spki(certificate.public_key()):
        raise CaError(f"{path} holds a key that is not its certificate's")
    if not _may_sign(certificate):
        raise CaError(f"{path} holds a certificate that may not sign others (CA:TRUE, keyCertSign)")
    _check_dates(path, certificate, now)
    return certificate


def _check_dates(path: Path, certificate: x509.Certificate, now: float) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < start.timestamp():
        raise CaError(f"{path} is not valid before {start:%Y-%m-%d %H:%M} UTC: set the clock right")
    if now >= end.timestamp():
        raise CaError(
            f"{path} expired on {end:%Y-%m-%d}: remove the folder {path.parent}, start again, and give the new "
            "certificate to every client"
        )


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False
    return basic.ca and usage.key_cert_sign


def _first(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (ValueError, IndexError):
        raise CaError(f"{path} does not hold a certificate in PEM") from None
    except OSError as fault:
        raise CaError(f"{path}: {(fault.strerror or str(fault)).lower()}") from fault


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
