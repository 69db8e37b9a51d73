"""What a release of mitmproxy must not change: the engine's streams, both protocols, both directions."""

import asyncio
import hashlib
import random
from collections import Counter
from pathlib import Path

import pytest

from live.clients import Heard
from live.harness import HOST, LIMITS, Setup, facing, replace
from live.origins import Origin, Reply, pattern

pytestmark = [pytest.mark.asyncio, pytest.mark.lanes]

WAYS = ("h1-length", "h1-chunked", "h2", "h2-length")


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def head(origin: Origin, path: str, *lines: str, method: str = "POST") -> bytes:
    text = "".join(
        f"{line}\r\n" for line in (f"{method} {path} HTTP/1.1", f"Host: {HOST}:{origin.port}", *lines)
    )
    return f"{text}\r\n".encode()


def chunked(body: bytes, size: int = 65536) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def upload(
    setup: Setup, origin: Origin, way: str, path: str, body: bytes, *, first: int | None = None
) -> Heard:
    """One upload; ``first`` sends so many octets of it and waits a moment before the rest."""
    if way.startswith("h2"):
        client = await setup.h2(origin)
        lines = [("content-length", str(len(body)))] if way == "h2-length" else []
        stream = client.open("POST", f"{HOST}:{origin.port}", path, lines)
        await client.send(stream, body[:first], end=first is None)
        if first is not None:
            await client.send(stream, body[first:])
        heard = await client.hear(stream)
        client.close()
        return heard
    h1 = await setup.h1(origin)
    if way == "h1-length":
        await h1.send(head(origin, path, f"Content-Length: {len(body)}") + body)
    else:
        await h1.send(head(origin, path, "Transfer-Encoding: chunked") + chunked(body))
    heard = await h1.hear()
    h1.close()
    return heard


@pytest.mark.parametrize(
    "upstream", [("http/1.1",), ("h2", "http/1.1")], ids=["to h1", "to h2 where the client has it"]
)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "path", ["/head/allow", "/head/block", "/body/allow", "/body/block", "/end/allow", "/end/block"]
)
async def test_every_verdict_at_every_stage(
    tmp_path: Path, way: str, path: str, upstream: tuple[str, ...]
) -> None:
    body = pattern(300_000)
    async with facing(tmp_path, alpn=upstream) as (setup, origin):
        heard = await upload(setup, origin, way, path, body)
        await setup.recorder.at_rest()
        decision, outcome = setup.recorder.decisions, setup.recorder.outcomes
        assert len(decision) == len(outcome) == 1
        if path.endswith("allow"):
            assert (heard.status, heard.end, heard.body) == (200, "whole", b"ok")
            assert [seen.sha256 for seen in origin.tally.requests] == [sha256(body)]
            assert (outcome[0].sent, outcome[0].discarded) == (len(body), 0)
        else:
            assert (heard.status, heard.end) == (403, "whole")
            assert b"training-destination" in heard.body
            assert (origin.tally.connections, origin.tally.octets, setup.egress.asked) == (0, 0, [])
            assert outcome[0].sent == 0
        if path.startswith("/end"):
            assert outcome[0].sha256 == sha256(body)


@pytest.mark.parametrize("hash_all", [False, True], ids=["of what was held", "of all"])
@pytest.mark.parametrize("way", WAYS)
async def test_the_hash_of_a_body_that_passes_is_told_where_it_is_asked_for(
    tmp_path: Path, way: str, hash_all: bool
) -> None:
    body = pattern(700_001)
    async with facing(tmp_path, hash_all=hash_all) as (setup, origin):
        for path in ("/head/allow", "/body/allow", "/end/allow"):
            assert (await upload(setup, origin, way, path, body)).status == 200
        await setup.recorder.at_rest()
        hashes = [outcome.sha256 for outcome in setup.recorder.outcomes]

    assert hashes[2] == sha256(body)
    assert hashes == [sha256(body)] * 3 if hash_all else hashes[0] == ""


SIZES = (0, 1, 65535, 65536, 65537, 262143, 262144, 262145, 524288, 1_000_003)


@pytest.mark.parametrize("stage", ["head", "end"])
@pytest.mark.parametrize("way", ["h1-length", "h1-chunked", "h2"])
async def test_sizes_around_the_chunks_arrive_whole_both_ways(tmp_path: Path, way: str, stage: str) -> None:
    async with facing(
        tmp_path, Origin(lambda seen: Reply(body=bytes(pattern(seen.octets)), framed=seen.octets % 2 == 0))
    ) as (
        setup,
        origin,
    ):
        for size in SIZES:
            body = pattern(size)
            heard = await upload(setup, origin, way, f"/{stage}/allow", body)
            assert (heard.status, heard.end) == (200, "whole"), size
            assert sha256(heard.body) == sha256(body), size
            assert origin.tally.requests[-1].sha256 == sha256(body), size
        await setup.recorder.at_rest()


async def test_random_uploads_arrive_whole(tmp_path: Path) -> None:
    chance = random.Random(20261125)  # noqa: S311 - a seeded generator makes a find repeatable
    async with facing(tmp_path) as (setup, origin):
        for _ in range(90):
            body = chance.randbytes(chance.choice((10, 3000, 70_000, 400_000)))
            way = chance.choice(WAYS)
            stage = chance.choice(("head", "body", "end"))
            first = chance.randrange(len(body)) if chance.random() < 0.5 else None
            heard = await upload(setup, origin, way, f"/{stage}/allow", body, first=first)
            assert heard.status == 200, (way, stage, len(body))
            assert origin.tally.requests[-1].sha256 == sha256(body), (way, stage, len(body))
        await setup.recorder.at_rest()
        assert not setup.recorder.causes


@pytest.mark.lanes("engine")
@pytest.mark.parametrize("upstream", [("http/1.1",), ("h2",)], ids=["h1", "h2"])
async def test_sixty_streams_at_once(tmp_path: Path, upstream: tuple[str, ...]) -> None:
    body = pattern(400_000)
    async with facing(tmp_path, alpn=upstream) as (setup, origin):
        client = await setup.h2(origin)
        streams = [
            client.open("POST", f"{HOST}:{origin.port}", f"/{'end' if at % 2 else 'head'}/allow/{at}")
            for at in range(60)
        ]
        await asyncio.gather(*(client.send(stream, body) for stream in streams))
        heard = [await client.hear(stream, 60) for stream in streams]
        assert Counter((one.status, one.end) for one in heard) == {(200, "whole"): 60}
        assert {seen.sha256 for seen in origin.tally.requests} == {sha256(body)}
        await setup.recorder.at_rest()
        client.close()


async def test_a_client_that_leaves_before_the_verdict_sends_nothing(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        await client.send(head(origin, "/end/allow", "Content-Length: 1000000") + pattern(500_000))
        await setup.recorder.until(lambda told: told.held_octets > 0)
        client.abort()
        await setup.recorder.at_rest()
        second = await setup.h2(origin)
        stream = second.open("POST", f"{HOST}:{origin.port}", "/end/allow")
        await second.send(stream, pattern(100_000), end=False)
        second.reset(stream)
        await setup.recorder.until(lambda told: told.in_flight == 0)
        await setup.recorder.at_rest()
        second.close()
        assert (origin.tally.connections, setup.recorder.decisions) == (0, [])


@pytest.mark.lanes("engine")
@pytest.mark.parametrize("upstream", [("http/1.1",), ("h2",)], ids=["h1", "h2"])
async def test_a_client_that_leaves_during_the_replay_stops_it(
    tmp_path: Path, upstream: tuple[str, ...]
) -> None:
    size = 30_000_000
    async with facing(tmp_path, alpn=upstream) as (setup, origin):
        origin.pause = asyncio.Event()
        origin.pause.set()
        client = await setup.h2(origin)
        stream = client.open("POST", f"{HOST}:{origin.port}", "/end/allow")
        sending = asyncio.get_running_loop().create_task(client.send(stream, pattern(size)))
        await setup.recorder.until(lambda told: bool(told.decisions), 60)
        origin.pause = asyncio.Event()
        await sending
        client.reset(stream)
        await setup.recorder.at_rest()
        origin.pause.set()
        origin.pause = None
        await setup.recorder.until(lambda told: bool(told.outcomes))
        outcome = setup.recorder.outcomes[0]
        assert outcome.aborted == "client"
        assert outcome.sent < size
        assert not any(seen.whole for seen in origin.tally.requests)
        client.close()


@pytest.mark.parametrize("way", ["h1-length", "h2"])
@pytest.mark.parametrize("stage", ["head", "end"])
async def test_an_early_answer_is_heard(tmp_path: Path, way: str, stage: str) -> None:
    async with facing(tmp_path) as (setup, origin):
        origin.early = Reply(status=413, body=b"too large for me")
        heard = await upload(setup, origin, way, f"/{stage}/allow", pattern(3_000_000))
        assert (heard.status, heard.body) == (413, b"too large for me")
        await setup.recorder.until(lambda told: bool(told.outcomes))
        assert setup.recorder.outcomes[0].upstream_status == 413
        await setup.recorder.at_rest()


async def test_head_pipelining_and_reuse(tmp_path: Path) -> None:
    async with facing(tmp_path, Origin(lambda seen: Reply(body=f"{seen.method} {seen.target}".encode()))) as (
        setup,
        origin,
    ):
        client = await setup.h1(origin)
        client.write(head(origin, "/head/allow", method="HEAD"))
        heard = await client.hear(method="HEAD")
        assert (heard.status, heard.header("content-length")) == (200, str(len("HEAD /head/allow")))
        client.write(
            b"".join(
                head(origin, f"/{stage}/allow/{stage}", "Content-Length: 3") + b"abc"
                for stage in ("head", "end")
            )
        )
        client.write(
            head(origin, "/head/block", method="DELETE") + head(origin, "/head/allow/last", method="GET")
        )
        answers = [await client.hear() for _ in range(4)]
        assert [one.body for one in answers[:2]] == [b"POST /head/allow/head", b"POST /end/allow/end"]
        assert [one.status for one in answers] == [200, 200, 403, 200]
        assert origin.tally.connections == 1
        second = await setup.h2(origin)
        for _ in range(4):
            assert (await second.ask("POST", f"{HOST}:{origin.port}", "/head/allow", body=b"x")).status == 200
        assert origin.tally.connections == 2
        second.close()
        await setup.recorder.at_rest()


@pytest.mark.lanes("engine")
async def test_http2_clients_reuse_an_http1_destination(tmp_path: Path) -> None:
    async with facing(tmp_path, alpn=("http/1.1",)) as (setup, origin):
        client = await setup.h2(origin)
        for _ in range(5):
            assert (
                await client.ask("POST", f"{HOST}:{origin.port}", "/end/allow", body=b"x" * 10)
            ).status == 200
        assert origin.tally.connections == 1
        assert {seen.header("content-length") for seen in origin.tally.requests} == {"10"}
        await client.ask(
            "POST", f"{HOST}:{origin.port}", "/head/allow", body=b"GET /smuggled HTTP/1.1\r\n\r\n"
        )
        assert origin.tally.requests[-1].header("transfer-encoding") == "chunked"
        assert len(origin.tally.requests) == 6
        client.close()


@pytest.mark.parametrize("way", ["h1", "h2"])
async def test_expect_is_answered_here(tmp_path: Path, way: str) -> None:
    async with facing(tmp_path) as (setup, origin):
        for path, interim, status in (
            ("/head/block", [], 403),
            ("/head/allow", [100], 200),
            ("/end/allow", [100], 200),
        ):
            if way == "h1":
                h1 = await setup.h1(origin)
                h1.write(head(origin, path, "Content-Length: 5", "Expect: 100-continue"))
                if interim:
                    assert (await h1.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
                    h1.write(b"hello")
                heard = await h1.hear()
                h1.close()
            else:
                h2 = await setup.h2(origin)
                stream = h2.open(
                    "POST",
                    f"{HOST}:{origin.port}",
                    path,
                    [("expect", "100-continue"), ("content-length", "5")],
                )
                assert await h2.interim(stream) == interim
                if interim:
                    await h2.send(stream, b"hello")
                heard = await h2.hear(stream)
                h2.close()
            assert heard.status == status
        assert all(seen.header("expect") is None for seen in origin.tally.requests)
        await setup.recorder.at_rest()


_WAYS = pytest.mark.parametrize(
    ("way", "upstream"),
    [
        pytest.param("h1", ("http/1.1",), id="h1-h1"),
        pytest.param("h2", ("http/1.1",), id="h2-h1"),
        pytest.param("h2", ("h2",), id="h2-h2"),
    ],
)
"""Client and upstream; an HTTP/1 client is served over HTTP/1."""


@_WAYS
async def test_trailers_pass_both_ways(tmp_path: Path, way: str, upstream: tuple[str, ...]) -> None:
    reply = Reply(body=b"abc", trailers=((b"x-sum", b"42"),))
    async with facing(tmp_path, Origin(lambda _seen: reply), alpn=upstream) as (setup, origin):
        for stage in ("head", "end"):
            if way == "h1":
                h1 = await setup.h1(origin)
                h1.write(head(origin, f"/{stage}/allow", "Transfer-Encoding: chunked", "Trailer: x-up"))
                h1.write(b"3\r\nabc\r\n0\r\nx-up: 1\r\n\r\n")
                heard = await h1.hear()
            else:
                h2 = await setup.h2(origin)
                stream = h2.open("POST", f"{HOST}:{origin.port}", f"/{stage}/allow")
                await h2.send(stream, b"abc", end=False)
                h2.conn.send_headers(stream, [("x-up", "1")], end_stream=True)
                h2.flush()
                heard = await h2.hear(stream)
            assert (heard.status, heard.body, heard.end) == (200, b"abc", "whole")
            assert heard.trailers == [("x-sum", "42")]
            assert origin.tally.requests[-1].trailers == [(b"x-up", b"1")]
        assert not setup.recorder.causes


async def test_an_interim_answer_of_the_destination_does_not_hang(tmp_path: Path) -> None:
    async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(
                b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
            )

    async with facing(tmp_path, Origin(raw=raw), alpn=("http/1.1",)) as (setup, origin):
        client = await setup.h1(origin)
        for _ in range(2):
            client.write(head(origin, "/head/allow", method="GET"))
            assert (await client.hear()).body == b"hi"


async def test_field_lines_go_on_as_they_came(tmp_path: Path) -> None:
    lines = (
        "X-Amz-Date: 20261125T000000Z",
        "aUthorization: AWS4-HMAC-SHA256 x=y,  z",
        "x-dup: 1",
        "X-Dup: 2",
        "Accept:*/*",
    )
    async with facing(
        tmp_path, Origin(lambda _s: Reply(lines=((b"Alt-Svc", b'h3=":443"'), (b"X-Up", b"1"))))
    ) as (setup, origin):
        client = await setup.h1(origin)
        client.write(
            head(
                origin,
                "/head/allow?a=%2f&b",
                *lines,
                "Proxy-Authorization: Basic eDp5",
                "Connection: x-hop",
                "X-Hop: 1",
            )
        )
        heard = await client.hear()
        seen = origin.tally.requests[0]
        assert seen.target == "/head/allow?a=%2f&b"
        assert [f"{n.decode()}: {v.decode()}" for n, v in seen.lines] == [
            f"Host: {HOST}:{origin.port}",
            *lines[:4],
            "Accept: */*",
        ]
        assert (heard.header("alt-svc"), heard.header("x-up")) == (None, "1")


@pytest.mark.lanes("engine")
async def test_a_grpc_stream_goes_both_ways(tmp_path: Path) -> None:
    origin = Origin()
    origin.echo = True
    async with facing(tmp_path, origin, alpn=("h2",)) as (setup, _):
        client = await setup.h2(origin)
        lines = [("content-type", "application/grpc"), ("te", "trailers")]
        stream = client.open("POST", f"{HOST}:{origin.port}", "/head/allow", lines)
        for count in range(1, 4):
            await client.send(stream, b"\0\0\0\0\4mess", end=False)
            assert len(await client.octets(stream, 9 * count)) == 9 * count
        client.end(stream)
        heard = await client.hear(stream)
        assert (heard.end, heard.trailers) == ("whole", [("grpc-status", "0")])
        refused = client.open("POST", f"{HOST}:{origin.port}", "/head/block", lines)
        await client.send(refused, b"\0\0\0\0\4mess", end=False)
        heard = await client.hear(refused)
        assert (heard.status, heard.header("grpc-status"), heard.body) == (200, "7", b"")
        assert len(origin.tally.requests) == 1
        client.close()


@_WAYS
async def test_a_stalled_client_bounds_what_is_kept_for_it(
    tmp_path: Path, way: str, upstream: tuple[str, ...]
) -> None:
    size = 60_000_000
    async with facing(tmp_path, Origin(lambda _s: Reply(body=size)), alpn=upstream) as (setup, origin):
        if way == "h1":
            h1 = await setup.h1(origin)
            h1.writer.transport.pause_reading()  # type: ignore[attr-defined]
            h1.write(head(origin, "/head/allow", method="GET"))
        else:
            h2 = await setup.h2(origin, acknowledge=False)
            h2.open("GET", f"{HOST}:{origin.port}", "/head/allow", end=True)
        await setup.recorder.until(lambda told: bool(told.decisions))
        await asyncio.sleep(1.0)
        (transfer,) = setup.transfers()
        # the sockets' own buffers on both sides of a loopback connection may grow to some megabytes
        assert transfer.received < 16_000_000


async def test_a_refused_upload_is_read_over_only_so_far(tmp_path: Path) -> None:
    limits = replace(LIMITS, discarded=1_000_000)
    async with facing(tmp_path, limits=limits) as (setup, origin):
        client = await setup.h1(origin)
        client.write(head(origin, "/head/block", "Content-Length: 50000000"))
        heard = await client.hear()
        assert (heard.status, heard.header("connection")) == (403, "close")
        await client.send(bytes(20_000_000))
        await setup.recorder.at_rest()
        assert 1_000_000 < setup.recorder.outcomes[0].discarded < 3_000_000


@pytest.mark.parametrize("path", ["/head/allow", "/head/block"])
async def test_requests_that_are_sent_far_ahead_are_all_answered(path: str, tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        many = 3000
        sending = asyncio.create_task(client.send(head(origin, path, method="GET") * many))
        for _ in range(many):
            assert (await client.hear()).status == (200 if path == "/head/allow" else 403)
        await sending
        await setup.recorder.at_rest()
        assert len(setup.recorder.decisions) == many


async def test_a_refused_call_whose_last_octets_are_on_the_way_keeps_its_connection(tmp_path: Path) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        for number in range(1, 4):
            client.write(head(origin, "/head/block", "Content-Length: 1000") + pattern(10))
            heard = await client.hear()
            assert (heard.status, heard.header("connection")) == (403, None)
            client.write(pattern(990))
            client.write(head(origin, "/head/allow", method="GET"))
            assert (await client.hear()).status == 200
            await setup.recorder.at_rest()
            refused = setup.recorder.outcomes[2 * number - 2]
            assert (refused.discarded, refused.sent, refused.aborted) == (1000, 0, "")
        assert len(origin.tally.requests) == 3


async def test_a_client_that_keeps_back_the_last_octets_of_a_refused_call_is_closed(tmp_path: Path) -> None:
    async with facing(tmp_path, limits=replace(LIMITS, discard_seconds=0.3)) as (setup, origin):
        client = await setup.h1(origin)
        client.write(head(origin, "/head/block", "Content-Length: 1000") + pattern(999))
        assert (await client.hear()).status == 403
        assert await client.closed() == b""
        await setup.recorder.at_rest()
        (refused,) = setup.recorder.outcomes
        assert (refused.discarded, refused.aborted) == (999, "")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("Content-Length: 65537",), id="much is to come"),
        pytest.param(("Transfer-Encoding: chunked",), id="nobody knows how much is to come"),
        pytest.param(("Content-Length: 5", "Expect: 100-continue"), id="the body may not come at all"),
        pytest.param(("Content-Length: 5", "Connection: close"), id="the client wants no more"),
    ],
)
async def test_a_refused_call_of_which_more_may_come_ends_its_connection(
    lines: tuple[str, ...], tmp_path: Path
) -> None:
    async with facing(tmp_path) as (setup, origin):
        client = await setup.h1(origin)
        client.write(head(origin, "/head/block", *lines))
        heard = await client.hear()
        assert (heard.status, heard.header("connection")) == (403, "close")
        assert await client.closed() == b""
        await setup.recorder.at_rest()


async def test_too_much_held_is_told_as_a_limit(tmp_path: Path) -> None:
    limits = replace(LIMITS, spool=replace(LIMITS.spool, memory=65536, transfer=200_000))
    async with facing(tmp_path, limits=limits) as (setup, origin):
        for way in WAYS:
            heard = await upload(setup, origin, way, "/end/allow", pattern(400_000))
            assert heard.status == 413, way
            assert b"limit" in heard.body
        await setup.recorder.at_rest()
        assert origin.tally.connections == 0
        assert {one.verdict.reason.value for one in setup.recorder.decisions} == {"limit"}
        assert not setup.recorder.causes


async def test_the_connection_lives_on_after_an_early_answer(tmp_path: Path) -> None:
    async with facing(tmp_path, limits=replace(LIMITS, discard_seconds=0.3)) as (setup, origin):
        origin.early = Reply(status=413, body=b"no")
        client = await setup.h1(origin)
        client.write(head(origin, "/head/allow", "Content-Length: 500000") + pattern(400_000))
        assert (await client.hear()).status == 413
        client.write(pattern(100_000))
        origin.early = None
        client.write(head(origin, "/head/allow", method="GET"))
        assert (await client.hear()).status == 200
        await asyncio.sleep(0.6)  # past the time that a refused upload is given
        client.write(head(origin, "/head/allow", method="GET"))
        assert (await client.hear()).status == 200
        await setup.recorder.at_rest()
