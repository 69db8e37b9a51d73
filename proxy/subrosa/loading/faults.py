"""Faults of rules: where, what, and what to write instead; all of them at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import override

_SHOWN = 8


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault, told as ``rules/x.yaml:12:5 operations[3].request: …``; a `warning` refuses nothing."""

    file: str
    line: int
    column: int
    where: str
    message: str
    warning: bool = False

    @override
    def __str__(self) -> str:
        """The line that a person reads."""
        position = f":{self.line}:{self.column}" if self.line else ""
        where = f" {self.where}" if self.where else ""
        return f"{self.file}{position}{where}: {self.message}"


class RuleErrors(ValueError):  # noqa: N818 - it is many errors
    """Every fault of every file, sorted by file and place."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


def instead(given: str, allowed: Iterable[str]) -> str:
    """What to write instead of an unknown word: the close ones, or the whole list where it is short."""
    words = sorted(allowed)
    close = get_close_matches(given, words, n=3)
    if close:
        return f"write {_either(close)}"
    if len(words) <= _SHOWN:
        return f"write one of {', '.join(words)}"
    return f"write one of {', '.join(words[:_SHOWN])}, …"


def _either(words: Sequence[str]) -> str:
    return " or ".join(f"`{word}`" for word in words)
