"""Loopback origins that count what reaches them: HTTP/1.1 and HTTP/2 over TLS or in clear, one port each.

An origin answers whatever its `reply` gives for the request it has read whole; `Tally` is what tests look at.
"""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h11
import trustme

CHUNK = 65536


@dataclass(slots=True)
class Seen:
    """One request as the origin read it; ``whole`` once its end was seen."""

    method: str
    target: str
    lines: list[tuple[bytes, bytes]]
    protocol: str
    octets: int = 0
    whole: bool = False
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        return self.digest.hexdigest()

    def header(self, name: str) -> str | None:
        """The first value of a field, by lower-case name."""
        values = (v.decode("latin-1") for n, v in self.lines if n.lower() == name.encode())
        return next(values, None)

    def take(self, data: bytes) -> None:
        self.octets += len(data)
        self.digest.update(data)
        if len(self.body) < CHUNK:
            self.body += data


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the origin answers; ``body`` may be a size, then it is a pattern of that many octets."""

    status: int = 200
    lines: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"text/plain"),)
    body: bytes | int = b"ok"
    trailers: tuple[tuple[bytes, bytes], ...] = ()
    framed: bool = True
    """Whether a Content-Length is given; without it HTTP/1.1 is chunked."""

    def chunks(self) -> list[bytes]:
        content = pattern(self.body) if isinstance(self.body, int) else self.body
        return [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]

    def head(self) -> list[tuple[bytes, bytes]]:
        size = self.body if isinstance(self.body, int) else len(self.body)
        length = [(b"content-length", str(size).encode())] if self.framed and not self.trailers else []
        return [*self.lines, *length]


type Answer = Callable[[Seen], Reply | Awaitable[Reply]]
type Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def pattern(size: int) -> bytes:
    """Octets that no shift of themselves equals, so that a lost or doubled chunk shows."""
    block = bytes(range(256)) * 8
    blocks = -(-size // (len(block) + 8))
    return b"".join(block + index.to_bytes(8) for index in range(blocks))[:size]


@dataclass(slots=True)
class Tally:
    """What reached an origin: connections, octets in all (TLS undone), requests."""

    connections: int = 0
    octets: int = 0
    requests: list[Seen] = field(default_factory=list)
    closed: int = 0
    snis: list[str | None] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def body_octets(self) -> int:
        return sum(seen.octets for seen in self.requests)

    def note(self) -> None:
        """Wake whoever waits in `until`."""
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, holds: Callable[["Tally"], bool], seconds: float = 10.0) -> None:
        """Wait until something is true of the tally."""
        async with asyncio.timeout(seconds):
            while not holds(self):
                await self.changed.wait()


class Authority:
    """A certificate authority of one test, its file, and contexts made from it."""

    def __init__(self, directory: Path) -> None:
        self.ca = trustme.CA()
        self.file = directory / "origin-ca.pem"
        self.ca.cert_pem.write_to_path(self.file)

    def server_context(self, *names: str, alpn: tuple[str, ...] = ("h2", "http/1.1")) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        context.set_alpn_protocols(list(alpn))
        return context


class Origin:
    """One listening origin; start it with `serve`."""

    def __init__(self, answer: Answer | None = None, *, raw: Raw | None = None) -> None:
        self.tally = Tally()
        self.answer: Answer = answer or (lambda _seen: Reply())
        self.raw = raw
        self.pause: asyncio.Event | None = None
        """While set to a cleared event, nothing more is read."""
        self.early: Reply | None = None
        """Answered at the head, the body unread."""
        self.echo = False
        """HTTP/2: each DATA goes back at once, and trailers end the answer (a bidirectional stream)."""
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tally.connections += 1
        self.tally.note()
        self._writers.add(writer)
        tls = writer.get_extra_info("ssl_object")
        try:
            if self.raw is not None:
                await self.raw(reader, writer)
            elif tls is not None and tls.selected_alpn_protocol() == "h2":
                await _Http2(self, reader, writer).run()
            else:
                await _Http1(self, reader, writer).run()
        except (ConnectionError, ssl.SSLError, h11.RemoteProtocolError, h2.exceptions.ProtocolError):
            pass
        finally:
            self.tally.closed += 1
            self.tally.note()
            self._writers.discard(writer)
            writer.close()

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        if self.pause is not None:
            await self.pause.wait()
        data = await reader.read(CHUNK)
        self.tally.octets += len(data)
        return data

    async def reply(self, seen: Seen) -> Reply:
        found = self.answer(seen)
        return found if isinstance(found, Reply) else await found

    def drop_connections(self) -> None:
        """Close everything that is open."""
        for writer in list(self._writers):
            writer.transport.abort()


@contextlib.asynccontextmanager
async def serve(origin: Origin, context: ssl.SSLContext | None = None) -> AsyncIterator[Origin]:
    """Listen on a free port of 127.0.0.1."""
    if context is not None:
        context.sni_callback = lambda _conn, name, _context: origin.tally.snis.append(name)
    server = await asyncio.start_server(origin.handle, "127.0.0.1", 0, ssl=context, backlog=512)
    origin.port = server.sockets[0].getsockname()[1]
    try:
        yield origin
    finally:
        server.close()
        origin.drop_connections()
        await asyncio.sleep(0)


class _Http1:
    def __init__(self, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.origin, self.reader, self.writer = origin, reader, writer
        self.conn = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)

    async def run(self) -> None:
        seen: Seen | None = None
        while True:
            event = self.conn.next_event()
            if event is h11.NEED_DATA:
                data = await self.origin.read(self.reader)
                if not data and self.conn.their_state is h11.IDLE:
                    return
                self.conn.receive_data(data)
            elif isinstance(event, h11.Request):
                lines = [(bytes(n), bytes(v)) for n, v in event.headers.raw_items()]
                seen = Seen(event.method.decode(), event.target.decode(), lines, "HTTP/1.1")
                self._note(seen)
                if self.origin.early is not None:
                    await self._send(self.origin.early, seen)
            elif isinstance(event, h11.Data) and seen is not None:
                seen.take(bytes(event.data))
                self.origin.tally.note()
            elif isinstance(event, h11.EndOfMessage) and seen is not None:
                seen.trailers = [(bytes(n), bytes(v)) for n, v in event.headers.raw_items()]
                seen.whole = True
                self.origin.tally.note()
                if self.origin.early is None:
                    await self._send(await self.origin.reply(seen), seen)
                if self.conn.our_state is not h11.DONE or self.conn.their_state is not h11.DONE:
                    return
                self.conn.start_next_cycle()
            else:
                return

    def _note(self, seen: Seen) -> None:
        self.origin.tally.requests.append(seen)
        self.origin.tally.note()

    async def _send(self, reply: Reply, seen: Seen) -> None:
        head = (
            reply.head()
            if reply.framed and not reply.trailers
            else [*reply.head(), (b"transfer-encoding", b"chunked")]
        )
        self._write(h11.Response(status_code=reply.status, headers=head, reason=b"OK"))
        for chunk in reply.chunks() if seen.method != "HEAD" else []:
            self._write(h11.Data(data=chunk))
            await self.writer.drain()
        self._write(h11.EndOfMessage(headers=list(reply.trailers)))
        await self.writer.drain()

    def _write(self, event: h11.Event) -> None:
        data = self.conn.send(event)
        if data:
            self.writer.write(data)


class _Http2:
    def __init__(self, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.origin, self.reader, self.writer = origin, reader, writer
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self.conn = h2.connection.H2Connection(config)
        self.streams: dict[int, Seen] = {}
        self.window = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        self.conn.initiate_connection()
        self.flush()
        try:
            while data := await self.origin.read(self.reader):
                for event in self.conn.receive_data(data):
                    self._on(event)
                self.flush()
                await self.writer.drain()
        finally:
            for task in self.tasks:
                task.cancel()

    def flush(self) -> None:
        self.writer.write(self.conn.data_to_send())
        self.window.set()
        self.window = asyncio.Event()

    def _on(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._open(event)
        elif isinstance(event, h2.events.DataReceived):
            self.streams[event.stream_id].take(event.data)
            self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if self.origin.echo and event.data:
                self.conn.send_data(event.stream_id, event.data)
        elif isinstance(event, h2.events.TrailersReceived):
            self.streams[event.stream_id].trailers = [(bytes(n), bytes(v)) for n, v in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            self._end(event.stream_id)
        self.origin.tally.note()

    def _open(self, event: h2.events.RequestReceived) -> None:
        pseudo = {bytes(n): bytes(v) for n, v in event.headers if n.startswith(b":")}
        lines = [(bytes(n), bytes(v)) for n, v in event.headers if not n.startswith(b":")]
        lines.insert(0, (b"host", pseudo.get(b":authority", b"")))
        seen = Seen(pseudo[b":method"].decode(), pseudo[b":path"].decode(), lines, "HTTP/2")
        self.streams[event.stream_id] = seen
        self.origin.tally.requests.append(seen)
        if self.origin.echo:
            self.conn.send_headers(
                event.stream_id, [(":status", "200"), ("content-type", "application/grpc")]
            )
        elif self.origin.early is not None:
            self._spawn(event.stream_id, seen)

    def _end(self, stream_id: int) -> None:
        seen = self.streams[stream_id]
        seen.whole = True
        if self.origin.echo:
            self.conn.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)
        elif self.origin.early is None:
            self._spawn(stream_id, seen)

    def _spawn(self, stream_id: int, seen: Seen) -> None:
        task = asyncio.get_running_loop().create_task(self._send(stream_id, seen))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _send(self, stream_id: int, seen: Seen) -> None:
        reply = self.origin.early or await self.origin.reply(seen)
        with contextlib.suppress(h2.exceptions.ProtocolError, ConnectionError):
            self.conn.send_headers(stream_id, [(b":status", str(reply.status).encode()), *reply.head()])
            for chunk in reply.chunks() if seen.method != "HEAD" else []:
                await self._data(stream_id, chunk)
            if reply.trailers:
                self.conn.send_headers(stream_id, list(reply.trailers), end_stream=True)
            else:
                self.conn.end_stream(stream_id)
            self.flush()

    async def _data(self, stream_id: int, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            room = min(self.conn.local_flow_control_window(stream_id), self.conn.max_outbound_frame_size)
            if room <= 0:
                await self.window.wait()
                continue
            self.conn.send_data(stream_id, bytes(view[:room]))
            view = view[room:]
            self.flush()
            await self.writer.drain()
