import ssl
import time
from datetime import UTC, datetime

import pytest
from cryptography import x509

from subrosa.facts.hosts import Host
from subrosa.gateway import ca
from subrosa.gateway.lean.leaves import Leaves

NOW = time.time()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> ca.CaPaths:
    return ca.ensure(tmp_path_factory.mktemp("state"), NOW)


def shake(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str, session: ssl.SSLSession | None = None
) -> ssl.SSLObject:
    """A handshake in memory, and what the server sends after it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name, session=session)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (one, other):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    with pytest.raises(ssl.SSLWantReadError):
        one.read(1)  # the ticket
    return one


def trusting(authority: ca.CaPaths) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))  # strict: RFC 5280 as a whole
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.mark.parametrize(
    "name", ["api.example.com", "xn--bcher-kva.example", "192.0.2.1", "2001:db8::1", f"{'a' * 60}.{'b' * 60}.example"]
)  # fmt: skip
def test_a_client_sees_a_certificate_for_the_name_and_for_no_other(authority: ca.CaPaths, name: str) -> None:
    host = Host.parse(f"[{name}]" if ":" in name else name)
    leaves, client = Leaves(authority, Clock()), trusting(authority)
    seen = shake(leaves.context(host), client, name)
    assert seen.selected_alpn_protocol() == "http/1.1"
    told = seen.getpeercert()
    assert told is not None
    assert len(told["subjectAltName"]) == 1
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(leaves.context(host), client, "other.example.com")


def test_a_certificate_lives_as_long_as_browsers_take(authority: ca.CaPaths) -> None:
    leaves = Leaves(authority, Clock())
    seen = shake(leaves.context(Host.parse("a.example")), trusting(authority), "a.example")
    leaf = x509.load_der_x509_certificate(seen.getpeercert(binary_form=True) or b"")
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 200
    assert leaf.not_valid_before_utc < datetime.fromtimestamp(NOW, UTC) < leaf.not_valid_after_utc


def test_a_context_is_kept_and_made_anew_long_before_it_ends(authority: ca.CaPaths) -> None:
    clock = Clock()
    leaves, host = Leaves(authority, clock), Host.parse("a.example")
    first = leaves.context(host)
    clock.now += 29 * 86400
    assert leaves.context(host) is first
    clock.now += 2 * 86400
    assert leaves.context(host) is not first


def test_no_more_contexts_are_kept_than_the_bound(
    authority: ca.CaPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subrosa.gateway.lean.leaves._CONTEXTS", 2)
    leaves, hosts = Leaves(authority, Clock()), [Host.parse(f"{name}.example") for name in "abc"]
    made = [leaves.context(host) for host in hosts]
    assert leaves.context(hosts[2]) is made[2]
    assert leaves.context(hosts[1]) is made[1]
    assert leaves.context(hosts[0]) is not made[0]


def test_a_client_that_comes_again_resumes(authority: ca.CaPaths) -> None:
    leaves, client = Leaves(authority, Clock()), trusting(authority)
    context = leaves.context(Host.parse("a.example"))
    first = shake(context, client, "a.example")
    assert not first.session_reused
    assert shake(context, client, "a.example", first.session).session_reused


def test_old_tls_is_not_spoken(authority: ca.CaPaths) -> None:
    client = trusting(authority)
    client.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSVersion.TLSv1_1 is deprecated"):
        client.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        shake(Leaves(authority, Clock()).context(Host.parse("a.example")), client, "a.example")
