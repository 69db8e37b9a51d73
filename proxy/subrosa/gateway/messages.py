"""The messages of one allowed transfer, each judged before it goes on, by the policy as it is now."""

from subrosa.content.messageframes import Framing, MessageFrames
from subrosa.facts.stage import Stage
from subrosa.facts.unreadable import Ambiguity, UnreadableError
from subrosa.gateway.narrow import known
from subrosa.gateway.transfer import Transfer
from subrosa.policy.messages import MessageStream
from subrosa.policy.verdict import Reason, Verdict, refusal


class Messages:
    """Judges for one transfer; the lane asks `allow` with each whole message, and sends only what it says."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._inspection = known(transfer.inspection)
        self._stream = MessageStream(self._inspection)
        self.sent = 0
        """Octets of the messages that may go on."""

    def allow(self, octets: bytes) -> bool:
        """Whether a message may go on; where not, the transfer is refused, and what went before counts as late."""
        transfer = self._transfer
        try:
            verdict = self._judge(octets)
        except Exception:  # noqa: BLE001 - whatever an inspection raises, the message is refused
            transfer.shared.ports.recorder.failed_closed("inspection")
            verdict = refusal(Reason.ENGINE, "guard.engine", Stage.BODY)
        if verdict.allows:
            self.sent += len(octets)
            return True
        self.refuse(verdict, octets)
        return False

    def refuse(self, verdict: Verdict, octets: bytes = b"") -> None:
        """Refuse the transfer after all; what was sent cannot be called back."""
        transfer = self._transfer
        transfer.late = self.sent > 0
        transfer.deny(verdict)
        if self.sent:
            transfer.discarded += len(octets)
        else:
            transfer.discard(octets)

    def _judge(self, octets: bytes) -> Verdict:
        shared, stream = self._transfer.shared, self._stream
        policy = shared.ports.policy()
        if policy is None:
            shared.ports.recorder.failed_closed("no-policy")
            return refusal(Reason.NO_POLICY, "guard.no-policy", Stage.BODY)
        if shared.ports.lockdown():
            return refusal(Reason.LOCKDOWN, "guard.lockdown", Stage.BODY)
        if policy is not stream.policy:
            facts = self._inspection.subject.facts
            inspection = shared.parts.inspection(policy, facts.connect, facts.tls)
            inspection.head(known(facts.head))
            stream.renew(inspection)
        return stream.message(octets)


class FramedBody:
    """A body that is a stream of messages (gRPC): gives those octets on that belong to judged ones."""

    def __init__(self, transfer: Transfer, framing: Framing) -> None:
        self._messages = Messages(transfer)
        self._frames = MessageFrames(framing, transfer.shared.limits.message)

    def take(self, octets: bytes) -> bytes | None:
        """The octets that may go on now, maybe none; None once the transfer is refused."""
        passed: list[bytes] = []
        try:
            for frame, message in self._frames.feed(octets):
                if not self._messages.allow(message):
                    return None
                passed.append(frame)
        except UnreadableError as fault:
            self._unreadable(fault)
            return None
        return b"".join(passed)

    def end(self) -> bool:
        """Whether the body ends where a message does; where not, the transfer is refused."""
        try:
            self._frames.end()
        except UnreadableError as fault:
            self._unreadable(fault)
            return False
        return True

    def _unreadable(self, fault: UnreadableError) -> None:
        if fault.ambiguity is Ambiguity.TOO_LARGE:
            self._messages.refuse(refusal(Reason.LIMIT, "guard.limit", Stage.BODY, fault.detail))
        else:
            self._messages.refuse(refusal(Reason.UNREADABLE, "guard.unreadable", Stage.BODY, fault.detail))
