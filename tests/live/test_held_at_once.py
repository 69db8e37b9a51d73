"""Sixteen large uploads held at once: what they cost in memory and on disk, and what a killed gateway leaves of them.

``HELD_MIB`` is how large each is: 32 here; 1024 takes 20 GB of disk and two minutes.
"""

import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from live.sdk.answers import Providers
from live.sdk.places import Places
from live.sdk.process import Gateway
from live.test_memory import BOUNDARY, MIB, Memory, recording

log = logging.getLogger(__name__)

HOST = "api.openai.com"
UPLOADS = 16
SIZE = int(os.environ.get("HELD_MIB", "32")) * MIB
MOST_GROWTH = 64 * MIB
MARKER = b"the-words-of-a-meeting-that-nobody-else-may-read"
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="rec.mp4"\r\n\r\n'.encode()
PURPOSE = (
    f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--{BOUNDARY}--\r\n'
).encode()


def content() -> Iterator[bytes]:
    """The form up to its last field."""
    yield PART
    for block in recording(SIZE):
        yield MARKER + block


@dataclass(slots=True)
class Uploads:
    """Clients that send all but the last field of a form, wait for the word, and send the rest."""

    gateway: Gateway
    places: Places
    sent: threading.Barrier = field(default_factory=lambda: threading.Barrier(UPLOADS + 1))
    word: threading.Event = field(default_factory=threading.Event)

    def one(self) -> bytes:
        """The status line of the answer; empty where the connection ended without one."""
        length = sum(len(block) for block in content()) + len(PURPOSE)
        head = (
            f"POST /v1/files HTTP/1.1\r\nHost: {self.places[HOST].authority}\r\nContent-Length: {length}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nConnection: close\r\n\r\n"
        )
        with self._tunnel() as tunnel:
            tunnel.sendall(head.encode())
            for block in content():
                tunnel.sendall(block)
            self.sent.wait()
            self.word.wait()
            try:
                tunnel.sendall(PURPOSE)
                return tunnel.recv(4096).partition(b"\r\n")[0]
            except OSError:
                return b""

    def _tunnel(self) -> ssl.SSLSocket:
        host, port = self.gateway.listeners["explicit"].rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), timeout=600)
        plain.sendall(f"CONNECT {self.places[HOST].authority} HTTP/1.1\r\n\r\n".encode())
        assert plain.recv(4096).startswith(b"HTTP/1.1 200")
        context = ssl.create_default_context(cafile=str(self.gateway.ca))
        return context.wrap_socket(plain, server_hostname=HOST)


def on_disk(gateway: Gateway) -> list[tuple[Path, int]]:
    """The open files without a name of its processes, with the octets that each has on disk."""
    found = []
    opened = [Path(f"/proc/{pid}/fd") for pid in gateway.processes()]
    for descriptor in (one for directory in opened for one in directory.iterdir()):
        try:
            target, status = str(descriptor.readlink()), descriptor.stat()
        except OSError:
            continue  # closed meanwhile
        if target.startswith("/") and not status.st_nlink and status.st_blocks:
            found.append((descriptor, status.st_blocks * 512))
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_sixteen_uploads_wait_on_disk_and_memory_stays_flat(
    start_gateway: Callable[..., Gateway], places: Places, providers: Providers
) -> None:
    gateway = start_gateway()
    uploads = Uploads(gateway, places)
    memory = Memory(gateway)
    known = len(providers.of(HOST))

    with ThreadPoolExecutor(UPLOADS) as pool, gateway.watching(HOST) as trial:
        answers = [pool.submit(uploads.one) for _ in range(UPLOADS)]
        uploads.sent.wait()
        held, space = gateway.metric("subrosa_held_bytes"), sum(octets for _, octets in on_disk(gateway))
        assert len(providers.of(HOST)) == known  # nothing has left
        uploads.word.set()
        assert [answer.result() for answer in answers] == [b"HTTP/1.1 200 OK"] * UPLOADS

    grown = memory.growth()
    log.info("%d MiB held, %d MiB on disk, %.1f MiB more in memory", held // MIB, space // MIB, grown / MIB)
    assert held > UPLOADS * (SIZE - 8 * MIB)  # the rest still waits in sockets
    assert grown < MOST_GROWTH, f"{grown // MIB} MiB"
    assert len(trial.allowed()) == UPLOADS
    assert len({note.sha256 for note in providers.of(HOST)[known:]}) == 1
    assert all(note.octets > SIZE for note in providers.of(HOST)[known:])
    assert gateway.metric("subrosa_held_bytes") == 0
    assert on_disk(gateway) == []


def test_a_killed_gateway_leaves_nothing_of_what_it_held_that_can_be_read(
    places: Places, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, places).__enter__()
    uploads = Uploads(gateway, places)

    with ThreadPoolExecutor(UPLOADS) as pool:
        answers = [pool.submit(uploads.one) for _ in range(UPLOADS)]
        uploads.sent.wait()
        spools = on_disk(gateway)
        assert len(spools) >= UPLOADS
        for descriptor, _ in spools:
            assert MARKER not in descriptor.read_bytes(), "what is held lies on the disk as it is"
        gateway.kill()
        uploads.word.set()
        assert [answer.result() for answer in answers] == [b""] * UPLOADS

    for file in gateway.state_dir.rglob("*"):
        assert not file.is_file() or MARKER not in file.read_bytes(), file
    with Gateway(tmp_path, places, state_dir=gateway.state_dir) as again:
        assert again.get("/readyz")[0] == 200
