"""`subrosa run`: the gateway in the foreground."""

from pathlib import Path
from typing import Annotated

import typer

from subrosa.cli.options import Admin, Config, ProfileOption, Rules, settings_of
from subrosa.cli.output import err
from subrosa.runtime.bound import Bound


def run(
    *,
    config: Config = None,
    listen: Annotated[
        str | None, typer.Option("--listen", help="Where clients connect.", metavar="H:P", show_default=False)
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            "--mode",
            help="explicit, transparent, socks5 or reverse:URL; `@H:P` gives it a socket of its own; repeatable.",
            metavar="MODE[@H:P]",
        ),
    ] = None,
    admin: Admin = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics", help="A read-only metrics listener, no token.", metavar="H:P", show_default=False
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            max=256,
            help="Processes that serve side by side.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", help="CA, evidence, spool.", metavar="D", show_default=False)
    ] = None,
    rules: Rules = None,
    profile: ProfileOption = None,
    upstream_ca: Annotated[
        Path | None,
        typer.Option(
            "--upstream-ca", help="More roots to trust upstream (PEM).", metavar="F", show_default=False
        ),
    ] = None,
    upstream_proxy: Annotated[
        str | None, typer.Option("--upstream-proxy", help="Parent proxy.", metavar="URL", show_default=False)
    ] = None,
    allow_private: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-private", help="A private network that may be reached; repeatable.", metavar="CIDR"
        ),
    ] = None,
    hosts_file: Annotated[
        Path | None,
        typer.Option(
            "--hosts-file", help="Names to resolve from a file first.", metavar="F", show_default=False
        ),
    ] = None,
    proxy_users: Annotated[
        Path | None, typer.Option("--proxy-users", help="Password file.", metavar="F", show_default=False)
    ] = None,
    observe: Annotated[
        bool, typer.Option("--observe", help="Record what would be refused; refuse nothing.")
    ] = False,
) -> None:
    """Start the gateway: refuse what would put meeting content into model training, pass the rest."""
    flags = {
        "listeners": listeners(listen, mode or []) or None,
        "admin": admin,
        "metrics": metrics,
        "workers": workers,
        "state_dir": state_dir,
        "rules": rules,
        "profile": profile,
        "upstream_ca": upstream_ca,
        "upstream_proxy": upstream_proxy,
        "allow_private": allow_private,
        "hosts_file": hosts_file,
        "proxy_users": proxy_users,
        "observe": observe,
    }
    settings = settings_of(config, flags)
    from subrosa.runtime.process import run_gateway

    run_gateway(settings, announce)


def listeners(listen: str | None, modes: list[str]) -> list[dict[str, object]]:
    """The listeners that `--listen` and `--mode` ask for; empty when neither was given."""
    if listen is None and not modes:
        return []
    default = listen or "127.0.0.1:8080"
    found: list[dict[str, object]] = []
    for mode in modes or ["explicit"]:
        name, at, address = mode.rpartition("@")
        found.append({"mode": name if at else mode, "listen": address if at else default})
    return found


def announce(bound: Bound) -> None:
    """Say in a few lines where the gateway listens, where its CA is, and one request to try."""
    proxy = next((entry for entry in bound.listeners if entry[0] == "explicit"), None)
    for mode, address in bound.listeners:
        err.print(f"subrosa: {mode} proxy on {address}", markup=False)
    err.print(f"subrosa: admin and metrics on http://{bound.admin}/", markup=False)
    err.print(f"subrosa: clients must trust {bound.ca}", markup=False)
    state = "observing only: NOTHING is refused" if bound.observe else "enforcing"
    err.print(
        f"subrosa: {state}; profile {bound.profile}, {bound.operations} operations of {bound.providers} providers, "
        f"policy {bound.digest[:12]}",
        markup=False,
    )
    if proxy is not None:
        err.print(
            f"try:     curl -x http://{proxy[1]} --cacert {bound.ca} https://api.openai.com/v1/fine_tuning/jobs "
            '--json \'{"training_file": "file-1"}\'',
            markup=False,
        )
