"""TLS towards both sides: certificates made for clients, strict client certificates, verified destinations."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any, override

import certifi
from mitmproxy import certs
from mitmproxy.addons.tlsconfig import DEFAULT_HOSTFLAGS, TlsConfig, _default_ciphers
from mitmproxy.connection import Server
from mitmproxy.net import tls as net_tls
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from subrosa.facts.hosts import Host
from subrosa.gateway.ca import is_sent
from subrosa.gateway.listener import ClientCert, Listener
from subrosa.gateway.narrow import of_type
from subrosa.policy.hostmap import HostPattern

HTTP1, HTTP2 = b"http/1.1", b"h2"


def make_ready(ca_dir: Path) -> None:
    """Write what mitmproxy writes at its start, so that several processes may start in this folder at once."""
    certs.CertStore.load_dhparam(ca_dir / "mitmproxy-dhparam.pem")


class GatewayTls(TlsConfig):
    """mitmproxy's addon for TLS, with contexts of our own; its certificate store stays.

    Added in the place of `TlsConfig`. ``asked`` tells for a client connection whether the listener's own
    certificate is shown now, and which listener that is.
    """

    request: None = None  # type: ignore[assignment]
    """mitmproxy's own would answer for some paths itself, and have every request waited for."""

    def __init__(self, upstream_ca: Path | None, client_certs: Sequence[ClientCert]) -> None:
        self.upstream_ca = upstream_ca
        self.client_certs = [(HostPattern.parse(entry.host), entry) for entry in client_certs]
        self._upstream: dict[ClientCert | None, SSL.Context] = {}
        self._listeners: dict[Listener, SSL.Context] = {}
        self._signing: dict[tuple[bytes, ...], SSL.Context] = {}

    # --- towards clients -----------------------------------------------------------------------------------

    def serve(self, data: TlsData, listener: Listener | None, *, http1_only: bool) -> None:
        """Set up TLS towards a client; ``listener`` where TLS is spoken to the gateway itself."""
        if listener is not None and listener.tls_cert is not None:
            data.ssl_conn = SSL.Connection(self._own_context(listener))
        else:
            context = self._signing_context((HTTP1,) if http1_only else (HTTP2, HTTP1))
            entry = self.get_cert(data.context)
            data.ssl_conn = SSL.Connection(context)
            data.ssl_conn.use_certificate(entry.cert.to_cryptography())
            data.ssl_conn.use_privatekey(entry.privatekey)
        data.ssl_conn.set_accept_state()

    def _signing_context(self, alpn: tuple[bytes, ...]) -> SSL.Context:
        """For certificates that our authority signs: its own goes with them, unless clients must have it anyway."""
        context = self._signing.get(alpn)
        if context is None:
            context = self._signing[alpn] = self._client_context(alpn)
            for link in self.certstore.default_chain_certs:
                certificate = link.to_cryptography()
                if is_sent(certificate):
                    context.add_extra_chain_cert(certificate)
        return context

    def _own_context(self, listener: Listener) -> SSL.Context:
        context = self._listeners.get(listener)
        if context is None:
            alpn = (HTTP1,) if listener.target is None else (HTTP2, HTTP1)
            context = self._client_context(alpn)
            context.use_certificate_chain_file(str(listener.tls_cert))
            context.use_privatekey_file(str(listener.tls_key))
            if listener.client_ca is not None:
                context.load_verify_locations(str(listener.client_ca))
                context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _as_found)
            self._listeners[listener] = context
        return context

    def _client_context(self, alpn: tuple[bytes, ...]) -> SSL.Context:
        context: SSL.Context = net_tls._create_ssl_context(  # noqa: SLF001 - options and ciphers as mitmproxy's own
            method=net_tls.Method.TLS_SERVER_METHOD,
            min_version=net_tls.Version.TLS1_2,
            max_version=net_tls.Version.UNBOUNDED,
            cipher_list=_default_ciphers(net_tls.Version.TLS1_2),
            ecdh_curve=None,
        )

        def select(_conn: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ANN401 - pyOpenSSL has no public type for its sentinel
            """The client's first choice of what is spoken here."""
            return next((name for name in offered if name in alpn), SSL.NO_OVERLAPPING_PROTOCOLS)

        context.set_alpn_select_callback(select)
        return context

    # --- towards destinations ------------------------------------------------------------------------------

    @override
    def tls_start_server(self, tls_start: TlsData) -> None:
        server, client = of_type(Server, tls_start.conn), tls_start.context.client
        name = server.sni
        if not name:
            msg = "a destination without a name cannot be verified"
            raise ValueError(msg)
        if not server.alpn_offers:
            server.alpn_offers = (HTTP2, HTTP1) if client.alpn == HTTP2 else (HTTP1,)
        conn = SSL.Connection(self._upstream_context(name))
        _verify_name(conn, name)
        conn.set_alpn_protos(list(server.alpn_offers))
        conn.set_connect_state()
        tls_start.ssl_conn = conn

    @override
    def tls_start_client(self, tls_start: TlsData) -> None:
        """`serve` does this, called by the gateway's addon, which knows the listener."""

    def _upstream_context(self, name: str) -> SSL.Context:
        shown = self._certificate_for(name)
        context = self._upstream.get(shown)
        if context is None:
            context = net_tls._create_ssl_context(  # noqa: SLF001 - as above
                method=net_tls.Method.TLS_CLIENT_METHOD,
                min_version=net_tls.Version.TLS1_2,
                max_version=net_tls.Version.UNBOUNDED,
                cipher_list=_default_ciphers(net_tls.Version.TLS1_2),
                ecdh_curve=None,
            )
            context.set_verify(SSL.VERIFY_PEER, None)
            context.load_verify_locations(certifi.where())
            if self.upstream_ca is not None:
                context.load_verify_locations(str(self.upstream_ca))
            if shown is not None:
                context.use_certificate_chain_file(str(shown.cert))
                context.use_privatekey_file(str(shown.key))
            self._upstream[shown] = context
        return context

    def _certificate_for(self, name: str) -> ClientCert | None:
        if not self.client_certs:
            return None
        host = Host.parse(f"[{name}]" if ":" in name else name)
        return next((entry for pattern, entry in self.client_certs if pattern.covers(host)), None)


def subject_of(cert: certs.Cert) -> str:
    """The subject of a client certificate, RFC 4514."""
    return cert.to_cryptography().subject.rfc4514_string()


def _as_found(*found: object) -> bool:
    """PyOpenSSL asks what to make of its verification: nothing."""
    return bool(found[-1])


def _verify_name(conn: SSL.Connection, name: str) -> None:
    """Have OpenSSL check that the certificate is for this name or address (RFC 9525), subject CN not counted."""
    parameters = SSL._lib.SSL_get0_param(conn._ssl)  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
    SSL._lib.X509_VERIFY_PARAM_set_hostflags(parameters, DEFAULT_HOSTFLAGS)  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        packed = ipaddress.ip_address(name).packed
    except ValueError:
        octets = name.encode("ascii")
        conn.set_tlsext_host_name(octets)
        done = SSL._lib.X509_VERIFY_PARAM_set1_host(parameters, octets, len(octets))  # type: ignore[attr-defined]  # noqa: SLF001
    else:
        done = SSL._lib.X509_VERIFY_PARAM_set1_ip(parameters, packed, len(packed))  # type: ignore[attr-defined]  # noqa: SLF001
    SSL._openssl_assert(done == 1)  # noqa: SLF001
