"""The policy in force: built whole, swapped as one reference; a bad reload keeps the last good one and says so."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from watchfiles import awatch

from subrosa.loading.faults import Fault, RuleErrors
from subrosa.loading.files import fingerprint
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.policy import Loaded, load
from subrosa.policy.policy import Policy

DEBOUNCE_MS = 400
TICK_MS = 30_000
"""How often day and files are looked at without being told, for midnights, and for mounts that tell no changes."""
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """What a reload came to: the generation now in force, and every fault (warnings too, when ``ok``)."""

    ok: bool
    generation: int
    faults: tuple[Fault, ...] = ()


type Agree = Callable[[PolicyInputs, Loaded], Sequence[Fault]]
"""Asked before a new policy is put in force, in the reloading thread; each fault that it gives keeps the old one."""


def agreed(_inputs: PolicyInputs, _loaded: Loaded) -> Sequence[Fault]:
    """Nobody has to be asked."""
    return ()


def _ignore_policy(_policy: Policy) -> None:
    """Nobody wants to know."""


def _ignore_result(_result: ReloadResult) -> None:
    """Nobody wants to know."""


class Store:
    """Holds the policy in force; any thread may read it, one reload runs at a time.

    ``inputs`` is asked anew for every reload. ``on_swap`` hears of each new policy after it is in force,
    ``on_result`` of each reload, the failed ones too; both are called in the reloading thread. ``agree`` is asked
    before a policy with other content than the one in force is put in its place.
    """

    def __init__(
        self,
        inputs: Callable[[], PolicyInputs],
        on_swap: Callable[[Policy], None] = _ignore_policy,
        on_result: Callable[[ReloadResult], None] = _ignore_result,
        agree: Agree = agreed,
    ) -> None:
        self._inputs = inputs
        self._on_swap = on_swap
        self._on_result = on_result
        self._agree = agree
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None
        self._seen: tuple[str, frozenset[tuple[str, int, int, int]]] = ("", frozenset())
        self._fault = ""
        self._watch_fault = ""

    def current(self) -> Policy | None:
        """The policy in force; None before the first good load, and then every transfer is refused."""
        loaded = self._loaded
        return None if loaded is None else loaded.policy

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What is worth a warning about the policy in force."""
        loaded = self._loaded
        return () if loaded is None else loaded.warnings

    @property
    def stale(self) -> bool:
        """Whether the files say something that the policy in force does not."""
        return bool(self.last_fault)

    @property
    def last_fault(self) -> str:
        """Why the policy is stale, one fault a line; empty when it is not."""
        return self._fault or self._watch_fault

    def reload(self) -> ReloadResult:
        """Build and put in force what the files say now; on any fault the policy stays what it is."""
        with self._lock:
            try:
                inputs, loaded = self._build()
                faults = () if self._in_force(loaded) else tuple(self._agree(inputs, loaded))
            except RuleErrors as errors:
                return self._keep(errors.faults)
            except Exception as error:  # noqa: BLE001 - whatever a load raises, the last good policy stays in force
                fault = Fault("rules", 0, 0, "", f"loading failed: {type(error).__name__}: {error}")
                return self._keep((fault,))
            return self._keep(faults) if faults else self._commit(loaded)

    async def watch(self, stop: asyncio.Event) -> None:
        """Reload when files change, and when a day begins; until ``stop`` is set."""
        while not stop.is_set():
            try:
                await self._watch(stop)
            except Exception as error:  # noqa: BLE001 - the watcher outlives what mounts and settings do to it
                self._watch_fault = f"rules are not watched: {error}"
                try:
                    await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
                except TimeoutError:
                    await asyncio.to_thread(self.reload)

    async def _watch(self, stop: asyncio.Event) -> None:
        inputs = self._inputs()
        places = [place.resolve() for place in (inputs.builtin, *inputs.extra)]
        async for changes in awatch(
            *places,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            stop_event=stop,
            rust_timeout=TICK_MS,
            yield_on_timeout=True,
        ):
            self._watch_fault = ""
            if bool(changes) or await asyncio.to_thread(self._outdated):
                await asyncio.to_thread(self.reload)

    def _outdated(self) -> bool:
        inputs = self._inputs()
        return (inputs.today, fingerprint(inputs.builtin, inputs.extra)) != self._seen

    def _build(self) -> tuple[PolicyInputs, Loaded]:
        inputs = self._inputs()
        self._seen = (inputs.today, fingerprint(inputs.builtin, inputs.extra))
        return inputs, load(inputs, 1 if self._loaded is None else self._loaded.policy.generation + 1)

    def _in_force(self, loaded: Loaded) -> bool:
        return self._loaded is not None and self._loaded.policy.digest == loaded.policy.digest

    def _commit(self, loaded: Loaded) -> ReloadResult:
        before = self._loaded
        self._fault = ""
        if before is not None and self._in_force(loaded):
            loaded = replace(loaded, policy=before.policy)
        self._loaded = replace(loaded, files=())  # they were needed by who had to agree
        if before is None or loaded.policy is not before.policy:
            self._on_swap(loaded.policy)
        return self._told(ReloadResult(ok=True, generation=loaded.policy.generation, faults=loaded.warnings))

    def _keep(self, faults: tuple[Fault, ...]) -> ReloadResult:
        self._fault = "\n".join(str(fault) for fault in faults)
        generation = 0 if self._loaded is None else self._loaded.policy.generation
        return self._told(ReloadResult(ok=False, generation=generation, faults=faults))

    def _told(self, result: ReloadResult) -> ReloadResult:
        self._on_result(result)
        return result
