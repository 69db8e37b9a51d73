"""Raw clients of the gateway: what they send is exactly what stands in the test."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

SECONDS = 10.0


@dataclass(slots=True)
class Heard:
    """One answer as a client heard it; ``end`` says how it ended: ``whole``, ``closed``, ``reset`` or ``silence``."""

    status: int = 0
    lines: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    end: str = ""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.lines if key.lower() == name), None)


@cache
def trusting(ca: Path, *alpn: str) -> ssl.SSLContext:
    """A client context that trusts one authority: made once, as that takes long; not to be changed."""
    return new_trusting(ca, *alpn)


def new_trusting(ca: Path, *alpn: str) -> ssl.SSLContext:
    """The same, for a client that changes it."""
    context = ssl.create_default_context(cafile=str(ca))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


async def connect(port: int, address: str = "") -> "Http1":
    """A connection to the gateway, from an address of 127.0.0.0/8 where one is told."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(address, 0) if address else None
    )
    return Http1(reader, writer)


async def tunnel(
    port: int,
    authority: str,
    context: ssl.SSLContext | None,
    *,
    head: str = "",
    sni: str | None = None,
    address: str = "",
) -> "Http1":
    """CONNECT, and TLS inside it where there is a context."""
    client = await connect(port, address)
    client.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{head}\r\n".encode())
    heard = await client.hear(tunnel=True)
    if heard.status != 200:
        client.close()
        raise Refused(heard)
    if context is not None:
        name = sni if sni is not None else authority.rpartition(":")[0]
        async with asyncio.timeout(SECONDS):
            await client.writer.start_tls(context, server_hostname=name)
    return client


class Refused(Exception):  # noqa: N818 - the name says which error
    def __init__(self, heard: Heard) -> None:
        super().__init__(heard)
        self.heard = heard


class Http1:
    """One connection over which HTTP/1 is spoken."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def write(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def send(self, octets: bytes, *, piece: int = 65536) -> None:
        """Write with back-pressure; a peer that closed ends it quietly."""
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(octets), piece):
                self.writer.write(octets[at : at + piece])
                await self.writer.drain()

    async def hear(self, *, method: str = "GET", tunnel: bool = False, seconds: float = SECONDS) -> Heard:
        """Read one final answer."""
        heard = Heard()
        try:
            async with asyncio.timeout(seconds):
                await self._head(heard)
                if not tunnel:
                    await self._body(heard, method)
                heard.end = heard.end or "whole"
        except TimeoutError:
            heard.end = "silence"
        except (asyncio.IncompleteReadError, EOFError):
            heard.end = "closed"
        except (ConnectionError, ssl.SSLError):
            heard.end = "reset"
        return heard

    async def _head(self, heard: Heard) -> None:
        while True:
            first, *lines = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
            status = int(first.split(" ")[1])
            if status >= 200 or status == 101:
                heard.status = status
                heard.lines = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)]
                return
            heard.interim.append(status)

    async def _body(self, heard: Heard, method: str) -> None:
        if method == "HEAD" or heard.status in (101, 204, 304):
            return
        if (heard.header("transfer-encoding") or "").lower() == "chunked":
            await self._chunks(heard)
        elif (length := heard.header("content-length")) is not None:
            body = bytearray()
            while len(body) < int(length):
                piece = await self.reader.read(min(65536, int(length) - len(body)))
                if not piece:
                    heard.body = bytes(body)
                    raise EOFError
                body += piece
            heard.body = bytes(body)
        else:
            heard.body = await self.reader.read(-1)

    async def _chunks(self, heard: Heard) -> None:
        body = bytearray()
        while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").strip().partition(":")
            heard.trailers.append((name, value.strip()))
        heard.body = bytes(body)

    async def closed(self, seconds: float = SECONDS) -> bytes:
        """Wait for the end of the connection; gives what still came."""
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(-1)
        except (ConnectionError, ssl.SSLError):
            return b""

    def abort(self) -> None:
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()


class Http2:
    """One connection over which HTTP/2 is spoken; ``Http2(await tunnel(...))``."""

    def __init__(self, over: Http1, *, acknowledge: bool = True) -> None:
        self.reader, self.writer = over.reader, over.writer
        self.acknowledge = acknowledge
        config = h2.config.H2Configuration(
            client_side=True, header_encoding="latin-1", validate_outbound_headers=False
        )
        self.conn = h2.connection.H2Connection(config)
        self.conn.initiate_connection()
        self.answers: dict[int, Heard] = {}
        self.gone = ""
        self._moved = asyncio.Event()
        self.flush()
        self._task = asyncio.get_running_loop().create_task(self._read())

    def flush(self) -> None:
        self.writer.write(self.conn.data_to_send())

    def open(
        self,
        method: str,
        authority: str,
        path: str,
        lines: Iterable[tuple[str, str]] = (),
        *,
        end: bool = False,
    ) -> int:
        """Send a head; gives the stream's id."""
        stream = self.conn.get_next_available_stream_id()
        self.answers[stream] = Heard()
        head = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path), *lines]
        self.conn.send_headers(stream, head, end_stream=end)
        self.flush()
        return stream

    async def send(self, stream: int, octets: bytes, *, end: bool = True) -> None:
        """Send DATA as the windows allow; stops when the stream or connection is over."""
        view = memoryview(octets)
        while view and not self.answers[stream].end:
            room = min(self.conn.local_flow_control_window(stream), self.conn.max_outbound_frame_size)
            if room <= 0:
                await self._moved.wait()
                continue
            try:
                self.conn.send_data(stream, bytes(view[:room]))
            except h2.exceptions.ProtocolError:
                return
            view = view[room:]
            self.flush()
            with contextlib.suppress(ConnectionError):
                await self.writer.drain()
        if end and not self.answers[stream].end:
            self.end(stream)

    def end(self, stream: int) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.conn.end_stream(stream)
            self.flush()

    def reset(self, stream: int) -> None:
        self.conn.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        self.flush()

    async def hear(self, stream: int, seconds: float = SECONDS) -> Heard:
        """Wait for the end of one answer."""
        heard = self.answers[stream]
        try:
            async with asyncio.timeout(seconds):
                while not heard.end:
                    await self._moved.wait()
        except TimeoutError:
            heard.end = "silence"
        return heard

    async def over(self, seconds: float = SECONDS) -> None:
        """Wait for the end of the connection."""
        async with asyncio.timeout(seconds):
            while not self.gone:
                await self._moved.wait()

    async def interim(self, stream: int, seconds: float = SECONDS) -> list[int]:
        """Wait for an interim answer, or the end."""
        heard = self.answers[stream]
        async with asyncio.timeout(seconds):
            while not heard.interim and not heard.end:
                await self._moved.wait()
        return heard.interim

    async def octets(self, stream: int, size: int, seconds: float = SECONDS) -> bytes:
        """Wait until so many octets of an answer came."""
        async with asyncio.timeout(seconds):
            while len(self.answers[stream].body) < size and not self.answers[stream].end:
                await self._moved.wait()
        return self.answers[stream].body

    async def ask(
        self, method: str, authority: str, path: str, lines: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> Heard:
        """One whole request and its answer."""
        stream = self.open(method, authority, path, lines, end=not body)
        if body:
            await self.send(stream, body)
        return await self.hear(stream)

    def close(self) -> None:
        self._task.cancel()
        self.writer.close()

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError, h2.exceptions.ProtocolError):
            while data := await self.reader.read(65536):
                for event in self.conn.receive_data(data):
                    self._on(event)
                self.flush()
                self._wake()
        self.gone = self.gone or "closed"
        for heard in self.answers.values():
            heard.end = heard.end or "closed"
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _on(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.gone = f"goaway {event.error_code}"
            return
        heard = self.answers.get(getattr(event, "stream_id", None) or 0)
        if heard is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            pairs = [(str(name), str(value)) for name, value in event.headers]
            heard.status = int(dict(pairs)[":status"])
            heard.lines = [(name, value) for name, value in pairs if not name.startswith(":")]
        elif isinstance(event, h2.events.InformationalResponseReceived):
            heard.interim.append(int({str(name): str(value) for name, value in event.headers}[":status"]))
        elif isinstance(event, h2.events.DataReceived):
            heard.body += event.data
            if self.acknowledge:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            heard.trailers = [(str(name), str(value)) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            heard.end = "whole"
        elif isinstance(event, h2.events.StreamReset):
            heard.end = heard.end or "reset"
