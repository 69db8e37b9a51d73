"""The switch that refuses everything; a file in the state directory, so that it survives a restart."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Lockdown:
    """Whether it is on, and the file that says so."""

    file: Path
    on: bool = False

    @classmethod
    def of(cls, state_dir: Path) -> "Lockdown":
        """The switch of this state directory, not read yet."""
        return cls(state_dir / "lockdown")

    def read(self) -> bool:
        """Take the state from the file."""
        self.on = self.file.exists()
        return self.on

    def set(self, *, on: bool) -> None:
        """Turn it, on disk first."""
        if on:
            self.file.touch(mode=0o600)
        else:
            self.file.unlink(missing_ok=True)
        self.on = on
