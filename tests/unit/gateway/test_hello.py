"""A ClientHello is read as OpenSSL writes it, however it is cut, and in one way only."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.proxy.layers.tls import parse_client_hello

from subrosa.facts.hosts import Host
from subrosa.facts.records import TlsFacts
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.extract import tls_facts
from subrosa.gateway.front.hello import read_hello


def written(name: str | None = "api.example.com", *alpn: str, oldest: ssl.TLSVersion | None = None) -> bytes:
    """What OpenSSL writes first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if oldest is not None:
        context.maximum_version = oldest
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def vector(size: int, octets: bytes) -> bytes:
    return len(octets).to_bytes(size) + octets


def extension(kind: int, octets: bytes) -> bytes:
    return kind.to_bytes(2) + vector(2, octets)


def named(name: bytes, kind: int = 0) -> bytes:
    return extension(0, vector(2, bytes([kind]) + vector(2, name)))


def hello(*extensions: bytes, after: bytes = b"", version: bytes = b"\x03\x03") -> bytes:
    """A hello of hand-made extensions."""
    body = version + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0")
    body += vector(2, b"".join(extensions)) + after
    return b"\x01" + vector(3, body)


def records(message: bytes, *sizes: int) -> bytes:
    """A handshake message in records of these sizes, the last of what is left."""
    cut, at = [], 0
    for size in (*sizes, len(message)):
        cut.append(message[at : at + size])
        at += size
    return b"".join(b"\x16\x03\x01" + vector(2, piece) for piece in cut if piece)


@pytest.mark.parametrize("oldest", [None, ssl.TLSVersion.TLSv1_2])
@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("h2", "http/1.1")])
@pytest.mark.parametrize("name", ["api.example.com", None])
def test_what_openssl_writes_is_read_as_the_engine_reads_it(
    name: str | None, alpn: tuple[str, ...], oldest: ssl.TLSVersion | None
) -> None:
    octets = written(name, *alpn, oldest=oldest)
    found = read_hello(octets)

    assert found == TlsFacts(sni=Host.parse(name) if name else None, alpn=tuple(a.encode() for a in alpn))
    parsed = parse_client_hello(octets)
    assert parsed is not None
    assert found == tls_facts(parsed)


@given(st.lists(st.integers(1, 300), max_size=8), st.data())
def test_records_and_pieces_change_nothing(sizes: list[int], data: st.DataObject) -> None:
    message = hello(named(b"api.example.com"), extension(16, vector(2, vector(1, b"http/1.1"))))
    octets = records(message, *sizes)
    cut = data.draw(st.integers(0, len(octets) - 1))

    least = read_hello(octets[:cut])
    assert isinstance(least, int)
    assert cut < least <= len(octets)
    assert read_hello(octets) == TlsFacts(sni=Host.parse("api.example.com"), alpn=(b"http/1.1",))
    assert read_hello(octets + b"more") == read_hello(octets)


def test_an_encrypted_hello_is_seen() -> None:
    found = read_hello(records(hello(named(b"a.example"), extension(0xFE0D, bytes(20)))))
    assert found == TlsFacts(sni=Host.parse("a.example"), ech=True)


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(records(hello(named(b"a.example"), named(b"b.example"))), id="two names"),
        pytest.param(
            records(hello(extension(0, vector(2, (b"\0" + vector(2, b"a.example")) * 2)))), id="two in one"
        ),
        pytest.param(records(hello(named(b"a.example", kind=1))), id="a name of another kind"),
        pytest.param(records(hello(named(b"a b"))), id="a name that is none"),
        pytest.param(records(hello(named(b""))), id="an empty name"),
        pytest.param(records(hello(named(b"a.example"), after=b"x")), id="octets after the extensions"),
        pytest.param(records(hello(named(b"a.example")) + b"x"), id="octets after the hello"),
        pytest.param(records(hello(b"\x00\x00\x00\x30x")), id="an extension that is cut short"),
        pytest.param(records(b"\x02" + hello()[1:]), id="another handshake message"),
        pytest.param(b"\x16\x03\x05\x00\x05hello", id="a version that there is not"),
        pytest.param(b"\x16\x02\x00\x00\x05hello", id="SSL 2"),
        pytest.param(b"\x16\x03\x01\x00\x00", id="an empty record"),
        pytest.param(b"\x16\x03\x01\x40\x01", id="a record that is too long"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x28", id="an alert"),
        pytest.param(records(hello(named(b"a.example")), 20)[:25] + b"\x17\x03\x01", id="data inside it"),
        pytest.param(b"GET / HTTP/1.1\r\n", id="HTTP"),
    ],
)
def test_what_has_no_single_reading_is_refused(octets: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_hello(octets)


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    for data in (octets, b"\x16\x03\x01" + octets, records(b"\x01" + vector(3, octets))):
        try:
            found = read_hello(data)
        except UnreadableError:
            continue
        assert isinstance(found, TlsFacts) or found > len(data)


def test_a_hello_in_tiny_records_asks_for_each_of_them() -> None:
    octets, asked = records(hello(named(b"a.example")), *[1] * 60), 0
    while isinstance(least := read_hello(octets[:asked]), int):
        assert least > asked
        asked = least
    assert asked == len(octets)
