"""The forms of an answer: JSON, a problem (RFC 9457), and the headers that each one has."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Server": "subrosa",
}
_NO_CONTENT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def decorate(answer: web.StreamResponse) -> None:
    """Nothing is cached, sniffed, framed or read by another site."""
    for name, value in HEADERS.items():
        answer.headers[name] = value
    answer.headers.setdefault("Content-Security-Policy", _NO_CONTENT)


def as_json(value: Mapping[str, object], status: int = 200) -> web.Response:
    """A JSON object, with a line's end for people who use curl."""
    text = json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n"
    return web.Response(text=text, status=status, content_type="application/json")


def problem(status: int, detail: str, *, allow: str = "", **more: object) -> web.Response:
    """A refusal or fault of the admin port itself."""
    told = {"status": status, "title": HTTPStatus(status).phrase, "detail": detail, **more}
    answer = as_json(told, status)
    answer.content_type = "application/problem+json"
    if allow:
        answer.headers["Allow"] = allow
    return answer
