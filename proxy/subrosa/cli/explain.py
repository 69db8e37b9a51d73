"""`subrosa explain`: which facts, which rules, which verdict, at which stage, and why not the others."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from subrosa.cli.options import Config, ProfileOption, Rules, settings_of
from subrosa.cli.output import fail, out, print_json
from subrosa.facts.ternary import Ternary
from subrosa.policy.explain import Explanation
from subrosa.runtime.configuration import load_policy
from subrosa.runtime.explaining import Asked, judge, plain

_MARK = {
    Ternary.TRUE: "yes",
    Ternary.FALSE: "no",
    Ternary.UNKNOWN: "not known yet",
    Ternary.UNREADABLE: "unreadable",
}


def explain(
    request: Annotated[
        str, typer.Argument(help="`POST https://host/path`, or a file that holds a raw HTTP request.")
    ],
    *,
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", help="`Name: value`; repeatable.")
    ] = None,
    form: Annotated[
        list[str] | None,
        typer.Option("-F", "--form", help="A multipart field, `name=value` or `name=@file`."),
    ] = None,
    json_body: Annotated[str | None, typer.Option("--json", help="A JSON body.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="A file to take as the body.")] = None,
    source: Annotated[
        str, typer.Option("--source", help="customer-content, nothing, or a source of the settings.")
    ] = "customer-content",
    config: Config = None,
    rules: Rules = None,
    profile: ProfileOption = None,
    machine: Annotated[bool, typer.Option("--machine", help="Print JSON.")] = False,
) -> None:
    """Judge a request without sending it, and tell what led to the verdict."""
    policy = load_policy(settings_of(config, {"rules": rules, "profile": profile}))
    try:
        asked = _asked(request, header or [], form or [], json_body, data, source)
        told = judge(policy, asked)
    except (ValueError, OSError) as fault:
        raise typer.Exit(fail([str(fault)])) from None
    if machine:
        print_json(plain(told))
        return
    for line in lines(told):
        out.print(line, markup=False)


def _asked(
    request: str, headers: list[str], form: list[str], json_body: str | None, data: Path | None, source: str
) -> Asked:
    if "://" not in request:
        return raw_request(Path(request).read_bytes(), source)
    method, _, url = request.rpartition(" ")
    found = [_header(text) for text in headers]
    body = b""
    if json_body is not None:
        body = json_body.encode()
        found.append(("Content-Type", "application/json"))
    elif form:
        boundary = secrets.token_hex(16)
        body = _multipart(form, boundary)
        found.append(("Content-Type", f"multipart/form-data; boundary={boundary}"))
    elif data is not None:
        body = data.read_bytes()
    return Asked(
        method=method.strip() or ("POST" if body else "GET"),
        url=url,
        lines=tuple(found),
        body=body,
        holds=source,
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name:
        msg = f"header `{text}`: write `Name: value`"
        raise ValueError(msg)
    return name, value.strip()


def _multipart(fields: list[str], boundary: str) -> bytes:
    pieces: list[bytes] = []
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals:
            msg = f"form field `{text}`: write `name=value` or `name=@file`"
            raise ValueError(msg)
        named = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        content = value.encode()
        if value.startswith("@"):
            file = Path(value[1:])
            named += f'; filename="{file.name}"'
            content = file.read_bytes()
        pieces.append(named.encode() + b"\r\n\r\n" + content + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def raw_request(octets: bytes, source: str) -> Asked:
    """A raw HTTP/1.1 request in origin or absolute form; https is assumed for the former.

    Raises:
        ValueError: when it is no such request.
    """
    top, gap, body = octets.partition(b"\r\n\r\n" if b"\r\n\r\n" in octets else b"\n\n")
    first, *rest = top.decode("latin-1").replace("\r\n", "\n").split("\n")
    words = first.split(" ")
    if not gap or len(words) != 3 or not words[2].startswith("HTTP/"):  # noqa: PLR2004 - method, target, version
        msg = "the file is no raw HTTP request: its first line is `POST /path HTTP/1.1`, an empty line ends its head"
        raise ValueError(msg)
    found = [_header(line) for line in rest]
    host = next((value for name, value in found if name.lower() == "host"), "")
    url = words[1] if "://" in words[1] else f"https://{host}{words[1]}"
    return Asked(method=words[0], url=url, lines=tuple(found), body=body, holds=source)


def lines(told: Explanation) -> list[str]:
    """The explanation as a person reads it."""
    verdict = told.verdict
    found = [
        f"verdict    {verdict.outcome.value} ({verdict.reason.value}) at stage {verdict.stage.label}",
        f"source     {told.source}, holds {'customer content' if told.holds_content else 'nothing of note'}",
    ]
    if told.unread:
        found.append(f"unread     a tunnel to it passes, and nothing of it is read ({told.unread})")
    if verdict.detail:
        found.append(f"because    {verdict.detail}")
    if verdict.remedy:
        found.append(f"remedy     {verdict.remedy}")
    found += [
        f"operation  {claim.operation}: {claim.purpose}, {claim.strength}; matches: {_MARK[claim.value]}"
        for claim in told.claims
    ] or ["operation  none known to the catalogue"]
    found += [f"tag        {carrier}: {key} = {value}" for carrier, key, value in told.tags]
    if told.meanings:
        found.append(f"tags say   {', '.join(told.meanings)}")
    found += [f"kind       {kind}" for kind in told.kinds]
    found += [f"shape      {shape}" for shape in told.shapes]
    found.append(f"body       {told.body}{': ' + told.detail if told.detail else ''}")
    for rule in told.rules:
        asked = ", ".join(f"{fact} is {_MARK[value]}" for fact, value in rule.facts)
        found.append(f"rule       {rule.id} ({rule.rank}): {_MARK[rule.value]} [{asked}]")
    return found
