"""The engine lane and the lean lane side by side: raw octets to both, and a sink behind them that reads strictly.

What becomes of them is equal in both: what is let through and refused, and why, what is recorded, what the client
hears, and what the sink gets, which it can read. Neither lane fails of its own, where both refuse included.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from fuzz.laneseeds import ASKING, BY_PATH, CLOSES, EARLY, HOST, IN_TLS, PORT
from live.doubles import by_path, policy
from live.twins import FINE, TURNS, Became, Reply, twins
from property.seeds import shipped
from subrosa.policy.policy import Policy

PATIENT = 150
"""Turns to wait where the lanes seem to differ, in case one of them was only late."""
MOST_PIECES = 8
_NAMES = tuple(at.partition(b":")[0].decode() for at in (HOST, BY_PATH))


class Lanes:
    """Both lanes in a loop of their own, for as long as the process lives."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = contextlib.AsyncExitStack()
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="subrosa-fuzz-")))
        entered = self._stack.enter_async_context(twins(directory, *_NAMES))
        self._ground = self._loop.run_until_complete(entered)

    def clear(self, _: bytes, pieces: Iterable[bytes]) -> None:
        """The input is what a client says from its first octet on."""
        self._alike(few(tuple(pieces)))

    def in_tls(self, _: bytes, pieces: Iterable[bytes]) -> None:
        """The input is what a client says in TLS, in a tunnel."""
        said = few(tuple(pieces))
        self._alike(said, within=_NAMES[BY_PATH in b"".join(said)])

    def answers(self, data: bytes, pieces: Iterable[bytes]) -> None:
        """The input is what the destination says."""
        how = data[0] if data else 0
        first, *rest = few(tuple(pieces)) or (b"",)
        told = tuple(piece for piece in (first[1:], *rest) if piece)
        reply = Reply(closes=bool(how & CLOSES) or not told, early=bool(how & EARLY), pieces=told or (b"",))
        self._alike(ASKING[how % len(ASKING)], reply, _NAMES[0] if how & IN_TLS else "")

    def _alike(self, pieces: Sequence[bytes], reply: Reply = FINE, within: str = "") -> None:
        """Raises AssertionError where the lanes differ."""
        self._ground.reply = reply
        judged_by = shipped() if HOST[:14] in b"".join(pieces) else policy(by_path())
        if self._differences(pieces, judged_by, within, TURNS):
            assert not (told := self._differences(pieces, judged_by, within, PATIENT)), "\n".join(told)

    def _differences(self, pieces: Sequence[bytes], judged_by: Policy, within: str, turns: int) -> list[str]:
        return differences(self._loop.run_until_complete(self._both(pieces, judged_by, within, turns)))

    async def _both(
        self, pieces: Sequence[bytes], judged_by: Policy, within: str, turns: int
    ) -> dict[str, Became]:
        port = self._ground.tls_port if within else self._ground.port
        placed = [piece.replace(PORT, b"%d" % port) for piece in pieces]
        became = {}
        for lane, setup in self._ground.gateways.items():
            setup.current[0] = judged_by
            became[lane] = await self._ground.say(lane, placed, turns=turns, within=within)
        return became


def few(pieces: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """No more than a few pieces, the last one with all the rest: each is waited for."""
    return pieces if len(pieces) <= MOST_PIECES else (*pieces[:MOST_PIECES], b"".join(pieces[MOST_PIECES:]))


def differences(became: dict[str, Became]) -> list[str]:
    """How two lanes differ; what the sink cannot read of what either sent on; and where either failed."""
    told = []
    for lane, one in became.items():
        if one.broken:
            told.append(f"the sink cannot read what {lane} sent on: {one.broken}")
        if one.failed:
            told.append(f"the {lane} lane failed: {one.causes}")
    engine, lean = became.values()
    for name in engine.__dataclass_fields__:
        one, other = getattr(engine, name), getattr(lean, name)
        if one != other:
            told.append(f"{name}: {one!r} in the engine lane, {other!r} in the lean lane")
    return told


@cache
def lanes() -> Lanes:
    """Made when the first input comes."""
    return Lanes()


def clear(data: bytes, pieces: Iterable[bytes]) -> None:
    """The law of both lanes."""
    lanes().clear(data, pieces)


def in_tls(data: bytes, pieces: Iterable[bytes]) -> None:
    """The same within TLS."""
    lanes().in_tls(data, pieces)


def answers(data: bytes, pieces: Iterable[bytes]) -> None:
    """The same for what they are answered."""
    lanes().answers(data, pieces)
