"""From file, environment and flags to `Settings`, and from `Settings` to what each part is built from."""

import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import subrosa
from subrosa.content.coding import CodingLimits
from subrosa.content.reader import ReaderLimits
from subrosa.facts.references import GuardedStore, GuardedStores, ObjectReference
from subrosa.loading import nodes
from subrosa.loading.faults import Fault, RuleErrors
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.policy import load
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.policy import Declared, Policy
from subrosa.policy.sources import Source, Sources
from subrosa.runtime.notify import ServiceManager
from subrosa.settings import Layer, Place, Settings, SettingsError, parse

CLOCK = time.time  # noqa: TID251 - the one clock; every part is given it
BUILTIN_RULES = Path(subrosa.__file__).parent / "_rules"
_LISTS = frozenset({"rules", "allow_private", "guarded"})


class StartError(Exception):
    """The gateway cannot start, or a command cannot do its work; one clear line a fault."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


# --- settings ------------------------------------------------------------------------------------------------


def load_settings(config: Path | None, flags: Mapping[str, object]) -> Settings:
    """Settings from file, then ``SUBROSA_*`` variables, then flags.

    Raises:
        StartError: every fault of all of them.
    """
    environment = os.environ  # noqa: TID251 - the one place that reads it
    if config is None and "SUBROSA_CONFIG" in environment:
        config = Path(environment["SUBROSA_CONFIG"])
    layers = [Layer({"state_dir": default_state_dir(environment)}, lambda _: "the default state directory")]
    if config is not None:
        layers.append(_file_layer(config))
    layers.append(environment_layer(environment))
    layers.append(Layer(flags, lambda place: f"--{str(place[0]).replace('_', '-')}"))
    try:
        return parse(layers)
    except SettingsError as fault:
        raise StartError([str(one) for one in fault.faults]) from None


def service_manager() -> ServiceManager:
    """Who started this process and wants to hear how it goes, if anybody does."""
    return ServiceManager.of(os.environ)  # noqa: TID251 - as above


def default_state_dir(environment: Mapping[str, str]) -> str:
    """Where state is kept unless told otherwise (XDG Base Directory)."""
    base = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return str(Path(base) / "subrosa")


def environment_layer(environment: Mapping[str, str]) -> Layer:
    """``SUBROSA_PROFILE=strict`` and the like; lists are separated by commas."""
    values: dict[str, object] = {}
    for name, text in environment.items():
        if name.startswith("SUBROSA_") and name != "SUBROSA_CONFIG":
            key = name.removeprefix("SUBROSA_").lower()
            values[key] = (
                [part.strip() for part in text.split(",") if part.strip()] if key in _LISTS else text
            )
    if "listen" in values:
        values["listeners"] = [{"listen": values.pop("listen")}]
    return Layer(values, lambda place: f"SUBROSA_{str(place[0]).upper()}")


def _file_layer(config: Path) -> Layer:
    try:
        octets = config.read_bytes()
    except OSError as fault:
        raise StartError([f"settings file `{config}` cannot be read: {_why(fault)}"]) from None
    faults: list[Fault] = []
    root = nodes.read(octets, str(config), faults)
    if root is not None and not isinstance(root, nodes.Mapping):
        faults.append(
            Fault(str(config), root.line, root.column, "", "is no mapping: write `key: value` lines")
        )
    if faults or not isinstance(root, nodes.Mapping):
        raise StartError([str(fault) for fault in sorted(faults)])
    plain = nodes.plain(root)
    values = plain if isinstance(plain, dict) else {}
    return Layer(values, lambda place: _position(root, str(config), place))


def _position(root: nodes.Node, file: str, place: Place) -> str:
    """Where a value stands, as exactly as the place leads."""
    node = root
    line, column = node.line, node.column
    for part in place:
        if isinstance(node, nodes.Mapping) and part in node.entries:
            key = node.keys[str(part)]
            line, column = key.line, key.column
            node = node.entries[str(part)]
        elif isinstance(node, nodes.Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            line, column = node.line, node.column
        else:
            break
    return f"{file}:{line}:{column}"


def _why(fault: OSError) -> str:
    return (fault.strerror or str(fault)).lower()


# --- policy --------------------------------------------------------------------------------------------------


def policy_inputs(settings: Settings, today: date | None = None) -> PolicyInputs:
    """What `loading` needs of the settings; statements that have expired are left out.

    ``today`` is the day to judge that by, where it is not this one.

    Raises:
        StartError: for a guarded store that names none.
    """
    if today is None:
        today = datetime.now(UTC).date()  # noqa: TID251 - statements end on a day
    return PolicyInputs(
        builtin=BUILTIN_RULES,
        extra=settings.rules,
        profile=settings.profile,
        observe=settings.observe,
        sources=Sources(tuple(_sources(settings))),
        declared=tuple(_declared(settings, today)),
        guarded=guarded_stores(settings),
        asserted=frozenset[str]().union(
            *(stated.statements for stated in settings.asserts if stated.expires >= today)
        ),
        today=today.isoformat(),
        review_days=settings.review_days,
        limits=ReaderLimits(
            coding=CodingLimits(ratio=settings.limits.expansion_ratio), parts=settings.limits.parts
        ),
    )


def _sources(settings: Settings) -> Iterator[Source]:
    for one in settings.sources:
        yield Source(
            name=one.name,
            listeners=one.listeners,
            networks=one.networks,
            users=one.users,
            subjects=one.subjects,
            holds_content=one.holds == "customer-content",
            authenticate=one.authenticate,
        )


def _declared(settings: Settings, today: date) -> Iterator[Declared]:
    for one in settings.destinations:
        if one.expires >= today:
            yield Declared(
                host=HostPattern.parse(one.host),
                speaks=one.speaks or "",
                purpose=one.purpose.value if one.purpose is not None else "",
                tunnel=one.protocol if one.inspect is not None else "",
                owner=one.owner,
                why=one.why,
                expires=one.expires.isoformat(),
            )


def guarded_stores(settings: Settings) -> GuardedStores:
    """The stores that hold recordings.

    Raises:
        StartError: for each text that names no store.
    """
    found: list[GuardedStore] = []
    faults: list[str] = []
    for text in settings.guarded:
        reference = ObjectReference.parse(text)
        if reference is None or not reference.resolved:
            faults.append(f"guarded: `{text}` names no store: write s3://bucket/prefix, gs://… or https://…")
        else:
            found.append(GuardedStore(reference.provider, reference.bucket, reference.key))
    if faults:
        raise StartError(faults)
    return GuardedStores(tuple(found))


def load_policy(settings: Settings) -> Policy:
    """The policy of the settings, for commands that judge without a gateway.

    Raises:
        StartError: every fault of the rules.
    """
    try:
        return load(policy_inputs(settings), 1).policy
    except RuleErrors as faults:
        raise StartError([str(fault) for fault in faults.faults]) from None
