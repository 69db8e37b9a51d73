"""A listening admin port: bounded in connections, and patient with nobody who says nothing."""

import asyncio
import math
from contextlib import suppress
from http import HTTPStatus
from typing import override

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from subrosa.admin.access import Access, is_loopback
from subrosa.admin.answers import decorate, problem
from subrosa.admin.app import Admin, make_app, make_metrics_app

MOST_CONNECTIONS = 256
HEAD_SECONDS = 10.0
"""How long a connection may take to its first request."""
IDLE_SECONDS = 75.0
"""How long it may stay open after an answer began, and take to read that; live streams have times of their own."""
LINGER = 2.0
"""How long a body is read that no answer needs."""
SWEEP = 1.0


class AdminServer:
    """One listening admin port; stopping it ends live streams and closes the socket."""

    def __init__(self, app: web.Application) -> None:
        app.middlewares.insert(0, self._middleware())
        self._runner = web.AppRunner(app, shutdown_timeout=2)
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._closes: dict[web.RequestHandler, float] = {}
        """Loop time at which each connection is closed."""

    @classmethod
    def of(cls, admin: Admin, host: str, token: str = "") -> "AdminServer":
        """A server for the whole port, bound to ``host``; off loopback it serves nobody without a token."""
        return cls(make_app(admin, Access(loopback=is_loopback(host), token=token)))

    @classmethod
    def metrics_only(cls, admin: Admin) -> "AdminServer":
        """A server for metrics and health alone."""
        return cls(make_metrics_app(admin))

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; give the address and port as bound. Raises OSError where that cannot be."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._take, host, port)
        except OSError:
            await self._runner.cleanup()
            raise
        self._sweeper = loop.create_task(self._sweep())
        bound = self._server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    async def close(self) -> None:
        """Stop listening and end every answer."""
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        await self._runner.cleanup()

    # --- connections ---------------------------------------------------------------------------------------

    def _take(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None or len(server.connections) >= MOST_CONNECTIONS:
            return _Refused()
        return _Connection(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER,
        )

    def _middleware(self) -> Middleware:
        """Notes which connections have a request in progress."""

        @web.middleware
        async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._closes[request.protocol] = math.inf
            try:
                return await handler(request)
            finally:
                self._closes[request.protocol] = asyncio.get_running_loop().time() + IDLE_SECONDS

        return noted

    async def _sweep(self) -> None:
        """For ever: close the connections on which no request came in time."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP)
            now, server = loop.time(), self._runner.server
            connections = server.connections if server is not None else []
            self._closes = {one: self._closes.get(one, now + HEAD_SECONDS) for one in connections}
            for one, at in self._closes.items():
                if now > at and one.transport is not None:
                    one.transport.abort()


class _Connection(web.RequestHandler):
    """One connection; what goes wrong before or around the app is told as everything else is."""

    __slots__ = ()

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if (
            status < HTTPStatus.INTERNAL_SERVER_ERROR
        ):  # no fault of ours, and what was sent is no matter for the log
            answer = problem(status, "this is no HTTP that can be read, or it is too long")
        else:
            super().handle_error(request, status, exc, message)
            answer = problem(status, "this is a defect of the gateway: its log has more")
        decorate(answer)
        answer.force_close()
        return answer


class _Refused(asyncio.Protocol):
    """One connection too many."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
