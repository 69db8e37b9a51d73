"""What a transfer is judged with: what all share, what was heard of one, and how a failure is told."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from subrosa.facts.head import HeadError, RawHead
from subrosa.facts.records import ConnectFacts, RequestHead, TlsFacts
from subrosa.facts.sessions import SessionsError
from subrosa.gateway.limits import Limits
from subrosa.gateway.ports import EvidenceError, Ports
from subrosa.gateway.seam import Parts, Vetting
from subrosa.gateway.spool import SpoolBudget
from subrosa.policy.decision import Decision
from subrosa.policy.inspection import Inspection
from subrosa.policy.verdict import Reason, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all transfers of one engine share."""

    ports: Ports
    parts: Parts
    egress: Vetting
    limits: Limits
    budget: SpoolBudget
    spool_dir: Path
    clock: Callable[[], float] = time.perf_counter
    hash_all: bool = False
    """Whether the outcome tells the hash of bodies too that were not held."""


type Identify = Callable[[], Awaitable[tuple[ConnectFacts, bool]]]
"""Who sends and where to; True beside it when a user was named whose password is wrong."""


@dataclass(slots=True)
class Known:
    """What followed from a head, for the next request on the same connection that has the very same octets.

    ``inspection`` is of a head that settled everything, or whose body, with nothing in it, did; and so is ``decision``:
    under the same policy, and sent by the same client, the same settles the same.
    """

    head: RequestHead | None = None
    inspection: Inspection | None = None
    connect: ConnectFacts | None = None
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a lane read at the head: a raw head, or why there is none, or a refusal of its own."""

    raw: RawHead | None = None
    fault: HeadError | None = None
    refused: Verdict | None = None
    tls: TlsFacts | None = None
    known: Known | None = None


class FailedError(Exception):
    """A step of the gateway's own failed; ``cause`` is from the closed list that metrics carry."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def failure(fault: Exception) -> tuple[str, Reason]:
    """Cause and reason of whatever a step raised."""
    if isinstance(fault, FailedError):
        return fault.cause, Reason.EVIDENCE if fault.cause == "evidence" else Reason.ENGINE
    if isinstance(fault, SessionsError):
        return "sessions", Reason.SESSIONS
    if isinstance(fault, EvidenceError):
        return "evidence", Reason.EVIDENCE
    if isinstance(fault, TimeoutError):
        return "timeout", Reason.ENGINE
    return "engine", Reason.ENGINE
