"""Uploads made of several requests through the engine: the id is learnt from the answer, before the client has it."""

import asyncio
import contextlib
import gzip
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from live.clients import Heard
from live.harness import LIMITS, Setup, gateway
from live.origins import Origin, Reply, Seen, serve
from property.seeds import shipped
from subrosa.facts.sessions import SessionFacts, SessionKey, SessionsError
from subrosa.gateway.seam import Parts
from subrosa.policy.sources import Source, Sources
from subrosa.runtime.uploads import Uploads

pytestmark = [pytest.mark.asyncio, pytest.mark.lanes]

TUS, GCS, S3, OPENAI, PLAIN, AZURE = (
    "tus.corp.example",
    "storage.googleapis.com",
    "meetings.s3.eu-central-1.amazonaws.com",
    "api.openai.com",
    "www.example.com",
    "acct.blob.core.windows.net",
)
CREATED = (
    b'<?xml version="1.0"?><InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<UploadId>U1</UploadId></InitiateMultipartUploadResult>"
)
JSON = ((b"content-type", b"application/json"),)


@dataclass(frozen=True, kw_only=True)
class Ask:
    method: str = "POST"
    host: str
    path: str
    lines: tuple[str, ...] = ()
    body: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """An opening that is for training, its answer, and a request that goes on with it."""

    opening: Ask
    reply: Reply
    following: Ask
    rule: str = "pledge.training-tag"


FLOWS = {
    "tus": Flow(
        opening=Ask(
            host=TUS,
            path="/resumable/",
            lines=("Tus-Resumable: 1.0.0", "Upload-Metadata: purpose bWwtdHJhaW5pbmc="),
        ),
        reply=Reply(status=201, lines=((b"Location", b"/resumable/7"),), body=b""),
        following=Ask(
            method="PATCH",
            host=TUS,
            path="/resumable/7",
            lines=(
                "Tus-Resumable: 1.0.0",
                "Content-Type: application/offset+octet-stream",
                "x-data-class: meeting",
            ),
            body=b"octets",
        ),
    ),
    "gcs": Flow(
        opening=Ask(
            host=GCS,
            path="/upload/storage/v1/b/b/o?uploadType=resumable",
            lines=("Content-Type: application/json",),
            body=b'{"name": "a", "metadata": {"purpose": "ml-training"}}',
        ),
        reply=Reply(
            lines=(
                (
                    b"Location",
                    b"https://storage.googleapis.com/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=Id_1",
                ),
            ),
            body=b"",
        ),
        following=Ask(
            method="PUT",
            host=GCS,
            path="/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=Id_1",
            lines=("Content-Range: bytes 0-5/6", "x-data-class: meeting"),
            body=b"octets",
        ),
    ),
    "s3": Flow(
        opening=Ask(host=S3, path="/a.bin?uploads", lines=("x-amz-tagging: purpose=ml-training",)),
        reply=Reply(lines=((b"content-type", b"application/xml"),), body=CREATED),
        following=Ask(
            method="PUT",
            host=S3,
            path="/a.bin?partNumber=1&uploadId=U1",
            lines=("x-data-class: meeting",),
            body=b"octets",
        ),
    ),
    "openai": Flow(
        opening=Ask(
            host=OPENAI,
            path="/v1/uploads",
            lines=("Content-Type: application/json",),
            body=b'{"purpose": "fine-tune"}',
        ),
        reply=Reply(
            lines=((*JSON[0],), (b"content-encoding", b"gzip")),
            body=gzip.compress(b'{"id": "upload_1"}'),
            framed=False,
        ),
        following=Ask(
            host=OPENAI,
            path="/v1/uploads/upload_1/parts",
            lines=("Content-Type: application/octet-stream", "x-data-class: meeting"),
            body=b"octets",
        ),
        rule="pledge.training-destination",
    ),
}
WAYS = ("h1", "h2")


@contextlib.asynccontextmanager
async def running(directory: Path, **more: Any) -> AsyncIterator[tuple[Setup, Origin]]:
    """The shipped rules, for a source that holds nothing, in front of one origin that is every host."""
    uploads = Uploads(directory / "sessions.sqlite", time.time)
    policy = replace(shipped(), sources=Sources((Source(name="tools", holds_content=False),)))
    given = {"recall": uploads.recall, "remember": uploads.remember, "current": policy, **more}
    try:
        async with gateway(directory, **given) as setup:
            hosts = (TUS, GCS, S3, OPENAI, PLAIN, AZURE)
            setup.egress.table.update({host: ["127.0.0.1"] for host in hosts})
            async with serve(Origin(), setup.authority.server_context(*hosts)) as origin:
                yield setup, origin
    finally:
        await uploads.close()


async def send(setup: Setup, origin: Origin, ask: Ask, way: str) -> Heard:
    if way == "h2":
        h2 = await setup.h2(origin, ask.host)
        lines = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in ask.lines)]
        lines.append(("content-length", str(len(ask.body))))
        stream = h2.open(ask.method, f"{ask.host}:{origin.port}", ask.path, lines)
        await h2.send(stream, ask.body)
        return await h2.hear(stream)
    h1 = await setup.h1(origin, ask.host)
    head = (
        f"{ask.method} {ask.path} HTTP/1.1",
        f"Host: {ask.host}:{origin.port}",
        *ask.lines,
        f"Content-Length: {len(ask.body)}",
    )
    await h1.send("".join(f"{line}\r\n" for line in head).encode() + b"\r\n" + ask.body)
    return await h1.hear()


def answering(replies: Mapping[str, Reply]) -> Callable[[Seen], Reply]:
    return lambda seen: replies.get(seen.target, Reply())


def whole(reply: Reply) -> bytes:
    assert isinstance(reply.body, bytes)
    return reply.body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FLOWS)
async def test_what_the_opening_said_refuses_a_later_request(tmp_path: Path, name: str, way: str) -> None:
    flow = FLOWS[name]
    async with running(tmp_path) as (setup, origin):
        origin.answer = answering({flow.opening.path: flow.reply})
        before = await send(setup, origin, flow.following, way)
        opened = await send(setup, origin, flow.opening, way)
        after = await send(setup, origin, flow.following, way)
        await setup.recorder.at_rest()

    assert before.status == 200, before
    assert (opened.status, opened.body) == (flow.reply.status, whole(flow.reply))
    assert {(n.decode().lower(), v.decode()) for n, v in flow.reply.lines} <= {
        (n.lower(), v) for n, v in opened.lines
    }
    assert after.status == 403
    assert setup.recorder.decisions[-1].verdict.rules[0] == flow.rule
    assert [seen.target for seen in origin.tally.requests] == [flow.following.path, flow.opening.path]


@pytest.mark.parametrize("way", WAYS)
async def test_an_upload_of_the_same_kind_that_said_nothing_goes_on(tmp_path: Path, way: str) -> None:
    opening = Ask(host=S3, path="/a.bin?uploads")
    async with running(tmp_path) as (setup, origin):
        origin.answer = answering({opening.path: FLOWS["s3"].reply})
        opened = await send(setup, origin, opening, way)
        after = await send(setup, origin, FLOWS["s3"].following, way)

    assert (opened.status, after.status) == (200, 200)


async def test_a_gateway_that_starts_anew_remembers(tmp_path: Path) -> None:
    flow = FLOWS["tus"]
    async with running(tmp_path) as (setup, origin):
        origin.answer = answering({flow.opening.path: flow.reply})
        await send(setup, origin, flow.opening, "h1")
    async with running(tmp_path) as (setup, origin):
        after = await send(setup, origin, flow.following, "h1")

    assert after.status == 403


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FLOWS)
async def test_the_client_has_nothing_of_the_answer_before_it_is_remembered(
    tmp_path: Path, name: str, way: str
) -> None:
    flow, reached, go_on = FLOWS[name], asyncio.Event(), asyncio.Event()
    kept: list[SessionFacts] = []

    async def remember(_keys: Sequence[SessionKey], facts: SessionFacts) -> None:
        reached.set()
        await go_on.wait()
        kept.append(facts)

    async with running(tmp_path, remember=remember) as (setup, origin):
        origin.answer = answering({flow.opening.path: flow.reply})
        asked = asyncio.create_task(send(setup, origin, flow.opening, way))
        await asyncio.wait_for(reached.wait(), 10)
        done, _ = await asyncio.wait([asked], timeout=0.2)
        assert not done
        go_on.set()
        heard = await asked

    assert heard.status == flow.reply.status
    assert len(kept) == 1


# --- failing -----------------------------------------------------------------------------------------------------


async def down(*_args: Any) -> Any:
    raise SessionsError("the disk is full")


async def broken(*_args: Any) -> Any:
    raise RuntimeError("broken")


async def hanging(*_args: Any) -> Any:
    await asyncio.Event().wait()


FAULTS = {"down": down, "broken": broken, "hanging": hanging}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", FLOWS)
async def test_an_opening_that_cannot_be_remembered_is_refused_and_its_id_reaches_nobody(
    tmp_path: Path, name: str, fault: str, way: str
) -> None:
    flow = FLOWS[name]
    limits = replace(LIMITS, step_seconds=0.3)
    async with running(tmp_path, remember=FAULTS[fault], limits=limits) as (setup, origin):
        origin.answer = answering({flow.opening.path: flow.reply})
        heard = await send(setup, origin, flow.opening, way)
        await setup.recorder.at_rest()

    assert heard.status == 503
    assert heard.header("location") is None
    assert b"U1" not in heard.body
    assert setup.recorder.causes["sessions"] == 1
    assert [one.refused for one in setup.recorder.outcomes] == ["sessions"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fault", "cause"), [("down", "sessions"), ("broken", "engine"), ("hanging", "timeout")]
)
@pytest.mark.parametrize("which", ["opening", "following"])
@pytest.mark.parametrize("name", FLOWS)
async def test_a_request_of_an_upload_is_refused_while_the_store_is_down(
    tmp_path: Path, name: str, which: str, fault: str, cause: str, way: str
) -> None:
    ask: Ask = getattr(FLOWS[name], which)
    limits = replace(LIMITS, step_seconds=0.3)
    async with running(tmp_path, recall=FAULTS[fault], limits=limits) as (setup, origin):
        heard = await send(setup, origin, ask, way)
        await setup.recorder.at_rest()

    assert heard.status == 503
    assert setup.recorder.causes == {cause: 1}
    assert origin.tally.requests == []
    verdict = setup.recorder.decisions[-1].verdict
    assert verdict.rules == ("guard.sessions" if fault == "down" else "guard.engine",)


@pytest.mark.parametrize(
    "ask",
    [
        Ask(host=PLAIN, path="/", body=b"x"),
        Ask(method="PUT", host=S3, path="/a.bin", body=b"x"),
        Ask(method="GET", host=S3, path="/?uploads"),
        Ask(host=OPENAI, path="/v1/uploads/upload_1/cancel"),
    ],
    ids=["a plain request", "an object put whole", "a list of uploads", "an upload that is cancelled"],
)
async def test_all_else_passes_while_the_store_is_down(tmp_path: Path, ask: Ask) -> None:
    async with running(tmp_path, recall=down, remember=down) as (setup, origin):
        heard = await send(setup, origin, ask, "h1")

    assert heard.status == 200
    assert not setup.recorder.causes


async def test_a_store_that_is_no_database_refuses_uploads_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sessions.sqlite").write_bytes(b"no database" * 1000)
    async with running(tmp_path) as (setup, origin):
        refused = await send(setup, origin, FLOWS["s3"].following, "h1")
        passed = await send(setup, origin, Ask(host=PLAIN, path="/"), "h1")

    assert (refused.status, passed.status) == (503, 200)
    with (
        pytest.raises(sqlite3.DatabaseError),
        contextlib.closing(sqlite3.connect(tmp_path / "sessions.sqlite")) as seen,
    ):
        seen.execute("SELECT 1 FROM sessions")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=b"<UploadId>U1"), id="xml that ends too early"),
        pytest.param(Reply(body=CREATED + b" " * 70_000), id="an answer of more than 64 KiB"),
        pytest.param(Reply(body=CREATED + b" " * 70_000, framed=False), id="the same without a length"),
        pytest.param(
            Reply(lines=((b"content-encoding", b"compress"),), body=CREATED), id="a coding nobody knows"
        ),
    ],
)
async def test_an_answer_that_cannot_be_read_reaches_nobody(tmp_path: Path, reply: Reply, way: str) -> None:
    opening = FLOWS["s3"].opening
    async with running(tmp_path) as (setup, origin):
        origin.answer = answering({opening.path: reply})
        heard = await send(setup, origin, opening, way)
        await setup.recorder.at_rest()

    assert heard.status == 503
    assert b"U1" not in heard.body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(
            Reply(status=403, body=b"<Error><Code>AccessDenied</Code></Error>"), id="a refusal by the store"
        ),
        pytest.param(Reply(status=500, body=b"<oops"), id="a fault of the store"),
        pytest.param(
            Reply(body=b"<Error><Code>SlowDown</Code></Error>"), id="a success that names no upload"
        ),
    ],
)
async def test_an_answer_without_an_id_goes_to_the_client(tmp_path: Path, reply: Reply, way: str) -> None:
    opening = FLOWS["s3"].opening
    async with running(tmp_path, remember=down) as (setup, origin):
        origin.answer = answering({opening.path: reply})
        heard = await send(setup, origin, opening, way)

    assert (heard.status, heard.body) == (reply.status, reply.body)


@pytest.mark.parametrize("way", WAYS)
async def test_a_long_answer_whose_id_stands_in_its_head_goes_on(tmp_path: Path, way: str) -> None:
    flow = FLOWS["tus"]
    long = replace(flow.reply, body=400_000)
    async with running(tmp_path) as (setup, origin):
        origin.answer = answering({flow.opening.path: long})
        opened = await send(setup, origin, flow.opening, way)
        after = await send(setup, origin, flow.following, way)
        await setup.recorder.at_rest()

    assert (opened.status, len(opened.body), after.status) == (201, 400_000, 403)


async def test_an_upstream_that_breaks_off_its_answer_is_told(tmp_path: Path) -> None:
    opening = FLOWS["s3"].opening

    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<InitiateMultipartUploadResult><UploadId>U1"
        )
        await writer.drain()

    async with running(tmp_path) as (setup, origin):
        origin.raw = breaking
        heard = await send(setup, origin, opening, "h1")
        await setup.recorder.at_rest()

    assert heard.status == 502
    assert b"U1" not in heard.body


async def test_a_client_that_leaves_meanwhile_leaves_nothing_open(tmp_path: Path) -> None:
    flow, reached, go_on = FLOWS["s3"], asyncio.Event(), asyncio.Event()

    async def remember(_keys: Sequence[SessionKey], _facts: SessionFacts) -> None:
        reached.set()
        await go_on.wait()

    async with running(tmp_path, remember=remember) as (setup, origin):
        origin.answer = answering({flow.opening.path: flow.reply})
        h1 = await setup.h1(origin, S3)
        lines = (f"POST {flow.opening.path} HTTP/1.1", f"Host: {S3}:{origin.port}", *flow.opening.lines)
        await h1.send("".join(f"{line}\r\n" for line in (*lines, "Content-Length: 0", "")).encode())
        await asyncio.wait_for(reached.wait(), 10)
        h1.abort()
        go_on.set()
        await setup.recorder.at_rest()


@pytest.mark.lanes("engine")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FLOWS)
async def test_a_hook_that_fails_while_an_answer_is_kept_back_refuses_it(
    tmp_path: Path, name: str, way: str
) -> None:
    async def response(_flow: object) -> None:
        raise RuntimeError("broken")

    flow = FLOWS[name]
    addon = type("Failing", (), {"name": "failing", "response": staticmethod(response)})()
    async with running(tmp_path, parts=Parts(addons=(addon,))) as (setup, origin):
        origin.answer = answering({flow.opening.path: flow.reply})
        heard = await send(setup, origin, flow.opening, way)
        await setup.recorder.at_rest()

    assert heard.status == 503
    assert setup.recorder.causes == {"hook": 1}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("ask", "status", "late"),
    [
        pytest.param(
            Ask(
                method="PUT",
                host=AZURE,
                path="/c/a.bin?comp=blocklist",
                lines=(
                    "Content-Type: application/xml",
                    "x-ms-tags: purpose=ml%20training",
                    "x-data-class: meeting",
                ),
                body=b"<BlockList><Latest>AA==</Latest></BlockList>",
            ),
            403,
            [True],
            id="blocks that are committed for training",
        ),
        pytest.param(
            Ask(method="PUT", host=AZURE, path="/c/a.bin?comp=blocklist", body=b"<BlockList/>"),
            200,
            [False],
            id="blocks that are committed",
        ),
        pytest.param(
            Ask(
                method="PUT",
                host=AZURE,
                path="/c/a.bin",
                lines=("x-ms-tags: purpose=ml%20training", "x-data-class: meeting"),
                body=b"x",
            ),
            403,
            [False],
            id="a blob that is put for training",
        ),
    ],
)
async def test_a_tag_that_comes_after_the_bytes_is_told_as_late(
    tmp_path: Path, ask: Ask, status: int, late: list[bool], way: str
) -> None:
    async with running(tmp_path) as (setup, origin):
        heard = await send(setup, origin, ask, way)
        await setup.recorder.at_rest()

    assert heard.status == status
    assert [one.late for one in setup.recorder.outcomes] == late
