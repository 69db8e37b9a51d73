"""Judging a request that is not sent: from a description to an explanation, for the command line and the admin port."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from subrosa.loading.running import inspect, read_body
from subrosa.policy.explain import Explanation, explain
from subrosa.policy.policy import Policy
from subrosa.policy.sources import Source, Sources

type Lines = tuple[tuple[str, str], ...]
_KEYS = frozenset({"method", "url", "headers", "body", "body_base64", "source"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to judge; ``holds`` says what its source holds, or names a source of the settings."""

    method: str
    url: str
    lines: Lines = ()
    body: bytes = b""
    holds: str = "customer-content"


def judge(policy: Policy, asked: Asked) -> Explanation:
    """Explain what the policy makes of a request.

    Raises:
        ValueError: when its head would be refused before any rule is asked; the text says why.
    """
    named = next((one for one in policy.sources.named if one.name == asked.holds), None)
    source = Source(
        name=asked.holds, holds_content=named.holds_content if named is not None else asked.holds != "nothing"
    )
    if named is None and asked.holds not in ("nothing", "customer-content"):
        msg = (
            f"source `{asked.holds}` is unknown: write customer-content, nothing, or a source of the settings"
        )
        raise ValueError(msg)
    inspection, verdict = inspect(replace(policy, sources=Sources((source,))), asked)
    if inspection is None:
        msg = f"refused before any rule ({verdict.reason.value}, status {verdict.http_status}): {verdict.detail}"
        raise ValueError(msg)
    read_body(inspection, asked.body)
    return explain(inspection)


def explained(policy: Policy | None, request: Mapping[str, object]) -> dict[str, object]:
    """The admin port's answer to a JSON description: ``method``, ``url``, ``headers``, ``body`` or ``body_base64``.

    Raises:
        ValueError: with what to write instead.
    """
    if policy is None:
        msg = "no policy is loaded"
        raise ValueError(msg)
    return plain(judge(policy, _asked(request)))


def plain(told: Explanation) -> dict[str, object]:
    """An explanation as plain data, its enumerations as their words."""
    data = asdict(told)
    data["verdict"] |= {"stage": told.verdict.stage.label}
    for at, claim in enumerate(told.claims):
        data["claims"][at]["value"] = claim.value.name.lower()
    data["rules"] = [
        {
            "id": rule.id,
            "rank": rule.rank,
            "value": rule.value.name.lower(),
            "facts": [{"fact": fact, "value": value.name.lower()} for fact, value in rule.facts],
        }
        for rule in told.rules
    ]
    return data


def _asked(request: Mapping[str, object]) -> Asked:
    unknown = set(request) - _KEYS
    if unknown:
        msg = f"unknown key `{min(unknown)[:40]}`: write one of {', '.join(sorted(_KEYS))}"
        raise ValueError(msg)
    headers = request.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        msg = "`headers` is an object from names to text"
        raise ValueError(msg)
    texts = {name: request.get(name, "") for name in ("method", "url", "body", "body_base64", "source")}
    wrong = next((name for name, value in texts.items() if not isinstance(value, str)), None)
    if wrong is not None or not texts["url"]:
        msg = f"`{wrong or 'url'}` is text, and `url` must be given"
        raise ValueError(msg)
    body = str(texts["body"]).encode()
    if texts["body_base64"]:
        try:
            body = base64.b64decode(str(texts["body_base64"]), validate=True)
        except binascii.Error:
            msg = "`body_base64` is no base64"
            raise ValueError(msg) from None
    return Asked(
        method=str(texts["method"]) or ("POST" if body else "GET"),
        url=str(texts["url"]),
        lines=tuple(headers.items()),
        body=body,
        holds=str(texts["source"]) or "customer-content",
    )
