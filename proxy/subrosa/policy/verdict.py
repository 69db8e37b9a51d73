"""What a decision is: outcome, reason, deciding rules and stage. `Verdict()` with no arguments is a refusal."""

from dataclasses import dataclass
from enum import StrEnum

from subrosa.facts.stage import Stage


class Outcome(StrEnum):
    """What happens to the transfer; UNDECIDED holds it and never lets a byte through."""

    BLOCK = "block"
    ALLOW = "allow"
    UNDECIDED = "undecided"


class Reason(StrEnum):
    """Why a verdict is what it is; a closed list, the same word in metrics, records and refusals."""

    NO_VERDICT = "no-verdict"
    ALLOWED = "allowed"
    TUNNEL = "tunnel"
    TRAINING_DESTINATION = "training-destination"
    TRAINING_TAG = "training-tag"
    TRAINING_REFERENCE = "training-reference"
    TRAINING_SIGNAL = "training-signal"
    VENDOR_DEFAULT = "vendor-default"
    UNCLASSIFIED = "unclassified"
    USER_RULE = "user-rule"
    UNREADABLE = "unreadable"
    RULE_FAILED = "rule-failed"
    NO_POLICY = "no-policy"
    LOCKDOWN = "lockdown"
    HEAD = "head"
    PROTOCOL = "protocol"
    AUTHORITY = "authority-mismatch"
    EGRESS = "egress"
    LIMIT = "limit"
    AUTHENTICATION = "authentication"
    EVIDENCE = "evidence"
    SESSIONS = "sessions"
    ENGINE = "engine-error"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class ReasonText:
    """How a reason is told: HTTP status of the refusal and one sentence for the person who reads it."""

    status: int
    title: str


REASONS: dict[Reason, ReasonText] = {
    Reason.NO_VERDICT: ReasonText(403, "no verdict was reached, so the transfer is refused"),
    Reason.ALLOWED: ReasonText(200, "allowed"),
    Reason.TUNNEL: ReasonText(
        200, "relayed unread, because the settings say `inspect: never` of the destination"
    ),
    Reason.TRAINING_DESTINATION: ReasonText(403, "meeting content may not be sent to model training"),
    Reason.TRAINING_TAG: ReasonText(403, "meeting content tagged for model training may not leave"),
    Reason.TRAINING_REFERENCE: ReasonText(403, "a training call may not name guarded meeting recordings"),
    Reason.TRAINING_SIGNAL: ReasonText(
        403, "meeting content shaped or tagged as training data may not be sent here"
    ),
    Reason.VENDOR_DEFAULT: ReasonText(
        403, "this provider trains on what it is sent unless the opt-out is given"
    ),
    Reason.UNCLASSIFIED: ReasonText(403, "meeting content may only go to destinations known not to train"),
    Reason.USER_RULE: ReasonText(403, "a rule of this gateway refuses the transfer"),
    Reason.UNREADABLE: ReasonText(403, "a fact that the decision needs cannot be read in exactly one way"),
    Reason.RULE_FAILED: ReasonText(403, "a rule could not be evaluated, so the transfer is refused"),
    Reason.NO_POLICY: ReasonText(503, "no policy is loaded, so every transfer is refused"),
    Reason.LOCKDOWN: ReasonText(403, "the gateway is locked down: every transfer is refused"),
    Reason.HEAD: ReasonText(400, "the request head is malformed or beyond the limits"),
    Reason.PROTOCOL: ReasonText(403, "the protocol is not one that the gateway can inspect"),
    Reason.AUTHORITY: ReasonText(403, "tunnel target, TLS server name and Host do not agree"),
    Reason.EGRESS: ReasonText(403, "the destination's address may not be reached through this gateway"),
    Reason.LIMIT: ReasonText(413, "a limit of the gateway was reached"),
    Reason.AUTHENTICATION: ReasonText(407, "this source must authenticate to the proxy"),
    Reason.EVIDENCE: ReasonText(503, "the decision could not be recorded, so the transfer is refused"),
    Reason.SESSIONS: ReasonText(
        503, "what is known of this upload cannot be read or kept, so the transfer is refused"
    ),
    Reason.ENGINE: ReasonText(503, "the gateway failed inside, so the transfer is refused"),
    Reason.UPSTREAM: ReasonText(502, "the destination could not be reached or trusted"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One decision; the zero value refuses.

    ``rules`` names the deciding rules, first the one that is told. ``operation``, ``provider`` and ``purpose``
    are catalogue words or empty. ``detail`` explains in one sentence; ``remedy`` says what would make the
    transfer pass, where anything would. ``would_block`` marks a block that observe mode let through.
    ``asserted`` names the settings statements that were needed.
    """

    outcome: Outcome = Outcome.BLOCK
    reason: Reason = Reason.NO_VERDICT
    rules: tuple[str, ...] = ()
    stage: Stage = Stage.CONNECT
    operation: str = ""
    provider: str = ""
    purpose: str = "unclassified"
    detail: str = ""
    remedy: str = ""
    status: int = 0
    """HTTP status of the refusal where it differs from the reason's own (431, 414, 400 …); 0 takes the reason's."""
    would_block: bool = False
    asserted: tuple[str, ...] = ()
    late: bool = False
    """What was refused says something of an object whose octets have left already."""

    @property
    def http_status(self) -> int:
        """The status that a refusal with this verdict answers."""
        return self.status or REASONS[self.reason].status

    @property
    def allows(self) -> bool:
        """Whether bytes may go to the destination."""
        return self.outcome is Outcome.ALLOW

    @property
    def decided(self) -> bool:
        """Whether the verdict is final."""
        return self.outcome is not Outcome.UNDECIDED


def refusal(reason: Reason, rule: str, stage: Stage, detail: str = "", *, status: int = 0) -> Verdict:
    """A block that a guard of the gateway gives, rule ids ``guard.*``."""
    return Verdict(reason=reason, rules=(rule,), stage=stage, detail=detail, status=status)
