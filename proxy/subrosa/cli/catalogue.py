"""`subrosa catalogue`: browse providers, operations, purposes and sources."""

from typing import Annotated

import typer
from rich.table import Table

from subrosa.cli.options import Config, Rules, settings_of
from subrosa.cli.output import fail, out, print_json
from subrosa.runtime.catalogue import rows
from subrosa.runtime.cataloguepage import page
from subrosa.runtime.configuration import load_policy


def catalogue(
    word: Annotated[str, typer.Argument(help="Show only what this word occurs in.")] = "",
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
    table = Table("operation", "purpose", "strength", "request", "source", box=None, pad_edge=False)
    for row in found:
        table.add_row(row["operation"], row["purpose"], row["strength"], row["request"], row["source"])
    out.print(table)
    out.print(f"{len(found)} operations", markup=False)
