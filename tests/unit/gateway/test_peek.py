"""A peek takes nothing, waits for what is missing without spinning, and ends when there is nothing to wait for."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from subrosa.gateway.peek import GoneError, Patience, peek, take

pytestmark = pytest.mark.asyncio

PATIENT = Patience(first=5.0, whole=5.0)
type Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A TCP connection: who looks, and its peer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ours.setblocking(False)
    with ours, peer:
        yield ours, peer


class Line:
    """Reads up to a newline, and counts how often it is asked."""

    def __init__(self, least: int = 0) -> None:
        self.asked: list[int] = []
        self.least = least
        self.changed = asyncio.Event()

    def __call__(self, data: bytes) -> bytes | int:
        self.asked.append(len(data))
        self.changed.set()
        end = data.find(b"\n") + 1
        return data[:end] if end else max(self.least, len(data) + 1)


async def until_asked(read: Line, times: int) -> None:
    async with asyncio.timeout(5):
        while len(read.asked) < times:
            read.changed.clear()
            await read.changed.wait()


async def test_what_is_there_is_seen_at_once_and_stays(pair: Pair) -> None:
    ours, peer = pair
    peer.sendall(b"one\ntwo")
    await asyncio.sleep(0.01)

    assert await peek(ours, Line(), 100, PATIENT) == b"one\n"
    assert await peek(ours, Line(), 100, PATIENT) == b"one\n"
    take(ours, 4)
    assert ours.recv(100) == b"two"


async def test_it_sleeps_until_more_has_come(pair: Pair) -> None:
    ours, peer = pair
    read = Line()
    looking = asyncio.get_running_loop().create_task(peek(ours, read, 100, PATIENT))
    for piece in (b"a", b"b", b"c"):
        before = len(read.asked)
        peer.sendall(piece)
        await until_asked(read, before + 1)
    used = time.process_time()
    await asyncio.sleep(0.5)
    assert time.process_time() - used < 0.1
    assert read.asked == [1, 2, 3]
    peer.sendall(b"\n")

    assert await looking == b"abc\n"
    assert read.asked == [1, 2, 3, 4]
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


async def test_it_is_not_woken_before_what_it_knows_to_be_missing(pair: Pair) -> None:
    ours, peer = pair
    read = Line(least=50)
    looking = asyncio.get_running_loop().create_task(peek(ours, read, 100, PATIENT))
    peer.sendall(b"x")
    await until_asked(read, 1)
    for _ in range(40):
        peer.sendall(b"x")
        await asyncio.sleep(0.001)
    assert read.asked == [1]
    peer.sendall(b"x" * 10 + b"\n")

    assert len(await looking) == 52


@pytest.mark.parametrize("sent", [b"", b"half"])
async def test_a_peer_that_leaves_ends_it(pair: Pair, sent: bytes) -> None:
    ours, peer = pair
    looking = asyncio.get_running_loop().create_task(peek(ours, Line(least=90), 100, PATIENT))
    peer.sendall(sent)
    await asyncio.sleep(0.05)
    peer.shutdown(socket.SHUT_WR)

    with pytest.raises(GoneError, match="closed"):
        await looking
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


async def test_a_peer_that_breaks_off_ends_it(pair: Pair) -> None:
    ours, peer = pair
    looking = asyncio.get_running_loop().create_task(peek(ours, Line(), 100, PATIENT))
    await asyncio.sleep(0.01)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()

    with pytest.raises(GoneError):
        await looking


async def test_what_was_sent_whole_before_the_peer_left_is_seen(pair: Pair) -> None:
    ours, peer = pair
    peer.sendall(b"whole\n")
    peer.close()
    await asyncio.sleep(0.01)

    assert await peek(ours, Line(), 100, PATIENT) == b"whole\n"


@pytest.mark.parametrize("sent", [b"", b"half"])
async def test_patience_ends(pair: Pair, sent: bytes) -> None:
    ours, peer = pair
    first, whole = (0.05, 5.0) if not sent else (5.0, 0.05)
    peer.sendall(sent)

    with pytest.raises(GoneError, match="out of time"):
        await peek(ours, Line(), 100, Patience(first=first, whole=whole))


async def test_a_drip_does_not_lengthen_the_wait(pair: Pair) -> None:
    ours, peer = pair
    loop = asyncio.get_running_loop()
    looking = loop.create_task(peek(ours, Line(), 100, Patience(first=5.0, whole=0.3)))
    begun = loop.time()
    while not looking.done():
        peer.sendall(b"x")
        await asyncio.sleep(0.02)

    with pytest.raises(GoneError):
        await looking
    assert loop.time() - begun < 3


async def test_no_more_can_be_taken_than_is_there(pair: Pair) -> None:
    ours, peer = pair
    peer.sendall(b"four")
    await asyncio.sleep(0.01)
    with pytest.raises(GoneError):
        take(ours, 5)
