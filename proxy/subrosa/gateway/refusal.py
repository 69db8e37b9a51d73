"""How a refusal is told: one verdict as a whole answer, in the form that the client can print. Pure.

Every text that reaches the client goes through `plain`, and then through the escaping of its form. No body
and no tag value is ever told: verdicts name rules, operations and fields only.
"""

from dataclasses import dataclass
from urllib.parse import quote

from subrosa.gateway.forms import (
    AUTHENTICATE,
    FORBIDDEN,
    FORMS,
    SERVER,
    Pairs,
    Telling,
    ascii_text,
    grpc,
    plain,
    problem,
    sf_string,
)
from subrosa.gateway.shapes import ProxyError, Shape
from subrosa.policy.verdict import REASONS, Reason, Verdict

type Lines = tuple[tuple[bytes, bytes], ...]

DOCS = "https://github.com/subrosa-proxy/subrosa/blob/main/rules/README.md"
"""Where every shipped rule has an anchor of its own id, user rules `user-rules`, refusals without a rule `refusals`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an answer must know of the request it answers.

    ``method`` because an answer to HEAD has no body. ``content_type`` is the request's, raw: gRPC and AWS JSON
    clients want their own spelling back. ``fault`` names the Proxy-Status error where the caller knows it
    better than the reason does (why an upstream failed); None takes the reason's.
    """

    method: str = "GET"
    content_type: str = ""
    fault: ProxyError | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it goes to the client.

    ``fields`` have lower-case names, good on HTTP/1.1 and HTTP/2 alike; Content-Length is among them unless
    ``trailers_only``: then the fields end the stream and there is no body (gRPC).
    """

    status: int
    fields: Lines
    body: bytes
    trailers_only: bool = False


_ERRORS = {
    Reason.EGRESS: ProxyError.IP_PROHIBITED,
    Reason.HEAD: ProxyError.REQUEST_ERROR,
    Reason.LIMIT: ProxyError.REQUEST_ERROR,
    Reason.NO_POLICY: ProxyError.CONFIGURATION,
    Reason.EVIDENCE: ProxyError.INTERNAL,
    Reason.SESSIONS: ProxyError.INTERNAL,
    Reason.ENGINE: ProxyError.INTERNAL,
    Reason.UPSTREAM: ProxyError.UNAVAILABLE,
}
_FINAL = frozenset({ProxyError.TLS_CERTIFICATE, ProxyError.IP_PROHIBITED, ProxyError.LOOP})
"""Faults of a destination that a second attempt does not heal."""
_SENTENCE = 400
_CLOSE = 123
"""Octets of a close reason (RFC 6455 5.5)."""
_SHIPPED = ("pledge.", "strict.")
_WORD = 128


def answer(verdict: Verdict, decision_id: str, shape: Shape, *, request: Told) -> Answer:
    """The whole answer for a verdict that does not allow; an unknown ``shape`` is told as problem details."""
    error = request.fault or _ERRORS.get(verdict.reason, ProxyError.REQUEST_DENIED)
    telling = _telling(verdict, decision_id, request, error)
    if shape == Shape.GRPC:
        return Answer(200, _octets([*grpc(telling), *_common(telling, error)]), b"", trailers_only=True)
    own, body = FORMS.get(shape, problem)(telling)
    content = body.encode("utf-8")
    # Hugging Face's own clients print this field whatever the body, and an answer to HEAD has nothing else.
    told = ("x-error-message", ascii_text(telling.message))
    fields = [*own, told, *_common(telling, error), ("content-length", str(len(content)))]
    return Answer(telling.status, _octets(fields), b"" if request.method == "HEAD" else content)


def docs_link(rule: str) -> str:
    """Where a rule is explained; rules that are not ours share one place."""
    if not rule:
        return f"{DOCS}#refusals"
    ours = rule.startswith(("pledge.", "strict.", "guard."))
    return f"{DOCS}#{quote(rule, safe='.-_')}" if ours else f"{DOCS}#user-rules"


def message(verdict: Verdict, decision_id: str) -> str:
    """Why, by which rule, under which id, and what would make it pass; one printable line, at most 1,500 characters."""
    rule = verdict.rules[0] if verdict.rules else ""
    status = verdict.http_status
    parts = [f"{'Blocked by Subrosa' if status < SERVER else 'Subrosa'}: {REASONS[verdict.reason].title}"]
    if verdict.detail and not rule.startswith(_SHIPPED):  # a shipped rule's title says it already
        parts.append(f": {plain(verdict.detail, _SENTENCE).rstrip('.')}")
    parts.append(".")
    if verdict.remedy:
        parts.append(f" What to do: {plain(verdict.remedy, _SENTENCE).rstrip('.')}.")
    if rule.startswith("pledge."):
        parts.append(" Consent does not lift this.")
    named = [f"operation {plain(verdict.operation, _WORD)}"] if verdict.operation else []
    named += [f"rule {plain(rule, _WORD)}"] if rule else []
    named.append(f"decision {plain(decision_id, _WORD)}")
    parts.append(f" ({', '.join(named)})")
    return "".join(parts)


def close_reason(verdict: Verdict, decision_id: str) -> str:
    """Why a WebSocket is closed: rule, decision and what to do, in the 123 octets that a close frame has for it."""
    rule = verdict.rules[0] if verdict.rules else verdict.reason.value
    told = f"Blocked by Subrosa: {plain(rule, _WORD)}, decision {plain(decision_id, _WORD)}"
    return plain(ascii_text(f"{told}; {verdict.remedy}" if verdict.remedy else told), _CLOSE - 2).replace(
        "…", "..."
    )


def _telling(verdict: Verdict, decision_id: str, told: Told, error: ProxyError) -> Telling:
    rule = verdict.rules[0] if verdict.rules else ""
    return Telling(
        status=verdict.http_status if verdict.http_status >= 400 else FORBIDDEN,  # noqa: PLR2004 - no success is told
        reason=verdict.reason.value,
        title=REASONS[verdict.reason].title,
        message=message(verdict, decision_id),
        rule=plain(rule, _WORD),
        operation=plain(verdict.operation, _WORD),
        decision=plain(decision_id, _WORD),
        docs=docs_link(rule),
        final=verdict.reason is not Reason.UPSTREAM or error in _FINAL,
        content_type=told.content_type,
    )


def _common(telling: Telling, error: ProxyError) -> Pairs:
    """The fields of every answer."""
    details = telling.reason
    details += f"; rule {telling.rule}" if telling.rule else ""
    details += f"; operation {telling.operation}" if telling.operation else ""
    status = f"; status-code={telling.status}" if error is ProxyError.REQUEST_ERROR else ""
    fields = [
        ("proxy-status", f"subrosa; error={error}{status}; details={sf_string(details)}"),
        ("subrosa-decision", ascii_text(telling.decision)),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]
    if telling.final:
        fields.append(("x-should-retry", "false"))
    if telling.status == AUTHENTICATE:
        fields.append(("proxy-authenticate", 'Basic realm="subrosa", charset="UTF-8"'))
    return fields


def _octets(fields: Pairs) -> Lines:
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in fields)
