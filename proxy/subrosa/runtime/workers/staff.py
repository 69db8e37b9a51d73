"""Worker processes: started, listened to, and replaced when they die or say nothing."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable

import structlog

from subrosa.runtime.workers.backoff import Backoff
from subrosa.runtime.workers.channel import Channel
from subrosa.runtime.workers.crew import Crew
from subrosa.runtime.workers.members import Member
from subrosa.runtime.workers.messages import MessageError, Start

TICK = 0.5
STARTING_SECONDS = 60.0
"""How long a process may take until it says something: a cold disk reads Python slowly."""


class Staff:
    """Keeps as many processes as there are slots, and from the moment that all of them serve one more.

    That one has loaded everything and stands by, so that the slot of a worker that dies is served again at once.
    """

    def __init__(self, crew: Crew, start: Start, silent_seconds: float) -> None:
        self.crew = crew
        self._start = start
        self._inherited = [descriptor for slot in start.sockets for descriptor in slot]
        self._most_silent = round(silent_seconds / TICK)
        self._backoff = Backoff()
        self._stopping = False
        self._logger = structlog.get_logger("subrosa.workers")

    async def run(self) -> None:
        """Start processes and attend to them until the last has ended after `stop`."""
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch())
            while not (self._stopping and not self.crew.members):
                self.crew.changed.clear()
                if not self._stopping and len(self.crew.members) < self._wanted():
                    await self._hire(tasks)
                else:
                    await self.crew.changed.wait()
            watching.cancel()

    def stop(self, *, now: bool) -> None:
        """Start no more; have those who serve drain, or all of them end at once."""
        self._stopping = True
        if now:
            for member in self.crew.members:
                member.kill()
        else:
            self.crew.drain()
        self.crew.changed.set()

    def _wanted(self) -> int:
        slots = len(self.crew.slots)
        return slots + (self.crew.serving == slots or len(self.crew.members) > slots)

    async def _hire(self, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        if delay := self._backoff.delay(loop.time()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._until_stopping()
            if self._stopping:
                return
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "subrosa.runtime.workers", str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), *self._inherited),
                    start_new_session=True,
                )
        except OSError as fault:
            ours.close()
            self._logger.error("no worker can be started", fault=str(fault))  # noqa: TRY400
            self._backoff.died(loop.time())
            return
        channel = await Channel.of(ours)
        member = Member(pid=process.pid, send=channel.send, kill=_killer(process))
        channel.send(self._start)
        self.crew.joined(member)
        if self._stopping:
            member.kill()
        tasks.create_task(self._attend(member, channel, process))

    async def _until_stopping(self) -> None:
        while not self._stopping:
            self.crew.changed.clear()
            await self.crew.changed.wait()

    async def _attend(self, member: Member, channel: Channel, process: asyncio.subprocess.Process) -> None:
        """Listen to one process until it is gone; what a broken one says ends it."""
        try:
            while (message := await channel.receive()) is not None:
                self.crew.heard(member, message)
        except MessageError as fault:
            self._logger.error("a worker is not understood", pid=member.pid, fault=str(fault))  # noqa: TRY400
        finally:
            slot = member.slot
            await self._bury(process)
            await channel.close()
            self.crew.left(member)
        if not self._stopping:
            self._backoff.died(asyncio.get_running_loop().time())
            how = _ended(process.returncode)
            self._logger.error("a worker died", pid=member.pid, slot=slot, ended=how)

    async def _bury(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the end of a process that hung up; one that does not end soon is killed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await process.wait()
        if process.returncode is None:
            _killer(process)()
            await process.wait()

    async def _watch(self) -> None:
        starting = round(STARTING_SECONDS / TICK)
        while True:
            await asyncio.sleep(TICK)
            for member in self.crew.tick(self._most_silent, starting):
                self._logger.error("a worker says nothing and is replaced", pid=member.pid, slot=member.slot)
                member.kill()


def _killer(process: asyncio.subprocess.Process) -> Callable[[], None]:
    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    return kill


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"with exit code {code}"
