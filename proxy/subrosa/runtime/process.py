"""One gateway process: data plane, admin port and policy store, started in an order that never serves unjudged."""

import asyncio
import contextlib
import signal
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from subrosa import __version__
from subrosa.admin.app import Admin, AdminServer
from subrosa.admin.health import Condition, Health, assess
from subrosa.effects import logs
from subrosa.effects.evidence import Evidence
from subrosa.effects.feed import Feed
from subrosa.effects.gatewaymetrics import GatewayMetrics
from subrosa.effects.metrics import Metrics
from subrosa.effects.recorder import Recorder
from subrosa.effects.segments import Segments
from subrosa.gateway import ca
from subrosa.gateway.front.front import Front
from subrosa.gateway.ports import EvidenceError, Ports
from subrosa.loading.store import ReloadResult, Store
from subrosa.policy.policy import Policy
from subrosa.runtime.bound import Bound
from subrosa.runtime.catalogue import rows
from subrosa.runtime.configuration import CLOCK, StartError, policy_inputs
from subrosa.runtime.dataplane import egress_of, engine_settings, users_of
from subrosa.runtime.explaining import explained
from subrosa.runtime.uploads import Uploads
from subrosa.settings import Settings


def run_gateway(settings: Settings, announce: Callable[[Bound], None]) -> None:
    """Run in the foreground until SIGTERM or SIGINT.

    Raises:
        StartError: what keeps the gateway from starting; nothing listens then.
    """
    with asyncio.Runner() as runner:
        runner.run(Gateway(settings).run(announce))


@dataclass(slots=True)
class Lockdown:
    """The switch that refuses everything; a file in the state directory, so that it survives a restart."""

    file: Path
    on: bool = False

    def read(self) -> bool:
        """Take the state from the file."""
        self.on = self.file.exists()
        return self.on

    def set(self, *, on: bool) -> None:
        """Turn it, on disk first."""
        if on:
            self.file.touch(mode=0o600)
        else:
            self.file.unlink(missing_ok=True)
        self.on = on


class Gateway:
    """The parts of one process over one set of settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry, CLOCK)
        self.feed = Feed()
        self.lockdown = Lockdown(settings.state_dir / "lockdown")
        self.store = Store(lambda: policy_inputs(settings), self._policy_swapped, self._reloaded)
        self.logger = structlog.get_logger("subrosa")
        self.started = CLOCK()
        self.listening = 0
        self.addresses: set[tuple[str, int]] = set()

    async def run(self, announce: Callable[[Bound], None]) -> None:
        """State, policy, evidence, listeners, admin port, and only then the announcement."""
        log = logs.configure(sys.stderr, console=self.settings.log_format == "console")
        counted = Metrics(self.registry, held_limit=self.settings.limits.held_total)
        self.recorder = Recorder(counted, log, CLOCK, self.feed.take)
        authority = self._open_state()
        self._first_policy()
        async with contextlib.AsyncExitStack() as stack:
            self.evidence = self._open_evidence()
            stack.push_async_callback(self.evidence.close)
            self.recorder.keep_in(self.evidence)
            bound = await self._start(stack, authority)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.store.watch(self.stopping))
                self._take_signals(tasks)
                announce(bound)
                await self.stopping.wait()
                await self.front.drain(self.settings.limits.drain_seconds)

    # --- starting ------------------------------------------------------------------------------------------

    def _open_state(self) -> ca.CaPaths:
        directory = self.settings.state_dir
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.metrics.lockdown(on=self.lockdown.read())
            authority = ca.ensure(directory, CLOCK())
            self.metrics.ca_expires(ca.expiry(authority))
        except OSError as fault:
            raise StartError(
                [f"state directory `{directory}` cannot be used: {_why(fault)}: give --state-dir D"]
            ) from None
        except ca.CaError as fault:
            raise StartError([str(fault)]) from None
        return authority

    def _first_policy(self) -> None:
        result = self.store.reload()
        if not result.ok:
            raise StartError([str(fault) for fault in result.faults])

    def _policy_swapped(self, policy: Policy) -> None:
        self.recorder.policy_swapped(policy)
        self.metrics.policy_swapped(policy)

    def _reloaded(self, result: ReloadResult) -> None:
        self.metrics.reload(ok=result.ok)
        if result.ok and result.generation > 1:
            self.logger.info("the rules were loaded anew", generation=result.generation)
        if not result.ok and self.store.current() is not None:
            self.logger.error(
                "the rules could not be loaded: the policy in force stays", faults=len(result.faults)
            )
            for fault in result.faults:
                self.logger.error("rule fault", fault=str(fault))

    def _open_evidence(self) -> Evidence:
        directory = self.settings.state_dir / "evidence"
        segments = Segments(directory, CLOCK)
        try:
            segments.open()
            return Evidence(segments, self.recorder.evidence_told)
        except EvidenceError as fault:
            raise StartError([str(fault)]) from None

    async def _start(self, stack: contextlib.AsyncExitStack, authority: ca.CaPaths) -> Bound:
        settings = self.settings
        users = users_of(settings)
        egress = egress_of(settings, self._own_addresses)
        uploads = Uploads(settings.state_dir / "sessions.sqlite", CLOCK)
        stack.push_async_callback(uploads.close)
        ports = Ports(
            policy=self.store.current,
            recorder=self.recorder,
            lockdown=lambda: self.lockdown.on,
            authenticate=users.verify,
            resolve=egress.resolve,
            recall=uploads.recall,
            remember=uploads.remember,
            new_id=lambda: str(uuid.uuid4()),
        )
        self.front = Front(engine_settings(settings, authority), ports, egress)
        try:
            listening = await self.front.start()
        except OSError as fault:
            raise StartError([_told_taken(fault, "--listen")]) from None
        stack.push_async_callback(self.front.stop)
        self.addresses = {(host, port) for _, host, port in listening}
        self.listening = len(listening)
        admin = await self._serve(
            stack, AdminServer.of(self._admin(), _host(settings.admin), self._token()), settings.admin
        )
        if settings.metrics is not None:
            await self._serve(stack, AdminServer.metrics_only([self.registry]), settings.metrics)
        policy = self.store.current()
        if policy is None:
            raise StartError(["no policy is loaded"])
        return Bound(
            listeners=tuple((one.mode, _joined(host, port)) for one, host, port in listening),
            admin=admin,
            ca=authority.certificate,
            profile=policy.profile.value,
            digest=policy.digest,
            providers=len(policy.providers),
            operations=sum(len(provider.operations) for provider in policy.providers.values()),
            observe=policy.observe,
        )

    async def _serve(self, stack: contextlib.AsyncExitStack, server: AdminServer, address: str) -> str:
        host, _, port = address.rpartition(":")
        try:
            bound = await server.start(host.strip("[]"), int(port))
        except OSError as fault:
            raise StartError(
                [f"{address}: {_why(fault)}: give another address with --admin or --metrics"]
            ) from None
        stack.push_async_callback(server.close)
        self.addresses.add(bound)
        return _joined(*bound)

    def _own_addresses(self) -> set[tuple[str, int]]:
        return self.addresses

    def _token(self) -> str:
        file = self.settings.admin_token_file
        if file is None:
            return ""
        try:
            return file.read_text().strip()
        except OSError as fault:
            raise StartError([f"admin token file `{file}` cannot be read: {_why(fault)}"]) from None

    # --- running -------------------------------------------------------------------------------------------

    def _take_signals(self, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(self._reload()))

    async def _reload(self) -> Mapping[str, object]:
        result = await asyncio.to_thread(self.store.reload)
        return {
            "ok": result.ok,
            "generation": result.generation,
            "faults": [str(one) for one in result.faults],
        }

    async def _set_lockdown(self, on: bool) -> None:  # noqa: FBT001 - the admin port's callable
        self.lockdown.set(on=on)
        self.metrics.lockdown(on=on)
        if on:
            self.front.abort_all()

    # --- what the admin port shows -------------------------------------------------------------------------

    def _admin(self) -> Admin:
        return Admin(
            registries=[self.registry],
            health=self._health,
            status=self._status,
            recent=self.feed.recent,
            subscribe=self.feed.subscribe,
            catalogue=self._catalogue,
            explain=lambda request: explained(self.store.current(), request),
            reload=self._reload,
            lockdown=lambda: self.lockdown.on,
            set_lockdown=self._set_lockdown,
        )

    def _catalogue(self, word: str) -> list[dict[str, str]]:
        policy = self.store.current()
        return rows(policy, word) if policy is not None else []

    def _health(self) -> Health:
        policy = self.store.current()
        return assess(
            Condition(
                generation=policy.generation if policy is not None else 0,
                reload_fault=self.store.last_fault,
                evidence_fault=self.evidence.fault,
                listeners=self.listening,
                listeners_wanted=len(self.settings.listeners),
                lockdown=self.lockdown.on,
                enforcing=policy is not None and not policy.observe,
            )
        )

    def _status(self) -> Mapping[str, object]:
        policy = self.store.current()
        return {
            "version": __version__,
            "started": datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds"),
            "ready": self._health().ready,
            "lockdown": self.lockdown.on,
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


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why(fault: OSError) -> str:
    return (fault.strerror or str(fault)).lower()


def _told_taken(fault: OSError, flag: str) -> str:
    return f"{fault.strerror}: stop what listens there, or give another address with {flag} H:P"
