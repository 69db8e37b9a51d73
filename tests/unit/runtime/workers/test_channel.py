import asyncio
import socket

import pytest

from subrosa.runtime.workers.channel import MOST_OCTETS, Channel
from subrosa.runtime.workers.messages import Alive, Load, MessageError, Serving, Switch, encode

pytestmark = pytest.mark.asyncio


async def pair() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return await Channel.of(one), await Channel.of(other)


async def against(octets: bytes) -> Channel:
    """A channel whose other end sent these octets and hung up."""
    one, other = socket.socketpair()
    with other:
        other.sendall(octets)
    return await Channel.of(one)


async def test_messages_arrive_whole_and_in_order() -> None:
    here, there = await pair()
    sent = [Load(number=at, generation=at, rules="r" * 100 * at, today="2026-11-25") for at in range(200)]
    for message in sent:
        here.send(message)
    got = [await there.receive() for _ in sent]
    there.send(Serving())

    assert got == sent
    assert await here.receive() == Serving()
    await asyncio.gather(here.close(), there.close())


async def test_the_end_of_the_other_is_heard_after_all_that_it_sent() -> None:
    here, there = await pair()
    here.send(Alive(evidence="x" * 1_000_000))
    closing = asyncio.get_running_loop().create_task(here.close())

    assert await there.receive() == Alive(evidence="x" * 1_000_000)
    assert await there.receive() is None
    await closing
    there.send(Serving())
    await there.close()


async def test_half_a_message_is_the_end() -> None:
    octets = encode(Switch(number=1))
    channel = await against(len(octets).to_bytes(4) + octets[:-1])

    assert await channel.receive() is None
    await channel.close()


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param((MOST_OCTETS + 1).to_bytes(4), id="a length beyond the limit"),
        pytest.param((2).to_bytes(4) + b"{}", id="no message"),
    ],
)
async def test_what_is_no_message_is_told(octets: bytes) -> None:
    channel = await against(octets)
    with pytest.raises(MessageError):
        await channel.receive()
    await channel.close()


async def test_what_the_other_end_does_not_take_is_counted() -> None:
    here, there = await pair()
    assert here.backlog == 0
    here.send(Alive(evidence="x" * 4_000_000))
    assert here.backlog > 1_000_000
    await there.receive()
    await asyncio.gather(here.close(), there.close())
