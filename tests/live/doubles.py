"""Small working doubles of what the data plane needs: a recorder that is a list, a resolver that is a dict."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

from subrosa.content.kinds import KindTable
from subrosa.facts.hosts import Authority
from subrosa.facts.references import GuardedStores
from subrosa.facts.sessions import SessionFacts, SessionKey, SessionsError
from subrosa.facts.tags import TagTable
from subrosa.facts.ternary import Ternary, truth
from subrosa.gateway.egress import EgressDenied
from subrosa.gateway.ports import Kept, Ports, TransferOutcome
from subrosa.policy.decision import Decision
from subrosa.policy.policy import Policy, RuleSet
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.sources import Source, Sources
from subrosa.policy.subject import Subject
from subrosa.policy.verdict import Outcome, Reason


@dataclass(slots=True)
class ListRecorder:
    """Keeps what it is told; ``fail`` is raised by the next `decided` while it is set."""

    decisions: list[Decision] = field(default_factory=list)
    outcomes: list[TransferOutcome] = field(default_factory=list)
    causes: Counter[str] = field(default_factory=Counter)
    denied: Counter[str] = field(default_factory=Counter)
    held_transfers: int = 0
    held_octets: int = 0
    most_held: int = 0
    in_flight: int = 0
    open_tunnels: int = 0
    fail: BaseException | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def decided(self, decision: Decision, seconds: float) -> Kept | None:
        assert seconds >= 0
        if decision.customer_content:
            return Coming(self._keep(decision), lambda: self._left(decision))
        self._take(decision)
        return None

    async def _keep(self, decision: Decision) -> None:
        self._take(decision)

    def _left(self, decision: Decision) -> None:
        """As the recorder does: what was kept already, and is relied on by nobody, has an outcome too."""
        if decision in self.decisions:
            self.outcomes.append(TransferOutcome(id=decision.id, aborted="gateway"))
            self._note()

    def _take(self, decision: Decision) -> None:
        if self.fail is not None:
            raise self.fail
        self.decisions.append(decision)
        self._note()

    def ended(self, decision: Decision, outcome: TransferOutcome) -> None:
        assert decision.id == outcome.id
        self.outcomes.append(outcome)
        self._note()

    def failed_closed(self, cause: str) -> None:
        self.causes[cause] += 1
        self._note()

    def egress_denied(self, address_class: str) -> None:
        self.denied[address_class] += 1

    def held(self, transfers: int, octets: int) -> None:
        self.held_transfers += transfers
        self.held_octets += octets
        self.most_held = max(self.most_held, self.held_octets)
        self._note()

    def inflight(self, change: int) -> None:
        self.in_flight += change
        self._note()

    def tunnels(self, change: int) -> None:
        self.open_tunnels += change
        self._note()

    def _note(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, holds: Callable[["ListRecorder"], bool], seconds: float = 10.0) -> None:
        """Wait until something is true of what was told."""
        async with asyncio.timeout(seconds):
            while not holds(self):
                await self.changed.wait()

    async def at_rest(self) -> None:
        """Wait until nothing is in flight, and see that nothing is held then."""
        await self.until(lambda told: told.in_flight == 0)
        assert (self.held_transfers, self.held_octets, self.open_tunnels) == (0, 0, 0)


class Coming:
    """A decision that a coroutine keeps: `gateway.ports.Kept`."""

    def __init__(self, keeps: Coroutine[None, None, None], left: Callable[[], None] = lambda: None) -> None:
        self.future = asyncio.ensure_future(keeps)
        self._left = left

    def finish(self) -> None:
        self.future.result()

    def give_up(self) -> None:
        self.future.cancel()
        self._left()


@dataclass(slots=True)
class DictEgress:
    """Names to addresses; a name that is not there is denied."""

    table: dict[str, list[str]]
    asked: list[Authority] = field(default_factory=list)
    fail: BaseException | None = None
    hang: bool = False

    async def vet(self, authority: Authority) -> list[str]:
        self.asked.append(authority)
        if self.hang:
            await asyncio.Event().wait()
        if self.fail is not None:
            raise self.fail
        found = self.table.get(authority.host.name)
        if found is None:
            raise EgressDenied("no-answer", f"{authority.host} has no address")
        return found


class ByPath:
    """A condition that the first two path segments decide: ``/end/block`` holds once the body is whole.

    Stages are ``head``, ``body`` (from its second piece on) and ``end``; the second word is ``block`` or ``allow``.
    """

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()

    def test(self, subject: Subject) -> Ternary:
        head = subject.facts.head
        words = head.path.segments if head is not None else ()
        stage, verdict = (*words, "head", "allow")[:2] if len(words) > 1 else ("head", "allow")
        self._seen[id(subject)] += 1
        settled = {"head": True, "body": self._seen[id(subject)] > 2, "end": False}.get(stage, True)
        if not settled and not subject.body.closed:
            return Ternary.UNKNOWN
        return truth(verdict == "block")


def by_path() -> Rule:
    """A sealed block rule that `ByPath` decides."""
    return Rule(
        id="pledge.training-destination",
        rank=Rank.SEALED,
        outcome=Outcome.BLOCK,
        reason=Reason.TRAINING_DESTINATION,
        when=ByPath(),  # type: ignore[arg-type]
        why="the path of the test says so",
    )


def policy(*rules: Rule, sources: tuple[Source, ...] = (), **more: object) -> Policy:
    """A policy of hand-made block rules; everything that none of them blocks passes."""
    return Policy(
        generation=1,
        digest="0" * 64,
        blocks=RuleSet.of(rules),
        tags=TagTable(),
        kinds=KindTable(),
        guarded=GuardedStores(),
        sources=Sources(sources),
        **more,  # type: ignore[arg-type]
    )


def ports(recorder: ListRecorder, current: Callable[[], Policy | None], **more: object) -> Ports:
    """Ports with a list for a recorder."""
    count = itertools.count(1)

    async def nobody(_user: str, _password: str) -> bool:
        return False

    async def nothing(authority: Authority) -> list[str]:
        raise OSError(f"{authority.host} is not in the table")

    async def nothing_known(_keys: Sequence[SessionKey]) -> SessionFacts | None:
        return None

    async def nothing_kept(_keys: Sequence[SessionKey], _facts: SessionFacts) -> None:
        raise SessionsError("this test keeps nothing")

    given: dict[str, object] = {
        "policy": current,
        "recorder": recorder,
        "lockdown": lambda: False,
        "authenticate": nobody,
        "resolve": nothing,
        "recall": nothing_known,
        "remember": nothing_kept,
        "new_id": lambda: f"d-{next(count)}",
        **more,
    }
    return Ports(**given)  # type: ignore[arg-type]
