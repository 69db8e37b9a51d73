"""`subrosa reload` and `subrosa lockdown`: what a running gateway is told to do."""

from enum import StrEnum
from typing import Annotated

import typer

from subrosa.cli.client import AdminClient
from subrosa.cli.options import Admin, Config
from subrosa.cli.output import fail, out

_RELOAD_SECONDS = 180.0
_FAULTY = 422


class Turn(StrEnum):
    """The two ways to turn a switch."""

    ON = "on"
    OFF = "off"


def reload(config: Config = None, admin: Admin = None) -> None:
    """Have a running gateway load its rules anew; with faults it keeps those in force, and they are told."""
    client = AdminClient.of(config, admin)
    answer = client.ask("POST", "/api/v1/reload", seconds=_RELOAD_SECONDS)
    faults = [str(fault) for fault in answer.body.get("faults", ())]
    if answer.status == _FAULTY and faults:
        last = f"{len(faults)} faults: generation {answer.body.get('generation')} stays in force"
        raise typer.Exit(fail([*faults, last]))
    client.accept(answer)
    out.print(f"generation {answer.body.get('generation')} is in force", markup=False)


def lockdown(
    turn: Annotated[Turn | None, typer.Argument(help="Without it, the present state is told.")] = None,
    config: Config = None,
    admin: Admin = None,
) -> None:
    """Have a running gateway refuse every transfer and break off those under way, or no longer."""
    client = AdminClient.of(config, admin)
    if turn is None:
        answer = client.must("GET", "/api/v1/lockdown")
    else:
        answer = client.must("PUT", "/api/v1/lockdown", {"on": turn is Turn.ON})
    on = answer.body.get("on") is True
    out.print("lockdown is on: every transfer is refused" if on else "lockdown is off", markup=False)
    if answer.detail:
        raise typer.Exit(fail([f"it will not outlast the gateway: {answer.detail}"]))
