"""The admin port: metrics, health, the API and the live page, over callables that the runtime gives."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from aiohttp import web

from subrosa.admin.access import Access, guard, is_loopback
from subrosa.admin.answers import as_json, decorate, problem
from subrosa.admin.exposition import Collects, Exposed, exposition, totals
from subrosa.admin.health import Health
from subrosa.admin.openapi import OPENAPI
from subrosa.admin.page import CONTENT_SECURITY_POLICY, page
from subrosa.admin.stream import Streams

type Record = Mapping[str, object]

MOST_BODY = 1 << 20
MOST_DECISIONS = 1_000
_FILTERS = ("verdict", "source", "rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """What the port shows and switches.

    ``recent`` gives decision records, newest first; ``subscribe`` a queue of decision and outcome records.
    ``explain`` raises ValueError for a request that it cannot read. ``reload`` gives ``ok`` and what was
    loaded or went wrong. ``status`` is shown as it is, with the counters beside it.
    """

    registries: Sequence[Collects]
    health: Callable[[], Health]
    status: Callable[[], Record]
    recent: Callable[[], Awaitable[Sequence[Record]]]
    subscribe: Callable[[], AbstractContextManager[asyncio.Queue[dict[str, object]]]]
    catalogue: Callable[[str], Sequence[Record]]
    explain: Callable[[Record], Record]
    reload: Callable[[], Awaitable[Record]]
    lockdown: Callable[[], bool]
    set_lockdown: Callable[[bool], Awaitable[None]]


def make_app(admin: Admin, access: Access) -> web.Application:
    """The whole admin port."""
    app = web.Application(client_max_size=MOST_BODY, middlewares=[guard(access, decorate)])
    port = _Port(admin)
    app.on_shutdown.append(port.streams.end)
    app.add_routes(
        [
            web.get("/", port.page),
            web.get("/metrics", port.metrics),
            web.get("/healthz", _alive),
            web.get("/readyz", port.ready),
            web.get("/api/v1/status", port.status),
            web.get("/api/v1/decisions", port.decisions),
            web.get("/api/v1/decisions/stream", port.stream),
            web.get("/api/v1/catalogue", port.catalogue),
            web.post("/api/v1/explain", port.explain),
            web.post("/api/v1/reload", port.reload),
            web.get("/api/v1/lockdown", port.lockdown),
            web.put("/api/v1/lockdown", port.set_lockdown),
            web.get("/api/v1/openapi.json", _openapi),
        ]
    )
    return app


def make_metrics_app(registries: Sequence[Collects]) -> web.Application:
    """The read-only port of `--metrics`: metrics and liveness, no token, nothing else."""
    collector = Exposed(*registries)

    async def metrics(request: web.Request) -> web.Response:
        return await exposition(collector, request)

    app = web.Application(client_max_size=0, middlewares=[guard(_ANYONE, decorate)])
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", _alive)])
    return app


_ANYONE = Access(loopback=False, open=True)


class AdminServer:
    """One listening admin port; stopping it ends live streams and closes the socket."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=2)

    @classmethod
    def of(cls, admin: Admin, host: str, token: str = "") -> "AdminServer":
        """A server for the whole port, bound to ``host``; off loopback it serves nobody without a token."""
        return cls(make_app(admin, Access(loopback=is_loopback(host), token=token)))

    @classmethod
    def metrics_only(cls, registries: Sequence[Collects]) -> "AdminServer":
        """A server for metrics alone."""
        return cls(make_metrics_app(registries))

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; give the address and port as bound. Raises OSError where that cannot be."""
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, host, port)
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        bound = self._runner.addresses[0]
        return str(bound[0]), int(bound[1])

    async def close(self) -> None:
        """Stop listening and end every answer."""
        await self._runner.cleanup()


class _Port:
    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._collector = Exposed(*admin.registries)
        self.streams = Streams(admin.subscribe)

    async def page(self, _request: web.Request) -> web.Response:
        text = page(self._told(), self._admin.health(), list(await self._admin.recent())[:50])
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def metrics(self, request: web.Request) -> web.Response:
        return await exposition(self._collector, request)

    async def ready(self, _request: web.Request) -> web.Response:
        health = self._admin.health()
        return as_json(health.told(), 200 if health.ready else 503)

    async def status(self, _request: web.Request) -> web.Response:
        return as_json(self._told())

    async def decisions(self, request: web.Request) -> web.Response:
        unknown = set(request.query) - {"limit", *_FILTERS}
        limit = request.query.get("limit", "100")
        if unknown:
            return problem(
                400, f"unknown parameter `{min(unknown)[:40]}`: write limit, verdict, source or rule"
            )
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MOST_DECISIONS):
            return problem(400, f"`limit` is a number from 1 to {MOST_DECISIONS}")
        wanted = {name: request.query[name] for name in _FILTERS if name in request.query}
        found = [record for record in await self._admin.recent() if matches(record, wanted)]
        return as_json({"decisions": found[: int(limit)]})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        wanted = {name: request.query[name] for name in _FILTERS if name in request.query}
        kinds = ("decision", "outcome") if request.query.get("outcomes") == "1" else ("decision",)
        return await self.streams.serve(
            request, lambda record: record.get("record") in kinds and matches(record, wanted)
        )

    async def catalogue(self, request: web.Request) -> web.Response:
        word = request.query.get("q", "")[:200]
        return as_json({"operations": list(self._admin.catalogue(word))})

    async def explain(self, request: web.Request) -> web.Response:
        body = await _object(request)
        if isinstance(body, web.Response):
            return body
        try:
            return as_json(self._admin.explain(body))
        except ValueError as fault:
            return problem(400, str(fault))

    async def reload(self, _request: web.Request) -> web.Response:
        result = await self._admin.reload()
        return as_json(result, 200 if result.get("ok") is True else 422)

    async def lockdown(self, _request: web.Request) -> web.Response:
        return as_json({"on": self._admin.lockdown()})

    async def set_lockdown(self, request: web.Request) -> web.Response:
        body = await _object(request)
        if isinstance(body, web.Response):
            return body
        if set(body) != {"on"} or not isinstance(body["on"], bool):
            return problem(400, 'send {"on": true} or {"on": false}')
        await self._admin.set_lockdown(body["on"])
        return as_json({"on": self._admin.lockdown()})

    def _told(self) -> dict[str, object]:
        transfers = totals(self._admin.registries, "subrosa_transfers_total", "verdict")
        failures = totals(self._admin.registries, "subrosa_fail_closed_total", "cause")
        counters = {word: int(transfers.get(word, 0)) for word in ("allow", "block", "would_block")}
        return {**self._admin.status(), "transfers": counters | {"fail_closed": int(sum(failures.values()))}}


def matches(record: Record, wanted: Mapping[str, str]) -> bool:
    """Whether a decision record has these words; ``rule`` is any of its rules."""
    for name, word in wanted.items():
        if name == "rule":
            rules = record.get("rules")
            if not isinstance(rules, (tuple, list)) or word not in rules:
                return False
        elif record.get(name) != word:
            return False
    return True


async def _object(request: web.Request) -> dict[str, object] | web.Response:
    if request.content_type != "application/json":
        return problem(415, "send a JSON object with `Content-Type: application/json`")
    try:
        body = json.loads(await request.text())
    except (ValueError, RecursionError):
        return problem(400, "the body is not JSON")
    return body if isinstance(body, dict) else problem(400, "the body is not a JSON object")


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _openapi(_request: web.Request) -> web.Response:
    return as_json(OPENAPI)
