import errno
import socket

import pytest

from subrosa.gateway.listener import Listener
from subrosa.gateway.listening import listen, listen_all

ANY = Listener(mode="explicit", host="127.0.0.1", port=0)


def closed(*slots: tuple[socket.socket, ...]) -> None:
    for sock in (sock for slot in slots for sock in slot):
        sock.close()


def test_workers_get_sockets_of_their_own_at_the_same_address() -> None:
    slots = listen_all((ANY, Listener(mode="socks5", host="::1", port=0)), 3)
    names = [[sock.getsockname()[:2] for sock in slot] for slot in slots]

    assert names[0] == names[1] == names[2]
    assert names[0][0][0] == "127.0.0.1"
    assert names[0][1][0] == "::1"
    assert len({sock.fileno() for slot in slots for sock in slot}) == 6
    closed(*slots)


def test_every_connection_lands_at_one_of_them() -> None:
    slots = listen_all((ANY,), 2)
    address = slots[0][0].getsockname()
    clients = [socket.create_connection(address) for _ in range(64)]
    taken = [0, 0]
    for at, (sock,) in enumerate(slots):
        sock.setblocking(False)
        while True:
            try:
                sock.accept()[0].close()
            except BlockingIOError:
                break
            taken[at] += 1
    assert sum(taken) == 64
    assert min(taken) > 0
    closed(tuple(clients), *slots)


@pytest.mark.parametrize("shared", [True, False], ids=["by another gateway with workers", "by any program"])
def test_an_address_that_is_taken_is_told_and_nothing_stays_open(shared: bool) -> None:
    with listen(ANY, shared=shared) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: is taken by another program") as refused:
            listen_all((ANY, Listener(mode="socks5", host="127.0.0.1", port=port)), 2)
    assert refused.value.errno == errno.EADDRINUSE
