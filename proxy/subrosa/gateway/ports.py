"""What the data plane needs from the rest, as plain callables; `runtime` connects them, tests pass small doubles."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from subrosa.facts.hosts import Authority
from subrosa.facts.sessions import SessionFacts, SessionKey
from subrosa.policy.decision import Decision, EvidenceError, TransferOutcome
from subrosa.policy.policy import Policy

__all__ = ["EvidenceError", "Kept", "Ports", "Recorder", "TransferOutcome"]


class Kept(Protocol):
    """A decision on its way to the disk; whoever waits for it ends it, in one way or the other, once."""

    @property
    def future(self) -> asyncio.Future[None]:
        """Done when it is kept, or cannot be."""

    def finish(self) -> None:
        """Tell the decision, once the future is done.

        Raises:
            EvidenceError: when it could not be made durable; the caller refuses.
        """

    def give_up(self) -> None:
        """Tell that nobody waits any more: nothing may rely on the decision."""


class Recorder(Protocol):
    """Counts, logs and keeps decisions; one decision a transfer, at most one outcome after it."""

    def decided(self, decision: Decision, seconds: float) -> Kept | None:
        """Record a decision; gives what to wait for until it is durable, None where nothing is waited for.

        Raises:
            EvidenceError: when it could not be made durable, here or when it is finished; the caller refuses.
        """

    def ended(self, decision: Decision, outcome: TransferOutcome) -> None:
        """Record what became of it; never raises."""

    def failed_closed(self, cause: str) -> None:
        """Count a refusal that the gateway gave because something inside failed; ``cause`` from a closed set."""

    def egress_denied(self, address_class: str) -> None:
        """Count a destination refused for its address."""

    def held(self, transfers: int, octets: int) -> None:
        """Move the gauges of held transfers and held bytes by these amounts."""

    def inflight(self, change: int) -> None:
        """Move the gauge of transfers in flight."""

    def tunnels(self, change: int) -> None:
        """Move the gauge of tunnels that nobody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The data plane's view of everything else.

    ``policy`` gives the current generation, or None while none is loaded. ``lockdown`` is the switch.
    ``authenticate`` verifies a proxy user and password, off the event loop where it is slow. ``resolve``
    gives all addresses of a name as text; OSError where there are none. ``recall`` gives what was said under any of
    some names of uploads, ``remember`` returns when that is kept; both raise SessionsError when they cannot, ``recall``
    also when it is asked for no name.
    """

    policy: Callable[[], Policy | None]
    recorder: Recorder
    lockdown: Callable[[], bool]
    authenticate: Callable[[str, str], Awaitable[bool]]
    resolve: Callable[[Authority], Awaitable[list[str]]]
    recall: Callable[[Sequence[SessionKey]], Awaitable[SessionFacts | None]]
    remember: Callable[[Sequence[SessionKey], SessionFacts], Awaitable[None]]
    new_id: Callable[[], str]
