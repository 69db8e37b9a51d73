"""The switch that refuses everything; a file in the state directory, so that it survives a restart.

Whoever may write there turns it by hand, too: `touch STATE/lockdown`. What cannot be read counts as on.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Seen:
    """What the file says, and whose it is or what keeps it from being read."""

    on: bool
    by: str = ""


@dataclass(slots=True)
class Lockdown:
    """Whether it is on, and the file that says so."""

    file: Path
    on: bool = False
    _unwritten: bool = False
    """On without a file, which could not be made: nothing but a wish to turn it off does."""

    @classmethod
    def of(cls, state_dir: Path) -> "Lockdown":
        """The switch of this state directory, not read yet."""
        return cls(state_dir / "lockdown")

    def read(self) -> Seen:
        """Take the state from the file."""
        seen = self._look()
        self.on = seen.on
        return seen

    def noticed(self) -> Seen | None:
        """What the file says, where that is something new; takes the state from it."""
        seen = self._look()
        if seen.on == self.on or (self._unwritten and not seen.on):
            return None
        self.on = seen.on
        return seen

    def set(self, *, on: bool) -> str:
        """Turn it, on disk first; gives what keeps the disk from knowing.

        It is on then in any case, until this process ends: what could not be written is not undone by its absence,
        and what could not be removed still says so.
        """
        try:
            if not on:
                self.file.unlink(missing_ok=True)
            elif not os.path.lexists(self.file):
                self.file.touch(mode=0o600)
        except OSError as fault:
            self.on = True
            self._unwritten = on
            return f"`{self.file}` cannot be {'made' if on else 'removed'}: {_why(fault)}"
        self.on, self._unwritten = on, False
        return ""

    def _look(self) -> Seen:
        try:
            found = os.lstat(self.file)
        except FileNotFoundError:
            there = self.file.parent.is_dir()
            return Seen(not there, "" if there else "the state directory cannot be read")
        except OSError as fault:
            return Seen(True, f"it cannot be read: {_why(fault)}")
        return Seen(True, f"uid {found.st_uid}")


def _why(fault: OSError) -> str:
    return (fault.strerror or str(fault)).lower()
