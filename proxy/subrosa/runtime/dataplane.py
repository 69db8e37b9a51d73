"""From settings to the parts of the data plane: listeners, limits, proxy users, and the way out."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

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
from subrosa.settings import LimitSettings, ListenerSettings, Settings


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
    """What the engine is told.

    Raises:
        StartError: for a file that cannot be read.
    """
    for file in (settings.upstream_ca, *(path for one in settings.listeners for path in _files(one))):
        if file is not None:
            _text(file, "certificate file")
    return EngineSettings(
        listeners=tuple(_listener(one) for one in settings.listeners),
        ca_dir=authority.directory,
        upstream_ca=settings.upstream_ca,
        upstream_proxy=settings.upstream_proxy,
        upstream_client_certs=tuple(
            ClientCert(host=one.host, cert=one.cert, key=one.key) for one in settings.upstream_client_certs
        ),
        limits=_limits(settings.limits),
        state_dir=settings.state_dir,
    )


def _files(listener: ListenerSettings) -> tuple[Path | None, ...]:
    return listener.tls_cert, listener.tls_key, listener.client_ca


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


def _limits(one: LimitSettings) -> Limits:
    return Limits(
        spool=SpoolLimits(
            memory=one.held_memory, transfer=one.held_transfer, total=one.held_total, held=one.held_transfers
        ),
        connections=one.connections,
        head_seconds=one.head_seconds,
        idle_seconds=one.idle_seconds,
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
