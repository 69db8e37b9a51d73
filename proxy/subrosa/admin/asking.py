"""What a request to the API says, read strictly: known parameters, once each, and a body that is one JSON object."""

import asyncio
import json
from collections.abc import Callable, Mapping

from aiohttp import web

from subrosa.admin.answers import problem

BODY_SECONDS = 10.0
"""How long a body may take to come."""

type Checks = Mapping[str, Callable[[str], str]]
"""Name of a parameter to what says what is wrong with its value; empty where nothing is."""


class AskedWrongError(Exception):
    """A request that is not understood, with the answer to it."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.answer = problem(status, detail)


def query_of(request: web.Request, checks: Checks) -> dict[str, str]:
    """The parameters of a request.

    Raises:
        AskedWrongError: for one that is not known, is given twice, or says nothing that can be.
    """
    found: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in checks:
            known = ", ".join(checks) or "no parameters"
            raise AskedWrongError(400, f"unknown parameter `{name[:40]}`: write {known}")
        if name in found:
            raise AskedWrongError(400, f"`{name}` is given twice")
        if wrong := checks[name](value):
            raise AskedWrongError(400, wrong)
        found[name] = value
    return found


def one_of(name: str, *words: str) -> Callable[[str], str]:
    """The check of a parameter that is one of a few words."""
    return lambda value: "" if value in words else f"`{name}` is one of {', '.join(words)}"


def text(name: str, most: int = 500) -> Callable[[str], str]:
    """The check of a parameter that is some text."""
    return lambda value: "" if len(value) <= most else f"`{name}` has at most {most} characters"


def number(name: str, most: int) -> Callable[[str], str]:
    """The check of a parameter that is a number from 1 on."""

    def check(value: str) -> str:
        right = value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most
        return "" if right else f"`{name}` is a number from 1 to {most}"

    return check


async def object_of(request: web.Request) -> dict[str, object]:
    """The body, a JSON object.

    Raises:
        AskedWrongError: where it is none, or does not come.
    """
    if request.content_type != "application/json":
        raise AskedWrongError(415, "send a JSON object with `Content-Type: application/json`")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = json.loads(await request.text())
    except TimeoutError:
        raise AskedWrongError(408, f"the body did not come within {BODY_SECONDS:g} s") from None
    except (ValueError, LookupError, RecursionError):
        raise AskedWrongError(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise AskedWrongError(400, "the body is not a JSON object")
    return body
