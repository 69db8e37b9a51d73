"""Which lane a connection takes is told from its first octets, and nothing is told too early."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.facts.head import DEFAULT_LIMITS, HeadLimits
from subrosa.facts.records import TlsFacts
from subrosa.gateway.front.choose import (
    FIRST,
    Begins,
    Lanes,
    Seen,
    Way,
    choose,
    looks,
    read_inside,
    read_request,
)
from subrosa.gateway.front.connect import MOST, Head, read_connect
from subrosa.gateway.listener import Listener
from unit.gateway.test_hello import written

HELLO = written()


@pytest.mark.parametrize(
    ("octets", "begins"),
    [
        (b"CONNECT a.example:443 HTTP/1.1\r\n", Begins.CONNECT),
        (b"GET http://a.example/ HTTP/1.1\r\n", Begins.HTTP),
        (b"CONNECTED / HTTP/1.1\r\n", Begins.HTTP),
        (b"connect a.example:443 HTTP/1.1\r\n", Begins.HTTP),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Begins.ODD),
        (b"\x16\x03\x01\x02\x00\x01", Begins.ODD),
        (b"\x05\x01\x00", Begins.ODD),
        (b"GET\t/ HTTP/1.1\r\n", Begins.ODD),
        (b"A" * FIRST, Begins.ODD),
        (b"\n", Begins.ODD),
    ],
)
def test_what_a_client_begins_with_is_told_as_soon_as_it_is_certain(octets: bytes, begins: Begins) -> None:
    told = [read_request(octets[:size]) for size in range(1, min(len(octets), FIRST) + 1)]

    seen = [one for one in told if isinstance(one, Seen)]
    assert {one.begins for one in seen} == {begins}
    assert all(one > size for size, one in enumerate(told, 1) if isinstance(one, int))


@given(st.binary(min_size=FIRST, max_size=FIRST))
def test_as_many_octets_as_are_looked_at_always_tell(octets: bytes) -> None:
    assert isinstance(read_request(octets), Seen)


@pytest.mark.parametrize(
    ("octets", "begins"),
    [
        (HELLO, Begins.TLS),
        (b"GET / HTTP/1.1\r\n", Begins.HTTP),
        (b"SSH-2.0-OpenSSH_9.9\r\n", Begins.ODD),
        (b"\x16\x03\x01\x00\x04junk", Begins.ODD),
        (b"\x16\x03\x01\x40\x00\x01\x00\x50\x00", Begins.ODD),
    ],
)
def test_what_a_tunnel_begins_with_is_told(octets: bytes, begins: Begins) -> None:
    seen = read_inside(octets, 16384)
    assert isinstance(seen, Seen)
    assert seen.begins is begins
    assert (seen.hello is not None) is (begins is Begins.TLS)


def test_only_an_explicit_proxy_in_clear_is_looked_at(tmp_path: object) -> None:
    plain = Listener(mode="explicit", host="127.0.0.1", port=0)
    assert looks(plain)
    assert not looks(Listener(mode="socks5", host="127.0.0.1", port=0))
    assert not looks(Listener(mode="reverse:https://a.example", host="127.0.0.1", port=0))
    assert not looks(Listener(mode="explicit", host="127.0.0.1", port=0, tls_cert=__file__))  # type: ignore[arg-type]


def tls(*alpn: str) -> Seen:
    return Seen(Begins.TLS, TlsFacts(alpn=tuple(name.encode() for name in alpn)))


@pytest.mark.parametrize(
    ("seen", "plain", "preferring"),
    [
        (Seen(Begins.HTTP), Way.LEAN, Way.LEAN),
        (Seen(Begins.ODD), Way.ENGINE, Way.ENGINE),
        (tls(), Way.LEAN, Way.LEAN),
        (tls("http/1.1"), Way.LEAN, Way.LEAN),
        (tls("h2", "http/1.1"), Way.LEAN, Way.ENGINE),
        (tls("h2"), Way.ENGINE, Way.ENGINE),
        (tls("acme-tls/1"), Way.ENGINE, Way.ENGINE),
    ],
)
def test_lean_takes_http_1_and_what_may_become_it(seen: Seen, plain: Way, preferring: Way) -> None:
    assert choose(seen, Lanes(lean=True)) is plain
    assert choose(seen, Lanes(lean=True, prefer_h2=True)) is preferring
    assert choose(seen, Lanes()) is Way.ENGINE


CONNECT = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nProxy-Authorization: Basic eA==\r\n\r\n"


def test_a_connect_is_read_to_its_last_octet_and_no_further() -> None:
    for size in range(len("CONNECT "), len(CONNECT)):
        assert read_connect(CONNECT[:size], DEFAULT_LIMITS) == size + 1
    found = read_connect(CONNECT + HELLO, DEFAULT_LIMITS)

    assert isinstance(found, Head)
    assert (str(found.target), found.size, found.keep) == ("a.example:443", len(CONNECT), True)
    assert found.lines[1] == (b"Proxy-Authorization", b"Basic eA==")


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(CONNECT.replace(b"a.example:443 H", b"a.example H"), id="no port"),
        pytest.param(CONNECT.replace(b"Host: a.", b"Host: b."), id="another host"),
        pytest.param(CONNECT.replace(b"Host: ", b"Host: b.example\r\nHost: "), id="two hosts"),
        pytest.param(CONNECT.replace(b"\r\nProxy", b"\r\nContent-Length: 5\r\nProxy"), id="a body"),
        pytest.param(CONNECT.replace(b"\r\nProxy", b"\r\nTransfer-Encoding: chunked\r\nProxy"), id="chunks"),
        pytest.param(CONNECT.replace(b"HTTP/1.1", b"HTTP/2.0"), id="another version"),
        pytest.param(CONNECT.replace(b"\r\nProxy", b"\nProxy"), id="a line that ends in LF alone"),
        pytest.param(CONNECT.replace(b"\r\nProxy", b"\r\nno colon\r\nProxy"), id="a line without colon"),
        pytest.param(CONNECT.replace(b"443 H", b"443  H"), id="two blanks"),
        pytest.param(CONNECT[:-2].ljust(MOST, b"x"), id="a head that is too long for the front"),
    ],
)
def test_an_odd_connect_is_left_to_the_engine(octets: bytes) -> None:
    assert read_connect(octets, DEFAULT_LIMITS) is None


def test_a_client_that_will_not_ask_again_is_known() -> None:
    for octets in (
        CONNECT.replace(b"HTTP/1.1", b"HTTP/1.0"),
        CONNECT.replace(b"\r\nProxy", b"\r\nConnection: Close\r\nProxy"),
    ):
        found = read_connect(octets, HeadLimits())
        assert isinstance(found, Head)
        assert not found.keep
