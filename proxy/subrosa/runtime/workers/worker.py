"""A worker: the data plane in a process of its own, told by a supervisor what to load and when to serve.

It loads and serves nothing by itself. When the supervisor is gone it drains and exits.
"""

import asyncio
import contextlib
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

from prometheus_client import CollectorRegistry

from subrosa.effects import logs
from subrosa.effects.metrics import Metrics
from subrosa.effects.recorder import Recorder
from subrosa.effects.shared import count_in
from subrosa.loading.faults import RuleErrors
from subrosa.loading.policy import load
from subrosa.policy.policy import Policy
from subrosa.runtime.authority import placed
from subrosa.runtime.configuration import CLOCK, StartError, policy_inputs
from subrosa.runtime.lockdown import Lockdown
from subrosa.runtime.memory import settle, undisturbed
from subrosa.runtime.pulse import Pulse
from subrosa.runtime.serving import DataPlane
from subrosa.runtime.workers.channel import Channel
from subrosa.runtime.workers.forwarding import Forwarder
from subrosa.runtime.workers.messages import (
    Alive,
    Done,
    Drain,
    Failed,
    Flush,
    Forget,
    Load,
    Loaded,
    Lock,
    Message,
    Serve,
    Serving,
    Start,
    Switch,
    Switched,
    Unable,
)
from subrosa.settings import Settings

BEAT = 0.5
"""Seconds between two signs of life."""


async def work(control: socket.socket) -> None:
    """Do what the supervisor at the other end of this socket says, until it says to end or is gone."""
    channel = await Channel.of(control)
    start = await channel.receive()
    if not isinstance(start, Start):
        return
    worker = Worker(channel, start)
    try:
        await worker.run()
    except* StartError as faults:
        channel.send(Unable(faults=tuple(line for fault in _leaves(faults) for line in fault.lines)))
    await channel.close()


class Worker:
    """The parts of one worker, and what it is told."""

    def __init__(self, channel: Channel, start: Start) -> None:
        self._channel = channel
        self._sockets = start.sockets
        self._metrics = Path(start.metrics)
        self.settings = Settings.model_validate_json(start.settings)
        self._policy: Policy | None = None
        self._built: dict[int, Policy] = {}
        self._forgotten: set[int] = set()
        self._lockdown = Lockdown.of(self.settings.state_dir)
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loading")
        self._recorder: Recorder | None = None
        self._plane: DataPlane | None = None
        self._forwarder: Forwarder | None = None
        self._ending = asyncio.Event()
        self._log = logs.configure(sys.stderr, console=self.settings.log_format == "console")

    async def run(self) -> None:
        """Obey until the end.

        Raises:
            StartError: in a group; what keeps it from serving.
        """
        self._lockdown.read()
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            stack.callback(self._loader.shutdown, wait=False, cancel_futures=True)
            pulse = Pulse(self.settings.limits.silent_seconds / 2)
            stack.enter_context(pulse.watched())
            background = [
                tasks.create_task(one) for one in (self._beat(), pulse.beat(), self._obey(stack, tasks))
            ]
            await self._ending.wait()
            if self._plane is not None:
                await self._plane.drain()
            for task in background:
                task.cancel()

    async def _beat(self) -> None:
        while True:
            self._channel.send(Alive(evidence=self._plane.evidence_fault if self._plane is not None else ""))
            await asyncio.sleep(BEAT)

    async def _obey(self, stack: contextlib.AsyncExitStack, tasks: asyncio.TaskGroup) -> None:
        while (message := await self._channel.receive()) is not None:
            match message:
                case Load():
                    tasks.create_task(self._load(message))
                case Serve():
                    await self._serve(stack, message)
                case _:
                    self._do(message)
        self._ending.set()

    def _do(self, message: Message) -> None:
        match message:
            case Switch():
                self._switch(self._built[message.number])
                self._built.clear()  # an older one that nobody asked for again goes, too
                self._channel.send(Switched(number=message.number))
            case Forget():
                if self._built.pop(message.number, None) is None:
                    self._forgotten.add(message.number)
            case Lock():
                self._lockdown.on = message.on
                if message.on and self._plane is not None:
                    self._plane.abort_all()
                self._channel.send(Done(number=message.number))
            case Flush():
                if self._forwarder is not None:
                    self._forwarder.flush()
                self._channel.send(Done(number=message.number))
            case Drain():
                self._ending.set()

    # --- policy --------------------------------------------------------------------------------------------

    async def _load(self, asked: Load) -> None:
        loop = asyncio.get_running_loop()
        try:
            policy = await loop.run_in_executor(self._loader, self._build, asked)
        except RuleErrors as faults:
            self._channel.send(Failed(number=asked.number, fault=str(faults.faults[0])))
        except Exception as fault:  # noqa: BLE001 - whatever it is, the supervisor must hear of it
            self._channel.send(Failed(number=asked.number, fault=f"{type(fault).__name__}: {fault}"))
        else:
            if asked.number in self._forgotten:
                self._forgotten.discard(asked.number)
            else:
                self._built[asked.number] = policy
            self._channel.send(Loaded(number=asked.number, digest=policy.digest))

    def _build(self, asked: Load) -> Policy:
        inputs = policy_inputs(self.settings, date.fromisoformat(asked.today))
        copies = [Path(asked.rules) / str(at) for at in range(1 + len(inputs.extra))]
        with undisturbed():
            return load(replace(inputs, builtin=copies[0], extra=tuple(copies[1:])), asked.generation).policy

    def _switch(self, policy: Policy) -> None:
        if self._recorder is not None:
            self._recorder.policy_swapped(policy)
        self._policy = policy
        settle()

    # --- serving -------------------------------------------------------------------------------------------

    async def _serve(self, stack: contextlib.AsyncExitStack, asked: Serve) -> None:
        if self._policy is None:
            raise StartError(["no policy is in force"])
        sockets = self._take_sockets(asked.slot)
        count_in(self._metrics, asked.slot)
        forwarder = self._forwarder = Forwarder(self._channel)
        limit = -(-self.settings.limits.held_total // self.settings.workers)
        counted = Metrics(CollectorRegistry(), held_limit=limit)
        self._recorder = Recorder(counted, self._log, CLOCK, forwarder.take)
        self._recorder.policy_swapped(self._policy)
        plane = DataPlane(
            self.settings,
            placed(self.settings),
            policy=lambda: self._policy,
            locked=lambda: self._lockdown.on,
            recorder=self._recorder,
        )
        plane.own |= set(asked.own)
        stack.callback(forwarder.flush)
        await plane.open(stack, sockets, f"w{asked.slot}")
        self._plane = plane
        self._channel.send(Serving())

    def _take_sockets(self, slot: int) -> tuple[socket.socket, ...]:
        """The sockets of one slot; those of the others are for others."""
        taken = tuple(socket.socket(fileno=descriptor) for descriptor in self._sockets[slot])
        for other, descriptors in enumerate(self._sockets):
            for descriptor in descriptors if other != slot else ():
                os.close(descriptor)
        for sock in taken:
            sock.set_inheritable(False)
            sock.setblocking(False)
        return taken


def _leaves(group: BaseExceptionGroup[StartError]) -> list[StartError]:
    found: list[StartError] = []
    for one in group.exceptions:
        found.extend(_leaves(one) if isinstance(one, BaseExceptionGroup) else [one])
    return found


def main(control: int) -> None:
    """Run a worker over this descriptor; signals are the supervisor's to take."""
    asyncio.run(_main(socket.socket(fileno=control)))


async def _main(control: socket.socket) -> None:
    control.set_inheritable(False)
    control.setblocking(False)
    await work(control)
