"""What layers ask of one connection's sockets and hooks, done at once and in order.

mitmproxy's own makes a task for every hook and takes a lock for every event. Most hooks wait for nothing: they are
done where they are asked for, and what a layer is told of it is the next event.
"""

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, override

from mitmproxy.connection import Connection
from mitmproxy.master import Master
from mitmproxy.proxy import commands, events, server
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.utils import asyncio_utils

from subrosa.gateway.corked import Corked
from subrosa.gateway.guard import Guard, StrictManager
from subrosa.gateway.keeping import CALLED, Called, Rest
from subrosa.gateway.narrow import known, of_type
from subrosa.gateway.signals import Begun

if TYPE_CHECKING:
    from mitmproxy.options import Options


class ActingHandler(server.LiveConnectionHandler):
    """The half of a handler that does what layers say; `GatewayHandler` is the half that decides what failing means."""

    def __init__(
        self,
        master: Master,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        options: "Options",
        mode: ProxyMode,
    ) -> None:
        self._dirty: list[Corked] = []
        self._events: deque[events.Event] = deque()
        self._acting = False
        self._hooks: set[asyncio.Task[None]] = set()
        reader, writer = streams
        super().__init__(reader, Corked(writer, self._dirty.append), options, mode)  # type: ignore[arg-type]
        self.master = master
        self._manager = of_type(StrictManager, master.addons)

    @property  # type: ignore[override, explicit-override]
    def layer(self) -> Guard:
        """The top of the layers, guarded."""
        return self._guard

    @layer.setter
    def layer(self, top: Layer) -> None:
        self._guard = Guard(top, self.abort)

    def abort(self, cause: str) -> None:
        """Close everything now, and count why."""
        raise NotImplementedError

    def enter(self, inside: Layer) -> None:
        """Give all further events to a layer that stands inside, and to none of those around it."""
        self._guard.inner = inside

    @override
    async def server_event(self, event: events.Event) -> None:
        self.take(event)

    def take(self, event: events.Event) -> None:
        """Have the layers act on an event; one that comes while they do has its turn right after."""
        self._events.append(event)
        if self._acting:
            return
        self._acting = True
        try:
            while self._events:
                self._act(self._events.popleft())
        finally:
            self._acting = False
        while self._dirty:
            self._dirty.pop().flush()

    def _act(self, event: events.Event) -> None:
        self.timeout_watchdog.register_activity()  # type: ignore[no-untyped-call]
        try:
            for command in self._guard.handle_event(event):
                if type(command) is commands.SendData:
                    writer = corked(self.transports.get(command.connection))
                    if writer is not None and not writer.is_closing():
                        writer.write(command.data)
                elif type(command) is Begun:
                    if command.rest is not CALLED:
                        self._wait_for(command, command.hook, known(command.rest))
                elif isinstance(command, commands.StartHook):
                    self._start(command)
                else:
                    self._do(command)
        except Exception:  # noqa: BLE001 - as mitmproxy's: `log` aborts
            self.log("a command failed", logging.ERROR, exc_info=True)

    def _do(self, command: commands.Command) -> None:
        """Do what is asked for more rarely."""
        if isinstance(command, commands.RequestWakeup):
            self.wakeup_timer.add(_task(self.wakeup(command), "wakeup"))
        elif isinstance(command, commands.OpenConnection):
            task = _task(self.open_connection(command), "server connection")
            self.transports[command.connection] = server.ConnectionIO(handler=task)
        elif isinstance(command, commands.CloseConnection):
            if command.connection in self.transports:  # else it is closed already
                self.close_connection(command.connection, getattr(command, "half_close", False))
        elif isinstance(command, commands.Log):
            self.log(command.message, command.level)
        else:
            raise TypeError(f"unexpected command: {command}")

    def _start(self, hook: commands.StartHook) -> None:
        """Do a hook, as far as it goes without waiting."""
        rest = self._begin(hook)
        if rest is not None and rest is not CALLED:
            self._wait_for(hook, hook, rest)
        elif hook.blocking:
            self._events.append(events.HookCompleted(hook))

    def _begin(self, hook: commands.StartHook) -> Rest | Called | None:
        try:
            return self._manager.begin(hook)
        except Exception as fault:  # noqa: BLE001 - raised again where hooks are waited for, which tells what follows
            return _raised(fault)

    def _wait_for(self, asked: commands.Command, hook: commands.StartHook, rest: Rest) -> None:
        waiting = self._hooked(asked, hook, rest)
        task = asyncio.Task(waiting, loop=asyncio.get_running_loop(), eager_start=True)
        if not task.done():
            self._hooks.add(task)
            task.add_done_callback(self._hooks.discard)

    async def _hooked(self, asked: commands.Command, hook: commands.StartHook, rest: Rest) -> None:
        """Wait for a hook, and tell the layer that asked."""
        raise NotImplementedError

    def unwritten(self, connection: Connection) -> int:
        """Octets that wait in the socket's buffer."""
        writer = corked(self.transports.get(connection))
        return writer.unwritten if writer is not None else 0

    async def drain(self, connection: Connection) -> None:
        """Wait until a peer has room."""
        io = self.transports.get(connection)
        writer = corked(io)
        if writer is None or io is None or not (writer.unwritten or writer.is_closing()):
            return
        try:
            await writer.drain()
        except OSError:
            if io.handler is not None:
                io.handler.cancel("the peer is gone")


def _task(work: Rest, name: str) -> asyncio.Task[None]:
    return asyncio_utils.create_task(work, name=name, keep_ref=False)


async def _raised(fault: Exception) -> None:
    raise fault


def corked(io: server.ConnectionIO | None) -> Corked | None:
    """Our writer of a connection that is open."""
    writer: object = io.writer if io is not None else None
    return writer if isinstance(writer, Corked) else None
