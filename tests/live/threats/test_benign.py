"""Ordinary work that looks like a trick: it passes, and the destination gets what was sent."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import wsproto
import wsproto.events as ws

from live.clients import Http1
from live.origins import Origin, Seen
from live.threats import benign
from live.threats.ground import Ground, grounds
from live.threats.hello import ECH, GREASE_ECH, Reshape, extended, first_answer, over, pieces, records
from live.threats.rows import SECOND, Fine, Row, Way, json, post
from live.threats.sockets import listening

in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with grounds(
        tmp_path_factory.mktemp("benign"), Origin(), Origin(), alpn=("h2", "http/1.1")
    ) as found:
        yield found


def arrived(ground: Ground) -> list[Seen]:
    return [*ground.sink.tally.requests, *ground.clear.tally.requests]


@in_one_loop
@pytest.mark.parametrize("row", benign.ROWS, ids=str)
async def test_it_passes(ground: Ground, row: Fine) -> None:
    for origin in (ground.sink, ground.clear):
        origin.tally.requests.clear()
    heard = await ground.attempt(row)
    told = ground.setup.recorder.decisions[-1:]
    assert heard.status == 200, (heard, told)
    (seen,) = arrived(ground)
    method, target, body = row.sent()
    if row.way is not Way.H2 or row.target:
        assert (seen.method, seen.target) == (method, target)
        assert seen.sha256 == hashlib.sha256(body).hexdigest()
    assert seen.whole
    await ground.setup.recorder.at_rest()
    assert not ground.setup.recorder.causes


@in_one_loop
@pytest.mark.parametrize("reshape", [
    pytest.param(pieces(1), id="a hello in single octets"), pytest.param(pieces(100), id="a hello in writes of a hundred"),
    pytest.param(records(50), id="a hello in records of fifty"),
])  # fmt: skip
async def test_a_hello_passes_however_it_is_cut(ground: Ground, reshape: Reshape) -> None:
    assert (await over(ground, reshape, json("/notes", {"a": 1}, host=SECOND), connect=SECOND)).status == 200


@in_one_loop
async def test_a_hello_with_a_meaningless_ech_is_answered(ground: Ground) -> None:
    said = await first_answer(ground, extended(ECH, GREASE_ECH), sni="chat.example.com", connect=SECOND)
    assert said[:1] == b"\x16"


@in_one_loop
async def test_an_upload_that_expects_a_100_goes_on(ground: Ground) -> None:
    octets = post("/rec", b"abc", "Expect: 100-continue", host=SECOND)
    client = await ground.opened(Row(threat=54, says="", octets=b"", connect=SECOND))
    client.write(ground.placed(octets))
    heard = await client.hear()
    assert heard.status == 200


@in_one_loop
async def test_many_requests_over_one_connection(ground: Ground) -> None:
    client = await ground.opened(Row(threat=15, says="", octets=b"", connect=SECOND))
    for at in range(5):
        client.write(ground.placed(json(f"/notes/{at}", {"a": at}, host=SECOND)))
        assert (await client.hear()).status == 200


async def _message(client: Http1, conn: wsproto.WSConnection) -> list[str | bytes]:
    """The frames of the next message."""
    frames: list[str | bytes] = []
    async with asyncio.timeout(5):
        while True:
            for event in conn.events():
                if isinstance(event, ws.Message):
                    frames.append(event.data)
                    if event.message_finished:
                        return frames
            conn.receive_data(await client.reader.read(65536) or None)


@in_one_loop
async def test_a_socket_echoes(ground: Ground) -> None:
    async with listening() as origin:
        at = f"chat.example.com:{origin.port}"
        client = await ground.opened(Row(threat=11, says="", octets=b"", connect=at, way=Way.TUNNEL))
        conn = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        client.write(conn.send(ws.Request(host=at, target="/ws")))
        conn.receive_data(await client.reader.readuntil(b"\r\n\r\n"))
        assert [type(event) for event in conn.events()] == [ws.AcceptConnection]
        for said in ("we train new staff on Monday", "x" * 70_000):
            client.write(conn.send(ws.Message(data=said)))
            assert "".join(map(str, await _message(client, conn))) == said
        client.write(conn.send(ws.Message(data=b"\0\1\2")))
        assert await _message(client, conn) == [b"\0\1\2"]


def test_there_are_enough() -> None:
    assert len(benign.ROWS) >= 60
    assert len({str(row) for row in benign.ROWS}) == len(benign.ROWS)
