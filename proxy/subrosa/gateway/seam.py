"""The one seam of the engine: what it calls of its own siblings, as plain callables.

A test that wants a call to fail replaces it here (`replace(Parts(), answer=broken)`); what comes through `Ports`
and `Egress` is replaced there; a hook of the engine fails when one of ``addons`` raises in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from subrosa.facts.fields import Fields
from subrosa.facts.head import HeadLimits, RawHead, check_head, check_trailers
from subrosa.facts.hosts import Authority
from subrosa.facts.records import ConnectFacts, RequestHead, TlsFacts
from subrosa.gateway.refusal import Answer, Told, answer
from subrosa.gateway.shapes import Shape
from subrosa.gateway.spool import Spool, SpoolBudget
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Policy
from subrosa.policy.verdict import Verdict


class Vetting(Protocol):
    """Who judges destinations; `egress.Egress` does."""

    async def vet(self, authority: Authority) -> Sequence[str]:
        """The addresses that may be dialled, in order; raises EgressDenied."""


class Answering(Protocol):
    """Who puts a refusal into words; `refusal.answer` does."""

    def __call__(self, verdict: Verdict, decision_id: str, shape: Shape, *, request: Told) -> Answer:
        """The whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the engine is made of."""

    inspection: Callable[[Policy, ConnectFacts, TlsFacts | None], Inspection] = Inspection
    check_head: Callable[[RawHead, HeadLimits], RequestHead] = check_head
    check_trailers: Callable[[Sequence[tuple[bytes, bytes]], HeadLimits], Fields] = check_trailers
    spool: Callable[[SpoolBudget, Path], Spool] = Spool
    answer: Answering = answer
    addons: tuple[object, ...] = ()
    """Further mitmproxy addons, after the gateway's own."""
