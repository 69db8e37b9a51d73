"""One direction of a tunnel: octets in order, none lost or doubled, however sizes, buffers and pipes fall."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subrosa.gateway.tunnel.half import AT_ONCE, BUFFER, FEW, Half, SinkError, SourceError
from subrosa.gateway.tunnel.pipes import KEPT, Pipe, Pipes

SMALL = 16 << 10


def connected(size: int = 0) -> tuple[socket.socket, socket.socket]:
    """A TCP connection in which no more than about so much is under way."""
    with socket.socket() as listening:
        if size:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        one = socket.socket()
        if size:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        one.connect(listening.getsockname())
        other, _ = listening.accept()
    for sock in (one, other):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one, other


class Way:
    """A writer, a half that relays what it writes, and a reader."""

    def __init__(self, pipes: Pipes, size: int) -> None:
        self.writer, source = connected()
        sink, self.reader = connected(size)
        self.half = Half(source, sink, bytearray(BUFFER), pipes)
        self.read = bytearray()

    def pump(self) -> None:
        """As the poller would: while there may be more."""
        while self.half.pump():
            assert self.half.moved >= 0

    def take(self, most: int) -> None:
        """Read up to so much."""
        while most > 0:
            try:
                octets = self.reader.recv(min(most, BUFFER))
            except BlockingIOError:
                return
            if not octets:
                return
            self.read += octets
            most -= len(octets)

    def close(self) -> None:
        self.half.close()
        for sock in (self.writer, self.reader, self.half.source, self.half.sink):
            sock.close()


@contextmanager
def way(pipes: Pipes | None = None, size: int = SMALL) -> Iterator[Way]:
    pool = pipes or Pipes()
    found = Way(pool, size)
    try:
        yield found
    finally:
        found.close()
        pool.close()


def pattern(size: int, at: int) -> bytes:
    """Octets that show where they stood."""
    first = -(-at // 8) - 1
    text = b"".join(number.to_bytes(8) for number in range(max(first, 0), (at + size) // 8 + 2))
    begin = at - max(first, 0) * 8
    return text[begin : begin + size]


@given(
    sizes=st.lists(st.integers(0, 200_000), max_size=12),
    takes=st.lists(st.integers(0, 300_000), max_size=12),
    pipes=st.integers(0, 2),
)
def test_what_goes_in_comes_out(sizes: list[int], takes: list[int], pipes: int) -> None:
    with way(Pipes(pipes)) as relay:
        written, total = 0, sum(sizes)
        pending = b""
        steps = 0
        while len(relay.read) < total or sizes:
            if not pending and sizes:
                pending = pattern(sizes[0], total - sum(sizes))
                sizes = sizes[1:]
            if pending:
                try:
                    sent = relay.writer.send(pending)
                except BlockingIOError:
                    sent = 0
                pending, written = pending[sent:], written + sent
            relay.pump()
            relay.take(takes[steps % len(takes)] if takes and steps < 100 else total + 1)
            steps += 1
            select.select([relay.reader], [], [], 0.001)
        assert bytes(relay.read) == pattern(total, 0)
        relay.writer.shutdown(socket.SHUT_WR)
        select.select([relay.half.source], [], [], 1)
        relay.half.closing = True
        relay.pump()
        assert relay.half.ended
        assert relay.half.moved == total
        select.select([relay.reader], [], [], 1)
        assert relay.reader.recv(1) == b""


def test_a_full_sink_is_waited_for_with_nothing_more_read() -> None:
    with way() as relay:
        relay.writer.settimeout(0.2)
        sent = 0
        with suppress(TimeoutError):
            while sent < 1 << 26:
                sent += relay.writer.send(bytes(BUFFER))
                relay.pump()
        assert sent < 1 << 26
        before = -1
        while before != relay.half.moved:  # until what is under way has arrived
            before = relay.half.moved
            assert not relay.half.pump()
            select.select([], [relay.half.sink], [], 0.05)
        assert relay.half.waits
        assert relay.half.moved < sent
        while len(relay.read) < sent:
            relay.take(sent)
            relay.pump()
        assert not relay.half.waits


def test_one_turn_is_bounded() -> None:
    with way(size=0) as relay:
        relay.writer.setblocking(True)
        relay.writer.sendall(bytes(BUFFER))
        moved = []
        for _ in range(100):
            before = relay.half.moved
            relay.half.pump()
            moved.append(relay.half.moved - before)
            relay.take(1 << 30)
            relay.writer.send(bytes(1 << 18))
        assert max(moved) <= AT_ONCE + (1 << 20)


def test_little_is_copied_at_once_where_much_is_kept() -> None:
    pipes = Pipes()
    with way(pipes) as relay:
        relay.half._most = BUFFER
        pipes.kept = KEPT
        relay.writer.settimeout(0.2)
        with suppress(TimeoutError):
            for _ in range(100):
                relay.writer.send(bytes(4 * FEW))
        relay.pump()
        assert relay.half.waits
        assert 0 < pipes.kept - KEPT <= FEW
        pipes.kept -= KEPT


def test_what_is_kept_is_counted_until_it_is_gone() -> None:
    pipes = Pipes()
    with way(pipes) as relay:
        relay.writer.settimeout(5)
        relay.writer.sendall(bytes(4 * FEW))
        relay.pump()
        assert relay.half.waits
        assert 0 < pipes.kept <= BUFFER
        relay.half.close()
        assert pipes.kept == 0


def test_who_broke_it_is_known() -> None:
    with way() as relay:
        relay.writer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        relay.writer.close()
        select.select([relay.half.source], [], [], 1)
        with pytest.raises(SourceError):
            relay.half.pump()
    with way() as relay:
        relay.reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        relay.reader.close()
        select.select([], [], [relay.half.sink], 0.05)
        relay.writer.send(b"x")
        select.select([relay.half.source], [], [], 1)
        with pytest.raises(SinkError):
            relay.half.pump()


def test_pipes_are_used_again_but_never_with_something_in_them() -> None:
    pipes = Pipes(2)
    first, second = pipes.take(), pipes.take()
    assert isinstance(first, Pipe)
    assert isinstance(second, Pipe)
    assert pipes.take() is None
    pipes.give(first)
    assert pipes.take() is first
    second.holds = 5
    pipes.give(second)
    third = pipes.take()
    assert isinstance(third, Pipe)
    assert third is not second
    pipes.give(first)
    pipes.give(third)
    pipes.close()
