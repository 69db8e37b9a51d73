import asyncio
import json
import socket

import pytest

from subrosa.runtime.workers.channel import Channel
from subrosa.runtime.workers.forwarding import MOST_WAITING, Forwarder
from subrosa.runtime.workers.messages import Alive, Records

pytestmark = pytest.mark.asyncio


async def kit() -> tuple[Forwarder, Channel, Channel]:
    one, other = socket.socketpair()
    here, there = await Channel.of(one), await Channel.of(other)
    return Forwarder(here), here, there


def line(number: int, size: int = 0) -> str:
    return json.dumps({"record": "decision", "id": str(number), "detail": "x" * size})


async def ids(there: Channel, wanted: int) -> list[str]:
    found: list[str] = []
    while len(found) < wanted:
        message = await there.receive()
        assert isinstance(message, Records)
        found += [str(record["id"]) for record in message.read()]
    return found


async def test_records_arrive_soon_in_order_and_many_in_one_message() -> None:
    forwarder, here, there = await kit()
    for number in range(100):
        forwarder.take(line(number))
    message = await there.receive()

    assert isinstance(message, Records)
    assert [record["id"] for record in message.read()] == [str(number) for number in range(100)]
    await asyncio.gather(here.close(), there.close())


async def test_large_records_are_spread_over_messages_that_are_allowed() -> None:
    forwarder, here, there = await kit()
    for number in range(40):
        forwarder.take(line(number, 200_000))

    assert await ids(there, 40) == [str(number) for number in range(40)]
    await asyncio.gather(here.close(), there.close())


async def test_a_supervisor_that_does_not_listen_costs_bounded_memory_and_the_oldest_records() -> None:
    forwarder, here, there = await kit()
    here.send(Alive(evidence="x" * 3_000_000))
    for number in range(MOST_WAITING + 50):
        forwarder.take(line(number))
    await asyncio.sleep(0)
    assert len(forwarder._waiting) == MOST_WAITING

    assert isinstance(await there.receive(), Alive)
    assert await ids(there, MOST_WAITING) == [str(number) for number in range(50, MOST_WAITING + 50)]
    await asyncio.gather(here.close(), there.close())
