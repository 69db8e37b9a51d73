"""The recorder: each decision is counted, logged and kept, exactly once, whatever happens to the disk."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from subrosa.effects.evidence import Told as Batch
from subrosa.effects.logs import DecisionLog
from subrosa.effects.metrics import Metrics
from subrosa.effects.records import Told, ToldBefore, decision_record, encode, outcome_line
from subrosa.effects.redact import TagWords, redact
from subrosa.effects.words import verdict_word
from subrosa.policy.decision import Decision, EvidenceError, TransferOutcome
from subrosa.policy.policy import Policy
from subrosa.policy.verdict import Reason, refusal

type Follower = Callable[[str], None]
"""Takes each redacted record as an encoded line; `Feed.take` is one."""

_EVIDENCE_RULE = "guard.evidence"


class Store(Protocol):
    """Where records are kept; `Evidence` is one."""

    def append(self, line: str, *, durable: bool) -> "asyncio.Future[None] | None":
        """Take one encoded record; give what to await where it has to be durable."""


class _NoStore:
    def append(self, line: str, *, durable: bool) -> "asyncio.Future[None] | None":  # noqa: ARG002 - the protocol's
        msg = "there is no evidence store"
        raise EvidenceError(msg)


class Recorder:
    """Implements the gateway's port of the same name.

    A decision about customer content is durable when `decided` returns. When it cannot be, the transfer is
    counted, logged and shown as the refusal it becomes, and EvidenceError is raised: the caller refuses, counts
    the cause, and records nothing more.
    """

    def __init__(
        self,
        metrics: Metrics,
        log: DecisionLog,
        clock: Callable[[], float],
        follower: Follower,
    ) -> None:
        self.metrics = metrics
        self.failed_closed, self.egress_denied = metrics.failed_closed, metrics.egress_denied
        self.held, self.inflight, self.tunnels = metrics.held, metrics.inflight, metrics.tunnels
        self._log = log
        self._clock = clock
        self._store: Store = _NoStore()
        self._words = TagWords()
        self._follower = follower
        self._told = ToldBefore()
        self._failing = ""
        self._logger = structlog.get_logger("subrosa.evidence")

    def keep_in(self, store: Store) -> None:
        """Keep records in this store from now on; until then every decision is refused."""
        self._store = store

    # --- the gateway's port --------------------------------------------------------------------------------

    def decided(self, decision: Decision, seconds: float) -> "Keeping | None":
        """Record a decision; gives what to wait for until it is durable, where it carries customer content.

        Raises EvidenceError, here or at its end, when it could not be made durable. A block stays the block that it
        is; an allow is told as a refusal with reason ``evidence``, also where the caller gave up waiting.
        """
        line = self._written(decision, seconds)
        try:
            durable = self._append(line, durable=decision.customer_content)
        except EvidenceError:
            self.unkept(decision, seconds)
            raise
        if durable is not None:
            return Keeping(self, durable, decision, line, seconds)
        self.tell(decision, line, seconds)
        return None

    def _written(self, decision: Decision, seconds: float) -> str:
        """The redacted record; of what was told alike before, all but what is new is kept."""
        now = self._clock()
        told = decision.shared.get(self._told) or self._told.find(decision)
        if isinstance(told, Told):
            decision.shared[self._told] = told
            return told.again(decision, now, seconds)
        record = redact(decision_record(decision, now, seconds), self._words)
        line = encode(record)
        self._told.keep(decision, line, str(record["time"]))
        return line

    def ended(self, decision: Decision, outcome: TransferOutcome) -> None:
        """Record what became of a transfer; never raises."""
        try:
            self.metrics.ended(decision, outcome)
            line = outcome_line(outcome, self._clock())
            self._follower(line)
            self._append(line, durable=False)
        except Exception:
            self._logger.exception("an outcome could not be recorded", id=outcome.id)

    # --- the runtime's side --------------------------------------------------------------------------------

    def policy_swapped(self, policy: Policy) -> None:
        """Take the words of a new generation, before its first decision."""
        self._words = TagWords.of(policy.tags.vocabulary)
        self._told = ToldBefore()
        self.metrics.learn(policy)

    def evidence_told(self, told: Batch) -> None:
        """Take what became of a batch of evidence; a store that starts or stops failing is logged."""
        if told.fault:
            self.metrics.evidence(0, told.records)
        else:
            self.metrics.evidence(told.records, 0)
        if told.fault and not self._failing:
            self._logger.error("evidence cannot be kept: customer content is refused", fault=told.fault)
        elif self._failing and not told.fault:
            self._logger.warning("evidence is kept again")
        self._failing = told.fault

    # --- how it is told ------------------------------------------------------------------------------------

    def _append(self, line: str, *, durable: bool) -> "asyncio.Future[None] | None":
        try:
            return self._store.append(line, durable=durable)
        except EvidenceError:
            if durable:
                raise
            return None

    def unkept(self, decision: Decision, seconds: float) -> None:
        """Tell a decision that no transfer may rely on: nothing leaves."""
        verdict = decision.verdict
        if verdict.allows:
            because = refusal(
                Reason.EVIDENCE, _EVIDENCE_RULE, verdict.stage, "the decision could not be recorded"
            )
            told = replace(
                because, operation=verdict.operation, provider=verdict.provider, purpose=verdict.purpose
            )
            decision = replace(decision, verdict=told)
        record = redact(decision_record(decision, self._clock(), seconds), self._words)
        self.tell(decision, encode(record), seconds)

    def left(self, decision: Decision) -> None:
        """Record that nothing came of a decision, which may still become durable: its caller gave up."""
        gone = TransferOutcome(id=decision.id, aborted="gateway")
        self._append(outcome_line(gone, self._clock()), durable=False)

    def tell(self, decision: Decision, line: str, seconds: float) -> None:
        """Count a decision, log it, and pass it on."""
        self.metrics.decided(decision, seconds)
        self._log(line, verdict_word(decision.verdict))
        self._follower(line)


class Keeping:
    """A decision on its way to the disk, told once it is there: `gateway.ports.Kept`."""

    __slots__ = ("_decision", "_line", "_recorder", "_seconds", "future")

    def __init__(
        self,
        recorder: Recorder,
        future: "asyncio.Future[None]",
        decision: Decision,
        line: str,
        seconds: float,
    ) -> None:
        self.future = future
        self._recorder = recorder
        self._decision = decision
        self._line = line
        self._seconds = seconds

    def finish(self) -> None:
        """Tell the decision as it was, or became; call once, when the future is done. Raises EvidenceError."""
        fault = self.future.exception()
        if fault is not None:
            self._recorder.unkept(self._decision, self._seconds)
            raise fault
        self._recorder.tell(self._decision, self._line, self._seconds)

    def give_up(self) -> None:
        """Tell the decision as the refusal that it becomes where nobody waits for it any more; instead of `finish`."""
        self._recorder.unkept(self._decision, self._seconds)
        self._recorder.left(self._decision)
