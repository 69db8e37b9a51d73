"""Changing the authority, and bringing one's own: no step after which clients cannot trust, no key that others read."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from subrosa.gateway.ca import CaError, CaPaths, ensure, export
from subrosa.gateway.cagiven import install
from subrosa.gateway.carotation import finish, prepare, told

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
LATER = NOW + 400 * 86400


def names(pem: bytes) -> set[str]:
    return {each.subject.rfc4514_string() for each in x509.load_pem_x509_certificates(pem)}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- rotation -----------------------------------------------------------------------------------------------


def test_a_rotation_begins_with_both_in_what_clients_are_given(tmp_path: Path) -> None:
    before = ensure(tmp_path, NOW)
    old = names(export(before))
    successor = prepare(tmp_path, LATER)
    both = names(export(before))

    assert both == old | names(successor.read_bytes())
    assert len(both) == 2
    assert successor.read_bytes() in export(before, "bundle")
    assert before.certificate.read_bytes() in export(before, "bundle")
    assert ensure(tmp_path, LATER).certificate.read_bytes() == before.certificate.read_bytes()


def test_a_rotation_ends_with_the_new_one_in_use_and_the_old_still_trusted(tmp_path: Path) -> None:
    paths = ensure(tmp_path, NOW)
    old, new = names(export(paths)), names(prepare(tmp_path, LATER).read_bytes())
    in_use = finish(tmp_path, LATER)

    assert names(in_use.read_bytes()) == new
    assert names(export(paths)) == old | new
    assert [word for word, _, _ in told(paths)] == ["in use", "previous"]
    assert (mode(paths.key), mode(paths.directory)) == (0o600, 0o700)
    assert not paths.successor.parent.exists()


def test_preparing_twice_prepares_one(tmp_path: Path) -> None:
    assert prepare(tmp_path, LATER).read_bytes() == prepare(tmp_path, LATER).read_bytes()


def test_nothing_is_taken_in_use_that_was_not_prepared(tmp_path: Path) -> None:
    with pytest.raises(CaError, match="no rotation is prepared"):
        finish(tmp_path, NOW)


def test_the_key_of_the_successor_is_read_by_nobody_else(tmp_path: Path) -> None:
    prepare(tmp_path, NOW)
    folder = CaPaths(tmp_path / "ca" / "next")

    assert (mode(folder.directory), mode(folder.key)) == (0o700, 0o600)


def test_a_crash_before_the_new_key_stands_leaves_the_old_authority(tmp_path: Path) -> None:
    paths = ensure(tmp_path, NOW)
    old = paths.certificate.read_bytes()
    prepare(tmp_path, LATER)
    paths.certificate.unlink()  # where `finish` stood when the power went

    assert ensure(tmp_path, LATER).certificate.read_bytes() == old
    assert names(finish(tmp_path, LATER).read_bytes()) != names(old)


def test_a_crash_after_the_new_key_stands_leaves_the_new_authority(tmp_path: Path) -> None:
    paths = ensure(tmp_path, NOW)
    new = prepare(tmp_path, LATER).read_bytes()
    paths.certificate.unlink()
    CaPaths(paths.successor.parent).key.replace(paths.key)

    assert ensure(tmp_path, LATER).certificate.read_bytes() == new
    assert names(prepare(tmp_path, LATER + 1).read_bytes()) != set()


# --- an authority of the operator's own ---------------------------------------------------------------------


def signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[str, ec.EllipticCurvePrivateKey],
    *,
    ends: float,
    ca: bool = True,
) -> bytes:
    now = datetime.fromtimestamp(NOW, UTC)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer[0]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(datetime.fromtimestamp(ends, UTC))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(issuer[1], hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


ROOT_KEY, KEY, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
ROOT = signed("Root", ROOT_KEY, ("Root", ROOT_KEY), ends=LATER)
OLD_ROOT = signed("Root", ROOT_KEY, ("Root", ROOT_KEY), ends=NOW - 1)
INTERMEDIATE = signed("Intermediate", KEY, ("Root", ROOT_KEY), ends=LATER)
LEAF = signed("Leaf", KEY, ("Root", ROOT_KEY), ends=LATER, ca=False)
ENDED = signed("Intermediate", KEY, ("Root", ROOT_KEY), ends=NOW - 1)


def given(folder: Path, cert: bytes, key: bytes = key_pem(KEY), *, key_mode: int = 0o600) -> CaPaths:
    folder.mkdir(exist_ok=True)
    (folder / "tls.crt").write_bytes(cert)
    (folder / "tls.key").write_bytes(key)
    (folder / "tls.key").chmod(key_mode)
    return install(folder / "state", folder / "tls.crt", folder / "tls.key", NOW)


@pytest.mark.parametrize("key_mode", [0o600, 0o400, 0o440, 0o640])
def test_an_intermediate_is_taken_with_what_is_above_it(tmp_path: Path, key_mode: int) -> None:
    paths = given(tmp_path / "own", INTERMEDIATE + ROOT, key_mode=key_mode)

    assert names(paths.certificate.read_bytes()) == {"CN=Intermediate"}
    assert [
        each.subject.rfc4514_string() for each in x509.load_pem_x509_certificates(paths.key.read_bytes())
    ] == [
        "CN=Intermediate",
        "CN=Root",
    ]
    assert (mode(paths.key), mode(paths.directory)) == (0o600, 0o700)


def test_a_renewed_certificate_is_taken_at_the_next_start(tmp_path: Path) -> None:
    before = given(tmp_path / "own", INTERMEDIATE).certificate.read_bytes()
    renewed = signed("Intermediate", KEY, ("Root", ROOT_KEY), ends=LATER + 86400)

    assert given(tmp_path / "own", renewed).certificate.read_bytes() == renewed != before


@pytest.mark.parametrize(
    ("cert", "key", "key_mode", "told_as"),
    [
        pytest.param(INTERMEDIATE, key_pem(OTHER), 0o600, "a key that is not its certificate's", id="another's key"),
        pytest.param(LEAF, key_pem(KEY), 0o600, "may not sign others", id="a certificate that may not sign"),
        pytest.param(ENDED, key_pem(KEY), 0o600, "expired on", id="one that has ended"),
        pytest.param(INTERMEDIATE + OLD_ROOT, key_pem(KEY), 0o600, "expired: renew it", id="a root that has ended"),
        pytest.param(INTERMEDIATE + LEAF, key_pem(KEY), 0o600, "is not issued by", id="a chain that is none"),
        pytest.param(INTERMEDIATE, key_pem(KEY), 0o644, "chmod 640", id="a key that everybody reads"),
        pytest.param(b"nothing", key_pem(KEY), 0o600, "its certificate in PEM", id="no certificate"),
        pytest.param(INTERMEDIATE, b"nothing", 0o600, "private key", id="no key"),
    ],
)  # fmt: skip
def test_an_authority_that_is_not_in_order_is_refused(
    tmp_path: Path, cert: bytes, key: bytes, key_mode: int, told_as: str
) -> None:
    with pytest.raises(CaError, match=told_as):
        given(tmp_path / "own", cert, key, key_mode=key_mode)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(CaError, match=r"tls\.crt: no such file"):
        install(tmp_path, tmp_path / "tls.crt", tmp_path / "tls.key", NOW)
