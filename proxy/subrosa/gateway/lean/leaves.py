"""Certificates for clients: one for each destination, signed by our authority, in a context that is kept."""

import os
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from subrosa.facts.hosts import Host
from subrosa.gateway.ca import CaPaths, is_sent
from subrosa.gateway.lean.trust import CIPHERS

_SKEW = timedelta(days=2)
_LIFETIME = timedelta(days=199)
"""Both as the engine's; browsers take at most 200 days (CA/Browser Forum SC-081v3, from March 2026)."""
_RENEWED = timedelta(days=30).total_seconds()
_CONTEXTS = 1024
_MOST_NAME = 64


class Leaves:
    """Makes contexts, one for each destination, the last 1,024 of them kept; all leaves share one key."""

    def __init__(self, authority: CaPaths, clock: Callable[[], float]) -> None:
        pem = authority.key.read_bytes()
        self._clock = clock
        self._signer = serialization.load_pem_private_key(pem, None)
        authority_and_above = x509.load_pem_x509_certificates(pem)
        self._issuer = authority_and_above[0]
        self._chain = [each for each in authority_and_above if is_sent(each)]
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._key_pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._contexts: OrderedDict[Host, tuple[float, ssl.SSLContext]] = OrderedDict()

    def context(self, host: Host) -> ssl.SSLContext:
        """The context in which a client sees a certificate for this name or address, and no other."""
        now = self._clock()
        made, context = self._contexts.get(host, (0.0, None))
        if context is None or now - made > _RENEWED:
            context = self._make(host, now)
            self._contexts[host] = (now, context)
            if len(self._contexts) > _CONTEXTS:
                self._contexts.popitem(last=False)
        else:
            self._contexts.move_to_end(host)
        return context

    def _make(self, host: Host, now: float) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE  # whether AES or ChaCha is fast, the client knows
        context.num_tickets = 1
        chain = [self._sign(host, datetime.fromtimestamp(now, UTC)), *self._chain]
        pems = [each.public_bytes(serialization.Encoding.PEM) for each in chain]
        with _as_file(self._key_pem + b"".join(pems)) as path:
            context.load_cert_chain(path)
        return context

    def _sign(self, host: Host, now: datetime) -> x509.Certificate:
        name = host.name if host.address is None else str(host.address)
        common = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if len(name) < _MOST_NAME else []
        named = x509.DNSName(name) if host.address is None else x509.IPAddress(host.address)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(common))
            .issuer_name(self._issuer.subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now - _SKEW + _LIFETIME)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([named]), critical=not common)
            .add_extension(_authority_key(self._issuer), critical=False)
        )
        alone = isinstance(self._signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        return builder.sign(self._signer, None if alone else hashes.SHA256())  # type: ignore[arg-type]


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The issuer's own identifier (RFC 5280 4.2.1.1), which is not always a digest of its key."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


@contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    """The stdlib loads a certificate from a file only: one in memory, where the system has such."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("leaf", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, content)
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
    else:
        with NamedTemporaryFile(prefix=".leaf-") as file:
            file.write(content)
            file.flush()
            yield Path(file.name)
