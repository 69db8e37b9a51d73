"""Subrosa as it is shipped: full rules, metrics, evidence, decision lines on stderr, written to a file."""

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bench.place import HERE, HOST, TUNNELLED, Place
from bench.plan import Plan, Ports

OPENAI = {
    "host": HOST, "speaks": "openai", "owner": "bench", "why": "the destination of the benchmarks",
    "expires": "2028-01-01",
}  # fmt: skip
NEVER = {
    "host": HOST, "inspect": "never", "owner": "bench", "why": "the destination of the benchmarks",
    "expires": "2028-01-01",
}  # fmt: skip
ADDRESS = {**NEVER, "host": TUNNELLED, "protocol": "any"}
"""No hello names an address (RFC 6066 section 3), so that `protocol: tls` would refuse it."""


@functools.cache
def _keys(checkout: Path) -> frozenset[str]:
    """The settings that a checkout knows, asked of itself, for it need not be the one that runs the benchmark."""
    asked = "from subrosa.settings import Settings; print(*Settings.model_fields)"
    told = subprocess.run(
        [sys.executable, "-c", asked], env=environment(checkout), check=True, capture_output=True, text=True
    )
    return frozenset(told.stdout.split())


def environment(checkout: Path) -> dict[str, str]:
    """Nothing of the caller's proxies and settings, and the package of this checkout before any other."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.lower().endswith("_proxy") and not key.startswith("SUBROSA_")
    }
    return kept | {"PYTHONPATH": f"{checkout / 'proxy'}:{HERE.parent}"}


def without(key: str) -> Callable[[Place], str]:
    """Says that a setting is not there yet."""
    return lambda place: "" if key in _keys(place.checkout) else f"this checkout has no setting `{key}`"


def no_lane(package: str) -> Callable[[Place], str]:
    """Says that a lane is not built yet."""
    return lambda place: (
        ""
        if (place.checkout / "proxy" / "subrosa" / "gateway" / package).is_dir()
        else f"this checkout has no `gateway/{package}`"
    )


def _settings(place: Place, directory: Path, ports: Ports, **more: Any) -> Plan:
    state = directory / "state"
    state.mkdir(mode=0o700)
    settings = {
        "listeners": [
            {"mode": "explicit", "listen": f"127.0.0.1:{ports.proxy}"},
            {"mode": f"reverse:https://{HOST}:{ports.destination}", "listen": f"127.0.0.1:{ports.reverse}"},
        ],
        "admin": f"127.0.0.1:{ports.admin}",
        "state_dir": str(state),
        "allow_private": ["127.0.0.0/8"],
        "upstream_ca": str(place.destination_ca),
        "destinations": [OPENAI, *([] if no_lane("tunnel")(place) else [ADDRESS])],
        "limits": {"connections": 10_000},
    }
    file = directory / "subrosa.yaml"
    file.write_text(yaml.safe_dump({**settings, **more}))
    command = [sys.executable, "-m", "bench.gateway", "run", "--config", str(file)]
    return Plan(
        commands=[command],
        listens=[ports.proxy, ports.reverse, ports.admin],
        ca=state / "ca" / "ca.pem",
        environment=environment(place.checkout),
    )


def default(place: Place, directory: Path, ports: Ports) -> Plan:
    """All lanes, as a user gets them."""
    return _settings(place, directory, ports)


def engine(place: Place, directory: Path, ports: Ports) -> Plan:
    """The engine lane alone."""
    return _settings(place, directory, ports, **_engine_only(place))


def _engine_only(place: Place) -> dict[str, Any]:
    """A checkout without lanes has the engine alone."""
    return {"lanes": ["engine"]} if "lanes" in _keys(place.checkout) else {}


def hash_all(place: Place, directory: Path, ports: Ports) -> Plan:
    """A hash of every body that passes."""
    return _settings(place, directory, ports, evidence={"hash": "all"})


def two_workers(place: Place, directory: Path, ports: Ports) -> Plan:
    """All lanes, in two processes behind a third."""
    return _settings(place, directory, ports, workers=2)


def tunnel(place: Place, directory: Path, ports: Ports) -> Plan:
    """A destination that the settings except from inspection."""
    return _settings(place, directory, ports, destinations=[NEVER])


def _many(directory: Path) -> Path:
    """Three thousand operations of three hundred hosts."""
    rules = directory / "rules" / "destinations"
    rules.mkdir(parents=True)
    for host in range(300):
        operations = [
            {
                "id": f"bench{host}.jobs{number}.create", "purpose": "fine-tuning", "strength": "definite",
                "request": {"method": "POST", "path": f"/v{number}/jobs/{{id}}/training"},
            }
            for number in range(10)
        ]  # fmt: skip
        entry = {"provider": f"bench{host}", "hosts": [f"api{host}.bench.example"], "operations": operations}
        (rules / f"bench{host}.yaml").write_text(yaml.safe_dump(entry))
    return rules.parent


def default_with_rules(place: Place, directory: Path, ports: Ports) -> Plan:
    """All lanes, with many rules of the user's."""
    return _settings(place, directory, ports, rules=[str(_many(directory))])


def engine_with_rules(place: Place, directory: Path, ports: Ports) -> Plan:
    """The engine lane, with many rules of the user's."""
    return _settings(place, directory, ports, rules=[str(_many(directory))], **_engine_only(place))
