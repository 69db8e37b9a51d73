"""One gateway and one stand-in for all providers, under the names that their SDKs call."""

import contextlib
import gc
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from aiohttp import web

from live.sdk.places import Places
from live.sdk.process import Decision, Gateway
from live.sdks.calls import CALLS
from live.sdks.table import Call, Sdk


class Provider:
    """Answers every name with ``answer``, as JSON where it is no octets, and notes what came whole."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.answer: object = None
        self.arrivals: list[tuple[str, str]] = []
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        self.places.run(self._runner.setup())
        assert self._runner.server is not None
        for name in self.places.by_name:
            self.places.serve(name, self._runner.server)
        return self

    def __exit__(self, *_raised: object) -> None:
        assert self._runner is not None
        self.places.run(self._runner.cleanup())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.arrivals.append((request.method, request.host.partition(":")[0]))
        if callable(self.answer):
            found = self.answer(request)
            assert isinstance(found, web.StreamResponse)
            return found
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer, content_type="application/octet-stream")
        return web.json_response({} if self.answer is None else self.answer)


@dataclass(slots=True)
class Seen:
    """What one call caused: decisions, and at the provider octets and whole requests (method, host)."""

    decisions: list[Decision] = field(default_factory=list)
    arrivals: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    octets: int = 0


@dataclass(slots=True)
class World:
    """What a row needs: the gateway, the provider behind it, and each SDK's client, made once."""

    gateway: Gateway
    provider: Provider
    _clients: dict[Sdk, Any] = field(default_factory=dict)

    def client(self, sdk: Sdk) -> Any:
        if sdk not in self._clients:
            self._clients[sdk] = sdk.connect(self.provider.places[sdk.host].origin)
        return self._clients[sdk]

    @contextlib.contextmanager
    def watching(self, call: Call) -> Iterator[Seen]:
        """Note what one call causes; whole once the block is left."""
        self.provider.answer = call.answer
        before, seen = len(self.provider.arrivals), Seen()
        with self.gateway.watching(call.sdk.host) as trial:
            yield seen
        seen.decisions, seen.connections, seen.octets = trial.decisions, trial.connections, trial.octets
        seen.arrivals = self.provider.arrivals[before:]

    def drop(self) -> None:
        """Let go of the clients; what they leave open is the SDKs' own affair."""
        self._clients.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    names = tuple(dict.fromkeys(call.sdk.host for call in CALLS))
    with (
        Places(names, (), tmp_path_factory.mktemp("places")) as places,
        Provider(places) as provider,
        Gateway(tmp_path_factory.mktemp("gateway"), places) as gateway,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in gateway.environment().items():
            patch.setenv(name, value)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        found = World(gateway, provider)
        yield found
        found.drop()
