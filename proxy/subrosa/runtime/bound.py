"""What a started gateway says of itself; apart from `process`, so that telling it needs no data plane."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a started gateway says of itself; addresses as host:port."""

    listeners: tuple[tuple[str, str], ...]
    """(mode, address) of each."""
    admin: str
    ca: Path
    profile: str
    digest: str
    providers: int
    operations: int
    observe: bool
