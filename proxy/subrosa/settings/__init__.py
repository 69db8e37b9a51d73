"""The settings: one strict model, parsed once from file, environment and flags; knows no file and no environment.

Later layers override earlier ones, key by key at the top level. Every fault of every layer is told at once, with
the place that the caller's `locate` gives for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self, override
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    model_validator,
)

from subrosa.facts.hosts import Authority
from subrosa.facts.unreadable import UnreadableError
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.policy import Profile
from subrosa.policy.purposes import TRAINING, Purpose
from subrosa.settings.bounds import EvidenceSettings, LimitSettings
from subrosa.settings.strict import Stated, Strict

type Place = tuple[str | int, ...]
type Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]

_MODES = ("explicit", "transparent", "socks5", "reverse:http://", "reverse:https://")


def _address(text: object) -> object:
    if not isinstance(text, str):
        return text
    name, _, port = text.rpartition(":")
    try:
        # No request may name port 0; where one listens it is any free port.
        host = Authority.parse(f"{name}:1" if port == "0" else text, None).host.name
    except UnreadableError as fault:
        msg = f"`{text}` is no address: write host:port, such as `127.0.0.1:8080` ({fault.detail})"
        raise ValueError(msg) from fault
    return f"{host}:{port}"


def _mode(text: str) -> str:
    if text in _MODES[:3] or (text.startswith(_MODES[3:]) and urlsplit(text.partition(":")[2]).hostname):
        return text
    msg = f"`{text}` is no mode: write explicit, transparent, socks5, or reverse:https://host:port"
    raise ValueError(msg)


def _host(text: str) -> str:
    HostPattern.parse(text)
    return text


def _proxy(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/"):
        return text
    msg = f"`{parts.scheme}://…` is no parent proxy: write http://host:port or https://host:port"
    raise ValueError(msg)


def _network(text: object) -> object:
    try:
        return ip_network(str(text))
    except ValueError as fault:
        msg = f"`{text}` is no network: write 10.0.0.0/8 or fd00::/8 ({fault})"
        raise ValueError(msg) from fault


type Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network)]
type HostPort = Annotated[str, BeforeValidator(_address)]
type HostText = Annotated[str, AfterValidator(_host)]


class ListenerSettings(Strict):
    """One listening socket; with `client_ca` it is an HTTPS proxy that demands a client certificate."""

    mode: Annotated[str, AfterValidator(_mode)] = "explicit"
    listen: HostPort
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            msg = "`tls_cert` and `tls_key` belong together: give both"
            raise ValueError(msg)
        if self.client_ca is not None and self.tls_cert is None:
            msg = "`client_ca` needs `tls_cert` and `tls_key`: client certificates are shown inside TLS"
            raise ValueError(msg)
        return self


class SourceSettings(Strict):
    """One named source; criteria left out match any client, `networks: []` is a fault rather than nothing."""

    name: Name
    listeners: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    users: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    holds: Literal["customer-content", "nothing"] = "customer-content"
    authenticate: bool = False


class DestinationSettings(Stated):
    """What a host is, where the catalogue cannot know it."""

    host: HostText
    speaks: Name | None = None
    purpose: Purpose | None = None
    inspect: Literal["never"] | None = None
    """Tunnels to it are relayed unread."""
    protocol: Literal["tls", "any"] = "tls"
    """What may go through such a tunnel: TLS under the host's own name, or whatever the client speaks."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.speaks is None and self.purpose is None and self.inspect is None:
            msg = "say what the host is: `speaks: openai`, `purpose: storage` or `inspect: never`"
            raise ValueError(msg)
        if self.speaks is not None and self.inspect is not None:
            msg = "`inspect: never` reads nothing of what the host `speaks`: leave one of them away"
            raise ValueError(msg)
        if self.protocol != "tls" and self.inspect is None:
            msg = "`protocol` says what goes through a tunnel: it needs `inspect: never`"
            raise ValueError(msg)
        if self.purpose in TRAINING | {Purpose.UNCLASSIFIED}:
            msg = (
                f"`purpose: {self.purpose}` cannot be declared: write storage, saas, inference or evaluation"
            )
            raise ValueError(msg)
        return self


class AssertSettings(Stated):
    """An account fact that no request can show, such as `gemini.paid-tier`; with `values` the ids of our accounts."""

    fact: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
    values: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[^\s,]+$")], ...], Field(min_length=1)
    ] = ()

    @property
    def statements(self) -> frozenset[str]:
        """The fact, or `fact=value` for each of its values."""
        return frozenset(f"{self.fact}={value}" for value in self.values) or frozenset({self.fact})


class PairSettings(Strict):
    """A certificate in PEM, followed by those above it where there are such, and its key."""

    cert: Path
    key: Path


class ClientCertSettings(PairSettings):
    """The certificate that the gateway shows to an upstream host."""

    host: HostText


class Settings(Strict):
    """All of it; every key has a default that is safe on a laptop."""

    listeners: tuple[ListenerSettings, ...] = (ListenerSettings(listen="127.0.0.1:8080"),)
    admin: HostPort = "127.0.0.1:9464"
    admin_token_file: Path | None = None
    metrics: HostPort | None = None
    state_dir: Path
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    lanes: tuple[Literal["lean", "engine"], ...] = ("lean", "engine")
    prefer_h2: bool = False
    rules: tuple[Path, ...] = ()
    profile: Profile = Profile.STANDARD
    observe: bool = False
    ca: PairSettings | None = None
    upstream_ca: Path | None = None
    upstream_proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    upstream_client_certs: tuple[ClientCertSettings, ...] = ()
    allow_private: tuple[Network, ...] = ()
    hosts_file: Path | None = None
    proxy_users: Path | None = None
    sources: tuple[SourceSettings, ...] = ()
    destinations: tuple[DestinationSettings, ...] = ()
    guarded: tuple[str, ...] = ()
    asserts: Annotated[tuple[AssertSettings, ...], Field(alias="assert")] = ()
    evidence: EvidenceSettings = EvidenceSettings()
    limits: LimitSettings = LimitSettings()
    log_format: Literal["json", "console"] = "json"
    review_days: Annotated[int, Field(ge=1, le=3650)] = 365

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1 or name == "default"})
        if twice:
            msg = f"source `{twice[0]}` is named twice or is the built-in one: give each source a name of its own"
            raise ValueError(msg)
        wants_user = any(source.users for source in self.sources)
        if wants_user and self.proxy_users is None:
            msg = "a source names `users`, so `proxy_users` must name the password file (`subrosa user` makes lines)"
            raise ValueError(msg)
        if not self.listeners:
            msg = "`listeners` is empty: give at least one"
            raise ValueError(msg)
        if "engine" not in self.lanes:
            msg = "`lanes` is without `engine`, which takes what no other lane does: write [lean, engine] or [engine]"
            raise ValueError(msg)
        tunnels = any(destination.inspect for destination in self.destinations)
        if tunnels and self.upstream_proxy is not None and self.upstream_proxy.startswith("https:"):
            msg = "`inspect: never` needs a parent proxy in clear: write `upstream_proxy: http://host:port`"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class Layer:
    """One origin of settings; ``locate`` tells where a value stands (``subrosa.yaml:3:5``, ``--listen``)."""

    values: Mapping[str, object]
    locate: Callable[[Place], str]


@dataclass(frozen=True, slots=True)
class SettingsFault:
    """One fault: where, which key, and what to write instead."""

    where: str
    message: str

    @override
    def __str__(self) -> str:
        """``subrosa.yaml:3:5 sources[0].holds: …``."""
        return f"{self.where}: {self.message}" if self.where else self.message


class SettingsError(ValueError):
    """All faults of the settings."""

    def __init__(self, faults: Sequence[SettingsFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def parse(layers: Sequence[Layer]) -> Settings:
    """Merge layers, later ones over earlier ones, and parse the whole once.

    Raises:
        SettingsError: every fault of every layer.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, Layer] = {}
    for layer in layers:
        for key, value in layer.values.items():
            merged[key] = value
            origin[key] = layer
    try:
        return Settings.model_validate(merged)
    except ValidationError as fault:
        raise SettingsError([_told(error, origin) for error in fault.errors()]) from None


def _told(error: Any, origin: Mapping[str, Layer]) -> SettingsFault:  # noqa: ANN401 - pydantic's ErrorDetails
    place: Place = tuple(error["loc"])
    layer = origin.get(str(place[0])) if place else None
    where = layer.locate(place) if layer is not None else ""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    return SettingsFault(where, f"{path}: {_message(error, place)}" if path else _message(error, place))


def _message(error: Any, place: Place) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    given = error.get("input")
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key `{place[-1]}`: write one of {', '.join(sorted(_keys_beside(place)))}"
        case "missing":
            return f"`{place[-1]}` is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            shown = f"`{given}`: " if isinstance(given, str | int | float | bool) else ""
            return shown + str(error["msg"])[:1].lower() + str(error["msg"])[1:]


_NESTED: dict[str, type[Strict]] = {
    "listeners": ListenerSettings,
    "sources": SourceSettings,
    "destinations": DestinationSettings,
    "assert": AssertSettings,
    "upstream_client_certs": ClientCertSettings,
    "limits": LimitSettings,
    "evidence": EvidenceSettings,
    "ca": PairSettings,
}


def _keys_beside(place: Place) -> list[str]:
    model = _NESTED.get(str(place[0]), Settings) if len(place) > 1 else Settings
    return [field.alias or name for name, field in model.model_fields.items()]
