"""Who is on one client connection and where it leads, whatever the lane: users, certificates, tunnel target, TLS.

Knows no mitmproxy.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace

from subrosa.facts.hosts import Authority
from subrosa.facts.records import ClientFacts, ConnectFacts, TlsFacts
from subrosa.gateway.judging import Shared
from subrosa.gateway.listener import Listener


@dataclass(slots=True, kw_only=True)
class Caller:
    """One client connection, as far as facts need it."""

    shared: Shared
    listener: Listener
    client: ClientFacts
    original: Authority | None = None
    """Transparent: the address that the client dialled."""
    target: Authority | None = None
    """The CONNECT or SOCKS target."""
    tunnelled: bool = False
    tls: TlsFacts | None = None
    """The ClientHello of the TLS that carries requests; None while they come in clear."""
    _verified: tuple[bytes, str] | None = None

    def connect_facts(self) -> ConnectFacts:
        """Who, and where the tunnel leads."""
        return ConnectFacts(client=self.client, target=self.target)

    async def identify(self) -> tuple[ConnectFacts, bool]:
        """Who, where nothing new was shown."""
        return self.connect_facts(), False

    async def identify_by(self, lines: Sequence[tuple[bytes, bytes]]) -> tuple[ConnectFacts, bool]:
        """Who, after Proxy-Authorization (RFC 7617) was verified; True beside it when it is wrong."""
        shown = [value.strip() for name, value in lines if name.lower() == b"proxy-authorization"]
        if not shown:
            return self.connect_facts(), False
        user = await self._verify(shown[0]) if len(shown) == 1 else None
        if user is None:
            return self.connect_facts(), True
        self.client = replace(self.client, user=user)
        return self.connect_facts(), False

    def named(self, subject: str) -> None:
        """The client showed a certificate that was verified."""
        self.client = replace(self.client, subject=subject)

    async def log_in(self, user: str, password: str) -> bool:
        """Verify a SOCKS user."""
        if not await self.shared.ports.authenticate(user, password):
            return False
        self.client = replace(self.client, user=user)
        return True

    async def _verify(self, shown: bytes) -> str | None:
        known = self._verified
        if known is not None and hmac.compare_digest(known[0], shown):
            return known[1]
        scheme, _, coded = shown.partition(b" ")
        try:
            user, colon, password = (
                base64.b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return None
        if (
            scheme.lower() != b"basic"
            or not colon
            or not await self.shared.ports.authenticate(user, password)
        ):
            return None
        self._verified = (shown, user)
        return user
