"""`subrosa check` and `subrosa test`: rules found faulty, rules tried against their own cases."""

import time
from pathlib import Path
from typing import Annotated

import typer

from subrosa.cli.options import Config, ProfileOption, settings_of
from subrosa.cli.output import fail, out
from subrosa.loading.check import check as check_rules
from subrosa.loading.suite import run_suite
from subrosa.runtime import policy_inputs

type Dirs = Annotated[
    list[Path] | None, typer.Argument(help="Directories of your own rules; the shipped ones always count.")
]


def check(dirs: Dirs = None, config: Config = None, profile: ProfileOption = None) -> None:
    """Load and lint the rules, and print every fault at once."""
    inputs = policy_inputs(settings_of(config, {"rules": dirs, "profile": profile}))
    started = time.perf_counter()
    faults = check_rules(inputs)
    errors = [fault for fault in faults if not fault.warning]
    code = fail(str(fault) for fault in faults) if faults else 0
    out.print(
        f"{len(errors)} faults, {len(faults) - len(errors)} warnings ({time.perf_counter() - started:.1f} s)",
        markup=False,
    )
    raise typer.Exit(code if errors else 0)


def run_cases(dirs: Dirs = None, config: Config = None) -> None:
    """Run the cases that stand beside the rules."""
    inputs = policy_inputs(settings_of(config, {"rules": dirs}))
    started = time.perf_counter()
    result = run_suite(inputs)
    code = fail(str(failure) for failure in result.failures)
    out.print(
        f"{result.total - len(result.failures)} passed, {len(result.failures)} failed "
        f"({time.perf_counter() - started:.1f} s)",
        markup=False,
    )
    raise typer.Exit(code if result.failures or not result.total else 0)
