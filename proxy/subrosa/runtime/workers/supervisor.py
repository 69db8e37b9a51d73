"""The supervisor: keeps the listening sockets and the control plane, and has workers serve."""

import asyncio
import contextlib
import fcntl
import itertools
import os
import shutil
import socket
import sys
from collections.abc import Callable, Sequence

import structlog

from subrosa.effects import logs
from subrosa.effects.feed import Feed
from subrosa.effects.shared import SharedMetrics
from subrosa.gateway.ca import CaPaths
from subrosa.gateway.listening import listen_all
from subrosa.gateway.tls import make_ready
from subrosa.loading.faults import Fault
from subrosa.loading.files import write_rules
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.policy import Loaded
from subrosa.runtime.bound import Bound
from subrosa.runtime.configuration import StartError
from subrosa.runtime.control import Control
from subrosa.runtime.dataplane import egress_of, engine_settings, users_of
from subrosa.runtime.notify import ServiceManager
from subrosa.runtime.serving import told_taken
from subrosa.runtime.stopping import Stop
from subrosa.runtime.workers.crew import Crew
from subrosa.runtime.workers.members import Target, Told
from subrosa.runtime.workers.messages import Load, Records, Start
from subrosa.runtime.workers.staff import TICK, Staff
from subrosa.settings import Settings

LOAD_SECONDS = 60.0
LOCK_SECONDS = 0.9
"""A lock-down holds within a second: a worker that has not turned the switch by then is killed."""
FLUSH_SECONDS = 0.5
"""How long who asks for decisions waits for a worker that is busy."""
LEAVING_SECONDS = 5.0
"""How much longer than a drain workers have until they are killed."""


class Supervisor:
    """A gateway of several processes over one set of settings."""

    def __init__(self, settings: Settings, manager: ServiceManager) -> None:
        self.settings = settings
        self.stop = Stop()
        self.control = Control(settings, self.stop, Feed(), agree=self._agree, manager=manager)
        self._directory = settings.state_dir / "workers"
        self._numbers = itertools.count(1)
        self._unable: asyncio.Future[StartError] | None = None
        self._logger = structlog.get_logger("subrosa.workers")

    async def run(self, announce: Callable[[Bound], None]) -> None:
        """State, sockets, admin port, workers, policy; the announcement when every slot is served."""
        logs.configure(sys.stderr, console=self.settings.log_format == "console")
        self.control.on_signals()
        authority = self.control.open_state()
        sockets = self._open(authority)
        self._loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(_close, sockets)
            self.metrics = self._make_directory(stack)
            self.crew = Crew(len(sockets), self._told(), locked=self.control.switch.on)
            admin, *others = await self.control.serve(stack, self._behind(), [self.metrics])
            listening = [_address(sock) for sock in sockets[0]]
            self.crew.own = (*listening, admin, *others)
            staff = Staff(self.crew, self._start(sockets), self.settings.limits.silent_seconds)
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(staff.run())
                fault = await self._first(tasks, stack)
                if fault is None and not self.stop.asked.is_set():
                    modes = (one.mode for one in self.settings.listeners)
                    bound = [(mode, *address) for mode, address in zip(modes, listening, strict=True)]
                    announce(self.control.bound(authority, bound, admin))
                    await self.control.until_asked_to_stop()
                    staff.stop(now=False)
                    _close(sockets)
                    await self.stop.unless_now(self._drained(working))
                self.stop.asked.set()
                staff.stop(now=True)
                self.control.end()
            if fault is not None:
                raise fault

    # --- starting ------------------------------------------------------------------------------------------

    def _open(self, authority: CaPaths) -> list[tuple[socket.socket, ...]]:
        """See that workers will be able to serve, and listen."""
        settings = self.settings
        users_of(settings)
        egress_of(settings, set)
        engine = engine_settings(settings, authority)
        make_ready(authority.directory)
        try:
            return listen_all(engine.listeners, settings.workers)
        except OSError as fault:
            raise StartError([told_taken(fault)]) from None

    def _start(self, sockets: Sequence[Sequence[socket.socket]]) -> Start:
        return Start(
            settings=self.settings.model_dump_json(by_alias=True, exclude_unset=True),
            sockets=tuple(tuple(sock.fileno() for sock in slot) for slot in sockets),
            metrics=str(self.metrics.directory),
        )

    def _make_directory(self, stack: contextlib.AsyncExitStack) -> SharedMetrics:
        """Where metrics are counted and copies of the rules stand; what an earlier run left is removed."""
        state = self.settings.state_dir
        try:
            lock = os.open(state / "workers.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory.mkdir(mode=0o700)
            return SharedMetrics.of(self._directory / "metrics", self.settings.workers)
        except BlockingIOError:
            raise StartError(
                [f"another gateway uses `{state}`: give each one its own with --state-dir D"]
            ) from None
        except OSError as fault:
            why = (fault.strerror or str(fault)).lower()
            raise StartError([f"`{self._directory}` cannot be used: {why}: give --state-dir D"]) from None

    async def _first(self, tasks: asyncio.TaskGroup, stack: contextlib.AsyncExitStack) -> StartError | None:
        """Load the first policy, and wait until every slot is served; gives what keeps it from that."""
        self._unable = asyncio.get_running_loop().create_future()
        try:
            await asyncio.to_thread(self.control.first_policy)
        except StartError as fault:
            return fault
        self.control.run(tasks, stack)
        whole = tasks.create_task(_wait(self.crew.whole))
        stopped = tasks.create_task(_wait(self.stop.asked))
        await asyncio.wait((whole, stopped, self._unable), return_when=asyncio.FIRST_COMPLETED)
        whole.cancel()
        stopped.cancel()
        unable, self._unable = self._unable, None
        return unable.result() if unable.done() else None

    # --- running -------------------------------------------------------------------------------------------

    def _behind(self) -> "_Behind":
        return _Behind(self.crew, round(self.settings.limits.silent_seconds / 2 / TICK))

    def _told(self) -> Told:
        return Told(
            records=self._take, vacated=self._vacated, replaced=self._replaced, unable=self._cannot_serve
        )

    def _take(self, records: Records) -> None:
        self.control.feed.take_later(records.count, records.read)

    def _vacated(self, slot: int) -> None:
        try:
            self.metrics.clear_gauges(slot)
        except OSError as fault:
            self._logger.error("the gauges of a worker that is gone stay", slot=slot, fault=str(fault))  # noqa: TRY400

    def _replaced(self, slot: int) -> None:
        self.control.metrics.worker_restarted()
        self._logger.warning("a worker was replaced", slot=slot)

    def _cannot_serve(self, faults: tuple[str, ...]) -> None:
        if self._unable is not None and not self._unable.done():
            self._unable.set_result(StartError(list(faults)))
            return
        for fault in faults:
            self._logger.error("a worker cannot serve", fault=fault)

    def _agree(self, inputs: PolicyInputs, loaded: Loaded) -> Sequence[Fault]:
        """Have every worker load what was loaded here, and switch; called in the reloading thread."""
        number = next(self._numbers)
        rules = self._directory / "rules"
        copy = rules / str(number)
        write_rules(loaded.files, 1 + len(inputs.extra), copy)
        load = Load(number=number, generation=loaded.policy.generation, rules=str(copy), today=inputs.today)
        swap = self.crew.swap(Target(digest=loaded.policy.digest, load=load), LOAD_SECONDS)
        faults = asyncio.run_coroutine_threadsafe(swap, self._loop).result()
        for old in rules.iterdir():
            if old.name != str(self.crew.in_force):
                shutil.rmtree(old, ignore_errors=True)
        return [Fault("workers", 0, 0, "", fault) for fault in faults]

    # --- ending --------------------------------------------------------------------------------------------

    async def _drained(self, working: asyncio.Task[None]) -> None:
        await asyncio.wait((working,), timeout=self.settings.limits.drain_seconds + LEAVING_SECONDS)


class _Behind:
    """The workers, as the control plane sees them."""

    def __init__(self, crew: Crew, most_silent: int) -> None:
        self._crew = crew
        self._most_silent = most_silent

    @property
    def stuck(self) -> tuple[str, ...]:
        return tuple(
            f"worker w{one.slot} (pid {one.pid}) has said nothing for {one.silent * TICK:g} s"
            for one in self._crew.silent(self._most_silent)
        )

    @property
    def up(self) -> int:
        return self._crew.serving

    @property
    def evidence_fault(self) -> str:
        return self._crew.evidence_fault

    async def lock(self, *, on: bool) -> None:
        await self._crew.lock(LOCK_SECONDS, on=on)

    async def settled(self) -> None:
        await self._crew.flush(FLUSH_SECONDS)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _address(sock: socket.socket) -> tuple[str, int]:
    host, port = sock.getsockname()[:2]
    return str(host), int(port)


def _close(sockets: Sequence[Sequence[socket.socket]]) -> None:
    for slot in sockets:
        for sock in slot:
            sock.close()
