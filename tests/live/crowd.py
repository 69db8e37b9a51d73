"""Clients in numbers against a gateway with workers, and which worker did what, read from its evidence."""

import contextlib
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from live.sdk.process import Gateway
from subrosa.effects.segments import Entry, read_segments

SECONDS = 30.0
_GLANCE = threading.Event()


def until[T](look: Callable[[], T], what: str) -> T:
    """Look again until there is something to see."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := look():
            return found
        _GLANCE.wait(0.01)
    raise AssertionError(what)


def at_rest(*processes: int) -> None:
    """Wait until these have loaded everything: they wait to be told, at every one of many looks."""
    looks = 0

    def waits() -> bool:
        nonlocal looks
        threads = [one for pid in processes for one in Path(f"/proc/{pid}/task").glob("*/stat")]
        looks = looks + 1 if {one.read_text().rpartition(") ")[2][0] for one in threads} == {"S"} else 0
        return looks > 50

    until(waits, "they do not come to rest")


class Crowd:
    """What a gateway's workers do, from outside."""

    def __init__(self, gateway: Gateway, host: str) -> None:
        self.gateway = gateway
        self.host = host

    # --- workers -------------------------------------------------------------------------------------------

    def entries(self) -> Iterator[Entry]:
        return read_segments(self.gateway.state_dir / "evidence")

    def workers(self) -> dict[str, int]:
        """Name to process id of the workers that serve, as their latest segments say."""
        opened = [entry.record for entry in self.entries() if entry.record.get("record") == "segment"]
        found = {str(record["writer"]): int(str(record["pid"])) for record in opened}
        return {name: pid for name, pid in found.items() if alive(pid)}

    def processes(self) -> list[int]:
        """Every process that the supervisor started and that runs."""
        pid = self.gateway.pid
        return [
            int(one)
            for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if alive(int(one))
        ]

    def whole(self, but: int = 0) -> dict[str, int]:
        """The workers, once both serve, neither is the one that died, and a third process stands by."""

        def look() -> dict[str, int]:
            found = self.workers()
            up = len(found) == 2 and but not in found.values() and len(self.processes()) == 3
            return found if up and self.gateway.get("/readyz")[0] == 200 else {}

        return until(look, "the workers do not come back")

    def records(self) -> dict[str, dict[str, str]]:
        """Path to worker and verdict of every decision in the evidence."""
        found = {}
        for entry in self.entries():
            assert not entry.fault, entry
            if entry.record["record"] == "decision":
                worker = entry.segment.split("-")[1]
                found[str(entry.record["path"])] = {"worker": worker, "verdict": str(entry.record["verdict"])}
        return found

    # --- clients -------------------------------------------------------------------------------------------

    def connect(self) -> socket.socket:
        host, port = self.gateway.listeners["explicit"].rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=SECONDS)

    def status(self, path: str, *lines: str) -> int:
        """One request on a connection of its own; 0 where that ended without an answer."""
        with contextlib.suppress(OSError), self.connect() as client:
            client.sendall(self.head(path, 2, "Connection: close", *lines) + b"{}")
            return answered(client)
        return 0

    def statuses(self, path: str, count: int = 24) -> set[int]:
        """What so many requests get, on as many connections: enough of them to meet both workers."""
        return {self.status(f"{path}/{at}") for at in range(count)}

    def head(self, path: str, length: int, *lines: str, kind: str = "application/json") -> bytes:
        return (
            f"POST http://{self.host}{path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {length}\r\n"
            f"Content-Type: {kind}\r\n{''.join(f'{line}\r\n' for line in lines)}\r\n"
        ).encode()

    def upload(self, path: str) -> "Upload":
        """An upload that was allowed at its head and of which half is sent, through a worker that is known."""
        client = self.connect()
        client.sendall(self.head(path, 8, kind="audio/wav") + b"RIFF")
        record: dict[str, str] = until(lambda: self.records().get(path, {}), f"{path} is not decided")
        return Upload(client, record["worker"])

    @contextlib.contextmanager
    def load(self, name: str, clients: int = 4) -> Iterator["Load"]:
        """Requests from so many clients meanwhile, each on a connection of its own."""
        load = Load(self, name)
        threads = [threading.Thread(target=load.run, args=(at,)) for at in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield load
        finally:
            load.over.set()
            for thread in threads:
                thread.join()


@dataclass(slots=True)
class Upload:
    """Half an upload, and the worker that it goes through."""

    client: socket.socket
    worker: str

    def finish(self) -> int:
        """Send the rest; gives the status, 0 where the connection ended."""
        with self.client:
            try:
                self.client.sendall(b"WAVE")
                return answered(self.client)
            except OSError:
                return 0


@dataclass(slots=True)
class Load:
    """What clients got, by path."""

    crowd: Crowd
    name: str
    got: dict[str, int] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, client: int) -> None:
        number = 0
        while not self.over.is_set():
            path = f"/{self.name}/{client}/{number}"
            self.got[path] = self.crowd.status(path)
            number += 1

    def goes_on(self, more: int = 30) -> None:
        """Wait until so many more answers came."""
        start = len(self.got)
        until(lambda: len(self.got) >= start + more, "nobody is answered")

    @property
    def counted(self) -> Counter[int]:
        return Counter(self.got.values())


def answered(client: socket.socket) -> int:
    octets = b""
    while b"\r\n" not in octets:
        block = client.recv(65536)
        if not block:
            return 0
        octets += block
    return int(octets.split(b" ", 2)[1])


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def kill(pid: int, number: int) -> None:
    os.kill(pid, number)
