"""`subrosa ca` and `subrosa user`: the CA that clients must trust, and lines for the password file."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from subrosa.cli.options import Config, settings_of
from subrosa.cli.output import fail, out
from subrosa.gateway import auth, ca, carotation
from subrosa.runtime.authority import authority_of
from subrosa.runtime.configuration import CLOCK

app = typer.Typer(help="The CA that clients must trust.", no_args_is_help=True, rich_markup_mode=None)
type State = Annotated[
    Path | None, typer.Option("--state-dir", help="Where the CA is kept.", metavar="D", show_default=False)
]


def _paths(config: Path | None, state_dir: Path | None) -> ca.CaPaths:
    try:
        return authority_of(settings_of(config, {"state_dir": state_dir}), CLOCK())
    except ca.CaError as fault:
        raise typer.Exit(fail([str(fault)])) from fault


@app.command("path")
def path(config: Config = None, state_dir: State = None) -> None:
    """Print the path of the CA certificate, making the CA if there is none yet."""
    out.print(str(_paths(config, state_dir).certificate), markup=False)


@app.command("export")
def export(
    form: Annotated[
        str, typer.Argument(metavar="pem|der|bundle", help="bundle: the public roots and ours.")
    ] = "pem",
    config: Config = None,
    state_dir: State = None,
) -> None:
    """Write the CA certificate to stdout, in the form that a trust store wants."""
    try:
        data = ca.export(_paths(config, state_dir), form)
    except ca.CaError as fault:
        raise typer.Exit(fail([str(fault)])) from fault
    sys.stdout.buffer.write(data)


@app.command("show")
def show(config: Config = None, state_dir: State = None) -> None:
    """List what clients should trust, and until when each ends."""
    try:
        found = carotation.told(_paths(config, state_dir))
    except ca.CaError as fault:
        raise typer.Exit(fail([str(fault)])) from fault
    for word, name, ends in found:
        out.print(f"{word:8} {name}, until {ends}", markup=False)


@app.command("rotate")
def rotate(
    *,
    finish: Annotated[bool, typer.Option("--finish", help="Take the prepared one in use.")] = False,
    config: Config = None,
    state_dir: State = None,
) -> None:
    """Prepare a new CA that clients can trust beside the old one; with --finish, take it in use."""
    settings = settings_of(config, {"state_dir": state_dir})
    if settings.ca is not None:
        line = (
            f"the settings give the CA, as `{settings.ca.cert}`: change it there, and start the gateway again"
        )
        raise typer.Exit(fail([line]))
    step = carotation.finish if finish else carotation.prepare
    try:
        certificate = step(settings.state_dir, CLOCK())
    except ca.CaError as fault:
        raise typer.Exit(fail([str(fault)])) from fault
    then = (
        "start every gateway again; the clients may forget the old one once all did"
        if finish
        else "give clients `subrosa ca export`, which has both; once they trust both, run it with --finish"
    )
    out.print(f"{certificate}: {then}", markup=False)


def user(name: Annotated[str, typer.Argument(help="The proxy user's name.")]) -> None:
    """Make one line for the password file; asks for the password, or reads it from stdin."""
    password = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        line = auth.user_line(name, password)
    except ValueError as fault:
        raise typer.Exit(fail([str(fault)])) from fault
    out.print(line, markup=False)
