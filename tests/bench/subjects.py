"""What is measured: one row for each proxy and way of setting it up. A new lane or peer is a new row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import peers, subrosa
from bench.load import Destination
from bench.place import Place, free_port
from bench.plan import Plan, Ports
from bench.processes import Group, start


@dataclass(frozen=True, slots=True)
class Subject:
    """One proxy in one setting."""

    name: str
    title: str
    plan: Callable[[Place, Path, Ports], Plan]
    missing: Callable[[Place], str] = field(default=lambda _: "")
    """Why it cannot run here; empty where it can."""

    @property
    def ours(self) -> bool:
        """Whether it is Subrosa."""
        return self.name.startswith("subrosa")


@dataclass(frozen=True, slots=True)
class Standing:
    """A subject while it runs."""

    subject: Subject
    group: Group
    ports: Ports
    ca: Path
    directory: Path


def stand(subject: Subject, place: Place, to: Destination) -> Standing:
    """Start a subject in a directory of its own."""
    directory = place.directory(subject.name)
    ports = Ports(free_port(), free_port(), free_port(), free_port(), to.tls)
    plan = subject.plan(place, directory, ports)
    group = start(plan.commands, directory=directory, ports=plan.listens, environment=plan.environment)
    group.rest()
    bundle = directory / "trust.pem"
    bundle.write_bytes((plan.ca.read_bytes() if plan.ca else b"") + place.destination_ca.read_bytes())
    return Standing(subject, group, ports, bundle, directory)


SUBJECTS: tuple[Subject, ...] = (
    Subject("subrosa-lean", "Subrosa, lean lane", subrosa.default, subrosa.no_lane("lean")),
    Subject("subrosa-engine", "Subrosa, engine lane", subrosa.engine),
    Subject(
        "subrosa-hash-all", "Subrosa, lean lane, `hash: all`", subrosa.hash_all, subrosa.without("evidence")
    ),
    Subject(
        "subrosa-workers",
        "Subrosa, lean lane, two workers",
        subrosa.two_workers,
        subrosa.without("workers"),
    ),
    Subject("subrosa-tunnel", "Subrosa, `inspect: never`", subrosa.tunnel, subrosa.no_lane("tunnel")),
    Subject(
        "subrosa-lean-rules",
        "Subrosa, lean lane, 3,000 operations more",
        subrosa.default_with_rules,
        subrosa.no_lane("lean"),
    ),
    Subject("subrosa-engine-rules", "Subrosa, engine lane, 3,000 operations more", subrosa.engine_with_rules),
    Subject("mitmdump", "mitmdump, bare", peers.mitmdump),
    Subject("mitmdump-script", "mitmdump, ten-line script", peers.mitmdump_script),
    Subject("squid", "Squid, ssl-bump, one URL ACL", peers.squid_bump, peers.needs("squid")),
    Subject("squid-ec", "Squid, ssl-bump, EC keys", peers.squid_bump_ec, peers.needs("squid")),
    Subject(
        "squid-icap", "Squid, ssl-bump, bodies to c-icap", peers.squid_icap, peers.needs("squid", "c-icap")
    ),
    Subject("proxy-py", "proxy.py, intercepting", peers.proxy_py, peers.needs("openssl")),
    Subject("squid-connect", "Squid, CONNECT", peers.squid_connect, peers.needs("squid")),
    Subject("tinyproxy", "tinyproxy, CONNECT", peers.tinyproxy, peers.needs("tinyproxy")),
    Subject("envoy", "Envoy, CONNECT", peers.envoy, peers.needs_binary("envoy")),
)
BY_NAME: Mapping[str, Subject] = {subject.name: subject for subject in SUBJECTS}
