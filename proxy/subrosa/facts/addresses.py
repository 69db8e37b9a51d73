"""What an address is, as a table of network to class, read top to bottom; the first network that holds it decides.

An IPv6 address that only wraps an IPv4 address is what the inner one is: routers and translators unwrap it.
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network


class AddressClass(StrEnum):
    """The class of an address; a closed list, because metrics carry it. Only ``global`` is the public Internet."""

    GLOBAL = "global"
    PRIVATE = "private"
    UNIQUE_LOCAL = "unique-local"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    CGNAT = "cgnat"
    METADATA = "metadata"
    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    UNSPECIFIED = "unspecified"
    DOCUMENTATION = "documentation"
    RESERVED = "reserved"


_V4 = (
    (
        "169.254.169.254/32",
        AddressClass.METADATA,
    ),  # AWS, Azure, GCP, OpenStack, DigitalOcean: instance metadata
    ("169.254.170.2/32", AddressClass.METADATA),  # AWS ECS: task credentials
    ("169.254.170.23/32", AddressClass.METADATA),  # AWS EKS: pod identity
    ("100.100.100.200/32", AddressClass.METADATA),  # Alibaba Cloud
    ("168.63.129.16/32", AddressClass.METADATA),  # Azure wire server
    ("192.0.0.192/32", AddressClass.METADATA),  # Oracle Cloud, the classic generation
    ("0.0.0.0/32", AddressClass.UNSPECIFIED),  # RFC 1122 3.2.1.3; a connect to it reaches this host
    ("0.0.0.0/8", AddressClass.RESERVED),  # RFC 1122 3.2.1.3: this network
    ("10.0.0.0/8", AddressClass.PRIVATE),  # RFC 1918
    ("100.64.0.0/10", AddressClass.CGNAT),  # RFC 6598
    ("127.0.0.0/8", AddressClass.LOOPBACK),  # RFC 1122 3.2.1.3
    ("169.254.0.0/16", AddressClass.LINK_LOCAL),  # RFC 3927
    ("172.16.0.0/12", AddressClass.PRIVATE),  # RFC 1918
    ("192.0.0.0/24", AddressClass.RESERVED),  # RFC 6890: IETF protocol assignments
    ("192.0.2.0/24", AddressClass.DOCUMENTATION),  # RFC 5737: TEST-NET-1
    ("192.88.99.0/24", AddressClass.RESERVED),  # RFC 7526: the withdrawn 6to4 relay anycast
    ("192.168.0.0/16", AddressClass.PRIVATE),  # RFC 1918
    ("198.18.0.0/15", AddressClass.RESERVED),  # RFC 2544: benchmarking
    ("198.51.100.0/24", AddressClass.DOCUMENTATION),  # RFC 5737: TEST-NET-2
    ("203.0.113.0/24", AddressClass.DOCUMENTATION),  # RFC 5737: TEST-NET-3
    ("224.0.0.0/4", AddressClass.MULTICAST),  # RFC 5771
    ("255.255.255.255/32", AddressClass.BROADCAST),  # RFC 919
    ("240.0.0.0/4", AddressClass.RESERVED),  # RFC 1112 4
    ("0.0.0.0/0", AddressClass.GLOBAL),
)

_V6 = (
    ("fd00:ec2::254/128", AddressClass.METADATA),  # AWS: instance metadata
    ("fd00:ec2::23/128", AddressClass.METADATA),  # AWS EKS: pod identity
    ("fd20:ce::254/128", AddressClass.METADATA),  # GCP: instance metadata
    ("::/128", AddressClass.UNSPECIFIED),  # RFC 4291 2.5.2
    ("::1/128", AddressClass.LOOPBACK),  # RFC 4291 2.5.3
    ("2001::/23", AddressClass.RESERVED),  # RFC 2928: IETF protocol assignments (Teredo in it is unwrapped)
    ("2001:db8::/32", AddressClass.DOCUMENTATION),  # RFC 3849
    ("3fff::/20", AddressClass.DOCUMENTATION),  # RFC 9637
    ("2000::/3", AddressClass.GLOBAL),  # RFC 4291 2.5.4, IANA: global unicast
    ("fc00::/7", AddressClass.UNIQUE_LOCAL),  # RFC 4193
    ("fe80::/10", AddressClass.LINK_LOCAL),  # RFC 4291 2.5.6
    ("fec0::/10", AddressClass.PRIVATE),  # RFC 3879: site-local, deprecated
    ("ff00::/8", AddressClass.MULTICAST),  # RFC 4291 2.7
    ("::/0", AddressClass.RESERVED),  # RFC 4291 2.4: not assigned; 100::/64 (RFC 6666), 5f00::/16 (RFC 9602)
)

_WRAPPINGS = (
    ("::ffff:0:0/96", 0),  # RFC 4291 2.5.5.2: IPv4-mapped
    ("::ffff:0:0:0/96", 0),  # RFC 2765 2.1: IPv4-translated
    ("::/96", 0),  # RFC 4291 2.5.5.1: IPv4-compatible
    ("64:ff9b::/96", 0),  # RFC 6052 2.1: NAT64, the well-known prefix
    ("2002::/16", 80),  # RFC 3056 2: 6to4
)
"""Networks whose addresses hold an IPv4 address so many bits from their right end."""

_TEREDO = int(IPv6Address("2001::")) >> 96  # RFC 4380 4: server in bits 32 to 63, client inverted at the end
_LOCAL_NAT64 = int(IPv6Address("64:ff9b:1::")) >> 80  # RFC 8215: NAT64 under a prefix of the operator's own
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})  # RFC 5214 6.1: the interface identifier before the address
_NEVER_WRAPPED = frozenset({0, 1})  # :: and ::1, which ::/96 holds too
_QUAD = 0xFFFF_FFFF

_V4_ROWS = tuple(
    (int(network.netmask), int(network.network_address), found)
    for network, found in ((IPv4Network(text), found) for text, found in _V4)
)
_V6_ROWS = tuple(
    (int(network.netmask), int(network.network_address), found)
    for network, found in ((IPv6Network(text), found) for text, found in _V6)
)
_WRAPPING_ROWS = tuple(
    (int(network.netmask), int(network.network_address), shift)
    for network, shift in ((IPv6Network(text), shift) for text, shift in _WRAPPINGS)
)


def classify(address: IPv4Address | IPv6Address) -> AddressClass:
    """The class of an address, for egress decisions; total, raises nothing.

    Mapped, compatible and translated addresses, NAT64, 6to4 and Teredo have the class of the IPv4 address in
    them, ISATAP too where the outer one is global; of several readings the first that is not global decides.
    Zone ids are ignored.
    """
    value = int(address)
    if isinstance(address, IPv4Address):
        return _look_up(_V4_ROWS, value)
    if value not in _NEVER_WRAPPED:
        wrapped = _unwrapped(value)
        if wrapped:
            return _most_restrictive(wrapped)
    outer = _look_up(_V6_ROWS, value)
    if outer is AddressClass.GLOBAL and value >> 32 & _QUAD in _ISATAP:
        return _look_up(_V4_ROWS, value & _QUAD)
    return outer


def _look_up(rows: tuple[tuple[int, int, AddressClass], ...], value: int) -> AddressClass:
    return next(found for mask, network, found in rows if value & mask == network)


def _most_restrictive(quads: list[int]) -> AddressClass:
    classes = [_look_up(_V4_ROWS, quad) for quad in quads]
    return next((found for found in classes if found is not AddressClass.GLOBAL), AddressClass.GLOBAL)


def _unwrapped(value: int) -> list[int]:
    """Every IPv4 address that routers and translators may read in an IPv6 address; none in an ordinary one."""
    for mask, network, shift in _WRAPPING_ROWS:
        if value & mask == network:
            return [value >> shift & _QUAD]
    if value >> 96 == _TEREDO:
        return [~value & _QUAD, value >> 64 & _QUAD]
    if value >> 80 == _LOCAL_NAT64:
        return _local_nat64(value)
    return []


def _local_nat64(value: int) -> list[int]:
    """The layouts of RFC 6052 2.2 that fit an operator's prefix of 96, 64, 56 or 48 bits.

    The shorter prefixes leave the octet after bit 64 and the suffix zero.
    """
    quads = [value & _QUAD] if value & _QUAD else []
    if not value >> 56 & 0xFF:
        if not value & 0xFF_FFFF:
            quads.append(value >> 24 & _QUAD)
        if not value & 0xFFFF_FFFF:
            quads.append((value >> 64 & 0xFF) << 24 | value >> 32 & 0xFF_FFFF)
        if not value & 0xFF_FFFF_FFFF:
            quads.append((value >> 64 & 0xFFFF) << 16 | value >> 40 & 0xFFFF)
    return quads or [0]
