"""The same transfer by every way in: same verdict, rule, reason and operation."""

import json
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from live.sdk.answers import Providers
from live.sdk.curl import Answer, curl
from live.sdk.namespace import ALONE, entering, inside, needs_redirect
from live.sdk.places import Places
from live.sdk.process import Decision, Gateway

HOST, PLAIN = "api.openai.com", "plain.example.com"
JOB = json.dumps({"model": "gpt-4o-mini", "training_file": "file-1"})
DIRECT = ("--noproxy", "*")
ELSEWHERE = "198.51.100.9"
"""An address of documentation, where a redirected client believes its server to be."""

type Way = Callable[[str], Answer]


def told(decision: Decision) -> tuple[object, ...]:
    return tuple(decision[name] for name in ("verdict", "reason", "rules", "operation", "purpose", "stage"))


REFUSED = (
    "block",
    "training-destination",
    ["pledge.training-destination"],
    "openai.fine_tuning.jobs.create",
    "fine-tuning",
    "head",
)


def options(way: str, gateway: Gateway, places: Places) -> tuple[str, ...]:
    port = places[HOST].address[1]
    match way:
        case "connect, HTTP/1.1":
            return ("--http1.1",)
        case "connect, HTTP/2":
            return ("--http2",)
        case "connect, HTTP/1.0 to the proxy":
            return ("--http1.1", "--proxy1.0", gateway.listeners["explicit"])
        case "socks5":
            return (
                "--proxy",
                f"socks5://{gateway.listeners['socks5']}",
                "--resolve",
                f"{HOST}:{port}:{places[HOST].address[0]}",
            )
        case "socks5h":
            return ("--proxy", f"socks5h://{gateway.listeners['socks5']}")
        case _:
            at = next(address for mode, address in gateway.listeners.items() if mode.startswith("reverse"))
            return (
                *DIRECT,
                "--connect-to",
                f"{HOST}:{port}:{at}",
                *(("--http1.1",) if way.endswith("1.1") else ("--http2",)),
            )


WAYS = ["connect, HTTP/1.1", "connect, HTTP/2", "socks5h", "reverse, HTTP/1.1", "reverse, HTTP/2"]


@pytest.mark.parametrize("way", WAYS)
def test_promise_06_a_transfer_has_one_verdict_whatever_way_it_comes(
    way: str, gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    by = options(way, gateway, places)
    origin = places[HOST].origin
    with gateway.watching(HOST) as trial:
        answer = curl(*by, "--json", JOB, f"{origin}/v1/fine_tuning/jobs", env=environment)
    trial.refused("pledge.training-destination")
    assert told(trial.decision) == REFUSED
    assert (answer.status, answer.problem["reason"]) == (403, "training-destination")
    with gateway.watching(HOST) as trial:
        answer = curl(*by, "--json", "{}", f"{origin}/v1/embeddings", env=environment)
    assert answer.status == 200, answer.said
    assert told(trial.decision)[:3] == ("allow", "allowed", [])
    assert trial.decision["operation"] == "openai.embeddings.create"


def test_promise_06_a_request_in_clear_has_the_verdict_of_one_in_tls(
    gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    tag = ("--header", "X-Data-Purpose: model-training", "--json", "{}")
    found = []
    for host in (PLAIN, "sink.example.com"):
        with gateway.watching(host) as trial:
            answer = curl(*tag, f"{places[host].origin}/x", env=environment)
        trial.refused("pledge.training-tag")
        found.append((answer.status, answer.problem["reason"], told(trial.decision)))
        with gateway.watching(host) as trial:
            answer = curl("--json", "{}", f"{places[host].origin}/x", env=environment)
        assert (answer.status, trial.decision["verdict"]) == (200, "allow"), answer.said
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def redirected(
    places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway in transparent mode in a network of its own, where connections to one address are redirected to it."""
    work = tmp_path_factory.mktemp("redirected")
    with Gateway(work, places, "--mode", "transparent@127.0.0.1:0", prefix=ALONE) as gateway:
        port = gateway.listeners["transparent"].rpartition(":")[2]
        redirect = (
            "iptables", "-t", "nat", "-A", "OUTPUT", "-d", ELSEWHERE, "-p", "tcp", "-j", "REDIRECT", "--to-ports", port,
        )  # fmt: skip
        for command in (("ip", "address", "add", f"{ELSEWHERE}/32", "dev", "lo"), redirect):
            subprocess.run([*entering(gateway.pid), *command], check=True)
        place = places[HOST]

        def listen() -> socket.socket:
            listener = socket.socket()
            listener.bind(place.address)
            listener.listen()
            return listener

        with inside(gateway.pid, listen) as listener:
            places.also_at(HOST, listener)
            yield gateway
            places.no_more_at(listener)


@needs_redirect
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_promise_06_a_redirected_connection_has_the_same_verdict(
    version: str, redirected: Gateway, places: Places, environment: dict[str, str]
) -> None:
    port = places[HOST].address[1]
    there = entering(redirected.pid)
    by = (version, *DIRECT, "--resolve", f"{HOST}:{port}:{ELSEWHERE}")
    env = {**environment, **redirected.environment()}
    origin = places[HOST].origin
    place = places[HOST]
    before = place.connections
    refused = curl(*by, "--json", JOB, f"{origin}/v1/fine_tuning/jobs", env=env, prefix=there)
    assert (refused.status, refused.problem["reason"]) == (403, "training-destination"), refused.said
    assert place.connections == before
    allowed = curl(*by, "--json", "{}", f"{origin}/v1/embeddings", env=env, prefix=there)
    assert allowed.status == 200, allowed.said
    assert place.connections == before + 1
    first, second = inside(redirected.pid, redirected.decisions)[-2:]
    assert told(first) == REFUSED
    assert told(second)[:3] == ("allow", "allowed", [])
    assert second["operation"] == "openai.embeddings.create"
