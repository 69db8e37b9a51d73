"""What the supervisor knows of one worker, of what workers have to load, and whom it tells of them."""

from collections.abc import Callable
from dataclasses import dataclass

from subrosa.runtime.workers.messages import Load, Message, Records


@dataclass(slots=True, eq=False, kw_only=True)
class Member:
    """One worker process."""

    pid: int
    send: Callable[[Message], None]
    kill: Callable[[], None]
    told: int = 0
    """The last load that it was asked for."""
    force: int = 0
    """The load that it was last told to put in force; 0 while it has none."""
    slot: int | None = None
    serving: bool = False
    started: bool = False
    """Whether it has said anything yet; before that it is still being imported."""
    silent: int = 0
    """Ticks since it last said something."""
    evidence_fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A generation of the policy: its digest, and what a worker has to be told to build it."""

    digest: str
    load: Load

    @property
    def number(self) -> int:
        """The number of the load."""
        return self.load.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom the crew tells, as plain callables.

    ``records`` takes what workers recorded; ``vacated`` hears of a slot whose worker is gone, before another gets
    it; ``replaced`` of each slot that another worker serves now; ``unable`` of faults that keep a worker from serving.
    """

    records: Callable[[Records], None]
    vacated: Callable[[int], None]
    replaced: Callable[[int], None]
    unable: Callable[[tuple[str, ...]], None]
