"""The frozen facts of one transfer, stage by stage; built whole at the edge, never changed afterwards."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from subrosa.facts.fields import Fields
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.paths import Path, Query

type Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """Who opened the connection, as far as the gateway could verify it."""

    listener: str
    """Canonical name of the listener: its ``mode`` and port, ``explicit:8080``."""
    address: Address
    user: str | None = None
    """The proxy user whose password was verified."""
    subject: str | None = None
    """The subject of the verified client certificate, RFC 4514 form."""
    shown: str = field(init=False, repr=False, compare=False)
    """The address as text: worked out once for all requests of the client."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", str(self.address))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFacts:
    """What is known before any byte of TLS or HTTP was read: who, and where to."""

    client: ClientFacts
    target: Authority | None = None
    """The CONNECT or SOCKS target; None where the transport names none (absolute-form, transparent, reverse)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """What the ClientHello says."""

    sni: Host | None = None
    alpn: tuple[bytes, ...] = ()
    ech: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """One request head that passed the head check; everything in it has exactly one reading.

    ``length`` is the Content-Length, or None when the body is chunked or framed by HTTP/2 without one;
    ``has_body`` is False only when it is certain that no body octet follows.
    """

    method: str
    scheme: str
    authority: Authority
    path: Path
    query: Query
    fields: Fields
    has_body: bool = False
    length: int | None = None
    upgrade: str | None = None
    """``websocket``, or None; any other upgrade is refused by the head check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFacts:
    """All facts of one transfer that are settled at the head; the body's facts grow beside it."""

    connect: ConnectFacts
    tls: TlsFacts | None = None
    head: RequestHead | None = None
    asserted: frozenset[str] = field(default_factory=frozenset)
