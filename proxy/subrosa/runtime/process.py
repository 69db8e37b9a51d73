"""`subrosa run`: one process that does it all, or a supervisor with workers; in an order that never serves unjudged."""

import asyncio
import contextlib
import sys
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from subrosa.effects import logs
from subrosa.effects.feed import Feed
from subrosa.effects.metrics import Metrics
from subrosa.effects.recorder import Recorder
from subrosa.runtime.bound import Bound
from subrosa.runtime.configuration import CLOCK
from subrosa.runtime.control import Control
from subrosa.runtime.serving import DataPlane
from subrosa.runtime.stopping import Stop
from subrosa.runtime.workers.supervisor import Supervisor
from subrosa.settings import Settings


def run_gateway(settings: Settings, announce: Callable[[Bound], None]) -> None:
    """Run in the foreground until SIGTERM or SIGINT.

    Raises:
        StartError: what keeps the gateway from starting; nothing listens then.
    """
    with asyncio.Runner() as runner:
        gateway = Gateway(settings) if settings.workers == 1 else Supervisor(settings)
        runner.run(gateway.run(announce))


class Gateway:
    """Control plane and data plane in one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stop = Stop()
        self.registry = CollectorRegistry()

    async def run(self, announce: Callable[[Bound], None]) -> None:
        """State, policy, evidence, listeners, admin port, and only then the announcement."""
        log = logs.configure(sys.stderr, console=self.settings.log_format == "console")
        feed = Feed()
        counted = Metrics(self.registry, held_limit=self.settings.limits.held_total)
        recorder = Recorder(counted, log, CLOCK, feed.take)
        control = Control(self.settings, self.stop, feed, swapped=recorder.policy_swapped)
        authority = control.open_state()
        control.first_policy()
        plane = DataPlane(
            self.settings,
            authority,
            policy=control.store.current,
            locked=lambda: control.lockdown.on,
            recorder=recorder,
        )
        async with contextlib.AsyncExitStack() as stack:
            listening = await plane.open(stack)
            admin, *others = await control.serve(stack, _Here(plane), [self.registry])
            plane.own |= {admin, *others}
            async with asyncio.TaskGroup() as tasks:
                control.run(tasks)
                self.stop.on_signals()
                announce(control.bound(authority, listening, admin))
                await self.stop.asked.wait()
                await self.stop.unless_now(plane.drain())


class _Here:
    """This process's data plane, as the control plane sees it."""

    up = 1

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    @property
    def evidence_fault(self) -> str:
        return self._plane.evidence_fault

    async def lock(self, *, on: bool) -> None:
        if on:
            self._plane.abort_all()

    async def settled(self) -> None:
        return
