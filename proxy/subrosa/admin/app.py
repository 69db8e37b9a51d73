"""The admin port: metrics, health, the API and the live page, over callables that the runtime gives."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from aiohttp import web

from subrosa.admin.access import Access, guard
from subrosa.admin.answers import as_json, decorate, problem
from subrosa.admin.asking import object_of, one_of, query_of, text
from subrosa.admin.decisions import FILTERS, PAGE, Record, filter_of, page_of
from subrosa.admin.exposition import Collects, Exposed, exposition, totals
from subrosa.admin.health import Health
from subrosa.admin.openapi import OPENAPI
from subrosa.admin.page import CONTENT_SECURITY_POLICY, page
from subrosa.admin.stream import Streams

MOST_BODY = 1 << 20
_STREAM = {"outcomes": one_of("outcomes", "0", "1"), **FILTERS}
_CATALOGUE = {"q": text("q")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """What the port shows and switches.

    ``recent`` gives decision records, newest first; ``subscribe`` a queue of decision and outcome records.
    ``explain`` raises ValueError for a request that it cannot judge. ``reload`` gives ``ok`` and what was
    loaded or went wrong. ``status`` is shown as it is, with the counters beside it. ``stuck`` tells what gives no
    sign of life. ``set_lockdown`` is told who wants it, and gives what keeps it from being done, or from lasting.
    """

    registries: Sequence[Collects]
    health: Callable[[], Health]
    stuck: Callable[[], Sequence[str]]
    status: Callable[[], Record]
    recent: Callable[[], Awaitable[Sequence[Record]]]
    subscribe: Callable[[], AbstractContextManager[asyncio.Queue[dict[str, object]]]]
    catalogue: Callable[[str], Sequence[Record]]
    explain: Callable[[Record], Record]
    reload: Callable[[], Awaitable[Record]]
    lockdown: Callable[[], bool]
    set_lockdown: Callable[[bool, str], Awaitable[str]]


def make_app(admin: Admin, access: Access) -> web.Application:
    """The whole admin port."""
    app = web.Application(client_max_size=MOST_BODY, middlewares=[guard(access, decorate)])
    port = _Port(admin)
    app.on_shutdown.append(port.streams.end)
    app.add_routes(
        [
            web.get("/", port.page),
            web.get("/metrics", port.metrics),
            web.get("/healthz", port.alive),
            web.get("/readyz", port.ready),
            web.get("/api/v1/status", port.status),
            web.get("/api/v1/decisions", port.decisions),
            web.get("/api/v1/decisions/stream", port.stream, allow_head=False),
            web.get("/api/v1/catalogue", port.catalogue),
            web.post("/api/v1/explain", port.explain),
            web.post("/api/v1/reload", port.reload),
            web.get("/api/v1/lockdown", port.lockdown),
            web.put("/api/v1/lockdown", port.set_lockdown),
            web.get("/api/v1/openapi.json", _openapi),
        ]
    )
    return app


def make_metrics_app(admin: Admin) -> web.Application:
    """The read-only port of `--metrics`: metrics, and health in a word, for who probes; no token, nothing else."""
    collector = Exposed(*admin.registries)

    async def metrics(request: web.Request) -> web.Response:
        return await exposition(collector, request)

    async def alive(_request: web.Request) -> web.Response:
        return _word("stuck", 503) if admin.stuck() else _word("ok")

    async def ready(_request: web.Request) -> web.Response:
        return _word("ready") if admin.health().ready else _word("not ready", 503)

    app = web.Application(middlewares=[guard(_ANYONE, decorate)])
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", alive), web.get("/readyz", ready)])
    return app


_ANYONE = Access(loopback=False, open=True)


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

    async def alive(self, _request: web.Request) -> web.Response:
        stuck = self._admin.stuck()
        return _word("stuck: " + "; ".join(stuck), 503) if stuck else _word("ok")

    async def ready(self, _request: web.Request) -> web.Response:
        health = self._admin.health()
        return as_json(health.told(), 200 if health.ready else 503)

    async def status(self, _request: web.Request) -> web.Response:
        return as_json(self._told())

    async def decisions(self, request: web.Request) -> web.Response:
        asked = query_of(request, PAGE)
        found = page_of(await self._admin.recent(), asked)
        if found is None:
            return problem(404, "the decision of `before` is not kept any more: begin anew without it")
        return as_json(found)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        asked = query_of(request, _STREAM)
        wanted = filter_of(asked)
        kinds = ("decision", "outcome") if asked.get("outcomes") == "1" else ("decision",)
        return await self.streams.serve(
            request, lambda record: record.get("record") in kinds and wanted(record)
        )

    async def catalogue(self, request: web.Request) -> web.Response:
        word = query_of(request, _CATALOGUE).get("q", "")
        return as_json({"operations": list(self._admin.catalogue(word))})

    async def explain(self, request: web.Request) -> web.Response:
        body = await object_of(request)
        try:
            return as_json(self._admin.explain(body))
        except ValueError as fault:
            return problem(422, str(fault))

    async def reload(self, _request: web.Request) -> web.Response:
        result = await self._admin.reload()
        return as_json(result, 200 if result.get("ok") is True else 422)

    async def lockdown(self, _request: web.Request) -> web.Response:
        return as_json({"on": self._admin.lockdown()})

    async def set_lockdown(self, request: web.Request) -> web.Response:
        body = await object_of(request)
        if set(body) != {"on"} or not isinstance(body["on"], bool):
            return problem(400, 'send {"on": true} or {"on": false}')
        fault = await self._admin.set_lockdown(body["on"], request.remote or "")
        if fault and not body["on"]:
            return problem(500, f"everything is refused still: {fault}")
        return as_json({"on": self._admin.lockdown(), **({"detail": fault} if fault else {})})

    def _told(self) -> dict[str, object]:
        transfers = totals(self._admin.registries, "subrosa_transfers_total", "verdict")
        failures = totals(self._admin.registries, "subrosa_fail_closed_total", "cause")
        counters = {word: int(transfers.get(word, 0)) for word in ("allow", "block", "would_block")}
        return {**self._admin.status(), "transfers": counters | {"fail_closed": int(sum(failures.values()))}}


def _word(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text + "\n", status=status)


async def _openapi(_request: web.Request) -> web.Response:
    return as_json(OPENAPI)
