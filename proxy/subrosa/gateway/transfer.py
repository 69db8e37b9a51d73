"""One transfer from its head to its end, whatever the protocol: judged, recorded once, held, counted.

Knows no mitmproxy. Everything that can fail inside turns into a refusal with a cause; nothing here lets octets
through: the lane asks `verdict`, and only an allow that is recorded allows.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from subrosa.facts.head import HeadError, RawHead
from subrosa.facts.records import ConnectFacts, RequestHead, TlsFacts
from subrosa.facts.stage import Stage
from subrosa.gateway.judging import FailedError, Heard, Identify, Shared, failure
from subrosa.gateway.ports import TransferOutcome
from subrosa.gateway.refusal import Answer
from subrosa.gateway.refused import Refused
from subrosa.gateway.shapes import ProxyError
from subrosa.gateway.spool import Spool, SpoolError
from subrosa.gateway.uploads import kept, opens, recalled
from subrosa.policy.decision import Decision, decision_of
from subrosa.policy.guards import head_refusal
from subrosa.policy.inspection import Inspection
from subrosa.policy.verdict import Outcome, Reason, Verdict, refusal


class Transfer:
    """One transfer; create it at its head, and `finish` it once, whatever happened."""

    def __init__(self, shared: Shared, transport: str) -> None:
        self.shared = shared
        self.transport = transport
        self.id = shared.ports.new_id()
        self.verdict = Verdict(outcome=Outcome.UNDECIDED)
        self.admitted = False
        self.head: RequestHead | None = None
        self.spool: Spool | None = None
        self.sent = self.received = self.discarded = self.upstream_status = 0
        self.late = False
        self.fault: ProxyError | None = None
        self.decision: Decision | None = None
        self._inspection: Inspection | None = None
        self._raw: RawHead | None = None
        self._recording = False
        self._outcome: TransferOutcome | None = None
        self._hash = hashlib.sha256()
        self._hashed = 0
        self._thinking = 0.0
        self._started = shared.clock()
        shared.ports.recorder.inflight(1)

    # --- judging -------------------------------------------------------------------------------------------

    async def open(self, heard: Heard, identify: Identify) -> None:
        """Judge the head, and record the decision where that is one. Never raises but for cancellation."""
        self._raw = heard.raw
        await self._guarded(lambda: self._open(heard, identify))

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

    def hold(self, octets: bytes) -> None:
        """Take octets of the body while nothing is decided."""
        try:
            if self.spool is None:
                self.spool = self.shared.parts.spool(self.shared.budget, self.shared.spool_dir)
                self.spool.stop_hashing()
            self.spool.append(octets)
        except SpoolError as fault:
            self._spool_failed(fault)
            return
        except Exception:  # noqa: BLE001 - whatever a spool raises, the transfer is refused
            self.fail("spool")
            return
        self._hash.update(octets)
        self._hashed += len(octets)
        self._step(lambda inspection: inspection.data(octets))

    def trailers(self, lines: Sequence[tuple[bytes, bytes]]) -> None:
        """Take a trailer section."""
        try:
            fields = self.shared.parts.check_trailers(lines, self.shared.limits.head)
        except HeadError as fault:
            self._refuse(head_refusal(fault, Stage.BODY))
            return
        except Exception:  # noqa: BLE001 - as above
            self.fail("engine")
            return
        self._step(lambda inspection: inspection.trailers(fields))

    def end(self) -> None:
        """The body is complete."""
        self._step(lambda inspection: inspection.end())
        if not self.verdict.decided:
            self._refuse(refusal(Reason.NO_VERDICT, "guard.no-verdict", Stage.END))

    def refuse_now(self, verdict: Verdict) -> None:
        """Refuse what is not decided yet; `settle` records it."""
        self._refuse(verdict)

    def deny(self, verdict: Verdict, fault: ProxyError | None = None) -> None:
        """Refuse after all: what was decided stays recorded, the outcome tells the rest."""
        self.verdict, self.fault = verdict, fault

    def fail(self, cause: str, reason: Reason = Reason.ENGINE) -> None:
        """Refuse because something inside failed, and count it."""
        self.shared.ports.recorder.failed_closed(cause)
        rule = "guard.engine" if reason is Reason.ENGINE else f"guard.{reason.value}"
        self.admitted = False
        self._refuse(refusal(reason, rule, self._stage()))

    def discard(self, octets: bytes) -> None:
        """Count octets that were read and go nowhere."""
        self.discarded += len(octets)
        self._hash.update(octets)
        self._hashed += len(octets)

    def check_late(self, lines: Sequence[tuple[bytes, bytes]]) -> Verdict | None:
        """A refusal for trailers that come after the octets went on and may not go on themselves."""
        try:
            self.shared.parts.check_trailers(lines, self.shared.limits.head)
        except HeadError as fault:
            return head_refusal(fault, Stage.BODY)
        return None

    def answer(self) -> Answer:
        """The refusal in the words that this client prints."""
        refused = Refused(
            verdict=self.verdict,
            id=self.id,
            head=self.head,
            raw=self._raw,
            fault=self.fault,
            policy=self._inspection.policy if self._inspection is not None else None,
        )
        return refused.told(self.shared.parts)

    def opens(self, status: int) -> bool:
        """Whether an answer of this status may name an upload of which something must be remembered."""
        return self.may_pass and opens(self._inspection, status)

    async def keep(self, lines: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Remember the upload that an answer names, or refuse after all. Never raises but for cancellation."""
        fault = await kept(self.shared, self._inspection, lines, body)
        if fault is not None:
            self.deny(fault)

    @property
    def may_pass(self) -> bool:
        """Whether octets may go to the destination: allowed, and that is recorded."""
        return self.verdict.allows and self.decision is not None

    @property
    def inspection(self) -> Inspection | None:
        """What the head was judged with; messages are judged on."""
        return self._inspection

    def _refused_after_all(self) -> tuple[str, str]:
        """Why, and by which rule, an allow that stands recorded did not hold."""
        verdict, allowed = self.verdict, self.decision is not None and self.decision.verdict.allows
        return (verdict.reason.value, (*verdict.rules, "")[0]) if allowed and not verdict.allows else ("", "")

    def drop(self) -> None:
        """Throw away what is held."""
        if self.spool is not None:
            self.discarded += self.spool.pending
            with suppress(Exception):
                self.spool.close()
            self.spool = None

    def dismiss(self) -> None:
        """It was none: a tunnel opened, and what comes through is judged by itself."""
        self._outcome = TransferOutcome(id=self.id)
        self.shared.ports.recorder.inflight(-1)

    def finish(self, aborted: str = "") -> None:
        """The end, whichever came first; later calls do nothing."""
        if self._outcome is not None:
            return
        self.drop()
        hashed = self._hashed and self._hashed == (self.sent or self.discarded)
        refused, rule = self._refused_after_all()
        self._outcome = TransferOutcome(
            id=self.id,
            sent=self.sent,
            received=self.received,
            discarded=self.discarded,
            upstream_status=self.upstream_status,
            aborted=aborted,
            refused=refused,
            rule=rule,
            late=self.late or self.verdict.late,
            sha256=self._hash.hexdigest() if hashed else "",
            seconds=self.shared.clock() - self._started,
        )
        self.shared.ports.recorder.inflight(-1)
        if self.decision is not None:
            self.shared.ports.recorder.ended(self.decision, self._outcome)

    @property
    def finished(self) -> bool:
        """Whether it ended."""
        return self._outcome is not None

    # --- steps ---------------------------------------------------------------------------------------------

    async def _open(self, heard: Heard, identify: Identify) -> None:
        connect, wrong = await identify()
        if self._begin(heard.tls, connect, wrong=wrong) and not self.verdict.decided:
            if heard.refused is not None:
                self._refuse(heard.refused)
            else:
                await self._judge(heard.raw, heard.fault)
        if self.verdict.decided:
            await self._record()

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

    async def _judge(self, raw: RawHead | None, fault: HeadError | None) -> None:
        if fault is None and raw is not None:
            try:
                self.head = self.shared.parts.check_head(raw, self.shared.limits.head)
            except HeadError as found:
                fault = found
        if fault is not None:
            self._refuse(head_refusal(fault))
        elif self.head is not None and self._inspection is not None:
            head, opened = self.head, await recalled(self.shared.ports, self._inspection, self.head)
            self._caused("inspection", lambda: self._think(lambda inspection: inspection.head(head, opened)))

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
        self.verdict = verdict
        if self._inspection is not None and not self._recording:
            self._inspection.refuse(verdict)

    def _spool_failed(self, fault: SpoolError) -> None:
        if fault.reason is Reason.LIMIT:
            self._refuse(refusal(Reason.LIMIT, "guard.limit", Stage.BODY, fault.detail))
        else:
            self.fail("spool")

    async def _record(self) -> None:
        """Record the decision, once; an allow that cannot be recorded is none."""
        if self._recording or self._inspection is None:
            return
        self._recording = True
        self._inspection.verdict = self.verdict
        decision = decision_of(self._inspection, self.id, self.transport)
        try:
            await self.shared.ports.recorder.decided(decision, self._thinking)
        except Exception as fault:
            if not self.verdict.allows:
                self.shared.ports.recorder.failed_closed("evidence")
                return
            raise FailedError("evidence") from fault
        self.decision = decision
        if self._outcome is not None:
            self.shared.ports.recorder.ended(decision, self._outcome)

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

    # --- telling -------------------------------------------------------------------------------------------

    def _stage(self) -> Stage:
        if self.head is None:
            return Stage.CONNECT
        return Stage.BODY if self._hashed else Stage.HEAD
