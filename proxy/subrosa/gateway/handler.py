"""The choke point: every hook, layer and connection of one client runs through here, and whatever fails closes.

mitmproxy logs what an addon or a layer raises and goes on; here nothing goes on.
"""

import asyncio
import logging
import time
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Literal, override

from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, server, server_hooks
from mitmproxy.proxy.layers.http._hooks import (
    HttpConnectHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHook,
)

from subrosa.gateway.acting import ActingHandler, corked
from subrosa.gateway.corked import Corked
from subrosa.gateway.dial import dial
from subrosa.gateway.guard import HookFailedError
from subrosa.gateway.keeping import Called, Rest
from subrosa.gateway.narrow import known, of_type
from subrosa.gateway.session import Session
from subrosa.gateway.signals import TRANSFER, Begun, BegunCompleted, Leaving, WhenDrained
from subrosa.gateway.transfer import Transfer
from subrosa.gateway.vetting import DialFailed

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger("subrosa.gateway")

_READING: ContextVar[Connection | None] = ContextVar("_READING", default=None)
_OF_REQUESTS = (HttpConnectHook, HttpRequestHeadersHook, HttpRequestHook, HttpResponseHook)


class GatewayHandler(ActingHandler):
    """One client connection and what it has open upstream."""

    session: Session
    """Set by the engine before anything runs."""
    _left = False
    _leaving: asyncio.Task[None] | None = None

    # --- closing -------------------------------------------------------------------------------------------

    @override
    def abort(self, cause: str) -> None:
        """Close everything now, and count why."""
        self.session.shared.ports.recorder.failed_closed(cause)
        self.cut()

    def wind_down(self) -> None:
        """Tell the client that no further request is wanted."""
        if not self.session.leaving:
            self.session.leaving = True
            if self._speaks_h2:
                self._leaving = asyncio.get_running_loop().create_task(self._go_away(now=False))

    def leave(self) -> None:
        """Close once what was answered has left."""
        self.session.leaving = True
        if not self._speaks_h2:
            self.close_client()
        elif not self._left:
            self._left = True
            self._leaving = asyncio.get_running_loop().create_task(self._go_away(now=True))

    @property
    def _speaks_h2(self) -> bool:
        return self.client.alpn == b"h2" and self.client in self.session.endpoints

    async def _go_away(self, *, now: bool) -> None:
        self.take(Leaving(now))
        if now:
            self.close_client()

    def close_client(self) -> None:
        """Close the client's connection, after what waits to be sent."""
        writer = corked(self.transports.get(self.client))
        if writer is not None:
            writer.close()

    def cut(self) -> None:
        """Close everything now, on purpose."""
        self.session.ended_by = "gateway"
        for io in list(self.transports.values()):
            if (writer := corked(io)) is not None:
                writer.transport.abort()
        io = self.transports.get(self.client, server.ConnectionIO())
        if io.handler is not None:
            io.handler.cancel("cut")

    @property
    def busy(self) -> bool:
        """Whether a transfer is in flight."""
        return bool(self.session.transfers)

    def overdue(self, now: float) -> bool:
        """Whether it took too long to say what it wants, or says nothing."""
        session, limits = self.session, self.session.shared.limits
        if session.deadline is not None and now > session.deadline:
            return True
        return self.idle_for() > (limits.stalled_seconds if session.transfers else limits.idle_seconds)

    def idle_for(self) -> float:
        """Seconds since anything came or was to be done."""
        return time.time() - self.timeout_watchdog.last_activity  # noqa: TID251 - the watchdog's own clock

    @override
    def close_connection(self, connection: Connection, half_close: bool = False) -> None:
        io = self.transports.get(connection)
        super().close_connection(connection, half_close)
        # mitmproxy relies on its task seeing the cancellation at the right place, else the socket stays open
        writer = corked(io)
        if not half_close and writer is not None:
            writer.close()
        self.session.moved(connection)

    @override
    def log(
        self,
        message: str,
        level: int = logging.INFO,
        exc_info: "Literal[True] | tuple[type[BaseException], BaseException, TracebackType | None] | None" = None,
    ) -> None:
        """Mitmproxy tells here, and here only, that something failed between its layers and its sockets."""
        if exc_info is not None:
            log.error(message, exc_info=exc_info)
            self.abort("engine")
        elif level >= logging.WARNING:
            log.info(message)

    # --- hooks ---------------------------------------------------------------------------------------------

    def begin(self, begun: Begun) -> Rest | Called | None:
        """Do a hook for a layer, as far as it goes without waiting; what to wait for, None where that is all."""
        session = self.session
        if self._manager.alone(begun.hook):  # else others have their turn after what is waited for
            session.later = partial(self._waited_for, begun)
        try:
            return self._begin(begun.hook)
        finally:
            session.later = None

    def _waited_for(self, begun: Begun) -> None:
        """Tell the layer; nobody is above this who would see that it fails, as a task's end is seen."""
        try:
            self.take(BegunCompleted(begun))
        except BaseException:
            self.cut()
            raise

    @override
    async def _hooked(self, asked: commands.Command, hook: commands.StartHook, rest: Rest) -> None:
        try:
            await self._bounded(hook, rest)
        except HookFailedError:
            return  # never completed: its layer stays where it is, and the connection is closed
        if isinstance(asked, Begun):
            self.take(BegunCompleted(asked))
        elif hook.blocking:
            self.take(events.HookCompleted(hook))

    @override
    async def handle_hook(self, hook: commands.StartHook) -> None:
        await self._bounded(hook, self._manager.handle_lifecycle(hook))

    async def _bounded(self, hook: commands.StartHook, rest: Rest) -> None:
        """Wait for a hook as long as it may take; where it fails, refuse the request that it is for, or close."""
        try:
            async with asyncio.timeout(self.session.shared.limits.step_seconds * 2):
                await rest
        except BaseException as fault:
            if known(asyncio.current_task()).cancelling() or not isinstance(
                fault, Exception | asyncio.CancelledError
            ):
                self.cut()
                raise
            log.exception("hook %s failed", hook.name)
            cause = "timeout" if isinstance(fault, TimeoutError) else "hook"
            if await self._refused(hook, cause):
                return
            self.abort(cause)
            if isinstance(hook, server_hooks.ClientConnectedHook):
                self.client.error = "refused"
                return
            if isinstance(hook, server_hooks.ClientDisconnectedHook):
                return
            raise HookFailedError from fault

    async def _refused(self, hook: commands.StartHook, cause: str) -> bool:
        """Whether the hook was one of a request, which then is refused by itself."""
        if not isinstance(hook, _OF_REQUESTS):
            return False
        transfer = hook.flow.metadata.get(TRANSFER)
        if not isinstance(transfer, Transfer):
            return False
        transfer.fail(cause)
        await transfer.settle()
        return True

    # --- connections ---------------------------------------------------------------------------------------

    @override
    async def open_connection(self, command: commands.OpenConnection) -> None:
        upstream = of_type(Server, command.connection)
        try:
            reader, writer = await dial(self.session, upstream)
        except DialFailed as fault:
            upstream.error = fault.error
            self.transports.pop(upstream, None)
            self.take(events.OpenConnectionCompleted(command, fault.error))
            return
        except asyncio.CancelledError:
            self.take(events.OpenConnectionCompleted(command, "cancelled"))
            raise
        upstream.state = ConnectionState.OPEN
        upstream.peername = writer.get_extra_info("peername")
        upstream.sockname = writer.get_extra_info("sockname")
        corked = Corked(writer, self._dirty.append)
        self.transports[upstream] = server.ConnectionIO(asyncio.current_task(), reader, corked)  # type: ignore[arg-type]
        self.take(events.OpenConnectionCompleted(command, None))
        await self.handle_connection(upstream)

    @override
    async def handle_connection(self, connection: Connection) -> None:
        _READING.set(connection)
        try:
            await super().handle_connection(connection)
        finally:
            self.session.moved(connection)

    @override
    async def drain_writers(self) -> None:
        """Before reading on: where what was read went must have room, and nothing may have shut the gate."""
        reading = _READING.get()
        if reading is None:
            return
        goes_to: list[Connection] = [self.client]
        if reading is self.client and self.client.alpn != b"h2":
            goes_to = list(self.transports)
        for connection in goes_to:
            await self.drain(connection)
        await self.session.readable(reading)

    @override
    async def wakeup(self, request: commands.RequestWakeup) -> None:
        if not isinstance(request, WhenDrained):
            await super().wakeup(request)
            return
        with suppress(OSError):
            await self._drained(request)
        self.wakeup_timer.discard(known(asyncio.current_task()))
        self.take(events.Wakeup(request))

    async def _drained(self, request: WhenDrained) -> None:
        low = self.session.shared.limits.backlog // 2
        connection = request.connection
        while self.session.backlog(connection, request.stream_id) > low:
            writer = corked(self.transports.get(connection))
            if writer is None or writer.is_closing():
                return
            await writer.drain()
            if self.session.backlog(connection, request.stream_id) > low:
                await self.session.movement(connection)

    async def serve(self) -> None:
        """The whole life of the connection."""
        try:
            with suppress(HookFailedError):
                await self.handle_client()
        finally:
            self.session.close()
