"""One transfer from its head to its end, whatever the protocol: judged, recorded once, held, counted.

Knows no mitmproxy. Everything that can fail inside turns into a refusal with a cause; nothing here lets octets
through: the lane asks `verdict`, and only an allow that is recorded allows.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from subrosa.facts.head import HeadError
from subrosa.facts.stage import Stage
from subrosa.gateway.judged import Judged
from subrosa.gateway.judging import Shared
from subrosa.gateway.ports import TransferOutcome
from subrosa.gateway.refusal import Answer
from subrosa.gateway.refused import Refused
from subrosa.gateway.shapes import ProxyError
from subrosa.gateway.spool import Spool, SpoolError
from subrosa.gateway.uploads import SUCCESS, kept, opens
from subrosa.policy.guards import head_refusal
from subrosa.policy.inspection import Inspection
from subrosa.policy.verdict import Reason, Verdict, refusal


class Transfer(Judged):
    """One transfer; create it at its head, and `finish` it once, whatever happened."""

    def __init__(self, shared: Shared, transport: str) -> None:
        super().__init__(shared, transport)
        self.spool: Spool | None = None
        self.sent = self.received = self.discarded = self.upstream_status = 0
        self.late = False
        self.fault: ProxyError | None = None
        self._hash: hashlib._Hash | None = None
        self._started = shared.clock()
        shared.ports.recorder.inflight(1)

    # --- holding -------------------------------------------------------------------------------------------

    def hold(self, octets: bytes) -> None:
        """Take octets of the body while nothing is decided."""
        self._digest(octets)
        try:
            if self.spool is None:
                self.spool = self.shared.parts.spool(self.shared.budget, self.shared.spool_dir)
                self.spool.stop_hashing()
            self.spool.append(octets)
        except Exception as fault:  # noqa: BLE001 - whatever a spool raises, the transfer is refused
            self.discarded = self._hashed  # a spool that failed has thrown away what it held
            self._spool_failed(fault)
            return
        self._step(lambda inspection: inspection.data(octets))

    def pass_on(self, octets: bytes | memoryview) -> None:
        """Take note of octets that go on without being held."""
        if self.shared.hash_all:
            self._digest(octets)

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

    def discard(self, octets: bytes) -> None:
        """Count octets that were read and go nowhere."""
        self.discarded += len(octets)
        self._digest(octets)

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
        if not self.may_pass or self.decision is None or status not in SUCCESS:
            return False
        shared = self.decision.shared
        if "opens" not in shared:
            shared["opens"] = opens(self._inspection)
        return shared["opens"] is True

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
            sha256=self._hash.hexdigest() if hashed and self._hash is not None else "",
            seconds=self.shared.clock() - self._started,
        )
        self.shared.ports.recorder.inflight(-1)
        if self.decision is not None:
            self.shared.ports.recorder.ended(self.decision, self._outcome)

    @property
    def finished(self) -> bool:
        """Whether it ended."""
        return self._outcome is not None

    def _digest(self, octets: bytes | memoryview) -> None:
        if self._hash is None:
            self._hash = hashlib.sha256()
        self._hash.update(octets)
        self._hashed += len(octets)

    def _spool_failed(self, fault: Exception) -> None:
        if isinstance(fault, SpoolError) and fault.reason is Reason.LIMIT:
            self._refuse(refusal(Reason.LIMIT, "guard.limit", Stage.BODY, fault.detail))
        else:
            self.fail("spool")
