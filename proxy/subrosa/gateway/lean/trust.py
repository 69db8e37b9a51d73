"""TLS towards destinations: verified against the public authorities and the settings' own, sessions resumed."""

import ssl
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import certifi

from subrosa.facts.hosts import Host
from subrosa.gateway.lean.upstream import Key
from subrosa.gateway.listener import ClientCert
from subrosa.policy.hostmap import HostPattern

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:DHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!eNULL:!DSS"
"""Those that a browser of these days would take, for TLS 1.2; those of TLS 1.3 are OpenSSL's own."""
_SESSIONS = 1024
_RENEWED = 300.0
"""Seconds after which a newer session is taken: reading one leaks 6.6 KB in CPython 3.13, and they hold for hours."""


class Trust:
    """Makes contexts and remembers sessions."""

    def __init__(self, upstream_ca: Path | None, client_certs: Sequence[ClientCert]) -> None:
        self._upstream_ca = upstream_ca
        self._client_certs = [(HostPattern.parse(entry.host), entry) for entry in client_certs]
        self._contexts: dict[ClientCert | None, ssl.SSLContext] = {}
        self._sessions: OrderedDict[Key, tuple[float, ssl.SSLSession]] = OrderedDict()

    def context(self, host: Host) -> ssl.SSLContext:
        """The context for a destination, with the certificate that is shown there."""
        shown = self._shown(host)
        context = self._contexts.get(shown)
        if context is None:
            context = self._contexts[shown] = self._make(shown)
        return context

    def session(self, key: Key) -> ssl.SSLSession | None:
        """A session to go on with."""
        kept = self._sessions.get(key)
        return kept[1] if kept is not None else None

    def keep(self, key: Key, tls: ssl.SSLObject, now: float) -> None:
        """Remember a connection's session, where that of its destination is not fresh; ``now`` in seconds."""
        kept = self._sessions.get(key)
        if kept is not None and now - kept[0] < _RENEWED:
            return
        session = tls.session
        if session is not None and session.has_ticket:
            self._sessions[key] = now, session
            self._sessions.move_to_end(key)
            if len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)

    def _shown(self, host: Host) -> ClientCert | None:
        return next((entry for pattern, entry in self._client_certs if pattern.covers(host)), None)

    def _make(self, shown: ClientCert | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        context.set_ciphers(CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.load_verify_locations(certifi.where())
        if self._upstream_ca is not None:
            context.load_verify_locations(self._upstream_ca)
        if shown is not None:
            context.load_cert_chain(shown.cert, shown.key)
        return context
