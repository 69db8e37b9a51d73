"""From settings to the parts of the data plane: listeners, limits, proxy users, and the way out."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography import x509

from subrosa.facts.head import HeadLimits
from subrosa.facts.hosts import Host
from subrosa.gateway.auth import AuthFileError, Users
from subrosa.gateway.ca import CaPaths
from subrosa.gateway.egress import Egress, HostsFile, HostsFileError, Resolve, system_resolver
from subrosa.gateway.engine import EngineSettings
from subrosa.gateway.limits import Limits
from subrosa.gateway.listener import ClientCert, Listener
from subrosa.gateway.spool import SpoolLimits
from subrosa.policy.hostmap import HostMap, HostPattern
from subrosa.runtime.configuration import StartError
from subrosa.settings import ListenerSettings, Settings
from subrosa.settings.bounds import LimitSettings


class Verifier(Protocol):
    """Who verifies proxy users; `Users` does."""

    async def verify(self, user: str, password: str) -> bool:
        """Whether this is the user's password."""


class Nobody:
    """No password file: nobody is verified."""

    async def verify(self, user: str, password: str) -> bool:  # noqa: ARG002 - the protocol's
        """Refuse."""
        return False


def users_of(settings: Settings) -> Verifier:
    """The proxy users of the settings.

    Raises:
        StartError: every fault of the password file.
    """
    if settings.proxy_users is None:
        return Nobody()
    try:
        return Users.parse(_text(settings.proxy_users, "password file"))
    except AuthFileError as fault:
        raise StartError([f"{settings.proxy_users}: {one}" for one in fault.faults]) from None


def egress_of(settings: Settings, own: Callable[[], set[tuple[str, int]]]) -> Egress:
    """The judge of destinations.

    Raises:
        StartError: every fault of the hosts file.
    """
    resolve: Resolve = system_resolver
    if settings.hosts_file is not None:
        try:
            resolve = HostsFile.parse(_text(settings.hosts_file, "hosts file")).before(system_resolver)
        except HostsFileError as fault:
            raise StartError([f"{settings.hosts_file}: {one}" for one in fault.faults]) from None
    declared: HostMap[bool] = HostMap()
    for destination in settings.destinations:
        declared.set(HostPattern.parse(destination.host), value=True)

    def private(host: Host) -> bool:
        return bool(declared.get(host))

    return Egress(
        resolve=resolve, allow_private=settings.allow_private, private_hosts=private, own_listeners=own
    )


def engine_settings(settings: Settings, authority: CaPaths) -> EngineSettings:
    """What the engine of each worker is told; of the bounds of the whole gateway it has its share.

    Raises:
        StartError: for every certificate file that is of no use.
    """
    faults = _certificate_faults(settings)
    if faults:
        raise StartError(faults)
    return EngineSettings(
        listeners=tuple(_listener(one) for one in settings.listeners),
        ca_dir=authority.directory,
        upstream_ca=settings.upstream_ca,
        upstream_proxy=settings.upstream_proxy,
        upstream_client_certs=tuple(
            ClientCert(host=one.host, cert=one.cert, key=one.key) for one in settings.upstream_client_certs
        ),
        limits=_limits(settings.limits, settings.workers),
        state_dir=settings.state_dir,
        lanes=settings.lanes,
        prefer_h2=settings.prefer_h2,
        hash_all=settings.evidence.hash == "all",
    )


def _certificate_faults(settings: Settings) -> list[str]:
    roots = [
        ("upstream_ca", settings.upstream_ca),
        *(("client_ca", one.client_ca) for one in settings.listeners),
    ]
    pairs = [("tls_cert", one.tls_cert, one.tls_key) for one in settings.listeners]
    pairs += [("upstream_client_certs", one.cert, one.key) for one in settings.upstream_client_certs]
    found = [_roots_fault(name, file) for name, file in roots if file is not None]
    found += [_pair_fault(name, cert, key) for name, cert, key in pairs if cert is not None]
    return [fault for fault in found if fault]


def _roots_fault(name: str, file: Path) -> str:
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as fault:
        return f"{name} `{file}` cannot be read: {(fault.strerror or str(fault)).lower()}"
    except ValueError:
        certificates = []
    return "" if certificates else f"{name} `{file}` holds no certificate: give a file of certificates in PEM"


def _pair_fault(name: str, cert: Path, key: Path | None) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except ssl.SSLError:
        return f"{name} `{cert}` and its key `{key}` are no pair in PEM, or the key has a passphrase"
    except OSError as fault:
        return f"{name} `{cert}` or its key `{key}` cannot be read: {(fault.strerror or str(fault)).lower()}"
    return ""


def _listener(one: ListenerSettings) -> Listener:
    host, _, port = one.listen.rpartition(":")
    return Listener(
        mode=one.mode,
        host=host.strip("[]"),
        port=int(port),
        tls_cert=one.tls_cert,
        tls_key=one.tls_key,
        client_ca=one.client_ca,
    )


def _limits(one: LimitSettings, workers: int) -> Limits:
    return Limits(
        head=HeadLimits(
            fields=one.header_fields,
            field_bytes=one.header_bytes,
            head_bytes=one.head_bytes,
            target_bytes=one.url_bytes,
        ),
        spool=SpoolLimits(
            memory=one.held_memory,
            transfer=one.held_transfer,
            total=-(-one.held_total // workers),
            held=-(-one.held_transfers // workers),
        ),
        connections=-(-one.connections // workers),
        streams=one.streams,
        resets=one.resets,
        message=one.message_bytes,
        head_seconds=one.head_seconds,
        idle_seconds=one.idle_seconds,
        connect_seconds=one.connect_seconds,
        stalled_seconds=one.stalled_seconds,
        tunnel_seconds=one.tunnel_seconds,
        step_seconds=one.step_seconds,
    )


def _text(file: Path, what: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as fault:
        raise StartError(
            [f"{what} `{file}` cannot be read: {(fault.strerror or str(fault)).lower()}"]
        ) from None
    except UnicodeDecodeError:
        raise StartError([f"{what} `{file}` is no text file"]) from None
