"""Networks of namespaces: a world with the providers in it, a gateway, workloads whose only way leads through it."""

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from live.sdk.namespace import entering, inside
from live.sdk.places import Places

REDIRECT = Path(__file__).parents[3] / "deploy/redirect/redirect.sh"
WORLD = {"v4": "203.0.113.10", "v6": "2001:db8:a::10"}
"""Where every provider is, in the networks of documentation (RFC 5737, RFC 3849)."""
METADATA = {"v4": "169.254.169.254", "v6": "fd00:ec2::254"}
WORKLOAD_USER = 4711
PORT = 8081


@dataclass(slots=True)
class Namespace:
    """One network namespace, alive as long as its process."""

    name: str
    process: subprocess.Popen[bytes]

    @classmethod
    def made(cls, name: str) -> Self:
        process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.stdout.close()
        return cls(name, process)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def prefix(self) -> tuple[str, ...]:
        """Put before a command: it runs in here."""
        return entering(self.pid)

    @property
    def workload(self) -> tuple[str, ...]:
        """The same, as the user that workloads run as."""
        user = str(WORKLOAD_USER)
        return (*self.prefix, "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")

    def run(self, *command: str) -> None:
        """Run a command in here; it must succeed."""
        done = subprocess.run([*self.prefix, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def joined(one: Namespace, other: Namespace, number: int) -> None:
    """A cable between two: 10.9.N.1 and .2, fd00:9:N::1 and ::2, each on a device that is called after the far end."""
    one.run(
        "ip",
        "link",
        "add",
        "name",
        other.name,
        "type",
        "veth",
        "peer",
        "name",
        one.name,
        "netns",
        str(other.pid),
    )
    for here, device, last in ((one, other.name, 1), (other, one.name, 2)):
        here.run("ip", "address", "add", f"10.9.{number}.{last}/24", "dev", device)
        here.run("ip", "-6", "address", "add", f"fd00:9:{number}::{last}/64", "dev", device, "nodad")
        here.run("ip", "link", "set", device, "up")


def led(here: Namespace, number: int, last: int) -> None:
    """Everything goes by the far end of a cable."""
    here.run("ip", "route", "add", "default", "via", f"10.9.{number}.{last}")
    here.run("ip", "-6", "route", "add", "default", "via", f"fd00:9:{number}::{last}")


@contextlib.contextmanager
def namespaces(*names: str) -> Iterator[list[Namespace]]:
    """Some namespaces, ended together."""
    made: list[Namespace] = []
    try:
        made.extend(Namespace.made(name) for name in names)
        yield made
    finally:
        for each in made:
            each.end()


@contextlib.contextmanager
def world(here: Namespace, places: Places, *names: str) -> Iterator[dict[str, socket.socket]]:
    """The providers of these names at the world's addresses, and beside them listeners that nobody should reach."""
    for family, address in (*WORLD.items(), *METADATA.items()):
        six = ["-6"] if family == "v6" else []
        here.run("ip", *six, "address", "add", f"{address}/{128 if six else 32}", "dev", "lo")
    opened: dict[str, socket.socket] = {}
    served = {443 if places[name].tls else 80: name for name in names}
    try:
        for family, address in WORLD.items():
            for port, name in served.items():
                opened[f"{family} {port}"] = _listening(here, address, port)
                places.also_at(name, opened[f"{family} {port}"])
            opened[f"{family} udp"] = _listening(here, address, 443, socket.SOCK_DGRAM)
            opened[f"{family} ssh"] = _listening(here, address, 22)
            opened[f"{family} metadata"] = _listening(here, METADATA[family], 80)
        yield opened
    finally:
        for name, listener in opened.items():
            if name.endswith((" 443", " 80")):
                places.no_more_at(listener)
            listener.close()


def _listening(
    here: Namespace, address: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def listen() -> socket.socket:
        made = socket.socket(family, kind)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen()
        made.setblocking(False)
        return made

    return inside(here.pid, listen)


@contextlib.contextmanager
def readable_folder() -> Iterator[Path]:
    """A folder that the workload's user may read, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="subrosa-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def may_build() -> bool:
    """Whether this user may make all that these tests need."""
    if os.geteuid() != 0:
        return False
    try:
        with namespaces("trial") as (trial,):
            trial.run("ip6tables", "-t", "nat", "-L")
            trial.run("iptables", "-t", "nat", "-L")
            trial.run("setpriv", "--version")
            trial.run("ip", "link", "add", "name", "a", "type", "veth", "peer", "name", "b")
    except (AssertionError, OSError):
        return False
    return True
