"""What is decided of a tunnel that nobody reads: whether it may open, from the connection and its hello alone. Pure."""

from subrosa.facts.hosts import Authority
from subrosa.facts.records import TlsFacts
from subrosa.facts.stage import Stage
from subrosa.policy.decide import decide_tunnel
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Declared
from subrosa.policy.purposes import Purpose
from subrosa.policy.verdict import Outcome, Reason, Verdict, refusal

ANY = "any"


def judge_tunnel(inspection: Inspection) -> Verdict:
    """The verdict on the tunnel to the connection's target; ``facts.tls`` is its hello, None where it has none.

    Blocks outrank the declaration. Inside must be TLS under the target's own name, with nothing hidden in an encrypted
    hello (RFC 9849), unless the settings declare that anything may go through.
    """
    policy, subject = inspection.policy, inspection.subject
    target, hello = subject.connect.target, subject.tls
    stage = Stage.CONNECT if hello is None else Stage.TLS
    declared = policy.tunnel(target.host) if target is not None else None
    if target is None or declared is None:
        return refusal(Reason.PROTOCOL, "guard.protocol", stage, "no tunnel is declared to this destination")
    blocked = decide_tunnel(policy, subject, stage, target.host)
    if blocked is not None and not blocked.would_block:
        return blocked
    fault = None if declared.tunnel == ANY else _fault(target, hello)
    return fault or blocked or _allowed(declared, stage)


def _allowed(declared: Declared, stage: Stage) -> Verdict:
    return Verdict(
        outcome=Outcome.ALLOW,
        reason=Reason.TUNNEL,
        stage=stage,
        purpose=declared.purpose or Purpose.UNCLASSIFIED.value,
        detail=f"stated by {declared.owner} until {declared.expires}: {declared.why}",
        asserted=(f"inspect-never={declared.host.text}",),
    )


def _fault(target: Authority, hello: TlsFacts | None) -> Verdict | None:
    """Why what the client sends first is not TLS with the target, or None."""
    if hello is None:
        detail = "what goes through this tunnel is not TLS; the settings may declare `protocol: any`"
        return refusal(Reason.PROTOCOL, "guard.protocol", Stage.TLS, detail)
    named = hello.sni if target.host.address is None else (hello.sni or target.host)
    if named != target.host:
        told = f"`{named}`" if named is not None else "missing"
        detail = f"the server name in the TLS hello is {told}, the tunnel leads to `{target.host}`"
        return refusal(Reason.AUTHORITY, "guard.authority-mismatch", Stage.TLS, detail)
    if hello.ech:
        detail = "the TLS hello hides another inside it (ECH), so nobody can see where it leads"
        return refusal(Reason.PROTOCOL, "guard.protocol", Stage.TLS, detail)
    return None
