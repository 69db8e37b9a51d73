"""`subrosa catalogue`: browse providers, operations, purposes and sources."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from subrosa.cli.options import Config, Rules, settings_of
from subrosa.cli.output import fail, out, print_json
from subrosa.runtime.catalogue import rows
from subrosa.runtime.cataloguepage import page
from subrosa.runtime.configuration import load_policy


def catalogue(
    word: Annotated[
        str,
        typer.Argument(
            help="Show only what this word occurs in: provider, name, operation, purpose, host, source."
        ),
    ] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_page: Annotated[bool, typer.Option("--markdown", help="Print the whole as one page.")] = False,
    config: Config = None,
    rules: Rules = None,
) -> None:
    """List who trains, on which call, and which call does not."""
    policy = load_policy(settings_of(config, {"rules": rules}))
    if as_page:
        out.file.write(page(policy))
        return
    found = rows(policy, word)
    if as_json:
        print_json(found)
        return
    if not found:
        raise typer.Exit(fail([f"nothing in the catalogue holds `{word}`"]))
    table = Table("operation", "purpose", "request, and where it says so", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    table.columns[2].overflow = "fold"
    for row in found:
        table.add_row(*map(escape, (row["operation"], f"{row['purpose']} {row['strength']}", _told(row))))
    out.print(table)
    providers = len({row["provider"] for row in found})
    out.print(f"{len(found)} operations of {providers} providers", markup=False)


def _told(row: dict[str, str]) -> str:
    """The first request, how many more, and each source on a line of its own."""
    request, _, more = row["request"].partition(", ")
    told = f"{request} and {more.count(', ') + 1} more" if more else request
    return "\n".join((told, *(f"  {source}" for source in row["source"].split("; "))))
