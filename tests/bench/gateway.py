"""`subrosa`, with one thing added: where it is asked to, it writes how many asyncio tasks it has, for the soak."""

import asyncio
import os
import signal
from pathlib import Path

ASKED = signal.SIGRTMIN
"""None that the gateway takes itself: SIGUSR1 locks it down."""


def counts(pid: int) -> Path:
    """The file that is there once a process takes the signal, which would end it otherwise."""
    return Path(f"counts-{pid}")


def tasks(pid: int) -> Path:
    """The file that a process writes when it is asked."""
    return Path(f"tasks-{pid}")


def count_tasks(*_: object) -> None:
    """Python runs this in the main thread, which is where the loop runs."""
    told = tasks(os.getpid())
    told.with_suffix(".new").write_text(str(len(asyncio.all_tasks())))
    told.with_suffix(".new").rename(told)


if __name__ == "__main__":
    from subrosa.cli import main

    signal.signal(ASKED, count_tasks)
    counts(os.getpid()).touch()
    main()
