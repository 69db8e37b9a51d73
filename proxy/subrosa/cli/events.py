"""`subrosa events`: the decisions of a running gateway, read from its admin port."""

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from subrosa.cli.options import Admin, Config, settings_of
from subrosa.cli.output import fail, out


def events(
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new ones as they come.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="How many of the last.")] = 20,
    verdict: Annotated[
        str | None, typer.Option("--verdict", help="Only block, allow or would_block.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: Config = None,
    admin: Admin = None,
) -> None:
    """Show the last decisions, and with -f the live ones."""
    import aiohttp

    settings = settings_of(config, {"admin": admin})
    token = settings.admin_token_file.read_text().strip() if settings.admin_token_file else ""
    try:
        asyncio.run(_show(settings.admin, token, limit, verdict, follow=follow, as_json=as_json))
    except aiohttp.ClientError as fault:
        line = (
            f"no gateway answers on http://{settings.admin}/ ({fault}): is `subrosa run` up? give --admin H:P"
        )
        raise typer.Exit(fail([line])) from fault
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _show(
    admin: str, token: str, limit: int, verdict: str | None, *, follow: bool, as_json: bool
) -> None:
    import aiohttp

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    query = {"limit": str(limit)} | ({"verdict": verdict} if verdict else {})
    timeout = aiohttp.ClientTimeout(total=None, connect=5)
    async with aiohttp.ClientSession(f"http://{admin}", headers=headers, timeout=timeout) as session:
        async with session.get("/api/v1/decisions", params=query, raise_for_status=True) as answer:
            for record in reversed((await answer.json())["decisions"]):
                _print(record, as_json=as_json)
        if not follow:
            return
        async with session.get("/api/v1/decisions/stream", raise_for_status=True) as answer:
            async for line in answer.content:
                if line.startswith(b"data:"):
                    record = json.loads(line[5:])
                    if verdict in (None, record.get("verdict")):
                        _print(record, as_json=as_json)


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
