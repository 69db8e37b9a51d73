"""`subrosa`, with one thing added: on SIGUSR1 it writes how many asyncio tasks it has, for the soak."""

import asyncio
import os
import signal
from pathlib import Path

from subrosa.cli import main


def count_tasks(*_: object) -> None:
    """Python runs this in the main thread, which is where the loop runs."""
    told = Path(f"tasks-{os.getpid()}")
    told.with_suffix(".new").write_text(str(len(asyncio.all_tasks())))
    told.with_suffix(".new").rename(told)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, count_tasks)
    main()
