"""How long to wait before a worker is started in place of one that died; pure."""

from collections import deque

WINDOW = 60.0
"""Seconds for which a death counts."""
FREE = 3
"""Deaths in that time that cost no wait: a kill is no crash loop."""
FIRST = 0.25
CAP = 10.0


class Backoff:
    """Doubles the wait with each further death of the last minute, up to a cap."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque(maxlen=64)

    def died(self, now: float) -> None:
        """Note a death; ``now`` is of any clock that only goes on."""
        self._deaths.append(now)

    def delay(self, now: float) -> float:
        """Seconds to wait before the next start."""
        while self._deaths and now - self._deaths[0] > WINDOW:
            self._deaths.popleft()
        beyond = len(self._deaths) - FREE
        return min(CAP, FIRST * 2.0 ** (beyond - 1)) if beyond > 0 else 0.0
