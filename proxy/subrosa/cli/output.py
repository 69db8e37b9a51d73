"""How the commands print: results on stdout, faults on stderr, colour only where a person reads."""

import json
from collections.abc import Iterable

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(lines: Iterable[str]) -> int:
    """Print faults, one a line, and give the exit code for faults."""
    for line in lines:
        err.print(line, markup=False)
    return 1


def print_json(value: object) -> None:
    """Print a value as JSON, for programs."""
    out.print(json.dumps(value, indent=2, ensure_ascii=False, default=str), markup=False)
