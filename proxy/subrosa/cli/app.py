"""The command line's root: registers the commands and turns known errors into one clear line and an exit code."""

import sys
from typing import Annotated

import typer

from subrosa import __version__
from subrosa.cli import addon, authority, catalogue, events, explain, rules, run, status, switches
from subrosa.cli.demo import demo
from subrosa.cli.output import fail
from subrosa.runtime.configuration import StartError

app = typer.Typer(
    name="subrosa",
    help="Keep meeting content out of the training of AI models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"subrosa {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep meeting content out of the training of AI models."""


app.command("run")(run.run)
app.command("check")(rules.check)
app.command("test")(rules.run_cases)
app.command("explain")(explain.explain)
app.command("catalogue")(catalogue.catalogue)
app.command("events")(events.events)
app.command("status")(status.status)
app.command("reload")(switches.reload)
app.command("lockdown")(switches.lockdown)
app.command("demo")(demo)
app.command("user")(authority.user)
app.command("addon-path")(addon.addon_path)
app.add_typer(authority.app, name="ca")


def main() -> None:
    """Run the command line; the console script's entry."""
    try:
        app()
    except StartError as fault:
        sys.exit(fail(fault.lines))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
