"""The accept loop takes what is there, and rests when it can take nothing."""

import asyncio
import os
import resource
import socket
import time
from collections.abc import Callable

import pytest

from subrosa.gateway.front.accept import Acceptor

pytestmark = pytest.mark.asyncio


class Taken:
    """Connections that were accepted."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.changed = asyncio.Event()

    def __call__(self, sock: socket.socket, address: str) -> None:
        assert address == "127.0.0.1"
        assert not sock.getblocking()
        self.sockets.append(sock)
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


async def test_more_than_one_turn_takes_are_all_taken() -> None:
    taken, listening = Taken(), socket.create_server(("127.0.0.1", 0), backlog=256)
    clients = [socket.create_connection(listening.getsockname()) for _ in range(150)]
    acceptor = Acceptor(listening, taken)
    await taken.until(lambda: len(taken.sockets) == 150)
    acceptor.close()
    acceptor.close()
    assert listening.fileno() < 0
    taken.close()
    for client in clients:
        client.close()


async def test_without_descriptors_it_rests_and_goes_on_later(caplog: pytest.LogCaptureFixture) -> None:
    taken, listening = Taken(), socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname())
    acceptor = Acceptor(listening, taken)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        used = time.process_time()
        await asyncio.sleep(0.7)
        used = time.process_time() - used
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not taken.sockets
    assert used < 0.2
    assert [record.getMessage() for record in caplog.records] == [
        "no connection can be accepted: too many open files"
    ]
    await taken.until(lambda: len(taken.sockets) == 1)
    acceptor.close()
    taken.close()
    client.close()
