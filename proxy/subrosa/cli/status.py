"""`subrosa status`: whether a running gateway is ready, and how it is; the exit code says it to programs."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from subrosa.cli.client import AdminClient
from subrosa.cli.options import Admin, Config
from subrosa.cli.output import err, out, print_json

_COUNTERS = {
    "allow": "allowed",
    "block": "refused",
    "would_block": "would be refused",
    "fail_closed": "failed closed",
}


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing where it is ready.")] = False,
    config: Config = None,
    admin: Admin = None,
) -> None:
    """Tell whether a running gateway is ready, and how it is; exits with 1 where it is not."""
    client = AdminClient.of(config, admin)
    health = client.ask("GET", "/readyz").body
    ready = health.get("ready") is True
    if quiet:
        if not ready:
            err.print(f"not ready: {'; '.join(_reasons(health)) or 'it does not say why'}", markup=False)
    elif as_json:
        print_json({**client.must("GET", "/api/v1/status").body, **health})
    else:
        for line in lines(health, client.must("GET", "/api/v1/status").body):
            out.print(line, markup=False)
    raise typer.Exit(0 if ready else 1)


def lines(health: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[str]:
    """Health and state as a person reads them."""
    reasons = _reasons(health)
    if health.get("ready") is not True:
        yield "not ready"
    else:
        yield "ready, with a warning" if reasons else "ready"
    for reason in reasons:
        yield f"  {reason}"
    policy = state.get("policy")
    if policy:
        enforcing = "enforcing" if policy["enforcing"] else "observing only: NOTHING is refused"
        yield (
            f"policy     generation {policy['generation']}, {policy['digest'][:12]}, profile {policy['profile']}, "
            f"{policy['providers']} providers, {enforcing}"
        )
    else:
        yield "policy     none: every transfer is refused"
    yield f"lockdown   {'ON: every transfer is refused' if state.get('lockdown') else 'off'}"
    yield f"workers    {state.get('workers', 0)}"
    counted = state.get("transfers", {})
    yield "transfers  " + ", ".join(f"{counted.get(word, 0)} {told}" for word, told in _COUNTERS.items())
    yield f"version    {state.get('version', '')}, since {state.get('started', '')}"


def _reasons(health: Mapping[str, Any]) -> list[str]:
    return [str(reason) for reason in health.get("reasons", ())]
