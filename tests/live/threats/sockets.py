"""Sockets for the table: a client that sends messages, and a destination that notes what reaches it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import wsproto
import wsproto.events as ws
from wsproto.extensions import PerMessageDeflate

from live.clients import Heard
from live.origins import Origin, serve
from live.threats.ground import Ground
from live.threats.rows import SECRET, Row, Step, Way

_POLICY = 1008


@asynccontextmanager
async def listening() -> AsyncIterator[Origin]:
    """A destination that answers each message with itself; its tally counts the octets of all of them."""
    origin = Origin()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conn = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        while octets := await origin.read(reader):
            conn.receive_data(octets)
            for event in conn.events():
                if isinstance(event, ws.Request):
                    writer.write(conn.send(ws.AcceptConnection(extensions=[PerMessageDeflate()])))
                elif isinstance(event, ws.Message):
                    writer.write(
                        conn.send(ws.Message(data=event.data, message_finished=event.message_finished))
                    )
                elif isinstance(event, ws.Ping | ws.Pong):
                    assert not event.payload
                elif isinstance(event, ws.CloseConnection):
                    writer.write(conn.send(event.response()))

    origin.raw = run
    async with serve(origin):
        yield origin


def refused(*said: str | bytes | Sequence[str | bytes], compressed: bool = False, ping: bool = False) -> Step:
    """Send messages, a sequence as the fragments of one; the refusal is told by closing the socket."""

    async def step(ground: Ground) -> Heard:
        async with listening() as origin:
            at = f"chat.example.com:{origin.port}"
            client = await ground.opened(Row(threat=11, says="", octets=b"", connect=at, way=Way.TUNNEL))
            conn = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
            offers = [PerMessageDeflate()] if compressed else []
            client.write(conn.send(ws.Request(host=at, target="/ws", extensions=offers)))
            conn.receive_data(await client.reader.readuntil(b"\r\n\r\n"))
            assert [type(event) for event in conn.events()] == [ws.AcceptConnection]
            before = origin.tally.octets
            if ping:
                client.write(conn.send(ws.Ping(payload=SECRET[:100])))
            for message in said:
                for data, last in _fragments(message):
                    event = (
                        ws.TextMessage(data=data, message_finished=last)
                        if isinstance(data, str)
                        else ws.BytesMessage(data=data, message_finished=last)
                    )
                    client.write(conn.send(event))
            async with asyncio.timeout(5):
                code = await _closing(client.reader, conn)
            client.abort()
            await ground.setup.recorder.at_rest()
            assert origin.tally.octets - before < len(SECRET)  # the frame that closes, and no message
        return Heard(status=403 if code == _POLICY else code, end="whole")

    return step


def _fragments(message: str | bytes | Sequence[str | bytes]) -> list[tuple[str | bytes, bool]]:
    if isinstance(message, str | bytes):
        return [(message, True)]
    return [(piece, at == len(message) - 1) for at, piece in enumerate(message)]


async def _closing(reader: asyncio.StreamReader, conn: wsproto.WSConnection) -> int:
    """The code that the socket is closed with."""
    while True:
        for event in conn.events():
            if isinstance(event, ws.CloseConnection):
                return int(event.code)
        octets = await reader.read(65536)
        if not octets:
            return 0
        conn.receive_data(octets)
