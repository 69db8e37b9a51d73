"""`subrosa check` and `subrosa test`: rules found faulty, rules tried against their own cases."""

import time
from pathlib import Path
from typing import Annotated

import typer

from subrosa.cli.options import Config, ProfileOption, settings_of
from subrosa.cli.output import fail, out
from subrosa.loading.cases import load_cases
from subrosa.loading.faults import RuleErrors
from subrosa.loading.lint import check as check_rules
from subrosa.loading.policy import load
from subrosa.loading.running import Policies, run_case, run_kind_case
from subrosa.runtime.configuration import policy_inputs

# No `type` statement, as in options.py.
Dirs = Annotated[
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
    """Run the cases that stand beside the rules, each whole and in pieces."""
    inputs = policy_inputs(settings_of(config, {"rules": dirs}))
    started = time.perf_counter()
    try:
        cases = load_cases(inputs)
        policies = Policies(inputs)
        anywhere = load(inputs, 0).policy
    except RuleErrors as errors:
        raise typer.Exit(fail(str(fault) for fault in errors.faults)) from None
    results = [run_case(policies, case) for case in cases.requests]
    results += [run_kind_case(anywhere, case) for case in cases.kinds]
    failures = [str(failure) for failure in results if failure is not None]
    code = fail(failures)
    out.print(
        f"{len(results) - len(failures)} passed, {len(failures)} failed ({time.perf_counter() - started:.1f} s)",
        markup=False,
    )
    raise typer.Exit(code if failures else 0)
