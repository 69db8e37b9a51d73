"""Sources: the first that matches wins, no match is the default one, and that holds content."""

from ipaddress import ip_address, ip_network

import pytest

from subrosa.facts.records import ClientFacts
from subrosa.policy.sources import DEFAULT, Source, Sources

RECORDER = Source(name="recorder", networks=(ip_network("10.0.0.0/8"),))
SITE = Source(
    name="site", networks=(ip_network("10.9.0.0/16"),), users=frozenset({"web"}), holds_content=False
)
LOCKED = Source(name="locked", listeners=frozenset({"explicit:8443"}), authenticate=True)
PINNED = Source(name="pinned", subjects=frozenset({"CN=recorder"}))


def client(
    address: str, user: str | None = None, listener: str = "explicit:8080", subject: str | None = None
) -> ClientFacts:
    return ClientFacts(listener=listener, address=ip_address(address), user=user, subject=subject)


@pytest.mark.parametrize(
    ("who", "name"),
    [
        pytest.param(client("10.1.1.1"), "recorder", id="a network is enough where nothing else is asked"),
        pytest.param(client("10.9.1.1", "web"), "site", id="network and user together"),
        pytest.param(client("10.9.1.1"), "recorder", id="without the user the next source in order"),
        pytest.param(client("192.0.2.1"), "default", id="a stranger is the default source"),
        pytest.param(client("192.0.2.1", "web"), "default", id="a user from elsewhere is not the source"),
        pytest.param(client("192.0.2.1", subject="CN=recorder"), "pinned", id="a certificate's subject"),
        pytest.param(
            client("192.0.2.1", "any", "explicit:8443"),
            "locked",
            id="any verified user where identity is asked",
        ),
    ],
)
def test_finding(who: ClientFacts, name: str) -> None:
    assert Sources((SITE, RECORDER, LOCKED, PINNED)).find(who).name == name


def test_the_default_source_holds_content() -> None:
    assert DEFAULT.holds_content


def test_a_source_that_demands_identity_sends_the_anonymous_away() -> None:
    sources = Sources((LOCKED,))
    assert sources.must_authenticate(client("192.0.2.1", listener="explicit:8443"))
    assert not sources.must_authenticate(client("192.0.2.1", "any", "explicit:8443"))
    assert not sources.must_authenticate(client("192.0.2.1"))
