"""What a worker records, passed on to the supervisor for those who follow it; a transfer never waits for that."""

import asyncio
from collections import deque
from typing import Final

from subrosa.runtime.workers.channel import MOST_OCTETS, Channel
from subrosa.runtime.workers.messages import Records

LINGER: Final = 0.05
"""Seconds that records may stand here, so that many share one message."""
MOST_WAITING: Final = 1_000
"""Records; further ones take the place of the oldest. All of them stand in the evidence."""
MOST_BACKLOG: Final = 1 << 20
"""Octets that a supervisor may be behind; beyond that records wait here, and the oldest are lost."""
_LONGEST: Final = MOST_OCTETS // 16


class Forwarder:
    """Takes encoded records and sends them in batches."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
        self._timer: asyncio.TimerHandle | None = None

    def take(self, line: str) -> None:
        """Pass a record on soon."""
        if len(line) > _LONGEST:
            return
        self._waiting.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER, self._due)

    def flush(self) -> None:
        """Send what waits."""
        lines: list[str] = []
        octets = 0
        while self._waiting:
            line = self._waiting.popleft()
            lines.append(line)
            octets += len(line)
            if octets > _LONGEST or not self._waiting:
                self._channel.send(Records.of(lines))
                lines, octets = [], 0

    def _due(self) -> None:
        self._timer = None
        if self._channel.backlog <= MOST_BACKLOG:
            self.flush()
        else:
            self._timer = asyncio.get_running_loop().call_later(LINGER, self._due)
