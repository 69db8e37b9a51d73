"""Fixtures of the live tests: the places, the real gateway in front of them, and an environment that points at it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live import harness
from live.sdk import process
from live.sdk.answers import Providers
from live.sdk.places import Places
from live.sdk.process import Gateway
from live.sdk.store import ObjectStore

S3 = "s3.eu-central-1.amazonaws.com"
BUCKET = f"meetings.{S3}"
GLOBAL = "meetings.s3.amazonaws.com"
"""Where boto3 signs a URL for, whatever the region."""
NAMES = (
    "api.openai.com", "huggingface.co", S3, BUCKET, GLOBAL, "slack.com", "files.slack.com", "o1.ingest.sentry.io",
    "packages.corp.example", "github.com", "api.wandb.ai", "api.deepgram.com", "chat.example.com",
    "us-central1-aiplatform.googleapis.com",
     "europe-west4-aiplatform.googleapis.com", "grpc.example.com", "sink.example.com", "api.together.xyz",
    "api.mistral.ai",
)  # fmt: skip
PLAIN = ("plain.example.com",)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with Places(NAMES, PLAIN, tmp_path_factory.mktemp("places")) as found:
        yield found


@pytest.fixture(scope="session")
def providers(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    found = Providers(places, tmp_path_factory.mktemp("providers"))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def store(
    places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ObjectStore]:
    """SeaweedFS, behind the TLS of the names of S3."""
    with ObjectStore(tmp_path_factory.mktemp("store"), f"{S3},s3.amazonaws.com") as found:
        for name in (S3, BUCKET, GLOBAL):
            places.relay(name, found.port)
        yield found


@pytest.fixture(scope="session")
def gateway(
    places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The gateway that most tests share: shipped rules, default profile, every mode that needs no privilege.

    Clients that offer HTTP/2 get it, so that it is theirs to choose by which lane they are served.
    """
    modes = ("explicit", "socks5", f"reverse:{places['api.openai.com'].origin}")
    arguments = [part for mode in modes for part in ("--mode", f"{mode}@127.0.0.1:0")]
    with Gateway(
        tmp_path_factory.mktemp("gateway"), places, *arguments, settings={"prefer_h2": True}
    ) as found:
        yield found


type Starter = Callable[..., Gateway]


@pytest.fixture
def start_gateway(places: Places, providers: Providers, tmp_path: Path) -> Iterator[Starter]:
    """Start gateways with other settings; each must end well."""
    running: list[Gateway] = []

    def start(*arguments: str, **options: Any) -> Gateway:
        work = tmp_path / f"gateway-{len(running)}"
        work.mkdir()
        running.append(Gateway(work, places, *arguments, **options).__enter__())
        return running[-1]

    yield start
    for gateway in running:
        gateway.__exit__(None)


@pytest.fixture
def environment(gateway: Gateway) -> dict[str, str]:
    """The environment of a client program: this one's path, and where the gateway is."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **gateway.environment()}


@pytest.fixture
def through_gateway(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Point the SDKs in this process at the gateway, by their usual environment variables."""
    for name, value in gateway.environment().items():
        monkeypatch.setenv(name, value)
    return gateway


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the gateways are that tests start and say nothing else of, in processes of their own or in this one."""
    parser.addoption(
        "--workers", type=int, default=1, help="processes that serve, of each gateway that is started"
    )
    parser.addoption(
        "--lane", choices=list(harness.LANES), help="the lane for all that is not marked `lanes`"
    )
    parser.addoption(
        "--every-case",
        action="store_true",
        help="send every case of the rules through processes, not one in four",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make it so, in each process that runs tests."""
    if (workers := config.getoption("--workers")) > 1:
        process.also["workers"] = workers
    if lane := config.getoption("--lane"):
        harness.through[:] = [lane]
        process.also["lanes"] = list(harness.LANES[lane])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked ``lanes`` runs over the engine and over the lean lane, or over those that the mark names."""
    marked = metafunc.definition.get_closest_marker("lanes")
    if marked is not None:
        metafunc.parametrize("shown", marked.args or list(harness.LANES), indirect=True, scope="function")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The lean lane speaks no HTTP/2: what would show that is the engine's, and runs over it once."""
    kept = [item for item in items if not _shows_h2_over_lean(item)]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if _shows_h2_over_lean(item)])
        items[:] = kept


def _shows_h2_over_lean(item: pytest.Item) -> bool:
    spec = getattr(item, "callspec", None)
    params = spec.params if spec is not None else {}
    if "lean" not in (params.get("shown"), params.get("ground")):
        return False
    ways = (params.get("way"), params.get("protocol"), getattr(params.get("row"), "way", ""))
    return any(str(way).startswith(("h2", "HTTP/2")) for way in ways)


@pytest.fixture(autouse=True)
def shown(request: pytest.FixtureRequest) -> Iterator[str]:
    """The lane that this test shows, where the test leaves that open."""
    lane = str(getattr(request, "param", harness.through[-1]))
    harness.through.append(lane)
    yield lane
    harness.through.pop()
