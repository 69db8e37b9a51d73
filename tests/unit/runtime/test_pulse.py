"""An event loop that stands still is noticed from outside it, with where it stands."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import structlog
from structlog.typing import EventDict

from subrosa.runtime import pulse
from subrosa.runtime.pulse import Pulse


class Log:
    """Lines as they are told, from any thread."""

    def __init__(self) -> None:
        self.lines: list[Mapping[str, Any]] = []
        self._told = threading.Condition()

    def __call__(self, _logger: object, _name: str, event: EventDict) -> EventDict:
        with self._told:
            self.lines.append(event)
            self._told.notify_all()
        raise structlog.DropEvent

    def wait_for(self, seen: Callable[[Mapping[str, Any]], bool]) -> bool:
        with self._told:
            return self._told.wait_for(lambda: any(map(seen, self.lines)), 10)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr(pulse, "BEAT", 0.01)
    found = Log()
    structlog.configure(processors=[found], cache_logger_on_first_use=False)
    return found


def stand_still(log: Log) -> bool:
    return log.wait_for(lambda line: line["event"] == "the event loop stands still")


@pytest.mark.asyncio
async def test_a_loop_that_stands_still_is_told_once_with_where_and_that_it_turns_again(log: Log) -> None:
    watched = Pulse(0.05)
    with watched.watched():
        beating = asyncio.get_running_loop().create_task(watched.beat())
        await asyncio.sleep(0)
        assert stand_still(log)
        for _ in range(20):  # it stands on for longer than it took to be noticed
            threading.Event().wait(0.01)
        assert await asyncio.to_thread(
            log.wait_for, lambda line: line["event"] == "the event loop turns again"
        )
        beating.cancel()

    assert [line["event"] for line in log.lines] == [
        "the event loop stands still",
        "the event loop turns again",
    ]
    assert any("test_pulse.py" in call and call.endswith(" stand_still") for call in log.lines[0]["at"])


@pytest.mark.asyncio
async def test_a_loop_that_turns_is_not_told(log: Log) -> None:
    watched = Pulse(5)
    with watched.watched():
        beating = asyncio.get_running_loop().create_task(watched.beat())
        await asyncio.sleep(0.1)
        beating.cancel()
    assert log.lines == []
