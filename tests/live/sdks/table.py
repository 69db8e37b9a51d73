"""The rows: which SDK makes which call, and what must become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TRAINING = "pledge.training-destination"
DEFAULT = "pledge.vendor-default"
TAG = "pledge.training-tag"

type Make = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Sdk:
    """One SDK's client: its distribution, where it calls, what it raises, and how it is built for an origin.

    ``raises`` is empty where an SDK raises nothing and gives back what it was told.
    ``connect`` imports the SDK, so that collecting the tests does not.
    """

    package: str
    host: str
    raises: str
    connect: Callable[[str], Any]

    def blocks(
        self, says: str, operation: str, make: Make, rule: str = TRAINING, answer: object = None
    ) -> "Call":
        """A call that must not leave; ``answer`` is for what the SDK asks before it."""
        return Call(self, says, operation, make, rule, answer)

    def passes(self, says: str, operation: str, make: Make, answer: object = None) -> "Call":
        """A call that must arrive; ``answer`` is what the provider says then, if the SDK cannot read `{}`."""
        return Call(self, says, operation, make, "", answer)


@dataclass(frozen=True, slots=True)
class Call:
    """One row. ``rule`` refuses it; without one it is allowed. Operation `""` is one that no catalogue file has."""

    sdk: Sdk
    says: str
    operation: str
    make: Make
    rule: str = ""
    answer: object = None

    @property
    def name(self) -> str:
        """The test's id, a sentence."""
        return f"{self.sdk.package}: {self.says} {'is refused' if self.rule else 'passes'}"
