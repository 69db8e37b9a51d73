"""The store of upload sessions beside the event loop: its calls run in one thread of their own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from subrosa.facts.sessions import SessionFacts, SessionKey
from subrosa.lineage.sessions import SessionStore


class Uploads:
    """What the data plane asks of the store."""

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        self._store = SessionStore(file, clock)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="uploads")

    async def recall(self, keys: Sequence[SessionKey]) -> SessionFacts | None:
        """What was said under any of these names; raises SessionsError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._store.recall, keys)

    async def remember(self, keys: Sequence[SessionKey], facts: SessionFacts) -> None:
        """Keep what was said under these names; raises SessionsError."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._store.remember, keys, facts)

    async def close(self) -> None:
        """Finish what is under way."""
        await asyncio.to_thread(self._thread.shutdown)
        self._store.close()
