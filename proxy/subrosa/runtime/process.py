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
from subrosa.runtime.configuration import CLOCK, service_manager
from subrosa.runtime.control import Control
from subrosa.runtime.memory import settle
from subrosa.runtime.notify import ServiceManager
from subrosa.runtime.serving import DataPlane
from subrosa.runtime.stopping import Stop
from subrosa.settings import Settings


def run_gateway(settings: Settings, announce: Callable[[Bound], None]) -> None:
    """Run in the foreground until SIGTERM or SIGINT.

    Raises:
        StartError: what keeps the gateway from starting; nothing listens then.
    """
    with asyncio.Runner() as runner:
        if settings.workers == 1:
            runner.run(Gateway(settings, service_manager()).run(announce))
            return
        # Here, for it takes a tenth of a second that one process has no use for.
        from subrosa.runtime.workers.supervisor import Supervisor

        runner.run(Supervisor(settings, service_manager()).run(announce))


class Gateway:
    """Control plane and data plane in one process."""

    def __init__(self, settings: Settings, manager: ServiceManager) -> None:
        self.settings = settings
        self._manager = manager
        self.stop = Stop()
        self.registry = CollectorRegistry()

    async def run(self, announce: Callable[[Bound], None]) -> None:
        """State, policy, evidence, listeners, admin port, and only then the announcement."""
        log = logs.configure(sys.stderr, console=self.settings.log_format == "console")
        feed = Feed()
        counted = Metrics(self.registry, held_limit=self.settings.limits.held_total)
        recorder = Recorder(counted, log, CLOCK, feed.take)
        control = Control(
            self.settings, self.stop, feed, swapped=recorder.policy_swapped, manager=self._manager
        )
        control.on_signals()
        authority = control.open_state()
        control.first_policy()
        plane = DataPlane(
            self.settings,
            authority,
            policy=control.store.current,
            locked=lambda: control.switch.on,
            recorder=recorder,
        )
        async with contextlib.AsyncExitStack() as stack:
            listening = await plane.open(stack)
            admin, *others = await control.serve(stack, _Here(plane), [self.registry])
            plane.own |= {admin, *others}
            async with asyncio.TaskGroup() as tasks:
                control.run(tasks, stack)
                settle()
                announce(control.bound(authority, listening, admin))
                await control.until_asked_to_stop()
                await self.stop.unless_now(plane.drain())
                control.end()


class _Here:
    """This process's data plane, as the control plane sees it."""

    up = 1

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    @property
    def evidence_fault(self) -> str:
        return self._plane.evidence_fault

    @property
    def stuck(self) -> tuple[str, ...]:
        return ()

    async def lock(self, *, on: bool) -> None:
        if on:
            self._plane.abort_all()

    async def settled(self) -> None:
        return
