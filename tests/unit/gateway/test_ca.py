"""The authority: made once, never silently replaced, and accepted by the engine and by a strict client."""

import os
import socket
import ssl
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from mitmproxy.certs import CertStore

from subrosa.gateway.ca import LIFETIME, CaError, CaPaths, ensure, expiry, export

_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
_DAY = 86400.0


def _certificate(paths: CaPaths) -> x509.Certificate:
    return x509.load_pem_x509_certificate(paths.certificate.read_bytes())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the first run ------------------------------------------------------------------------------------------


def test_the_first_run_makes_key_and_certificate(tmp_path: Path) -> None:
    paths = ensure(tmp_path / "state", _NOW)
    assert paths.directory == tmp_path / "state" / "ca"
    assert sorted(path.name for path in paths.directory.iterdir()) == ["ca.pem", "mitmproxy-ca.pem"]
    assert (_mode(paths.directory), _mode(paths.key), _mode(paths.certificate)) == (0o700, 0o600, 0o644)
    assert b"PRIVATE" in paths.key.read_bytes()
    assert b"PRIVATE" not in paths.certificate.read_bytes()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        paths = ensure(tmp_path, _NOW)
    finally:
        os.umask(before)
    assert (_mode(paths.directory), _mode(paths.key), _mode(paths.certificate)) == (0o700, 0o600, 0o644)


def test_the_certificate_says_what_an_authority_must(tmp_path: Path) -> None:
    certificate = _certificate(ensure(tmp_path, _NOW))
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert isinstance(name, str)
    assert name.startswith("Subrosa CA ")
    assert name.endswith(" 2026-11-23")
    assert certificate.issuer == certificate.subject
    extensions = certificate.extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)
    identifier = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier == x509.SubjectKeyIdentifier.from_public_key(key)
    certificate.verify_directly_issued_by(certificate)


def test_it_lives_two_years_and_tolerates_clocks_a_day_behind(tmp_path: Path) -> None:
    paths = ensure(tmp_path, _NOW)
    assert expiry(paths) == _NOW + LIFETIME.total_seconds() == _NOW + 730 * _DAY
    assert _certificate(paths).not_valid_before_utc.timestamp() == _NOW - _DAY


def test_later_runs_change_nothing(tmp_path: Path) -> None:
    first = ensure(tmp_path, _NOW)
    before = (first.key.read_bytes(), first.certificate.read_bytes())
    again = ensure(tmp_path, _NOW + 700 * _DAY)
    assert (again.key.read_bytes(), again.certificate.read_bytes()) == before


def test_processes_that_start_together_agree_on_one_authority(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def start(_number: int) -> bytes:
        together.wait(10)
        return ensure(tmp_path, _NOW).certificate.read_bytes()

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(start, range(8)))
    assert len(found) == 1
    assert sorted(path.name for path in (tmp_path / "ca").iterdir()) == ["ca.pem", "mitmproxy-ca.pem"]


def test_a_lost_certificate_is_written_again_from_the_key_file(tmp_path: Path) -> None:
    paths = ensure(tmp_path, _NOW)
    before = paths.certificate.read_bytes()
    paths.certificate.unlink()
    assert ensure(tmp_path, _NOW).certificate.read_bytes() == before


# --- what is refused ----------------------------------------------------------------------------------------

_NOT_NEEDED = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "crl_sign", "encipher_only", "decipher_only"),
)


def _pem(
    *, ca: bool = True, sign: bool = True, other_key: bool = False, days: int = 30, rsa_key: bool = False
) -> bytes:
    key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "theirs")])
    start = datetime.fromtimestamp(_NOW, UTC)
    no = dict.fromkeys(_NOT_NEEDED, False)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start - timedelta(days=400))
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=sign, **no), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown = ec.generate_private_key(ec.SECP256R1()) if other_key else key
    return shown.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _sealed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )


@pytest.mark.parametrize("rsa_key", [pytest.param(False, id="EC"), pytest.param(True, id="RSA")])
def test_an_authority_of_the_operators_own_is_taken(tmp_path: Path, rsa_key: bool) -> None:
    (tmp_path / "ca").mkdir(0o700)
    paths = CaPaths(tmp_path / "ca")
    paths.key.touch(0o600)
    paths.key.write_bytes(_pem(rsa_key=rsa_key))
    assert ensure(tmp_path, _NOW) == paths
    assert paths.certificate.read_bytes() in paths.key.read_bytes()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(lambda: b"", "does not hold a private key", id="empty"),
        pytest.param(lambda: b"\0\xff" * 100, "does not hold a private key", id="not PEM"),
        pytest.param(lambda: _pem()[:200], "does not hold a private key", id="cut"),
        pytest.param(
            lambda: _pem().split(b"-----BEGIN CERT")[0], "does not hold a private key", id="key alone"
        ),
        pytest.param(_sealed, "without passphrase", id="a key with a passphrase"),
        pytest.param(
            lambda: _pem(other_key=True), "holds a key that is not its certificate's", id="mismatch"
        ),
        pytest.param(lambda: _pem(ca=False), "may not sign others", id="no authority"),
        pytest.param(lambda: _pem(sign=False), "may not sign others", id="no leave to sign"),
        pytest.param(lambda: _pem(days=-1), "expired on 2026-11-22", id="expired"),
        pytest.param(lambda: _pem(days=0), "expired on 2026-11-23", id="expired this second"),
    ],
)
def test_a_key_file_that_is_not_in_order_is_refused(
    tmp_path: Path, content: Callable[[], bytes], told: str
) -> None:
    (tmp_path / "ca").mkdir(0o700)
    path = tmp_path / "ca" / "mitmproxy-ca.pem"
    path.touch(0o600)
    path.write_bytes(given := content())
    with pytest.raises(CaError, match=told) as caught:
        ensure(tmp_path, _NOW)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == given


def test_our_own_authority_is_refused_once_it_expired(tmp_path: Path) -> None:
    ensure(tmp_path, _NOW)
    ensure(tmp_path, _NOW + 730 * _DAY - 1)
    with pytest.raises(CaError, match="expired on 2028-11-22: remove the folder"):
        ensure(tmp_path, _NOW + 730 * _DAY)


def test_a_clock_before_the_authority_is_refused(tmp_path: Path) -> None:
    ensure(tmp_path, _NOW)
    with pytest.raises(CaError, match="not valid before 2026-11-22 12:00 UTC: set the clock right"):
        ensure(tmp_path, _NOW - 2 * _DAY)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o644])
def test_a_key_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = ensure(tmp_path, _NOW).key
    path.chmod(mode)
    with pytest.raises(CaError, match=f"by others than its owner: run chmod 600 {path}"):
        ensure(tmp_path, _NOW)


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    paths = ensure(tmp_path, _NOW)
    paths.directory.chmod(0o770)
    with pytest.raises(CaError, match="run chmod 700"):
        ensure(tmp_path, _NOW)


def test_a_certificate_without_its_key_is_not_replaced(tmp_path: Path) -> None:
    paths = ensure(tmp_path, _NOW)
    paths.key.unlink()
    with pytest.raises(CaError, match="is there without its key"):
        ensure(tmp_path, _NOW)
    assert not paths.key.exists()


def test_a_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    paths, other = ensure(tmp_path, _NOW), ensure(tmp_path / "other", _NOW)
    paths.certificate.write_bytes(other.certificate.read_bytes())
    with pytest.raises(CaError, match="is not the certificate in"):
        ensure(tmp_path, _NOW)


def test_a_state_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("")
    with pytest.raises(CaError, match=f"{tmp_path / 'ca'}: file exists"):
        ensure(tmp_path, _NOW)


@pytest.mark.parametrize("ask", [expiry, export])
def test_asking_before_there_is_one_is_an_error(tmp_path: Path, ask: Callable[[CaPaths], object]) -> None:
    with pytest.raises(CaError, match="no such file"):
        ask(CaPaths(tmp_path))


# --- export -------------------------------------------------------------------------------------------------


def test_exports(tmp_path: Path) -> None:
    paths = ensure(tmp_path, _NOW)
    certificate = _certificate(paths)
    assert x509.load_pem_x509_certificates(export(paths)) == [certificate]
    assert x509.load_der_x509_certificate(export(paths, "der")) == certificate
    bundle = export(paths, "bundle")
    assert bundle.startswith(Path(certifi.where()).read_bytes().rstrip())
    assert bundle.endswith(export(paths))
    assert bundle.count(b"-----BEGIN CERTIFICATE-----") > 100
    assert b"PRIVATE" not in bundle
    ssl.create_default_context(cadata=bundle.decode())


def test_an_unknown_format_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CaError, match="format `jks`: give one of pem, der, bundle"):
        export(ensure(tmp_path, _NOW), "jks")


# --- the engine and a client --------------------------------------------------------------------------------


def test_the_engine_signs_with_it_and_a_strict_client_accepts_what_it_signed(tmp_path: Path) -> None:
    now = datetime.now(UTC).timestamp()
    paths = ensure(tmp_path, now)
    store = CertStore.from_store(paths.directory, "mitmproxy", 2048)
    assert store.default_ca.to_cryptography() == _certificate(paths)
    entry = store.get_cert("api.openai.com", [x509.DNSName("api.openai.com")])
    chain = tmp_path / "leaf.pem"
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(key + entry.cert.to_pem())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    client = ssl.create_default_context(cafile=paths.certificate)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    here, there = socket.socketpair()
    with ThreadPoolExecutor(1) as threads, here, there:
        accepted = threads.submit(server.wrap_socket, there, server_side=True)
        with client.wrap_socket(here, server_hostname="api.openai.com") as tls:
            assert tls.version() == "TLSv1.3"
            accepted.result(10).close()
