"""The control plane of a gateway: the policy store, the switches, and the admin port over them."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry

from subrosa import __version__
from subrosa.admin.app import Admin
from subrosa.admin.exposition import Collects
from subrosa.admin.health import Condition, Health, assess
from subrosa.admin.server import AdminServer
from subrosa.effects.feed import Feed
from subrosa.effects.gatewaymetrics import GatewayMetrics
from subrosa.effects.records import Record
from subrosa.gateway import ca
from subrosa.loading.store import Agree, ReloadResult, Store, agreed
from subrosa.policy.policy import Policy
from subrosa.runtime.authority import authority_of
from subrosa.runtime.bound import Bound
from subrosa.runtime.catalogue import rows
from subrosa.runtime.configuration import CLOCK, StartError, policy_inputs
from subrosa.runtime.explaining import explained
from subrosa.runtime.memory import settle, undisturbed
from subrosa.runtime.notify import ServiceManager
from subrosa.runtime.pulse import Pulse
from subrosa.runtime.signals import Wish, Wishes
from subrosa.runtime.stopping import Stop
from subrosa.runtime.switching import Switch
from subrosa.settings import Settings


class Behind(Protocol):
    """What serves behind the control plane: this process's own data plane, or workers."""

    @property
    def evidence_fault(self) -> str:
        """What evidence fails with; empty while it is written."""

    @property
    def up(self) -> int:
        """How many workers take connections."""

    @property
    def stuck(self) -> tuple[str, ...]:
        """What has given no sign of life for too long, and for how long."""

    async def lock(self, *, on: bool) -> None:
        """Break off what is under way where the switch was turned on; returns when that is done everywhere."""

    async def settled(self) -> None:
        """Return when every record told so far is in the feed."""


class Control:
    """Loads and reloads, locks down, and tells how things are."""

    def __init__(
        self,
        settings: Settings,
        stop: Stop,
        feed: Feed,
        *,
        swapped: Callable[[Policy], None] = lambda _policy: None,
        agree: Agree = agreed,
        manager: ServiceManager | None = None,
    ) -> None:
        self.settings = settings
        self.stop = stop
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry, CLOCK)
        self.feed = feed
        self.switch = Switch(settings.state_dir, lambda on: self.metrics.lockdown(on=on))
        self.store = Store(lambda: policy_inputs(settings), self._swapped, self._reloaded, agree)
        self._told = swapped
        self._logger = structlog.get_logger("subrosa")
        self._started = CLOCK()
        self._behind: Behind | None = None
        self._manager = manager or ServiceManager()
        self._pulse = Pulse(settings.limits.silent_seconds / 2)
        self._wishes = Wishes()
        self._running: list[asyncio.Task[None]] = []

    # --- starting ------------------------------------------------------------------------------------------

    def on_signals(self) -> None:
        """Take every signal that the gateway knows; what they ask for is done once it runs."""
        self.stop.on_signals()
        self._wishes.on_signals()

    def open_state(self) -> ca.CaPaths:
        """The state directory, the switch and the authority in it.

        Raises:
            StartError: what keeps them from being used.
        """
        directory = self.settings.state_dir
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.switch.read()
            authority = authority_of(self.settings, CLOCK())
            self.metrics.ca_expires(ca.expiry(authority))
        except OSError as fault:
            raise StartError(
                [f"state directory `{directory}` cannot be used: {_why(fault)}: give --state-dir D"]
            ) from None
        except ca.CaError as fault:
            raise StartError([str(fault)]) from None
        return authority

    def first_policy(self) -> None:
        """Load the policy.

        Raises:
            StartError: every fault of the rules.
        """
        with undisturbed():
            result = self.store.reload()
        if not result.ok:
            raise StartError([str(fault) for fault in result.faults])

    async def serve(
        self, stack: contextlib.AsyncExitStack, behind: Behind, registries: Sequence[Collects] = ()
    ) -> list[tuple[str, int]]:
        """Open the admin port, and the metrics port where one is wanted; gives where, the admin port first.

        Raises:
            StartError: when an address cannot be bound.
        """
        self._behind = behind
        self.switch.obey = behind.lock
        admin, address = self._admin([*registries, self.registry]), self.settings.admin
        server = AdminServer.of(admin, _host(address), self._token())
        bound = [await _start(stack, server, address)]
        if self.settings.metrics is not None:
            bound.append(await _start(stack, AdminServer.metrics_only(admin), self.settings.metrics))
        return bound

    def bound(
        self, authority: ca.CaPaths, listening: Sequence[tuple[str, str, int]], admin: tuple[str, int]
    ) -> Bound:
        """What is announced once everything serves."""
        policy = self.store.current()
        if policy is None:
            raise StartError(["no policy is loaded"])
        return Bound(
            listeners=tuple((mode, _joined(host, port)) for mode, host, port in listening),
            admin=_joined(*admin),
            ca=authority.certificate,
            profile=policy.profile.value,
            digest=policy.digest,
            providers=len(policy.providers),
            operations=sum(len(provider.operations) for provider in policy.providers.values()),
            observe=policy.observe,
        )

    def _token(self) -> str:
        file = self.settings.admin_token_file
        if file is None:
            return ""
        try:
            return file.read_text().strip()
        except OSError as fault:
            raise StartError([f"admin token file `{file}` cannot be read: {_why(fault)}"]) from None

    # --- running -------------------------------------------------------------------------------------------

    def run(self, tasks: asyncio.TaskGroup, stack: contextlib.AsyncExitStack) -> None:
        """Watch the rules, the switch and the event loop, and do what signals ask for, until `end`."""
        stack.enter_context(self._pulse.watched())
        tasks.create_task(self.store.watch(self.stop.asked))
        for work in (self.switch.watch(), self._pulse.beat(), self._manager.alive(), self._obey(tasks)):
            self._running.append(tasks.create_task(work))

    async def until_asked_to_stop(self) -> None:
        """Tell that everything serves, wait until someone wants the end, and tell that it begins."""
        self._manager.ready()
        await self.stop.asked.wait()
        self._logger.info("stopping: what is in flight may end", seconds=self.settings.limits.drain_seconds)
        self._manager.stopping()

    def end(self) -> None:
        """Do nothing of that any more."""
        for task in self._running:
            task.cancel()

    async def _obey(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            wish = await self._wishes.next()
            if wish is Wish.RELOAD:
                tasks.create_task(self._reload())
            else:
                tasks.create_task(self.switch.turn("signal", wish.value.name, on=wish is Wish.LOCK))

    async def _reload(self) -> Mapping[str, object]:
        result = await asyncio.to_thread(self.store.reload)
        return {
            "ok": result.ok,
            "generation": result.generation,
            "faults": [str(one) for one in result.faults],
        }

    def _swapped(self, policy: Policy) -> None:
        self._told(policy)
        self.metrics.policy_swapped(policy)

    def _reloaded(self, result: ReloadResult) -> None:
        self.metrics.reload(ok=result.ok)
        if result.ok and result.generation > 1:
            settle()
            self._logger.info("the rules were loaded anew", generation=result.generation)
        if not result.ok and self.store.current() is not None:
            self._logger.error(
                "the rules could not be loaded: the policy in force stays", faults=len(result.faults)
            )
            for fault in result.faults:
                self._logger.error("rule fault", fault=str(fault))

    async def _recent(self) -> list[Record]:
        if self._behind is not None:
            await self._behind.settled()
        return self.feed.recent()

    # --- what the admin port shows -------------------------------------------------------------------------

    def _admin(self, registries: Sequence[Collects]) -> Admin:
        return Admin(
            registries=registries,
            health=self._health,
            status=self._status,
            recent=self._recent,
            subscribe=self.feed.subscribe,
            catalogue=self._catalogue,
            explain=lambda request: explained(self.store.current(), request),
            reload=self._reload,
            lockdown=lambda: self.switch.on,
            set_lockdown=lambda on, by: self.switch.turn("api", by, on=on),
            stuck=self._stuck,
        )

    def _catalogue(self, word: str) -> list[dict[str, str]]:
        policy = self.store.current()
        return rows(policy, word) if policy is not None else []

    def _health(self) -> Health:
        policy, behind = self.store.current(), self._behind
        up = 0 if behind is None else behind.up
        listeners = len(self.settings.listeners)
        return assess(
            Condition(
                generation=policy.generation if policy is not None else 0,
                reload_fault=self.store.last_fault,
                evidence_fault="" if behind is None else behind.evidence_fault,
                listeners=listeners if up else 0,
                listeners_wanted=listeners,
                workers=up,
                workers_wanted=self.settings.workers,
                lockdown=self.switch.on,
                enforcing=policy is not None and not policy.observe,
                stopping=self.stop.asked.is_set(),
                stuck=self._stuck(),
            )
        )

    def _stuck(self) -> tuple[str, ...]:
        return () if self._behind is None else self._behind.stuck

    def _status(self) -> Mapping[str, object]:
        policy = self.store.current()
        return {
            "version": __version__,
            "started": datetime.fromtimestamp(self._started, UTC).isoformat(timespec="seconds"),
            "ready": self._health().ready,
            "lockdown": self.switch.on,
            "workers": 0 if self._behind is None else self._behind.up,
            "policy": None
            if policy is None
            else {
                "generation": policy.generation,
                "digest": policy.digest,
                "profile": policy.profile.value,
                "enforcing": not policy.observe,
                "providers": len(policy.providers),
                "asserted": sorted(policy.asserted),
            },
            "sources": [asdict(source)["name"] for source in policy.sources.named]
            if policy is not None
            else [],
        }


async def _start(stack: contextlib.AsyncExitStack, server: AdminServer, address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    try:
        bound = await server.start(host.strip("[]"), int(port))
    except OSError as fault:
        raise StartError(
            [f"{address}: {_why(fault)}: give another address with --admin or --metrics"]
        ) from None
    stack.push_async_callback(server.close)
    return bound


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why(fault: OSError) -> str:
    return (fault.strerror or str(fault)).lower()
