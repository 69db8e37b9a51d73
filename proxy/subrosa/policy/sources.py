"""Who sends: named sources, found by listener, client network, proxy user or client certificate."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from subrosa.facts.records import ClientFacts

type Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One named source; an empty criterion matches any client, all given ones must match.

    ``holds_content``: all it sends is presumed meeting content. ``authenticate``: a client that matches by
    listener and network but has no verified user or subject is refused with 407.
    """

    name: str
    listeners: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    users: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    holds_content: bool = True
    authenticate: bool = False

    def place_matches(self, client: ClientFacts) -> bool:
        """Whether the client comes in where this source does; identity aside."""
        if self.listeners and client.listener not in self.listeners:
            return False
        return not self.networks or any(client.address in network for network in self.networks)

    def identity_matches(self, client: ClientFacts) -> bool:
        """Whether the client's verified identity is one of this source's."""
        if not self.users and not self.subjects:
            return not self.authenticate or client.user is not None or client.subject is not None
        return client.user in self.users or client.subject in self.subjects


DEFAULT = Source(name="default")


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of the settings, in order; the first that matches wins, else `DEFAULT` (holds content)."""

    named: tuple[Source, ...] = ()

    def find(self, client: ClientFacts) -> Source:
        """The source of a client."""
        for source in self.named:
            if source.place_matches(client) and source.identity_matches(client):
                return source
        return DEFAULT

    def must_authenticate(self, client: ClientFacts) -> bool:
        """Whether a source demands an identity here that the client has not shown."""
        if self.find(client) is not DEFAULT:
            return False
        return any(source.authenticate and source.place_matches(client) for source in self.named)


def names(sources: Sources) -> Iterable[str]:
    """The closed set of source labels."""
    yield DEFAULT.name
    yield from (source.name for source in sources.named)
