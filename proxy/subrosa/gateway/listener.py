"""Where the engine listens, and how a listener is named."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from subrosa.facts.hosts import Authority, Host

EXPLICIT, TRANSPARENT, SOCKS5, REVERSE = "explicit", "transparent", "socks5", "reverse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One listening socket.

    ``mode`` is ``explicit``, ``transparent``, ``socks5`` or ``reverse:https://host:port``. With ``tls_cert`` the
    clients must speak TLS to the gateway itself; with ``client_ca`` they must also show a certificate of it.
    """

    mode: str
    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None

    @property
    def kind(self) -> str:
        """The first word of the mode."""
        return self.mode.partition(":")[0]

    @property
    def target(self) -> tuple[str, Authority] | None:
        """Scheme and authority of a reverse listener, None for the others.

        Raises:
            ValueError: for a URL that names no http or https host.
        """
        if self.kind != REVERSE:
            return None
        parts = urlsplit(self.mode.partition(":")[2])
        if parts.scheme not in _PORTS or not parts.hostname:
            msg = f"mode `{self.mode}`: write reverse:https://host:port"
            raise ValueError(msg)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return parts.scheme, Authority(Host.parse(host), parts.port or _PORTS[parts.scheme])

    def named(self, port: int) -> str:
        """The name in records and in sources: mode and the port it is bound to."""
        return f"{self.kind}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCert:
    """The certificate that the gateway shows to an upstream host."""

    host: str
    cert: Path
    key: Path


_PORTS = {"http": 80, "https": 443}
