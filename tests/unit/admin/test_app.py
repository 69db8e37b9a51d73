import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from subrosa.admin import stream
from subrosa.admin.access import Access
from subrosa.admin.app import Admin, make_app, make_metrics_app
from subrosa.admin.health import Condition, Health, assess
from subrosa.admin.openapi import OPENAPI
from subrosa.admin.server import AdminServer
from telling import BLOCK, decision, metrics

TOKEN = "correct-horse"
GOOD = Condition(generation=3, evidence_fault="", listeners=1, workers=1, enforcing=True)
RULE = "pledge.training-destination"

type Client = TestClient[Any, Any]


def record(name: str, **changes: object) -> dict[str, object]:
    """A decision record as the recorder gives it."""
    return {
        "record": "decision",
        "id": name,
        "time": "2026-11-25T02:39:54.943486Z",
        "verdict": "block",
        "reason": "training-destination",
        "rules": (RULE,),
        "operation": "acme.tune",
        "purpose": "fine-tuning",
        "kinds": ("audio",),
        "source": "default",
        "method": "POST",
        "host": "api.acme.example",
        "path": "/v1/tune",
    } | changes


class Runtime:
    """What the runtime would give, in memory."""

    def __init__(self) -> None:
        self.metrics, self.registry = metrics()
        self.condition = GOOD
        self.records: list[dict[str, object]] = []
        self.queues: set[asyncio.Queue[dict[str, object]]] = set()
        self.locked = False
        self.turned_by = ""
        self.lock_fault = ""
        self.stuck: list[str] = []
        self.faults: list[str] = []

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[dict[str, object]]]:
        queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.queues.add(queue)
        try:
            yield queue
        finally:
            self.queues.discard(queue)

    def health(self) -> Health:
        return assess(self.condition)

    def explain(self, body: Mapping[str, object]) -> Mapping[str, object]:
        if "url" not in body:
            msg = "`url` is missing"
            raise ValueError(msg)
        return {"verdict": "block", "url": body["url"]}

    async def reload(self) -> Mapping[str, object]:
        return {"ok": not self.faults, "generation": 4, "faults": self.faults}

    async def recent(self) -> list[dict[str, object]]:
        return list(reversed(self.records))

    async def lock(self, on: bool, by: str) -> str:
        self.locked, self.turned_by = on or bool(self.lock_fault), by
        return self.lock_fault

    def admin(self) -> Admin:
        return Admin(
            registries=[self.registry],
            health=self.health,
            status=lambda: {"version": "0.1.0", "lockdown": self.locked},
            recent=self.recent,
            subscribe=self.subscribe,
            catalogue=lambda word: [{"id": "acme.tune", "asked": word}],
            explain=self.explain,
            reload=self.reload,
            lockdown=lambda: self.locked,
            set_lockdown=self.lock,
            stuck=lambda: self.stuck,
        )


@asynccontextmanager
async def served(runtime: Runtime, access: Access | None = None) -> AsyncIterator[Client]:
    app = make_app(runtime.admin(), access or Access(loopback=True))
    async with TestClient(TestServer(app)) as client:
        yield client


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server's own progress has no event
            await asyncio.sleep(0.002)


@pytest.mark.asyncio
async def test_metrics_are_text_for_who_asks_for_nothing_and_openmetrics_for_who_asks() -> None:
    runtime = Runtime()
    runtime.metrics.decided(decision(verdict=BLOCK), 1e-5)
    async with served(runtime) as client:
        plain = await client.get("/metrics")
        text = await plain.text()
        other = await client.get(
            "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )
        found = await other.text()

    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "subrosa_blocked_total{" in text
    assert "_created" not in text + found
    assert other.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert found.endswith("# EOF\n")


@pytest.mark.asyncio
async def test_alive_is_not_ready() -> None:
    runtime = Runtime()
    runtime.condition = Condition()
    async with served(runtime) as client:
        alive, ready = await client.get("/healthz"), await client.get("/readyz")
        told = await ready.json()

    assert alive.status == 200
    assert ready.status == 503
    assert told["ready"] is False
    assert "policy: no policy is loaded, so every transfer is refused" in told["reasons"]


@pytest.mark.asyncio
async def test_a_ready_gateway_says_so() -> None:
    async with served(Runtime()) as client:
        answer = await client.get("/readyz")

        assert (answer.status, (await answer.json())["reasons"]) == (200, [])


@pytest.mark.asyncio
async def test_status_has_the_counters_beside_the_state() -> None:
    runtime = Runtime()
    runtime.metrics.decided(decision(), 1e-5)
    runtime.metrics.decided(decision(), 1e-5)
    runtime.metrics.failed_closed("spool")
    async with served(runtime) as client:
        told = await (await client.get("/api/v1/status")).json()

    assert told["version"] == "0.1.0"
    assert told["transfers"] == {"allow": 0, "block": 2, "would_block": 0, "fail_closed": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["4", "3", "2", "1"]),
        ("?limit=2", ["4", "3"]),
        ("?verdict=allow", ["2"]),
        ("?source=recorder", ["3"]),
        ("?rule=guard.head", ["4"]),
        (f"?rule={RULE}&limit=1", ["3"]),
        ("?verdict=block&source=default", ["4", "1"]),
        ("?verdict=would_block", []),
        ("?kind=audio", ["4", "3", "2", "1"]),
        ("?kind=video", []),
        ("?operation=acme.tune&host=api.acme.example&limit=1", ["4"]),
        ("?before=3", ["2", "1"]),
        ("?before=1", []),
        ("?before=4&verdict=block", ["3", "1"]),
        ("?before=2&verdict=allow", []),
    ],
)
async def test_decisions_are_newest_first_and_filtered(query: str, ids: list[str]) -> None:
    runtime = Runtime()
    runtime.records = [
        record("1"),
        record("2", verdict="allow", rules=()),
        record("3", source="recorder"),
        record("4", rules=("guard.head",)),
    ]
    async with served(runtime) as client:
        told = await (await client.get(f"/api/v1/decisions{query}")).json()

    assert [each["id"] for each in told["decisions"]] == ids


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("decisions?limit=0", "`limit` is a number from 1 to 1000"),
        ("decisions?limit=1001", "`limit` is a number"),
        ("decisions?limit=-1", "`limit` is a number"),
        ("decisions?limit=x", "`limit` is a number"),
        ("decisions?limit=", "`limit` is a number"),
        ("decisions?limit=²", "`limit` is a number"),
        ("decisions?limit=1&limit=2", "`limit` is given twice"),
        ("decisions?verdict=nothing", "`verdict` is one of allow, block, would_block"),
        ("decisions?verdcit=block", "unknown parameter `verdcit`: write limit, before, verdict"),
        ("decisions/stream?outcomes=2", "`outcomes` is one of 0, 1"),
        ("decisions/stream?limit=2", "unknown parameter `limit`"),
        ("catalogue?word=x", "unknown parameter `word`: write q"),
        (f"catalogue?q={'x' * 501}", "`q` has at most 500 characters"),
    ],
)
async def test_a_wrong_parameter_is_told(path: str, told: str) -> None:
    async with served(Runtime()) as client:
        answer = await client.get(f"/api/v1/{path}")

        assert answer.status == 400
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert told in (await answer.json())["detail"]


@pytest.mark.asyncio
async def test_pages_follow_each_other_without_a_gap_while_new_decisions_come() -> None:
    runtime = Runtime()
    runtime.records = [record(str(number)) for number in range(10)]
    found: list[str] = []
    async with served(runtime) as client:
        query = "?limit=4"
        while query:
            told = await (await client.get(f"/api/v1/decisions{query}")).json()
            found += [each["id"] for each in told["decisions"]]
            query = f"?limit=4&before={told['next']}" if told["next"] else ""
            runtime.records.append(record(f"new {len(found)}"))

    assert found == [str(number) for number in reversed(range(10))]


@pytest.mark.asyncio
async def test_a_page_after_what_is_forgotten_is_no_first_page() -> None:
    runtime = Runtime()
    runtime.records = [record("2")]
    async with served(runtime) as client:
        answer = await client.get("/api/v1/decisions?before=1")

        assert answer.status == 404
        assert "begin anew" in (await answer.json())["detail"]


async def events(answer: aiohttp.ClientResponse, count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    kind = ""
    async with asyncio.timeout(5):
        while len(found) < count:
            line = (await answer.content.readline()).decode().rstrip("\n")
            name, _, text = line.partition(": ")
            if name == "event":
                kind = text
            elif name == "data":
                found.append((kind, json.loads(text)["id"]))
    return found


@pytest.mark.asyncio
async def test_the_stream_sends_decisions_as_they_come_and_outcomes_to_who_asks() -> None:
    runtime = Runtime()
    async with served(runtime) as client:
        plain = await client.get("/api/v1/decisions/stream")
        whole = await client.get("/api/v1/decisions/stream?outcomes=1")
        some = await client.get("/api/v1/decisions/stream?verdict=allow")
        await until(lambda: len(runtime.queues) == 3)
        for queue in runtime.queues:
            queue.put_nowait(record("1"))
            queue.put_nowait({"record": "outcome", "id": "1"})
            queue.put_nowait(record("2", verdict="allow", path="/a\nevent: forged\ndata: {}\n\n"))

        assert plain.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert await events(plain, 2) == [("decision", "1"), ("decision", "2")]
        assert await events(whole, 3) == [("decision", "1"), ("outcome", "1"), ("decision", "2")]
        assert await events(some, 1) == [("decision", "2")]
        for answer in (plain, whole, some):
            answer.close()


@pytest.mark.asyncio
async def test_a_listener_who_leaves_is_forgotten_and_no_fault(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.01)
    runtime = Runtime()
    async with served(runtime) as client:
        answer = await client.get("/api/v1/decisions/stream")
        await until(lambda: runtime.queues)
        answer.close()
        await until(lambda: not runtime.queues)
    assert caplog.records == []


@pytest.mark.asyncio
async def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS", 2)
    runtime = Runtime()
    async with served(runtime) as client:
        first = [await client.get("/api/v1/decisions/stream") for _ in range(2)]
        refused = await client.get("/api/v1/decisions/stream")

        assert refused.status == 429
        for answer in first:
            answer.close()


@pytest.mark.asyncio
async def test_stopping_ends_live_streams_at_once() -> None:
    runtime = Runtime()
    server = AdminServer.of(runtime.admin(), "127.0.0.1")
    host, port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"http://{host}:{port}/api/v1/decisions/stream")
        await until(lambda: runtime.queues)
        async with asyncio.timeout(5):
            await server.close()
        answer.close()

    assert not runtime.queues


@pytest.mark.asyncio
async def test_a_taken_port_is_an_error_of_the_system() -> None:
    runtime = Runtime()
    first, second = (AdminServer.of(runtime.admin(), "127.0.0.1") for _ in range(2))
    host, port = await first.start("127.0.0.1", 0)
    with pytest.raises(OSError, match="address already in use"):
        await second.start(host, port)
    await first.close()


@pytest.mark.asyncio
async def test_the_catalogue_is_asked_by_word() -> None:
    async with served(Runtime()) as client:
        told = await (await client.get("/api/v1/catalogue?q=tune")).json()

    assert told == {"operations": [{"id": "acme.tune", "asked": "tune"}]}


@pytest.mark.asyncio
async def test_explain_answers_and_says_what_it_cannot_read() -> None:
    async with served(Runtime()) as client:
        good = await client.post("/api/v1/explain", json={"url": "https://h.example/"})
        bad = await client.post("/api/v1/explain", json={})

        assert await good.json() == {"verdict": "block", "url": "https://h.example/"}
        assert (bad.status, (await bad.json())["detail"]) == (422, "`url` is missing")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"{}", "text/plain", 415, id="another type"),
        pytest.param(
            b"{}", "application/x-www-form-urlencoded", 415, id="a form, which any site's page can send"
        ),
        pytest.param(b"{", "application/json", 400, id="half an object"),
        pytest.param(b"[]", "application/json", 400, id="a list"),
        pytest.param(b"\xff", "application/json", 400, id="no UTF-8"),
        pytest.param(b"[" * 100_000, "application/json", 400, id="a deep nest"),
        pytest.param(b'"' + b"x" * (1 << 20) + b'"', "application/json", 413, id="too long"),
    ],
)
async def test_a_body_that_is_no_object_is_refused(body: bytes, kind: str, status: int) -> None:
    async with served(Runtime()) as client:
        answer = await client.post("/api/v1/explain", data=io.BytesIO(body), headers={"Content-Type": kind})

        assert answer.status == status
        assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.asyncio
async def test_a_reload_that_fails_is_no_success() -> None:
    runtime = Runtime()
    async with served(runtime) as client:
        good = await client.post("/api/v1/reload")
        runtime.faults = ["rules/x.yaml:1:1 nonsense"]
        bad = await client.post("/api/v1/reload")

        assert good.status == 200
        assert bad.status == 422
        assert (await bad.json())["faults"] == runtime.faults


@pytest.mark.asyncio
async def test_lockdown_is_switched_and_told() -> None:
    runtime = Runtime()
    async with served(runtime) as client:
        on = await client.put("/api/v1/lockdown", json={"on": True})
        told = await (await client.get("/api/v1/lockdown")).json()
        wrong = [
            await client.put("/api/v1/lockdown", json=body) for body in ({}, {"on": 1}, {"on": True, "x": 1})
        ]

        assert (on.status, await on.json(), told) == (200, {"on": True}, {"on": True})
        assert [answer.status for answer in wrong] == [400, 400, 400]

    assert runtime.locked
    assert runtime.turned_by == "127.0.0.1"


@pytest.mark.asyncio
async def test_a_switch_that_cannot_be_written_is_told() -> None:
    runtime = Runtime()
    runtime.lock_fault = "`lockdown` cannot be made: no space left on device"
    async with served(runtime) as client:
        on = await client.put("/api/v1/lockdown", json={"on": True})
        off = await client.put("/api/v1/lockdown", json={"on": False})

        assert (on.status, await on.json()) == (200, {"on": True, "detail": runtime.lock_fault})
        assert off.status == 500
        assert (await off.json())["detail"].startswith("everything is refused still: ")


@pytest.mark.asyncio
async def test_off_loopback_everything_but_health_asks_for_the_token() -> None:
    runtime = Runtime()
    async with served(runtime, Access(loopback=False, token=TOKEN)) as client:
        for method, path in routes():
            bare = await client.request(method, path)
            wrong = await client.request(method, path, headers={"Authorization": "Bearer wrong"})
            right = await client.request(method, path, headers={"Authorization": f"Bearer {TOKEN}"})
            right.close()
            refused = 200 if path in {"/healthz", "/readyz"} else 401
            empty = await client.request(method, path, headers={"Authorization": "Bearer "})

            assert (bare.status, wrong.status, empty.status) == (refused, refused, refused), path
            assert right.status != 401, path
        unknown = await client.get("/nothing")

    assert unknown.status == 401
    assert unknown.headers.getall("WWW-Authenticate")[0] == 'Bearer realm="subrosa"'


@pytest.mark.asyncio
async def test_off_loopback_without_a_token_nothing_but_health_answers() -> None:
    runtime = Runtime()
    async with served(runtime, Access(loopback=False)) as client:
        for method, path in routes():
            for authorization in ({}, {"Authorization": "Bearer "}, {"Authorization": "Basic Og=="}):
                answer = await client.request(method, path, headers=authorization, json={"on": True})

                assert answer.status == (200 if path in {"/healthz", "/readyz"} else 401), path

    assert not runtime.locked


@pytest.mark.asyncio
async def test_a_foreign_host_is_refused_on_loopback_health_included() -> None:
    async with served(Runtime()) as client:
        for method, path in routes():
            answer = await client.request(method, path, headers={"Host": "evil.example"})

            assert answer.status == 421, path


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_sites_page_changes_nothing(headers: dict[str, str]) -> None:
    runtime = Runtime()
    async with served(runtime) as client:
        locked = await client.put("/api/v1/lockdown", json={"on": True}, headers=headers)
        loaded = await client.post("/api/v1/reload", headers=headers)

    assert (locked.status, loaded.status) == (403, 403)
    assert not runtime.locked


@pytest.mark.asyncio
async def test_the_ports_own_page_may_switch() -> None:
    runtime = Runtime()
    async with served(runtime) as client:
        own = {"Origin": f"http://{client.host}:{client.port}", "Sec-Fetch-Site": "same-origin"}
        answer = await client.put("/api/v1/lockdown", json={"on": True}, headers=own)

    assert answer.status == 200


@pytest.mark.asyncio
async def test_nothing_is_cached_framed_or_sniffed_whatever_the_answer() -> None:
    async with served(Runtime()) as client:
        for path in ("/", "/metrics", "/healthz", "/api/v1/status", "/nothing", "/api/v1/decisions?limit=x"):
            answer = await client.get(path)

            assert answer.headers["Cache-Control"] == "no-store", path
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
            assert "unsafe" not in answer.headers["Content-Security-Policy"], path
            assert answer.headers["Server"] == "subrosa", path


@pytest.mark.asyncio
async def test_a_wrong_method_names_the_right_ones() -> None:
    async with served(Runtime()) as client:
        answer = await client.delete("/api/v1/lockdown")

        assert answer.status == 405
        assert set(answer.headers["Allow"].split(",")) >= {"GET", "PUT"}


def routes() -> list[tuple[str, str]]:
    app = make_app(Runtime().admin(), Access(loopback=True))
    return [
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    ]


@pytest.mark.asyncio
async def test_every_route_is_in_the_api_description_and_nothing_else() -> None:
    paths = OPENAPI["paths"]
    assert isinstance(paths, Mapping)
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    async with served(Runtime()) as client:
        told = await (await client.get("/api/v1/openapi.json")).json()

    assert {(method, path) for method, path in routes() if method != "HEAD"} == described
    names = [operation["operationId"] for methods in told["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    assert told["openapi"].startswith("3.1")
    assert all(
        "responses" in operation for methods in told["paths"].values() for operation in methods.values()
    )


@pytest.mark.asyncio
async def test_the_metrics_port_has_metrics_and_health_in_a_word_and_nothing_else() -> None:
    runtime = Runtime()
    async with TestClient(TestServer(make_metrics_app(runtime.admin()))) as client:
        found = await client.get("/metrics", headers={"Host": "gateway.example"})
        others = [await client.get(path) for path in ("/", "/api/v1/status", "/api/v1/decisions")]
        switched = await client.put("/api/v1/lockdown", json={"on": True})

        assert found.status == 200
        assert "subrosa_inflight_transfers 0.0" in await found.text()
        assert [answer.status for answer in others] == [404] * 3
        assert switched.status == 404
        assert await said(client, "/readyz") == (200, "ready\n")
        assert await said(client, "/healthz") == (200, "ok\n")
        runtime.condition, runtime.stuck = Condition(reload_fault="secret.yaml:1:1"), ["worker w1 (pid 7)"]
        assert await said(client, "/readyz") == (503, "not ready\n")
        assert await said(client, "/healthz") == (503, "stuck\n")


async def said(client: Client, path: str) -> tuple[int, str]:
    answer = await client.get(path)
    return answer.status, await answer.text()


@pytest.mark.asyncio
async def test_what_is_stuck_is_named_and_the_gateway_is_not_alive() -> None:
    runtime = Runtime()
    async with served(runtime) as client:
        assert await said(client, "/healthz") == (200, "ok\n")
        runtime.stuck = ["worker w1 (pid 7) has said nothing for 6 s"]
        assert await said(client, "/healthz") == (503, f"stuck: {runtime.stuck[0]}\n")


def test_registries_are_exposed_as_one() -> None:
    from subrosa.admin.exposition import Exposed

    first, second = CollectorRegistry(), CollectorRegistry()
    names = {metric.name for metric in Exposed(first, second, Runtime().registry).collect()}

    assert "subrosa_inflight_transfers" in names
