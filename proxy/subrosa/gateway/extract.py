"""From mitmproxy's objects to facts: what a ClientHello says."""

from mitmproxy.tls import ClientHello

from subrosa.facts.hosts import Host
from subrosa.facts.records import TlsFacts
from subrosa.facts.unreadable import Ambiguity, UnreadableError

_ECH, _SNI = 0xFE0D, 0


def tls_facts(hello: ClientHello) -> TlsFacts:
    """What a ClientHello says.

    Raises:
        UnreadableError: for a server name that is none, or more than one.
    """
    types = [kind for kind, _ in hello.extensions]
    name = hello.sni
    if name is None and _SNI in types:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, "the server name in the TLS hello is none")
    return TlsFacts(
        sni=Host.parse(name) if name is not None else None,
        alpn=tuple(hello.alpn_protocols),
        ech=_ECH in types,
    )
