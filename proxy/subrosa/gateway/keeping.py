"""Waiting until a decision is kept: as a coroutine, or called back, for a task of its own would cost more than that."""

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Final, Protocol

from subrosa.gateway.ports import Kept
from subrosa.policy.decision import Decision

type Rest = Coroutine[None, None, None]
"""What is left of a step that has to wait."""
type Later = Callable[[], None]
"""What is done once there is nothing to wait for any more."""


class Called(Enum):
    """Told instead of a rest."""

    LATER = "what was to be called later will be"


CALLED: Final = Called.LATER


class Keeps(Protocol):
    """Whose decision it is; `judged.Judged` is one."""

    def kept(self, decision: Decision, kept: Kept) -> None:
        """The decision is kept, or cannot be; raises FailedError where an allow relied on it."""

    def failed(self, fault: Exception) -> None:
        """What `kept` raised, or TimeoutError where that took too long."""


class Waiting:
    """One decision that is waited for, in one of two ways."""

    __slots__ = ("_decision", "_keeps", "_kept", "_later", "_timer")

    def __init__(self, keeps: Keeps, decision: Decision, kept: Kept) -> None:
        self._keeps = keeps
        self._decision = decision
        self._kept = kept
        self._later: Later | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self) -> None:
        """Return when it is kept; raises FailedError."""
        future = self._kept.future
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError:
            self._kept.give_up()
            raise
        self._keeps.kept(self._decision, self._kept)

    def then(self, later: Later, seconds: float) -> None:
        """Call ``later`` once that is over, in so many seconds at most."""
        self._later = later
        future = self._kept.future
        self._timer = future.get_loop().call_later(seconds, self._too_late)
        future.add_done_callback(self._done)

    def _done(self, _future: "asyncio.Future[None]") -> None:
        later, timer, self._later = self._later, self._timer, None
        if later is None or timer is None:
            return
        timer.cancel()
        try:
            self._keeps.kept(self._decision, self._kept)
        except Exception as fault:  # noqa: BLE001 - whatever a recorder raises, the transfer is refused
            self._keeps.failed(fault)
        later()

    def _too_late(self) -> None:
        later, self._later = self._later, None
        if later is None:
            return
        try:
            self._kept.give_up()
        finally:
            self._keeps.failed(TimeoutError())
            later()


async def over(rest: Rest | Waiting | None) -> None:
    """Wait for what is left."""
    if isinstance(rest, Waiting):
        await rest.wait()
    elif rest is not None:
        await rest
