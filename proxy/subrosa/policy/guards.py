"""Refusals that no rule gives: what the head check refuses, as a verdict; the same on every lane."""

from subrosa.facts.head import HeadError, HeadFault
from subrosa.facts.stage import Stage
from subrosa.policy.verdict import Reason, Verdict, refusal

_RULES = {
    HeadFault.AUTHORITY_MISMATCH: (Reason.AUTHORITY, "guard.authority-mismatch"),
    HeadFault.UPGRADE: (Reason.PROTOCOL, "guard.protocol"),
    HeadFault.FRAMING: (Reason.HEAD, "guard.framing"),
    HeadFault.TRAILER: (Reason.HEAD, "guard.framing"),
}


def head_refusal(fault: HeadError, stage: Stage = Stage.HEAD) -> Verdict:
    """The refusal that a head or trailer section without a single reading gets."""
    reason, rule = _RULES.get(fault.reason_code, (Reason.HEAD, "guard.head"))
    return refusal(reason, rule, stage, fault.detail, status=fault.status)
