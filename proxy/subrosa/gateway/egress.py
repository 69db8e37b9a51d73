"""Which addresses a destination may be dialled at: resolved once, every answer judged, exactly those handed back.

The caller dials what `Egress.vet` returns and resolves nothing again, so an answer that changes afterwards
(DNS rebinding) changes nothing.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from subrosa.facts.addresses import AddressClass, classify
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.shapes import ProxyError
from subrosa.policy.verdict import Reason

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network
type Resolve = Callable[[Authority], Awaitable[list[str]]]


class EgressCause(StrEnum):
    """Why a destination is refused other than for the class of its address."""

    PORT = "port"
    OWN_LISTENER = "own-listener"
    NO_ANSWER = "no-answer"
    TIME_OUT = "time-out"
    UNREADABLE = "unreadable-answer"


EGRESS_CLASSES = (*(found.value for found in AddressClass if found is not AddressClass.GLOBAL), *EgressCause)
"""Every value of `EgressDenied.address_class`; metrics carry it."""

_UNRESOLVED = {EgressCause.NO_ANSWER: ProxyError.DNS_ERROR, EgressCause.TIME_OUT: ProxyError.DNS_TIMEOUT}
_NEVER = frozenset({AddressClass.UNSPECIFIED, AddressClass.MULTICAST, AddressClass.BROADCAST})
_INTERNAL = frozenset({AddressClass.PRIVATE, AddressClass.UNIQUE_LOCAL})


class EgressDenied(Exception):  # noqa: N818 - the name says which error
    """A destination that may not be dialled, or has no address.

    ``address_class`` is one of `EGRESS_CLASSES`; ``detail`` is for the person who is refused; ``reason`` and
    ``fault`` are for the verdict and the answer.
    """

    def __init__(self, address_class: str, detail: str) -> None:
        super().__init__(detail)
        self.address_class = address_class
        self.detail = detail
        self.fault = _UNRESOLVED.get(EgressCause(address_class)) if address_class in _CAUSES else None
        self.reason = Reason.EGRESS if self.fault is None else Reason.UPSTREAM


_CAUSES = frozenset(EgressCause)


def _none(_host: Host) -> bool:
    return False


def _nowhere() -> set[tuple[str, int]]:
    return set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """The one who judges destinations.

    ``resolve`` gives the addresses of a name as text. ``allow_private`` are the networks of the settings that
    may be dialled although they are not public; a metadata address counts only as a network of its own. The
    hosts of ``private_hosts`` (guarded stores, declared destinations) may have RFC 1918 and ULA addresses.
    ``own_listeners`` are the gateway's own (address, port) pairs, never dialled. ``allowed_ports`` None allows
    every port. ``timeout`` is in seconds, for one resolution.
    """

    resolve: Resolve
    allow_private: Sequence[Network] = ()
    private_hosts: Callable[[Host], bool] = _none
    own_listeners: Callable[[], set[tuple[str, int]]] = _nowhere
    allowed_ports: frozenset[int] | None = None
    timeout: float = 5.0

    async def vet(self, authority: Authority) -> tuple[str, ...]:
        """The addresses to dial, in the resolver's order, each once; IPv4 for a mapped IPv6 address.

        Raises:
            EgressDenied: when the port, or any one of the addresses, may not be dialled, or there is none.
        """
        if self.allowed_ports is not None and authority.port not in self.allowed_ports:
            raise EgressDenied(
                EgressCause.PORT, f"port {authority.port} of {authority.host} is not an allowed port"
            )
        literal = authority.host.address
        found = [_canonical(literal)] if literal is not None else await self._resolved(authority)
        for address in found:
            self._judge(authority, address)
        return tuple(dict.fromkeys(str(address) for address in found))

    async def _resolved(self, authority: Authority) -> list[Address]:
        host = authority.host
        try:
            async with asyncio.timeout(self.timeout):
                answers = await self.resolve(authority)
        except TimeoutError:
            raise EgressDenied(
                EgressCause.TIME_OUT, f"{host} was not resolved within {self.timeout:g} s"
            ) from None
        except (OSError, UnicodeError) as fault:
            raise EgressDenied(EgressCause.NO_ANSWER, f"{host} has no address: {_lower(fault)}") from fault
        if not answers:
            raise EgressDenied(EgressCause.NO_ANSWER, f"{host} has no address")
        try:
            return [_canonical(ip_address(answer)) for answer in answers]
        except ValueError:
            raise EgressDenied(
                EgressCause.UNREADABLE, f"{host} resolves to something that is no address"
            ) from None

    def _judge(self, authority: Authority, address: Address) -> None:
        if self._own(address, authority.port):
            detail = f"{authority} is the gateway itself, at {address}"
            raise EgressDenied(EgressCause.OWN_LISTENER, detail)
        found = classify(address)
        if found is AddressClass.GLOBAL:
            return
        if found in _INTERNAL and self.private_hosts(authority.host):
            return
        if found not in _NEVER and self._allowed(address, found):
            return
        raise EgressDenied(found.value, _detail(authority, address, found))

    def _allowed(self, address: Address, found: AddressClass) -> bool:
        if found is AddressClass.METADATA:
            return any(
                network.prefixlen == network.max_prefixlen and network.network_address == address
                for network in self.allow_private
            )
        return any(address in network for network in self.allow_private)

    def _own(self, address: Address, port: int) -> bool:
        here = [ip for ip, listening in self.own_listeners() if listening == port]
        if not here:
            return False
        listeners = [_canonical(ip_address(ip or "::")) for ip in here]
        if address in listeners:
            return True
        return any(listener.is_unspecified for listener in listeners) and _is_local(address)


def _detail(authority: Authority, address: Address, found: AddressClass) -> str:
    where = str(authority) if authority.host.address else f"{authority} resolves to {address}, which"
    told = f"{where} is not public ({found.value})"
    if found in _NEVER:
        return told
    return f"{told}; the gateway's option --allow-private {address}/{address.max_prefixlen} would let it pass"


def _canonical(address: Address) -> Address:
    """The IPv4 address for a mapped one, because a socket dials it as that; zone ids stay and are refused by class."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _is_local(address: Address) -> bool:
    """Whether an address is one of this machine's: only those can be bound."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return address.is_loopback or address.is_unspecified
    return True


def _lower(fault: Exception) -> str:
    text = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    return text[:1].lower() + text[1:]


async def system_resolver(authority: Authority) -> list[str]:
    """All addresses that the machine's own resolver gives.

    Raises:
        OSError: where there are none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(authority.host.name, authority.port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class HostsFileError(ValueError):
    """A hosts file with faults; ``faults`` has one text a fault, each with its line number."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class HostsFile:
    """Names and their addresses, as `/etc/hosts` writes them: an address, then its names; ``#`` begins a comment."""

    entries: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "HostsFile":
        """Read the whole file.

        Raises:
            HostsFileError: with every fault of the file.
        """
        entries: dict[str, tuple[str, ...]] = {}
        faults: list[str] = []
        for number, line in enumerate(text.split("\n"), 1):
            words = _BLANKS.split(line.removesuffix("\r").partition("#")[0].strip(" \t"))
            first, names = words[0], words[1:]
            if not first:
                continue
            try:
                address = str(ip_address(first))
            except ValueError:
                faults.append(f"line {number}: `{first}` is no address")
                continue
            if not names:
                faults.append(f"line {number}: no name follows the address")
            for name in names:
                fault = _add(entries, name, address)
                faults += [f"line {number}: {fault}"] if fault else []
        if faults:
            raise HostsFileError(tuple(faults))
        return cls(entries)

    async def resolve(self, authority: Authority) -> list[str]:
        """The addresses of a name in the file.

        Raises:
            OSError: for every other name.
        """
        found = self.entries.get(authority.host.name)
        if found is None:
            raise OSError(f"{authority.host} is not in the hosts file")
        return list(found)

    def before(self, otherwise: Resolve) -> Resolve:
        """A resolver that asks the file first and ``otherwise`` for names that are not in it."""

        async def resolve(authority: Authority) -> list[str]:
            found = self.entries.get(authority.host.name)
            return await otherwise(authority) if found is None else list(found)

        return resolve


_BLANKS = re.compile(r"[ \t]+")


def _add(entries: dict[str, tuple[str, ...]], name: str, address: str) -> str:
    """Enter one name; the fault, or empty."""
    try:
        host = Host.parse(name)
    except UnreadableError as fault:
        return fault.detail
    if host.address is not None:
        return f"`{name}` is an address, not a name"
    if host.name != name:
        return f"`{name}` is not canonical: write `{host.name}`"
    if address in entries.get(name, ()):
        return f"`{name}` has the address {address} already"
    entries[name] = (*entries.get(name, ()), address)
    return ""
