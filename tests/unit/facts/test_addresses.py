from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from subrosa.facts.addresses import AddressClass, classify

# network, its class, the classes of the addresses just below and just above it
RANGES = [
    ("0.0.0.0/32", "unspecified", None, "reserved"),
    ("0.0.0.1/32", "reserved", "unspecified", "reserved"),
    ("1.0.0.0/8", "global", "reserved", "global"),
    ("10.0.0.0/8", "private", "global", "global"),
    ("100.64.0.0/10", "cgnat", "global", "global"),
    ("127.0.0.0/8", "loopback", "global", "global"),
    ("169.254.0.0/17", "link-local", "global", "link-local"),
    ("169.254.192.0/18", "link-local", "link-local", "global"),
    ("172.16.0.0/12", "private", "global", "global"),
    ("192.0.0.0/25", "reserved", "global", "reserved"),
    ("192.0.2.0/24", "documentation", "global", "global"),
    ("192.88.99.0/24", "reserved", "global", "global"),
    ("192.168.0.0/16", "private", "global", "global"),
    ("198.18.0.0/15", "reserved", "global", "global"),
    ("198.51.100.0/24", "documentation", "global", "global"),
    ("203.0.113.0/24", "documentation", "global", "global"),
    ("224.0.0.0/4", "multicast", "global", "reserved"),
    ("240.0.0.0/5", "reserved", "multicast", "reserved"),
    ("255.255.255.255/32", "broadcast", "reserved", None),
    ("100.100.100.200/32", "metadata", "cgnat", "cgnat"),
    ("168.63.129.16/32", "metadata", "global", "global"),
    ("169.254.169.254/32", "metadata", "link-local", "link-local"),
    ("169.254.170.2/32", "metadata", "link-local", "link-local"),
    ("169.254.170.23/32", "metadata", "link-local", "link-local"),
    ("192.0.0.192/32", "metadata", "reserved", "reserved"),
    ("::/128", "unspecified", None, "loopback"),
    ("::1/128", "loopback", "unspecified", "reserved"),
    ("100::/64", "reserved", "reserved", "reserved"),
    ("2001:1::/32", "reserved", "unspecified", "reserved"),
    ("2001:200::/23", "global", "reserved", "global"),
    ("2001:db8::/32", "documentation", "global", "global"),
    ("2003::/16", "global", "broadcast", "global"),
    ("2600::/12", "global", "global", "global"),
    ("3fff::/20", "documentation", "global", "global"),
    ("4000::/3", "reserved", "global", "reserved"),
    ("5f00::/16", "reserved", "reserved", "reserved"),
    ("fc00::/7", "unique-local", "reserved", "reserved"),
    ("fd00:ec2::23/128", "metadata", "unique-local", "unique-local"),
    ("fd00:ec2::254/128", "metadata", "unique-local", "unique-local"),
    ("fd20:ce::254/128", "metadata", "unique-local", "unique-local"),
    ("fe80::/10", "link-local", "reserved", "private"),
    ("fec0::/10", "private", "link-local", "multicast"),
    ("ff00::/8", "multicast", "private", None),
]


@pytest.mark.parametrize(
    ("network", "inside", "below", "above"),
    [pytest.param(*row, id=f"{row[0]} is {row[1]}, and its neighbours are not by chance") for row in RANGES],
)
def test_a_range_has_its_class_from_the_first_to_the_last_address(
    network: str, inside: str, below: str | None, above: str | None
) -> None:
    net = ip_network(network)

    assert classify(net.network_address) == inside
    assert classify(net.broadcast_address) == inside
    if below is not None:
        assert classify(net.network_address - 1) == below
    if above is not None:
        assert classify(net.broadcast_address + 1) == above


INNER = [
    ("8.8.8.8", "global"),
    ("10.0.0.1", "private"),
    ("127.0.0.1", "loopback"),
    ("169.254.169.254", "metadata"),
    ("169.254.1.1", "link-local"),
    ("100.64.0.1", "cgnat"),
    ("100.100.100.200", "metadata"),
    ("224.0.0.1", "multicast"),
    ("255.255.255.255", "broadcast"),
    ("192.0.2.1", "documentation"),
    ("198.18.0.1", "reserved"),
]


def wrapped(kind: str, inner: str) -> IPv6Address:
    value = int(IPv4Address(inner))
    high, low = value >> 16, value & 0xFFFF
    spellings = {
        "mapped": f"::ffff:{inner}",
        "translated": f"::ffff:0:{inner}",
        "compatible": f"::{inner}",
        "nat64": f"64:ff9b::{inner}",
        "local nat64": f"64:ff9b:1::{inner}",
        "local nat64 under a longer prefix": f"64:ff9b:1:abcd::{inner}",
        "6to4": f"2002:{high:x}:{low:x}::1",
        "teredo, client": f"2001:0:808:808::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
        "teredo, server": f"2001:0:{high:x}:{low:x}::{0x0808 ^ 0xFFFF:x}:{0x0808 ^ 0xFFFF:x}",
        "isatap": f"2600::5efe:{inner}",
        "isatap of a global address": f"2600::200:5efe:{inner}",
    }
    return IPv6Address(spellings[kind])


@pytest.mark.parametrize(
    "kind",
    [
        "mapped",
        "translated",
        "compatible",
        "nat64",
        "local nat64",
        "local nat64 under a longer prefix",
        "6to4",
        "teredo, client",
        "teredo, server",
        "isatap",
        "isatap of a global address",
    ],
)
@pytest.mark.parametrize(("inner", "expected"), INNER)
def test_an_address_that_wraps_an_ipv4_address_is_what_that_one_is(
    kind: str, inner: str, expected: str
) -> None:
    assert classify(wrapped(kind, inner)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param(
            "64:ff9b:1:a00::808:808", "global", id="a suffix that is not zero means 96 bits of prefix"
        ),
        pytest.param("64:ff9b:1:a01:2:300::", "private", id="48 bits: the quad goes around bit 64"),
        pytest.param("64:ff9b:1:10a:1:203::", "private", id="56 bits: one octet before bit 64"),
        pytest.param(
            "64:ff9b:1:1:a:0:100:0", "private", id="64 bits: the quad follows the octet after bit 64"
        ),
        pytest.param("64:ff9b:1:808:8:800::", "global", id="48 bits around 8.8.8.8"),
        pytest.param("64:ff9b:1:1:8:808:800:0", "global", id="64 bits around 8.8.8.8"),
        pytest.param("64:ff9b:1::", "unspecified", id="nothing but prefix"),
        pytest.param("fe80::5efe:8.8.8.8", "link-local", id="ISATAP on a link stays on the link"),
        pytest.param("fd00::5efe:8.8.8.8", "unique-local", id="ISATAP in a site stays in the site"),
        pytest.param("fe80::1%eth0", "link-local", id="a zone id changes nothing"),
        pytest.param("::ffff:7f00:1", "loopback", id="a mapped address in hex"),
        pytest.param(
            "64:ff9b:2::808:808", "reserved", id="the network behind the local NAT64 prefix is no NAT64"
        ),
        pytest.param("64:ff9b:0:1::a00:1", "reserved", id="the well-known prefix has 96 bits, not fewer"),
        pytest.param("2001:1::a00:1", "reserved", id="the network behind Teredo is no Teredo"),
    ],
)
def test_the_layouts_of_translators_are_told_apart(address: str, expected: str) -> None:
    assert classify(ip_address(address)) == expected


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("64:ff9b:1:a00:0:100::", id="10.0.0.1 under 48 bits is also 0.1.0.0 under 64"),
        pytest.param("64:ff9b:1:10a:0:1::", id="10.0.0.1 under 56 bits is also 0.0.1.0 under 64"),
        pytest.param("64:ff9b:1:10a::", id="10.0.0.0 under 56 bits is also 0.0.0.0 under 64"),
    ],
)
def test_of_several_layouts_none_makes_an_inner_address_global(address: str) -> None:
    assert classify(ip_address(address)) is not AddressClass.GLOBAL


def test_every_class_is_given_to_some_address() -> None:
    given = {row[1] for row in RANGES}

    assert given == set(AddressClass)
