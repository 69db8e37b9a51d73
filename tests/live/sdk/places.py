"""One loopback address for each name that the clients call, and what arrived there, counted at accept.

Each name has an address of its own in 127.0.0.0/8, on port 443 where this user may listen there (so that the SDKs keep
their own URLs), else on a free port. What is behind an address is an aiohttp application, or another server on
loopback, with or without TLS in front of it.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, override

import trustme

type Factory = Callable[[], asyncio.Protocol]

HTTPS, HTTP = 443, 80


@dataclass(slots=True)
class Place:
    """One name: where it listens and what came; ``octets`` counts what was read after TLS."""

    name: str
    listener: socket.socket
    tls: bool
    connections: int = 0
    octets: int = 0
    factory: Factory | None = None
    undo_tls: bool = True
    probes: dict[tuple[str, int], threading.Event] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        found: tuple[str, int] = self.listener.getsockname()
        return found

    @property
    def origin(self) -> str:
        """Scheme and authority, without the port where that is the scheme's own."""
        scheme, usual = ("https", HTTPS) if self.tls else ("http", HTTP)
        port = self.address[1]
        return f"{scheme}://{self.name}" if port == usual else f"{scheme}://{self.name}:{port}"

    @property
    def authority(self) -> str:
        return f"{self.name}:{self.address[1]}"


@dataclass(slots=True)
class Arrived:
    """What came to one place between two moments."""

    connections: int = 0
    octets: int = 0


class Places:
    """All places, served by one event loop in a thread of its own."""

    def __init__(self, names: tuple[str, ...], plain: tuple[str, ...], directory: Path) -> None:
        self.ca = trustme.CA()
        self.ca_file = directory / "providers-ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(self._context)
        self._context.set_alpn_protocols(["http/1.1"])
        listeners = _listeners([HTTPS] * len(names) + [HTTP] * len(plain))
        self.by_name = {
            name: Place(name, listener, tls=name in names)
            for name, listener in zip((*names, *plain), listeners, strict=True)
        }
        self.hosts_file = directory / "hosts"
        self.hosts_file.write_text(self.hosts_text())
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="providers")
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._accepting: dict[socket.socket, asyncio.Task[None]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        for place in self.by_name.values():
            self.run(self._listen(place, place.listener))
        return self

    def __exit__(self, *_raised: object) -> None:
        self.run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        for place in self.by_name.values():
            place.listener.close()

    def __getitem__(self, name: str) -> Place:
        return self.by_name[name]

    def hosts_text(self) -> str:
        return "".join(f"{place.address[0]} {name}\n" for name, place in self.by_name.items())

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop of the places."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def also_at(self, name: str, listener: socket.socket) -> None:
        """Serve a place on one more socket, such as one of another network namespace."""
        listener.setblocking(False)
        self.run(self._listen(self[name], listener))

    def no_more_at(self, listener: socket.socket) -> None:
        """End what `also_at` began; the caller closes the socket."""
        self.run(self._cancel(listener))

    def relay(self, name: str, port: int, *, undo_tls: bool = True) -> None:
        """Let a server on 127.0.0.1 answer for a name, with TLS undone here or handed on."""
        place = self[name]
        place.undo_tls = undo_tls
        place.factory = lambda: _Inbound(place, ("127.0.0.1", port))

    def serve(self, name: str, factory: Factory) -> None:
        """Let a protocol on the places' own loop answer for a name."""
        place = self[name]
        place.factory = lambda: Counted(place, factory())

    @contextlib.contextmanager
    def watching(self, *names: str) -> Iterator[dict[str, Arrived]]:
        """Count what comes to some places meanwhile; whole once the block is left."""
        places = [self[name] for name in names]
        before = [(place.connections, place.octets) for place in places]
        arrived = {name: Arrived() for name in names}
        try:
            yield arrived
        finally:
            for place, (connections, octets) in zip(places, before, strict=True):
                self._settle(place)
                arrived[place.name].connections = place.connections - connections
                arrived[place.name].octets = place.octets - octets

    def _settle(self, place: Place) -> None:
        """Return when every connection made before now has been counted: the queue of a listener keeps its order."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            done = place.probes[probe.getsockname()] = threading.Event()
            probe.connect(place.address)
            assert done.wait(10), f"{place.name} does not accept"

    async def _listen(self, place: Place, listener: socket.socket) -> None:
        self._accepting[listener] = self.loop.create_task(self._accept(place, listener))

    async def _cancel(self, listener: socket.socket) -> None:
        task = self._accepting.pop(listener)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _accept(self, place: Place, listener: socket.socket) -> None:
        while True:
            client, peer = await self.loop.sock_accept(listener)
            probed = place.probes.pop(peer, None)
            if probed is not None:
                client.close()
                probed.set()
                continue
            place.connections += 1
            task = self.loop.create_task(self._start(place, client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _start(self, place: Place, client: socket.socket) -> None:
        if place.factory is None:
            client.close()
            return
        context = self._context if place.tls and place.undo_tls else None
        with contextlib.suppress(OSError):
            transport, _protocol = await self.loop.connect_accepted_socket(place.factory, client, ssl=context)
            self._open.add(transport)

    async def _close(self) -> None:
        tasks = [*self._accepting.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for transport in list(self._open):
            transport.abort()
        for _turn in range(3):  # what ends here, ends what is behind it
            await asyncio.sleep(0)


class Counted(asyncio.Protocol):
    """Counts what is read for another protocol."""

    def __init__(self, place: Place, inner: asyncio.Protocol) -> None:
        self.place, self.inner = place, inner

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.inner.connection_made(transport)

    @override
    def data_received(self, data: bytes) -> None:
        self.place.octets += len(data)
        self.inner.data_received(data)

    @override
    def eof_received(self) -> bool | None:
        return self.inner.eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        self.inner.pause_writing()

    @override
    def resume_writing(self) -> None:
        self.inner.resume_writing()


class _Inbound(asyncio.Protocol):
    """One connection handed on to another server, with back-pressure both ways."""

    def __init__(self, place: Place, target: tuple[str, int]) -> None:
        self.place, self.target = place, target
        self.transport: asyncio.Transport | None = None
        self.other: asyncio.Transport | None = None
        self.early = bytearray()
        self.task: asyncio.Task[None] | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.task = asyncio.get_running_loop().create_task(self._dial())

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            other, _protocol = await loop.create_connection(lambda: _Outbound(self), *self.target)
        except OSError:
            self._abort()
            return
        self.other = other
        if self.transport is None or self.transport.is_closing():
            other.abort()
            return
        other.write(bytes(self.early))

    @override
    def data_received(self, data: bytes) -> None:
        self.place.octets += len(data)
        if self.other is None:
            self.early += data
        else:
            self.other.write(data)

    @override
    def eof_received(self) -> bool:
        if self.other is not None and self.other.can_write_eof():
            self.other.write_eof()
        return False

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.close()

    @override
    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.pause_reading()

    @override
    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.resume_reading()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class _Outbound(asyncio.Protocol):
    def __init__(self, inbound: _Inbound) -> None:
        self.inbound = inbound

    @property
    def _client(self) -> asyncio.Transport:
        assert self.inbound.transport is not None
        return self.inbound.transport

    @override
    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._client.close()

    @override
    def pause_writing(self) -> None:
        self._client.pause_reading()

    @override
    def resume_writing(self) -> None:
        self._client.resume_reading()


def _listeners(ports: list[int]) -> list[socket.socket]:
    """Listening sockets on addresses that no other run of the tests uses; on free ports where these are denied."""
    for _attempt in range(100):
        net = int.from_bytes(os.urandom(2))
        prefix = f"127.{10 + net % 240}.{net // 256}"
        made: list[socket.socket] = []
        try:
            for index, port in enumerate(ports, 1):
                made.append(_listener(f"{prefix}.{index}", port))
        except PermissionError:
            ports = [0] * len(ports)
        except OSError:
            pass
        else:
            return made
        for listener in made:
            listener.close()
    raise OSError("no free addresses on loopback")


def _listener(address: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(256)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
