"""`subrosa events`: the decisions of a running gateway, read from its admin port."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from subrosa.cli.client import AdminClient
from subrosa.cli.options import Admin, Config
from subrosa.cli.output import out


class Word(StrEnum):
    """How a decision ends."""

    ALLOW = "allow"
    BLOCK = "block"
    WOULD_BLOCK = "would_block"


def events(
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new ones as they come.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="How many of the last.")] = 20,
    verdict: Annotated[Word | None, typer.Option("--verdict", help="Only this verdict.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: Config = None,
    admin: Admin = None,
) -> None:
    """Show the last decisions, and with -f the live ones."""
    client = AdminClient.of(config, admin)
    wanted = {"verdict": verdict.value} if verdict else {}
    told = client.must("GET", "/api/v1/decisions", query={"limit": str(limit), **wanted})
    for record in reversed(told.body["decisions"]):
        _print(record, as_json=as_json)
    if not follow:
        return
    try:
        for record in client.events("/api/v1/decisions/stream", wanted):
            _print(record, as_json=as_json)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _print(record: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        out.print(json.dumps(record, ensure_ascii=False), markup=False)
        return
    told = " ".join(
        str(part) for part in (record.get("rule") or record.get("reason"), record.get("operation")) if part
    )
    out.print(
        f"{record.get('time', '')} {record.get('verdict', ''):5} {record.get('method', '')} "
        f"{record.get('host', '')}{record.get('path', '')} {told}",
        markup=False,
    )
