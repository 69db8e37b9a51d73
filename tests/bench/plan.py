"""How one subject is started: commands, the ports that it will listen on, and whom its clients must trust."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ports for one subject, and the port of the destination for what must know it."""

    proxy: int
    admin: int
    reverse: int
    icap: int
    destination: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Commands run side by side; all of them are the subject, and their CPU counts."""

    commands: Sequence[Sequence[str]]
    listens: Sequence[int]
    ca: Path | None = None
    environment: Mapping[str, str] | None = None
    """All of it; the caller's own where none is given."""
