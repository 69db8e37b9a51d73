"""How a transfer is judged and its decision recorded, once; whatever fails on the way refuses it, with a cause.

Knows no mitmproxy. Each step exists as far as it goes without waiting, for lanes in which nothing may cost more than
that, and as a coroutine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import overload

from subrosa.facts.head import HeadError, RawHead
from subrosa.facts.records import ConnectFacts, RequestHead, TlsFacts
from subrosa.facts.sessions import SessionFacts, SessionKey
from subrosa.facts.stage import Stage
from subrosa.gateway.judging import FailedError, Heard, Identify, Known, Shared, failure
from subrosa.gateway.keeping import CALLED, Called, Later, Rest, Waiting, over
from subrosa.gateway.ports import Kept, TransferOutcome
from subrosa.gateway.uploads import named
from subrosa.policy.decision import Decision, decision_of
from subrosa.policy.guards import head_refusal
from subrosa.policy.inspection import Inspection
from subrosa.policy.verdict import Outcome, Reason, Verdict, refusal

_UNDECIDED = Verdict(outcome=Outcome.UNDECIDED)


class Judged:
    """The half of a transfer that is judged; `Transfer` is the half that holds, tells and ends."""

    def __init__(self, shared: Shared, transport: str) -> None:
        self.shared = shared
        self.transport = transport
        self.id = shared.ports.new_id()
        self.verdict = _UNDECIDED
        self.admitted = False
        self.head: RequestHead | None = None
        self.decision: Decision | None = None
        self._inspection: Inspection | None = None
        self._raw: RawHead | None = None
        self._recording = False
        self._outcome: TransferOutcome | None = None
        self._hashed = 0
        self._thinking = 0.0
        self._known: Known | None = None
        """Where to remember what is decided, if nothing but the head is what decides."""
        self._before: Decision | None = None
        """What was decided of the same head with nothing in its body, where the body is still to come."""

    # --- judging -------------------------------------------------------------------------------------------

    async def open(self, heard: Heard, identify: Identify) -> None:
        """Judge the head, and record the decision where that is one. Never raises but for cancellation."""
        self._raw = heard.raw
        await self._guarded(lambda: self._open(heard, identify))

    @overload
    def open_now(self, heard: Heard, connect: ConnectFacts) -> Rest | None: ...

    @overload
    def open_now(self, heard: Heard, connect: ConnectFacts, later: Later) -> Rest | Called | None: ...

    def open_now(
        self, heard: Heard, connect: ConnectFacts, later: Later | None = None
    ) -> Rest | Called | None:
        """What `open` does, as far as it goes without waiting; what to await for the rest, None where that is all.

        `CALLED` where ``later`` is called instead, which may be where all that is waited for is a record.
        """
        self._raw = heard.raw
        return self._at_once(lambda: self._begin_now(heard, connect), later)

    async def refuse(self, verdict: Verdict, identify: Identify, tls: TlsFacts | None = None) -> None:
        """Refuse without a head to judge, and record that. Never raises but for cancellation."""
        await self._guarded(lambda: self._open(Heard(refused=verdict, tls=tls), identify))

    async def admit(self, identify: Identify) -> None:
        """Whether this client may open a tunnel; only a refusal is recorded. Never raises but for cancellation."""
        await self._guarded(lambda: self._admit(identify))

    async def settle(self) -> None:
        """Record what was decided since; an undecided verdict stays so. Never raises but for cancellation."""
        if self.verdict.decided:
            await self._guarded(self._record)

    @overload
    def settle_now(self) -> Rest | None: ...

    @overload
    def settle_now(self, later: Later) -> Rest | Called | None: ...

    def settle_now(self, later: Later | None = None) -> Rest | Called | None:
        """What `settle` does, as far as it goes without waiting; as `open_now`."""
        return self._at_once(self._record_now, later) if self.verdict.decided else None

    def fail(self, cause: str, reason: Reason = Reason.ENGINE) -> None:
        """Refuse because something inside failed, and count it."""
        self.shared.ports.recorder.failed_closed(cause)
        rule = "guard.engine" if reason is Reason.ENGINE else f"guard.{reason.value}"
        self.admitted = False
        self._refuse(refusal(reason, rule, self._stage()))

    # --- steps ---------------------------------------------------------------------------------------------

    async def _open(self, heard: Heard, identify: Identify) -> None:
        connect, wrong = await identify()
        await over(self._begin_now(heard, connect, wrong=wrong))

    def _begin_now(
        self, heard: Heard, connect: ConnectFacts, *, wrong: bool = False
    ) -> Rest | Waiting | None:
        known = heard.known
        if known is not None and known.decision is not None and not wrong and self._is_known(known, connect):
            if self.verdict.decided:
                return self._record_now(known.decision)
            self._before = known.decision
            return None
        if self._begin(heard.tls, connect, wrong=wrong):
            if self.verdict.decided:
                self._note(heard)
            elif heard.refused is not None:
                self._refuse(heard.refused)
            else:
                rest = self._judge(heard, connect)
                if rest is not None:
                    return rest
        return self._record_now() if self.verdict.decided else None

    def _note(self, heard: Heard) -> None:
        """Take what a head says into the record, and into the answer's form, of a refusal that did not ask for it."""
        verdict = self.verdict
        if heard.raw is None or heard.fault is not None:
            return
        with suppress(HeadError, FailedError):
            self.head = self.shared.parts.check_head(heard.raw, self.shared.limits.head)
            self._judge_head(self.head, None)
        self._refuse(verdict)

    def _is_known(self, known: Known, connect: ConnectFacts) -> bool:
        """Whether the very same was judged before, by the policy that there is now."""
        ports, inspection = self.shared.ports, known.inspection
        if inspection is None or inspection.policy is not ports.policy() or ports.lockdown():
            return False
        if known.connect is not connect and known.connect != connect:
            return False
        self.head = known.head
        self._inspection = Inspection.like(inspection) if inspection.quiet else inspection
        self.verdict = self._inspection.verdict
        return True

    async def _admit(self, identify: Identify) -> None:
        policy = self.shared.ports.policy()
        connect, wrong = await identify()
        if not wrong and (policy is None or not policy.sources.must_authenticate(connect.client)):
            # a lock-down or a missing policy is told inside, where clients can read it
            self.admitted = True
            return
        if self._begin(None, connect, wrong=wrong):
            await self._record()

    def _begin(self, tls: TlsFacts | None, connect: ConnectFacts, *, wrong: bool) -> bool:
        """Whether there is a policy to judge by."""
        ports = self.shared.ports
        policy = ports.policy()
        if policy is None:
            ports.recorder.failed_closed("no-policy")
            self.verdict = refusal(Reason.NO_POLICY, "guard.no-policy", Stage.CONNECT)
            return False
        self._inspection = self._caused(
            "inspection", lambda: self.shared.parts.inspection(policy, connect, tls)
        )
        if ports.lockdown():
            self._refuse(refusal(Reason.LOCKDOWN, "guard.lockdown", Stage.CONNECT))
        elif wrong or policy.sources.must_authenticate(connect.client):
            detail = "user or password is wrong" if wrong else ""
            self._refuse(refusal(Reason.AUTHENTICATION, "guard.authentication", Stage.CONNECT, detail))
        return True

    def _judge(self, heard: Heard, connect: ConnectFacts) -> Rest | None:
        """Judge a head; gives what to await where an upload that it goes on with must be looked up first."""
        fault, known = heard.fault, heard.known
        if known is not None:
            self.head = known.head
        if fault is None and self.head is None and heard.raw is not None:
            try:
                self.head = self.shared.parts.check_head(heard.raw, self.shared.limits.head)
            except HeadError as found:
                fault = found
        if fault is not None:
            self._refuse(head_refusal(fault))
        elif self.head is not None and self._inspection is not None:
            keys = named(self._inspection, self.head)
            if keys is not None:
                return self._recall(self.head, keys)
            self._judge_head(self.head, None)
            if known is not None:
                known.head, known.connect = self.head, connect
                self._known = known
        return None

    async def _recall(self, head: RequestHead, keys: Sequence[SessionKey]) -> None:
        self._judge_head(head, await self.shared.ports.recall(keys))
        if self.verdict.decided:
            await self._record()

    def _judge_head(self, head: RequestHead, opened: SessionFacts | None) -> None:
        try:
            self._think(lambda inspection: inspection.head(head, opened))
        except Exception as fault:
            raise FailedError("inspection") from fault

    def _step(self, step: Callable[[Inspection], Verdict]) -> None:
        """One synchronous step of the inspection, unless it is over."""
        if self.verdict.decided:
            return
        try:
            self._think(step)
        except Exception:  # noqa: BLE001 - whatever an inspection raises, the transfer is refused
            self.fail("inspection")

    def _think(self, step: Callable[[Inspection], Verdict]) -> None:
        if self._inspection is None:
            raise FailedError("inspection")
        begun = self.shared.clock()
        self.verdict = step(self._inspection)
        self._thinking += self.shared.clock() - begun

    def _refuse(self, verdict: Verdict) -> None:
        self.verdict, self._known = verdict, None
        if self._inspection is not None and not self._recording:
            self._inspection.refuse(verdict)

    async def _record(self) -> None:
        """Record the decision, once; an allow that cannot be recorded is none."""
        await over(self._record_now())

    def _record_now(self, before: Decision | None = None) -> Waiting | None:
        inspection = self._inspection
        if self._recording or inspection is None:
            return None
        self._recording = True
        if inspection.repeats and inspection.verdict is self.verdict:
            before = self._before
        if before is not None:
            decision = before.again(self.id)
        else:
            settled = inspection.verdict is self.verdict and (inspection.quiet or not self._hashed)
            inspection.verdict = self.verdict
            decision = decision_of(inspection, self.id, self.transport)
            if settled and self._known is not None and _is_settled(inspection):
                self._known.inspection, self._known.decision = inspection, decision
        try:
            kept = self.shared.ports.recorder.decided(decision, self._thinking)
        except Exception as fault:  # noqa: BLE001 - whatever a recorder raises, nothing was recorded
            self._unrecorded(fault)
            return None
        if kept is not None:
            return Waiting(self, decision, kept)
        self._recorded(decision)
        return None

    def kept(self, decision: Decision, kept: Kept) -> None:
        """The decision is durable, or cannot be; raises FailedError where an allow relied on it."""
        try:
            kept.finish()
        except Exception as fault:  # noqa: BLE001 - as above
            self._unrecorded(fault)
        else:
            self._recorded(decision)

    def failed(self, fault: Exception) -> None:
        """Refuse, for what a step raised."""
        self.fail(*failure(fault))

    def _recorded(self, decision: Decision) -> None:
        self.decision = decision
        if self._outcome is not None:
            self.shared.ports.recorder.ended(decision, self._outcome)

    def _unrecorded(self, fault: Exception) -> None:
        if self.verdict.allows:
            raise FailedError("evidence") from fault
        self.shared.ports.recorder.failed_closed("evidence")

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        """Run a step within its time; whatever it raises refuses, and the refusal is recorded if it can be."""
        try:
            async with asyncio.timeout(self.shared.limits.step_seconds):
                await step()
        except asyncio.CancelledError:
            self.fail("timeout")
            raise
        except Exception as fault:  # noqa: BLE001 - this is the place where a failure becomes a refusal
            cause, reason = failure(fault)
            self.fail(cause, reason)
            if cause != "evidence":
                await self._try_to_record()

    def _at_once(
        self, step: Callable[[], Rest | Waiting | None], later: Later | None
    ) -> Rest | Called | None:
        """`_guarded`, for a step that may not have to wait; what it has to wait for is guarded too."""
        try:
            rest = step()
        except Exception as fault:  # noqa: BLE001 - as above
            cause, reason = failure(fault)
            self.fail(cause, reason)
            return None if cause == "evidence" else self._try_to_record()
        if rest is None:
            return None
        if later is not None and isinstance(rest, Waiting):
            rest.then(later, self.shared.limits.step_seconds)
            return CALLED
        return self._guarded(lambda: over(rest))

    async def _try_to_record(self) -> None:
        try:
            async with asyncio.timeout(self.shared.limits.step_seconds):
                await self._record()
        except Exception:  # noqa: BLE001 - it is refused already; only the count is left
            self.shared.ports.recorder.failed_closed("evidence")

    @staticmethod
    def _caused[T](cause: str, step: Callable[[], T]) -> T:
        try:
            return step()
        except Exception as fault:
            raise FailedError(cause) from fault

    def _stage(self) -> Stage:
        if self.head is None:
            return Stage.CONNECT
        return Stage.BODY if self._hashed else Stage.HEAD


def _is_settled(inspection: Inspection) -> bool:
    """Whether nothing but the head, and who sends it, made the verdict, and that the body had nothing in it."""
    head = inspection.subject.facts.head
    alone = inspection.verdict.stage <= Stage.HEAD or inspection.quiet
    return head is not None and head.upgrade is None and inspection.framing is None and alone
