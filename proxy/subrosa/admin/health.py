"""Whether the gateway is alive and ready, judged from named checks; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """``WARN`` is told and leaves the gateway ready; ``FAIL`` takes it out of service."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``detail`` says what is wrong and what to do, in one sentence."""

    name: str
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """All checks together."""

    checks: tuple[Check, ...]

    @property
    def ready(self) -> bool:
        """Whether transfers can be served as they should be; no check at all is not ready."""
        return bool(self.checks) and all(check.state is not State.FAIL for check in self.checks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is not as it should be, worst first."""
        worst_first = sorted(self.checks, key=lambda check: check.state is not State.FAIL)
        return tuple(f"{check.name}: {check.detail}" for check in worst_first if check.state is not State.OK)

    def told(self) -> dict[str, object]:
        """The answer of ``/readyz``."""
        return {
            "ready": self.ready,
            "reasons": list(self.reasons),
            "checks": {
                check.name: {"state": check.state.value, **({"detail": check.detail} if check.detail else {})}
                for check in self.checks
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the runtime knows of itself; everything defaults to what is not ready."""

    generation: int = 0
    reload_fault: str = ""
    evidence_fault: str = "no evidence store is open"
    listeners: int = 0
    listeners_wanted: int = 1
    workers: int = 0
    workers_wanted: int = 1
    lockdown: bool = False
    enforcing: bool = False
    stopping: bool = False
    stuck: tuple[str, ...] = ()


def assess(condition: Condition) -> Health:
    """The checks of a gateway in this condition."""
    return Health(
        (
            _policy(condition),
            _reload(condition.reload_fault),
            _evidence(condition.evidence_fault),
            _listeners(condition.listeners, condition.listeners_wanted),
            _workers(condition.workers, condition.workers_wanted),
            _stuck(condition.stuck),
            _stopping(stopping=condition.stopping),
            _lockdown(on=condition.lockdown),
            _enforcing(condition),
        )
    )


def healthy(checks: Iterable[Check]) -> Health:
    """Health from checks of the caller's own."""
    return Health(tuple(checks))


def _policy(condition: Condition) -> Check:
    if condition.generation > 0:
        return Check("policy", State.OK)
    return Check("policy", State.FAIL, "no policy is loaded, so every transfer is refused")


def _reload(fault: str) -> Check:
    if not fault:
        return Check("reload", State.OK)
    return Check(
        "reload", State.WARN, f"the last reload failed and the policy before it stays in force: {fault}"
    )


def _evidence(fault: str) -> Check:
    if not fault:
        return Check("evidence", State.OK)
    return Check("evidence", State.FAIL, f"{fault}; transfers with customer content are refused")


def _listeners(up: int, wanted: int) -> Check:
    if up >= wanted > 0:
        return Check("listeners", State.OK)
    return Check("listeners", State.FAIL, f"{up} of {wanted} listeners accept connections")


def _workers(up: int, wanted: int) -> Check:
    if up >= wanted > 0:
        return Check("workers", State.OK)
    state = State.WARN if up > 0 else State.FAIL
    return Check("workers", state, f"{up} of {wanted} workers serve")


def _stuck(what: tuple[str, ...]) -> Check:
    if not what:
        return Check("stuck", State.OK)
    return Check("stuck", State.WARN, "; ".join(what))


def _stopping(*, stopping: bool) -> Check:
    if not stopping:
        return Check("stopping", State.OK)
    return Check("stopping", State.FAIL, "asked to stop: what is in flight may end, no more is taken")


def _lockdown(*, on: bool) -> Check:
    if not on:
        return Check("lockdown", State.OK)
    return Check("lockdown", State.WARN, "locked down: every transfer is refused until it is lifted")


def _enforcing(condition: Condition) -> Check:
    if condition.enforcing or condition.generation == 0:
        return Check("enforcing", State.OK)
    return Check("enforcing", State.WARN, "observe mode: what the rules would refuse is recorded and passes")
