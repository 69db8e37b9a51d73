"""TLS whose ClientHello is cut, split into records or given an extension before it is sent."""

import asyncio
import ssl
import struct
from collections.abc import Callable

from live.clients import Heard, Http1, tunnel
from live.threats.ground import Ground
from live.threats.rows import OPENAI

type Reshape = Callable[[bytes], list[bytes]]

ECH = 0xFE0D
GREASE_ECH = struct.pack("!BHHBH", 0, 1, 1, 7, 32) + bytes(32) + struct.pack("!H", 16) + bytes(16)
"""An outer Encrypted Client Hello (RFC 9849 5) whose payload says nothing."""


def pieces(size: int) -> Reshape:
    """The octets in writes of so many."""
    return lambda octets: [octets[at : at + size] for at in range(0, len(octets), size)]


def records(size: int) -> Reshape:
    """The handshake message in records of so many octets."""

    def split(octets: bytes) -> list[bytes]:
        message = octets[5:]
        cuts = [message[at : at + size] for at in range(0, len(message), size)]
        return [b"".join(octets[:3] + struct.pack("!H", len(cut)) + cut for cut in cuts)]

    return split


def extended(kind: int, payload: bytes) -> Reshape:
    """One more extension at the end of the hello."""

    def extend(octets: bytes) -> list[bytes]:
        message = bytearray(octets[9:])
        at = 2 + 32
        at += 1 + message[at]
        at += 2 + int.from_bytes(message[at : at + 2])
        at += 1 + message[at]
        size = int.from_bytes(message[at : at + 2])
        more = struct.pack("!HH", kind, len(payload)) + payload
        message[at : at + 2] = struct.pack("!H", size + len(more))
        message += more
        whole = b"\x01" + struct.pack("!I", len(message))[1:] + bytes(message)
        return [octets[:3] + struct.pack("!H", len(whole)) + whole]

    return extend


async def first_answer(ground: Ground, reshape: Reshape, *, sni: str, connect: str = OPENAI) -> bytes:
    """What the gateway answers to a reshaped hello; empty when it closes."""
    client = ground.setup.kept(await tunnel(ground.setup.port, ground.authority(connect), None))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ground.trusting("http/1.1").wrap_bio(incoming, outgoing, server_hostname=sni)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        for piece in reshape(outgoing.read()):
            client.write(piece)
    async with asyncio.timeout(5):
        return await client.reader.read(65536)


async def over(ground: Ground, reshape: Reshape, octets: bytes, *, connect: str = OPENAI) -> Heard:
    """Complete TLS after a reshaped hello, send octets in it, and hear the answer."""
    to = ground.authority(connect)
    client = ground.setup.kept(await tunnel(ground.setup.port, to, None))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ground.trusting("http/1.1").wrap_bio(incoming, outgoing, server_hostname=to.rpartition(":")[0])
    await _shake(client, tls, incoming, outgoing, reshape)
    tls.write(ground.placed(octets))
    client.write(outgoing.read())
    said = b""
    async with asyncio.timeout(5):
        while b"\r\n\r\n" not in said:
            incoming.write(await client.reader.read(65536))
            try:
                said += tls.read(65536)
            except ssl.SSLWantReadError:
                continue
    return Heard(status=int(said.split(b" ")[1]), end="whole")


async def _shake(
    client: Http1, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, reshape: Reshape
) -> None:
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            octets = outgoing.read()
            for piece in reshape(octets) if octets else ():
                client.write(piece)
                await client.writer.drain()
                await asyncio.sleep(0)
            reshape = pieces(65536)
            async with asyncio.timeout(5):
                incoming.write(await client.reader.read(65536))
        else:
            client.write(outgoing.read())
            return
