"""The bounds that the settings name, on the wire: what is within passes, what is beyond is refused and says why."""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import Gateway

HOST, FILES = "sink.example.com", "api.openai.com"
IDLE = 5000
LIMITS = {
    "url_bytes": 1000, "header_fields": 16, "header_bytes": 2000, "head_bytes": 6000,
    "parts": 3, "expansion_ratio": 2, "held_transfer": 2 << 20,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bound:
    """How curl stays within a bound and goes beyond it, and what the refusal then is."""

    within: tuple[str, ...]
    beyond: tuple[str, ...]
    status: int
    told: str
    host: str = HOST
    path: str = "/x"


def header(octets: int) -> tuple[str, ...]:
    return ("--header", f"X-Note: {'n' * octets}")


def fields(number: int) -> tuple[str, ...]:
    return tuple(word for at in range(number) for word in ("--header", f"X-Note-{at}: n"))


def form(parts: int) -> tuple[str, ...]:
    more = tuple(word for at in range(parts - 1) for word in ("--form", f"note{at}=n"))
    return ("--form", "purpose=assistants", *more)


def form_of(octets: int) -> tuple[str, ...]:
    return ("--form", "purpose=assistants", "--form", f"file=@large-{octets};filename=a.vtt")


@pytest.fixture(scope="module")
def narrow(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("narrow"), places, settings={"limits": LIMITS}) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "bound",
    [
        pytest.param(
            Bound(("--get", "--data", "q=" + "x" * 900), ("--get", "--data", "q=" + "x" * 1100), 414, "target"),
            id="the address",
        ),
        pytest.param(Bound(header(1900), header(2100), 431, "a field line is too long"), id="one header field"),
        pytest.param(Bound(fields(10), fields(20), 431, "field lines are too many"), id="the number of header fields"),
        pytest.param(
            Bound(
                ("--header", f"A: {'n' * 1900}", "--header", f"B: {'n' * 1900}"),
                tuple(word for name in "ABCDEF" for word in ("--header", f"{name}: {'n' * 1020}")),
                431, "too large",
            ),
            id="the whole head",
        ),
        pytest.param(
            Bound(form(3), form(4), 403, "more than 3 parts", FILES, "/v1/files"), id="the parts of a form"
        ),
        pytest.param(
            Bound(form_of(1 << 20), form_of(3 << 20), 413, "2097152", FILES, "/v1/files"),
            id="the octets that are held for one transfer",
        ),
    ],
)  # fmt: skip
def test_a_bound_of_the_settings_holds(
    narrow: Gateway, places: Places, environment: dict[str, str], tmp_path: Path, bound: Bound
) -> None:
    for octets in (1 << 20, 3 << 20):
        (tmp_path / f"large-{octets}").write_bytes(bytes(octets))
    env = {**environment, **narrow.environment()}
    url = places[bound.host].origin + bound.path

    within = curl(*bound.within, url, env=env, cwd=tmp_path)
    with narrow.watching(bound.host) as trial:
        beyond = curl(*bound.beyond, url, env=env, cwd=tmp_path)

    assert within.status == 200, within.body
    assert beyond.status == bound.status, beyond.body
    assert bound.told in beyond.body.decode()
    assert (trial.connections, trial.octets) == (0, 0)


def test_thousands_of_idle_connections_do_not_stop_the_next_request(
    start_gateway: Callable[..., Gateway], places: Places, environment: dict[str, str]
) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # what the gateway inherits, too
    gateway = start_gateway()
    host, port = gateway.listeners["explicit"].rsplit(":", 1)
    env = {**environment, **gateway.environment()}

    with ExitStack() as open_ones:
        for at in range(IDLE):
            one = open_ones.enter_context(socket.create_connection((host, int(port)), timeout=10))
            if at % 2:  # half of them have begun a request that never goes on
                one.sendall(b"POST http://sink.example.com/x HTTP/1.1\r\n")
        before = gateway.cpu_seconds()
        answers = [curl("--data-binary", "a meeting", f"{places[HOST].origin}/x", env=env) for _ in range(20)]
        spent = gateway.cpu_seconds() - before

    assert [answer.status for answer in answers] == [200] * 20
    assert max(answer.seconds for answer in answers) < 5
    assert spent < 5
