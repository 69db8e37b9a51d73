"""The forms of an answer, one function each: what it tells is the same, the spelling and the escaping differ."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from subrosa.gateway.shapes import Shape, media_type

type Pairs = list[tuple[str, str]]
type Form = Callable[[Telling], tuple[Pairs, str]]

FORBIDDEN = 403
AUTHENTICATE = 407
SERVER = 500


@dataclass(frozen=True, slots=True)
class _Words:
    """The words for one class of status, in each provider's own vocabulary."""

    s3: str
    aws: str
    azure: str
    google: str
    google_reason: str
    grpc: int


_DENIED = _Words(
    "AccessDenied", "AccessDeniedException", "AuthorizationFailure", "PERMISSION_DENIED", "forbidden", 7
)
_WORDS = {
    407: _Words(
        "AccessDenied", "AccessDeniedException", "AuthenticationFailed", "UNAUTHENTICATED", "required", 16
    ),
    413: _Words(
        "EntityTooLarge",
        "RequestEntityTooLargeException",
        "RequestBodyTooLarge",
        "RESOURCE_EXHAUSTED",
        "limit",
        8,
    ),
}
_MALFORMED = _Words(
    "InvalidRequest", "ValidationException", "InvalidInput", "INVALID_ARGUMENT", "invalid", 13
)
_FAILED = _Words(
    "ServiceUnavailable", "ServiceUnavailableException", "ServerBusy", "UNAVAILABLE", "backendError", 14
)


@dataclass(frozen=True, slots=True)
class Telling:
    """What every form tells: printable text, not yet escaped.

    ``final`` is whether another attempt is useless; ``content_type`` is the request's, raw.
    """

    status: int
    reason: str
    title: str
    message: str
    rule: str
    operation: str
    decision: str
    docs: str
    final: bool
    content_type: str

    @property
    def words(self) -> _Words:
        """The provider's own words for this status."""
        if self.status == FORBIDDEN:
            return _DENIED
        if self.status >= SERVER:
            return _FAILED
        return _WORDS.get(self.status, _MALFORMED)


# --- escaping ---


def plain(text: str, limit: int) -> str:
    """Printable characters only, white space as single blanks, at most ``limit`` characters."""
    shown = text[: limit + 1]
    if not shown.isprintable() or "  " in shown:
        shown = " ".join("".join(char if char.isprintable() else " " for char in shown).split())
    return shown if len(text) <= limit else f"{shown[: limit - 1]}…"


def ascii_text(text: str) -> str:
    """For a field value."""
    return text.replace("…", "...").encode("ascii", "replace").decode("ascii")


def sf_string(text: str) -> str:
    """A string of structured fields (RFC 9651 3.3.3): printable ASCII, two characters escaped."""
    inner = ascii_text(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


# --- forms ---


def problem(telling: Telling) -> tuple[Pairs, str]:
    """RFC 9457, with the `error` that SDKs of OpenAI's style print, and the `message` that others do (msrest)."""
    body = {
        "type": telling.docs,
        "title": telling.title,
        "status": telling.status,
        "detail": telling.message,
        "message": telling.message,
        "instance": f"urn:uuid:{quote(telling.decision, safe='-')}",
        "reason": telling.reason,
        "rule": telling.rule or None,
        "operation": telling.operation or None,
        "decision": telling.decision,
        "docs": telling.docs,
        "error": {
            "message": telling.message,
            "type": "policy_violation",
            "param": None,
            "code": f"subrosa_{telling.reason.replace('-', '_')}",
        },
    }
    return [("content-type", "application/problem+json")], json.dumps(body)


def _s3(telling: Telling) -> tuple[Pairs, str]:
    request = escape(telling.decision)
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{telling.words.s3}</Code>'
        f"<Message>{escape(telling.message)}</Message><RequestId>{request}</RequestId><HostId>subrosa</HostId></Error>"
    )
    return [*_XML, ("x-amz-request-id", ascii_text(telling.decision)), ("x-amz-id-2", "subrosa")], body


def _aws_query(telling: Telling) -> tuple[Pairs, str]:
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{telling.words.s3}</Code>"
        f"<Message>{escape(telling.message)}</Message></Error>"
        f"<RequestId>{escape(telling.decision)}</RequestId></ErrorResponse>"
    )
    return [*_XML, ("x-amzn-requestid", ascii_text(telling.decision))], body


def _aws_json(telling: Telling) -> tuple[Pairs, str]:
    asked = media_type(telling.content_type)
    given = asked if asked in _AWS_JSON_TYPES else "application/x-amz-json-1.1"
    return _aws(telling, given, {"__type": telling.words.aws, "message": telling.message})


def _aws_rest(telling: Telling) -> tuple[Pairs, str]:
    return _aws(telling, "application/json", {"message": telling.message})


def _aws(telling: Telling, media: str, body: dict[str, str]) -> tuple[Pairs, str]:
    fields = [
        ("content-type", media),
        ("x-amzn-errortype", telling.words.aws),
        ("x-amzn-requestid", ascii_text(telling.decision)),
    ]
    return fields, json.dumps(body)


def _azure(telling: Telling) -> tuple[Pairs, str]:
    """Azure Storage; the byte order mark is what the service itself sends."""
    code = telling.words.azure
    body = (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code>'
        f"<Message>{escape(telling.message)}</Message></Error>"
    )
    return [*_XML, ("x-ms-error-code", code), ("x-ms-request-id", ascii_text(telling.decision))], body


def _google(telling: Telling) -> tuple[Pairs, str]:
    words = telling.words
    error = {
        "code": telling.status,
        "message": telling.message,
        "status": words.google,
        "errors": [{"domain": "global", "reason": words.google_reason, "message": telling.message}],
    }
    return [("content-type", "application/json; charset=UTF-8")], json.dumps({"error": error})


def _huggingface(telling: Telling) -> tuple[Pairs, str]:
    fields = [
        ("content-type", "application/json"),
        ("x-error-code", "SubrosaRefused"),
        ("x-request-id", ascii_text(telling.decision)),
    ]
    return fields, json.dumps({"error": telling.message})


def _html(telling: Telling) -> tuple[Pairs, str]:
    title = escape(telling.title)
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Subrosa: {title}</title>'
        f"<h1>Subrosa: {title}</h1><p>{escape(telling.message)}</p>"
        f'<p><a href="{escape(telling.docs)}">What this rule is for</a></p></html>\n'
    )
    fields = [("content-type", "text/html; charset=utf-8"), ("content-security-policy", "default-src 'none'")]
    return fields, body


def _text(telling: Telling) -> tuple[Pairs, str]:
    return [("content-type", "text/plain; charset=utf-8")], f"{telling.message}\n"


def grpc(telling: Telling) -> Pairs:
    """The fields of a gRPC answer of trailers only (gRPC over HTTP/2, "Responses")."""
    asked = media_type(telling.content_type)
    return [
        ("content-type", asked if asked in _GRPC_TYPES else "application/grpc"),
        ("grpc-status", str(telling.words.grpc)),
        ("grpc-message", quote(telling.message, safe=_GRPC_SAFE)),
        *([("grpc-retry-pushback-ms", "-1")] if telling.final else []),
    ]


FORMS: dict[Shape, Form] = {
    Shape.PROBLEM: problem,
    Shape.S3: _s3,
    Shape.AWS_JSON: _aws_json,
    Shape.AWS_REST: _aws_rest,
    Shape.AWS_QUERY: _aws_query,
    Shape.AZURE: _azure,
    Shape.GOOGLE: _google,
    Shape.HUGGINGFACE: _huggingface,
    Shape.HTML: _html,
    Shape.TEXT: _text,
}
_XML = [("content-type", "application/xml")]
_AWS_JSON_TYPES = frozenset({"application/x-amz-json-1.0", "application/x-amz-json-1.1"})
_GRPC_TYPES = frozenset(
    {"application/grpc", "application/grpc+proto", "application/grpc-web", "application/grpc-web+proto"}
)
_GRPC_SAFE = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
