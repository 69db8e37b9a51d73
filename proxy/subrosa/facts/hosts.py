"""The one way to a host: every equivalent spelling of a name or an address has one canonical form.

Rules, certificates and requests all pass through ``Host.parse``; nothing compares raw host strings.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import override

import idna

from subrosa.facts.quoting import quoted
from subrosa.facts.unreadable import Ambiguity, UnreadableError

_MAX_INPUT = 1024
_MAX_NAME = 253
_MAX_PORT = 65535
_CACHED = 4096

_PLAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z_][a-z0-9_-]{0,62}")
"""A canonical name whose last label begins with no digit, so that it cannot be an address."""
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_OCTAL = re.compile(r"0[0-7]*")
_DECIMAL = re.compile(r"[1-9][0-9]*")
_HEX = re.compile(r"0x[0-9a-f]+")
_BASES = ((_OCTAL, 8), (_DECIMAL, 10), (_HEX, 16))
_QUAD = 4
_OCTET = 255
_PORT = re.compile(r"[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Host:
    """A host in canonical form.

    ``name`` is lower case, in A-labels (RFC 5890), without the root dot; for an IPv4 address the dotted quad
    (RFC 6943 3.1.1), for an IPv6 address the bracketed text of RFC 5952. ``address`` is the same address as
    an object, or None for a name.
    """

    name: str
    address: IPv4Address | IPv6Address | None = None

    @classmethod
    def parse(cls, text: str | bytes) -> "Host":
        """Read a host as it stands in a URI, a Host field, an SNI or a rule.

        Names are mapped by UTS 46 and IDNA 2008 to A-labels; labels are LDH or ``_``, 1 to 63 octets, 253 in all;
        one trailing root dot is dropped. Every IPv4 spelling of inet_aton (decimal, hex, octal, one to four
        parts) becomes the dotted quad; IPv6 stands in brackets (RFC 3986 3.2.2), a v4-mapped one stays IPv6.

        Raises UnreadableError for anything else: empty, NUL, blank, percent, port, userinfo, path, zone id.
        """
        if len(text) > _MAX_INPUT:
            raise UnreadableError(Ambiguity.TOO_LARGE, f"host {quoted(text)} is longer than 253 octets")
        return _parse_host(text)

    @classmethod
    def of_address(cls, address: IPv4Address | IPv6Address) -> "Host":
        """The Host of an address that is already an object, as SOCKS and the socket layer give it."""
        return cls(str(address) if isinstance(address, IPv4Address) else f"[{_v6_text(address)}]", address)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels from the root down, ``("com", "openai", "api")``; empty for an address."""
        return () if self.address is not None else tuple(self.name.split(".")[::-1])

    @override
    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and a TCP port (1 to 65535); ``str()`` always names the port."""

    host: Host
    port: int

    @classmethod
    def parse(cls, text: str | bytes, default_port: int | None) -> "Authority":
        """Read ``host[:port]`` (RFC 3986 3.2, RFC 9110 7.2); an absent or empty port is ``default_port``.

        Raises UnreadableError for userinfo, port 0 or above 65535, no port where ``default_port`` is None,
        and for whatever ``Host.parse`` refuses.
        """
        if len(text) > _MAX_INPUT:
            raise UnreadableError(Ambiguity.TOO_LARGE, f"authority {quoted(text)} is longer than 253 octets")
        return _parse_authority(text, default_port)

    @override
    def __str__(self) -> str:
        return f"{self.host.name}:{self.port}"


@lru_cache(maxsize=_CACHED)
def _parse_authority(raw: str | bytes, default_port: int | None) -> Authority:
    text = _decode(raw)
    if "@" in text:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"authority {quoted(raw)} holds userinfo")
    end = text.rfind("]") + 1
    colon = text.find(":", end)
    if colon < 0:
        name, digits = text, ""
    else:
        name, digits = text[:colon], text[colon + 1 :]
    return Authority(Host.parse(name), _port(raw, digits, default_port))


def _port(raw: str | bytes, digits: str, default_port: int | None) -> int:
    if not digits:
        if default_port is None:
            raise UnreadableError(Ambiguity.BAD_SYNTAX, f"authority {quoted(raw)} names no port")
        return default_port
    if _PORT.fullmatch(digits) is None or not 0 < int(digits) <= _MAX_PORT:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"authority {quoted(raw)} has a port that is none")
    return int(digits)


@lru_cache(maxsize=_CACHED)
def _parse_host(raw: str | bytes) -> Host:
    text = _decode(raw)
    if len(text) <= _MAX_NAME and _PLAIN.fullmatch(text) and "xn--" not in text:
        return Host(text)
    if text.startswith("["):
        return _bracketed(raw, text)
    name = _mapped(raw, text)
    labels = (name.removesuffix(".")).split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return Host.of_address(_numeric(raw, labels))
    name = ".".join([_label(raw, label) for label in labels])
    if len(name) > _MAX_NAME:
        raise UnreadableError(Ambiguity.TOO_LARGE, f"host {quoted(raw)} is longer than 253 octets")
    return Host(name)


def _decode(raw: str | bytes) -> str:
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError(Ambiguity.BAD_CHARSET, f"host {quoted(raw)} is not UTF-8") from None


def _bracketed(raw: str | bytes, text: str) -> Host:
    """RFC 3986 IP-literal; a zone id (RFC 6874) names a link of this machine, so it is refused."""
    inner = text[1:-1]
    if not text.endswith("]") or "%" in inner:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"host {quoted(raw)} is no IPv6 address")
    try:
        return Host.of_address(IPv6Address(inner))
    except ValueError:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"host {quoted(raw)} is no IPv6 address") from None


def _v6_text(address: IPv6Address) -> str:
    """RFC 5952 with the mixed form for mapped addresses, which Python spells differently from version to version."""
    mapped = address.ipv4_mapped
    return f"::ffff:{mapped}" if mapped is not None else str(IPv6Address(int(address)))


def _mapped(raw: str | bytes, text: str) -> str:
    """UTS 46 mapping: case, full-width dots and digits, compatibility forms."""
    try:
        return idna.uts46_remap(text, std3_rules=False)
    except (idna.IDNAError, UnicodeError):
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"host {quoted(raw)} is no domain name") from None


def _numeric(raw: str | bytes, labels: list[str]) -> IPv4Address:
    """The address that inet_aton reads: parts in octal, decimal or hex, the last one filling what is left."""
    parts = [int(label, base) for label in labels for spelling, base in _BASES if spelling.fullmatch(label)]
    if len(parts) != len(labels) or len(parts) > _QUAD or any(part > _OCTET for part in parts[:-1]):
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"host {quoted(raw)} is no IPv4 address")
    value = parts[-1]
    if value >= 256 ** (_QUAD + 1 - len(parts)):
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"host {quoted(raw)} is no IPv4 address")
    for position, part in enumerate(parts[:-1]):
        value += part << (24 - 8 * position)
    return IPv4Address(value)


def _label(raw: str | bytes, label: str) -> str:
    """One mapped label as an A-label; an A-label that is not the one spelling of its U-label is refused."""
    try:
        if not label.isascii():
            label = idna.alabel(label).decode("ascii")
        elif label.startswith("xn--"):
            _check_a_label(label)
    except (idna.IDNAError, UnicodeError):
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"host {quoted(raw)} is no domain name") from None
    if _LABEL.fullmatch(label) is None:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"host {quoted(raw)} is no domain name")
    return label


def _check_a_label(label: str) -> None:
    """RFC 5891 5.4, without the code-point tables: DNS holds A-labels that IDNA 2008 does not allow any more."""
    decoded = label[4:].encode("ascii").decode("punycode")
    if decoded.isascii() or idna.uts46_remap(decoded, std3_rules=False) != decoded:
        raise UnicodeError(label)
    if decoded.encode("punycode").decode("ascii") != label[4:]:
        raise UnicodeError(label)
