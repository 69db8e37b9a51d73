"""Transparent mode behind the redirect that `deploy/` ships, in networks of namespaces."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from live.sdk.answers import Providers
from live.sdk.namespace import inside
from live.sdk.network import (
    METADATA,
    PORT,
    REDIRECT,
    WORLD,
    Namespace,
    joined,
    led,
    may_build,
    namespaces,
    readable_folder,
    world,
)
from live.sdk.places import Places
from live.sdk.process import Decision, Gateway

HOST, PLAIN = "api.openai.com", "plain.example.com"
JOB = json.dumps({"model": "gpt-4o-mini", "training_file": "file-1"})
FAMILIES = ["v4", "v6"]
REFUSED = ("block", "training-destination", ["pledge.training-destination"], "openai.fine_tuning.jobs.create")

pytestmark = pytest.mark.skipif(
    not may_build(),
    reason="this user may not make networks of namespaces, or ip, iptables or setpriv is missing",
)


@dataclass(slots=True)
class Site:
    """A gateway, a place from which workloads send, and the world's listeners."""

    gateway: Gateway
    workload: Namespace
    world: dict[str, Any]
    ca: Path

    def curl(self, *arguments: str) -> tuple[int, str]:
        """What a workload gets: the status, 0 where there was no answer, and the body."""
        done = subprocess.run(
            [
                *self.workload.workload, "curl", "--silent", "--max-time", "20", "--cacert", str(self.ca),
                "--write-out", "\n%{response_code}", *arguments,
            ],
            env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def decisions(self) -> list[Decision]:
        return inside(self.gateway.pid, self.gateway.decisions)

    def reached(self, what: str) -> bool:
        """Whether something came to a listener of the world that nobody accepts from but this."""
        listener = self.world[what]
        try:
            if "udp" in what:
                return bool(listener.recv(64))
            connection, _ = listener.accept()
        except BlockingIOError:
            return False
        connection.close()
        return True


def started(stack: ExitStack, here: Namespace, places: Places, work: Path, *listeners: str) -> Gateway:
    """A gateway in a namespace, for which the names are in the world."""
    hosts = work / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for name in (HOST, PLAIN) for address in WORLD.values()))
    modes = [part for address in listeners for part in ("--mode", f"transparent@{address}")]
    networks = [part for net in ("203.0.113.0/24", "2001:db8::/32") for part in ("--allow-private", net)]
    arguments = (*modes, *networks, "--hosts-file", str(hosts))
    return stack.enter_context(Gateway(work, places, *arguments, prefix=here.prefix))


def trusted(stack: ExitStack, gateway: Gateway) -> Path:
    found = stack.enter_context(readable_folder()) / "ca.pem"
    shutil.copy(gateway.ca, found)
    return found


@pytest.fixture(scope="module")
def sidecar(places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One pod: the gateway runs as root, the workload as another user, and the redirect goes by that."""
    with ExitStack() as stack:
        pod, far = stack.enter_context(namespaces("pod", "far"))
        joined(pod, far, 1)
        led(pod, 1, 2)
        led(far, 1, 1)
        opened = stack.enter_context(world(far, places, HOST, PLAIN))
        pod.run(str(REDIRECT), "up", "owner", "--port", str(PORT), "--uid", "0", "--exempt", METADATA["v6"])
        work = tmp_path_factory.mktemp("sidecar")
        gateway = started(stack, pod, places, work, f"127.0.0.1:{PORT}", f"[::1]:{PORT}")
        yield Site(gateway, pod, opened, trusted(stack, gateway))


@pytest.fixture(scope="module")
def routed(places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A network whose only route is the gateway's machine."""
    with ExitStack() as stack:
        lan, gate, far = stack.enter_context(namespaces("lan", "gate", "far"))
        joined(gate, lan, 1)
        joined(gate, far, 2)
        led(lan, 1, 1)
        led(gate, 2, 2)
        led(far, 2, 1)
        opened = stack.enter_context(world(far, places, HOST, PLAIN))
        for family in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
            gate.run("sysctl", "-qw", f"net.{family}=1")  # even where the machine would forward, it does not
        gate.run(
            str(REDIRECT), "up", "routed", "--port", str(PORT), "--from", "lan", "--exempt", METADATA["v6"]
        )
        work = tmp_path_factory.mktemp("routed")
        gateway = started(stack, gate, places, work, f"[::]:{PORT}")
        yield Site(gateway, lan, opened, trusted(stack, gateway))


@pytest.fixture(params=["sidecar", "routed"])
def site(request: pytest.FixtureRequest) -> Site:
    found: Site = request.getfixturevalue(request.param)
    return found


def at(family: str, host: str = HOST, port: int = 443) -> tuple[str, ...]:
    address = WORLD[family]
    return ("--resolve", f"{host}:{port}:{f'[{address}]' if family == 'v6' else address}")


def told(decision: Decision) -> tuple[object, ...]:
    return tuple(decision[name] for name in ("verdict", "reason", "rules", "operation"))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_redirected_transfer_has_the_verdict_that_it_has_by_proxy(
    site: Site, places: Places, family: str, version: str
) -> None:
    before = places[HOST].connections
    status, body = site.curl(version, *at(family), "--json", JOB, f"https://{HOST}/v1/fine_tuning/jobs")

    assert (status, json.loads(body)["reason"]) == (403, "training-destination")
    assert told(site.decisions()[-1]) == REFUSED
    assert places[HOST].connections == before

    status, body = site.curl(version, *at(family), "--json", "{}", f"https://{HOST}/v1/embeddings")
    assert status == 200, body
    decision = site.decisions()[-1]
    assert told(decision) == ("allow", "allowed", [], "openai.embeddings.create")
    assert decision["listener"] == f"transparent:{PORT}"
    assert places[HOST].connections == before + 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_name_in_the_request_counts_where_the_hello_has_none(
    site: Site, places: Places, family: str
) -> None:
    address = f"[{WORLD[family]}]" if family == "v6" else WORLD[family]
    before = places[HOST].connections
    status, body = site.curl(
        "--insecure", "--header", f"Host: {HOST}", "--json", JOB, f"https://{address}/v1/fine_tuning/jobs"
    )

    assert (status, json.loads(body)["reason"]) == (403, "training-destination")
    assert told(site.decisions()[-1]) == REFUSED
    assert places[HOST].connections == before


@pytest.mark.parametrize("family", FAMILIES)
def test_a_request_in_clear_is_judged_too(site: Site, places: Places, family: str) -> None:
    by = (*at(family, PLAIN, 80), "--json", "{}", f"http://{PLAIN}/x")
    before = places[PLAIN].connections
    status, body = site.curl("--header", "X-Data-Purpose: model-training", *by)

    assert (status, json.loads(body)["reason"]) == (403, "training-tag")
    assert places[PLAIN].connections == before
    assert site.curl(*by)[0] == 200
    assert places[PLAIN].connections == before + 1


def spoken(site: Site, kind: str, family: str, port: int) -> subprocess.CompletedProcess[str]:
    """A workload says something that is neither TLS nor HTTP, and waits for what comes of it."""
    script = f"exec 3<>/dev/{kind}/{WORLD[family]}/{port} && echo SSH-2.0-trial >&3 && exec cat <&3"
    command = [*site.workload.workload, "timeout", "20", "bash", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_neither_tls_nor_http_gets_nowhere(site: Site, family: str) -> None:
    done = spoken(site, "tcp", family, 22)

    assert done.stdout == ""
    assert done.returncode != 124, "the client hears of it at once"
    assert not site.reached(f"{family} ssh")
    assert site.decisions()[-1]["reason"] == "protocol"


@pytest.mark.parametrize("family", FAMILIES)
def test_quic_is_rejected_so_that_clients_fall_back(site: Site, family: str) -> None:
    done = spoken(site, "udp", family, 443)

    assert done.returncode not in {0, 124}, "the client hears of it at once"
    assert done.stderr
    assert not site.reached(f"{family} udp")


def test_an_address_passes_only_where_it_is_exempt(site: Site) -> None:
    assert site.curl(f"http://{METADATA['v4']}/latest/")[0] == 403
    assert not site.reached("v4 metadata")

    site.curl("--max-time", "2", f"http://[{METADATA['v6']}]/latest/")
    assert site.reached("v6 metadata")


def test_the_redirect_is_taken_away_whole(tmp_path: Path) -> None:
    with namespaces("trial") as (trial,):
        empty = rules(trial)
        for kind in (("owner", "--uid", "0"), ("routed", "--from", "lan")):
            for _twice in range(2):
                trial.run(str(REDIRECT), "up", kind[0], "--port", "8081", *kind[1:])
            assert rules(trial).count("-j REDIRECT") == 2
            trial.run(str(REDIRECT), "down")
            assert "SUBROSA" not in rules(trial)
        trial.run(str(REDIRECT), "down")
        assert "SUBROSA" not in empty


def rules(trial: Namespace) -> str:
    return "".join(
        subprocess.run([*trial.prefix, program], capture_output=True, text=True, check=True).stdout
        for program in ("iptables-save", "ip6tables-save")
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param(["up"], id="up and no more"),
        pytest.param(["up", "owner", "--port", "8081"], id="no user"),
        pytest.param(["up", "routed", "--port", "8081"], id="no interface"),
        pytest.param(["up", "owner", "--port", "8081", "--uid", "0", "--from", "lan"], id="both kinds"),
        pytest.param(["up", "owner", "--uid", "0"], id="no port"),
        pytest.param(["sideways"], id="no such action"),
    ],
)
def test_half_an_order_changes_nothing_and_says_how(arguments: list[str]) -> None:
    with namespaces("trial") as (trial,):
        done = subprocess.run(
            [*trial.prefix, REDIRECT, *arguments], capture_output=True, text=True, check=False
        )

        assert done.returncode == 2
        assert "redirect.sh up owner" in done.stderr
        assert "SUBROSA" not in rules(trial)
