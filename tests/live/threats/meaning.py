"""Group D of the catalogue: what a transfer means, and when."""

import asyncio
import base64
import json as jsons
import ssl
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import trustme

from live.clients import Heard, connect
from live.origins import Origin, serve
from live.threats.ground import Ground, swallow
from live.threats.rows import (
    CLEAR,
    FILE,
    FILES,
    JOBS,
    MULTIPART,
    PURPOSE,
    S3,
    SECOND,
    SECRET,
    TLS_PORT,
    Act,
    Row,
    Step,
    Way,
    asks,
    data,
    field_of,
    form,
    frame,
    gz,
    h2,
    head,
    headers,
    in_chunks,
    json,
    multipart,
    post,
)
from subrosa.gateway.spool import SpoolLimits

_GCS = f"storage.googleapis.com:{TLS_PORT}"
_BLOB = f"acct.blob.core.windows.net:{TLS_PORT}"
_CHAT = json(
    "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": SECRET.decode()}]}
)


def _word(text: str) -> str:
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


# --- 48: tags ------------------------------------------------------------------------------------------------

_SPELLINGS = {
    "as it is": "model-training", "in upper case": "MODEL-TRAINING", "with an underscore": "model_training", "as one word": "modeltraining", "in camel case": "ModelTraining", "with a blank": "model training", "percent-encoded": "model%2Dtraining",
    "all percent-encoded": "%6d%6f%64%65%6c%2d%74%72%61%69%6e%69%6e%67", "as an encoded word": _word("model-training"), "in quotes": '"model-training"', "with blanks around it": "  model-training  ", "as fine-tune": "Fine_Tune", "as a list": "archive, model-training",
    "as a pair": "purpose=model-training", "with a full-width letter": "\uff4dodel-training", "with a non-breaking hyphen": "model\u2011training", "with a zero-width space": "model\u200b-training", "in an address": "https://w3id.org/dpv/ai#ModelTraining",
}  # fmt: skip


def _carried() -> Iterator[tuple[str, bytes]]:
    put = "/rec/a.bin"
    for says, host, target, lines in (
        ("object tags", S3, put, ["x-amz-tagging: purpose=model-training"]), ("object tags, encoded", S3, put, ["x-amz-tagging: purpose=model%2Dtraining"]), ("object tags behind others", S3, put, ["x-amz-tagging: a=b&c=d&purpose=model-training"]),
        ("object tags on a second line", S3, put, ["x-amz-tagging: a=b", "x-amz-tagging: purpose=model-training"]), ("object tags in upper case", S3, put, ["X-AMZ-TAGGING: PURPOSE=MODEL-TRAINING"]), ("a bare tag key", S3, put, ["x-amz-tagging: model-training"]),
        ("object metadata", S3, put, ["x-amz-meta-purpose: model-training"]), ("object metadata as an encoded word", S3, put, [f"x-amz-meta-purpose: {_word('model-training')}"]), ("a metadata key", S3, put, ["x-amz-meta-model-training: true"]),
        ("object tags that Connection nominates", S3, put, ["Connection: x-amz-tagging", "x-amz-tagging: purpose=model-training"]), ("a presigned tag", S3, f"{put}?x-amz-tagging=purpose%3Dmodel-training&X-Amz-Signature=ab", []), ("a presigned tag in upper case", S3, f"{put}?X-Amz-Tagging=purpose%3Dmodel-training", []),
        ("presigned metadata", S3, f"{put}?x-amz-meta-purpose=model-training", []), ("metadata of Google", _GCS, "/b/o", ["x-goog-meta-purpose: model-training"]), ("tags of Azure", _BLOB, "/c/b", ["x-ms-tags: purpose=model-training"]),
        ("metadata of Azure", _BLOB, "/c/b", ["x-ms-meta-purpose: model-training"]), ("tags of an unknown store", SECOND, put, ["x-amz-tagging: purpose=model-training"]), ("a statement of purpose", SECOND, "/x", ["X-Data-Purpose: model-training"]), ("an intended use", SECOND, "/x", ["Intended-Use: fine-tuning"]),
        ("baggage", SECOND, "/x", ["baggage: purpose=model-training"]), ("baggage behind other baggage", SECOND, "/x", ["baggage: a=b;p=q, purpose=model-training;x"]), ("metadata of tus", SECOND, "/x", [f"Upload-Metadata: filename YQ==,purpose {base64.b64encode(b'model-training').decode()}"]),
        ("a property of a gateway", SECOND, "/x", ["Helicone-Property-Purpose: model-training"]), ("metadata of a gateway", SECOND, "/x", ['cf-aig-metadata: {"purpose": "model-training"}']), ("a bare word beside a companion", SECOND, "/x", ["X-Purpose: training", "x-amz-meta-dataset: 7"]),
        ("a switch", SECOND, "/x", ["X-AI-Training: yes"]), ("a usage preference", SECOND, "/x", ["Content-Usage: train-ai=y"]), ("a signal", SECOND, "/x", ["Content-Signal: ai-train=yes"]),
    ):  # fmt: skip
        yield says, post(target, SECRET, *lines, host=host, method="PUT")


def _in_bodies() -> Iterator[tuple[str, bytes]]:
    tags = "<Tagging><TagSet><Tag><Key>purpose</Key><Value>model-training</Value></Tag></TagSet></Tagging>"
    yield (
        "the form of a browser upload",
        post("/", multipart(field_of("tagging", tags), FILE), kind=MULTIPART, host=S3),
    )
    yield (
        "metadata of a browser upload",
        post("/", multipart(field_of("x-amz-meta-purpose", "model-training"), FILE), kind=MULTIPART, host=S3),
    )
    yield (
        "a form's metadata behind its file",
        post(
            "/x",
            multipart(FILE, field_of("metadata[purpose]", "model-training")),
            kind=MULTIPART,
            host=SECOND,
        ),
    )
    yield "the metadata part of a related upload", post(
        "/upload/storage/v1/b/x/o?uploadType=multipart",
        b'--r\r\nContent-Type: application/json\r\n\r\n{"name": "a", "metadata": {"purpose": "model-training"}}\r\n--r\r\nContent-Type: audio/mp4\r\n\r\n' + SECRET + b"\r\n--r--\r\n",
        host=_GCS, kind="multipart/related; boundary=r",
    )  # fmt: skip
    yield (
        "the opening of a resumable upload",
        json(
            "/upload/storage/v1/b/x/o?uploadType=resumable",
            {"name": "a", "metadata": {"Purpose": "Model_Training"}},
            host=_GCS,
        ),
    )
    yield (
        "labels in JSON",
        json("/x", {"data": SECRET.decode(), "labels": {"purpose": "model-training"}}, host=SECOND),
    )
    yield (
        "metadata in JSON behind a large value",
        json("/x", {"data": SECRET.decode() * 500, "metadata": {"use": "fine-tuning"}}, host=SECOND),
    )
    yield (
        "metadata in JSON, gzip'd",
        post(
            "/x",
            gz(jsons.dumps({"d": SECRET.decode(), "metadata": {"use": "fine-tuning"}}).encode()),
            "Content-Encoding: gzip",
            host=SECOND,
            kind="application/json",
        ),
    )
    yield (
        "a purpose of the body",
        json("/x", {"purpose": "model-training", "data": SECRET.decode()}, host=SECOND),
    )
    yield (
        "tags in a list",
        json("/x", {"tags": ["a", "model-training"], "data": SECRET.decode()}, host=SECOND),
    )
    yield (
        "a url-encoded form",
        post("/x", b"data=x&purpose=model-training", host=SECOND, kind="application/x-www-form-urlencoded"),
    )
    yield (
        "metadata of a chat call",
        _CHAT.replace(b'{"model"', b'{"metadata": {"use": "model-training"}, "model"').replace(
            b"Content-Length: ", b"Content-Length: 0", 0
        ),
    )


def _lengthened(octets: bytes) -> bytes:
    """The request with the length that its body has."""
    top, _, body = octets.partition(b"\r\n\r\n")
    lines = [
        b"Content-Length: %d" % len(body) if line.startswith(b"Content-Length:") else line
        for line in top.split(b"\r\n")
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# --- 49 to 52 ------------------------------------------------------------------------------------------------

_ROWS_OF_A_SET = b"".join(
    jsons.dumps(
        {
            "messages": [
                {"role": "user", "content": f"{at} {SECRET.decode()}"},
                {"role": "assistant", "content": "yes"},
            ]
        }
    ).encode()
    + b"\n"
    for at in range(12)
)


def _stripped() -> Iterator[tuple[str, bytes]]:
    yield "a part of an upload that is laid out as a data set", post("/v1/uploads/u1/parts", multipart(
        b'Content-Disposition: form-data; name="data"; filename="a.jsonl"\r\n\r\n' + _ROWS_OF_A_SET), kind=MULTIPART)  # fmt: skip
    yield "a training call without any tag", json(JOBS, {"training_file": "file-1"})
    yield "a training call from a gateway's alias path", json("/v1/fine-tunes", {"training_file": "file-1"})
    yield (
        "a speech service that trains unless opted out",
        post("/v1/listen?model=nova-3", host=f"api.deepgram.com:{TLS_PORT}"),
    )
    yield (
        "an opt-out that is spelled otherwise",
        post("/v1/listen?mip_opt_out=tru", host=f"api.deepgram.com:{TLS_PORT}"),
    )
    yield (
        "an opt-out that is given and taken back",
        post("/v1/listen?mip_opt_out=true&mip_opt_out=false", host=f"api.deepgram.com:{TLS_PORT}"),
    )
    yield (
        "an opt-out in the body",
        json("/v1/listen", {"mip_opt_out": True}, host=f"api.deepgram.com:{TLS_PORT}"),
    )


def _parts() -> Iterator[tuple[str, bytes]]:
    yield (
        "the opening of an upload in parts",
        json("/v1/uploads", {"purpose": "fine-tune", "filename": "a", "bytes": 5, "mime_type": "x"}),
    )
    yield (
        "tags of a stored object, set afterwards",
        post(
            "/k?tagging",
            b"<Tagging><TagSet><Tag><Key>use</Key><Value>fine-tuning</Value></Tag></TagSet></Tagging>",
            host=S3,
            method="PUT",
            kind="application/xml",
        ),
    )
    yield (
        "the tagged opening of an upload to a store",
        post("/k?uploads", b"", "x-amz-tagging: purpose=model-training", host=S3),
    )
    yield (
        "the tagged commit of blocks",
        post(
            "/c/b?comp=blocklist",
            b"<BlockList><Latest>AA==</Latest></BlockList>",
            "x-ms-tags: purpose=model-training",
            host=_BLOB,
            method="PUT",
            kind="application/xml",
        ),
    )
    yield (
        "metadata of a stored blob, set afterwards",
        head(
            "PUT /c/b?comp=metadata HTTP/1.1", _BLOB, "x-ms-meta-purpose: model-training", "Content-Length: 0"
        ),
    )
    yield (
        "the preupload of a data set",
        json("/api/datasets/a/b/preupload/main", {"files": []}, host=f"huggingface.co:{TLS_PORT}"),
    )


def _lineage() -> Iterator[tuple[str, bytes]]:
    yield "a stored file that is named for training", json(JOBS, {"model": "m", "training_file": "file-1"})
    yield (
        "a store's objects that are named for training",
        json(
            "/v1/fine_tuning/jobs",
            {"model": "m", "training_file": "s3://meetings/rec.jsonl"},
            host=f"api.mistral.ai:{TLS_PORT}",
        ),
    )
    yield (
        "a copy that is tagged",
        head(
            "PUT /k HTTP/1.1",
            S3,
            "x-amz-copy-source: /meetings/rec",
            "x-amz-tagging: purpose=model-training",
            "x-amz-tagging-directive: REPLACE",
            "Content-Length: 0",
        ),
    )
    yield (
        "a tuning job on a store's address",
        json(
            "/v1/projects/p/locations/us-central1/tuningJobs",
            {"supervisedTuningSpec": {"trainingDatasetUri": "gs://meetings/a.jsonl"}},
            host=f"us-central1-aiplatform.googleapis.com:{TLS_PORT}",
        ),
    )


async def _redirected(ground: Ground) -> Heard:
    """The destination sends the client on to a training call; what follows is a request like any other."""
    first = await ground.attempt(Row(threat=52, says="", octets=json("/v1/embeddings", {"input": "x"})))
    assert first.status == 200
    return await ground.attempt(Row(threat=52, says="", octets=json(JOBS, {"training_file": "file-1"})))


# --- 53, 54: time --------------------------------------------------------------------------------------------

_BIG = multipart(
    b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + SECRET * 4000, PURPOSE
)  # 400 kB, so that memory and spool both hold some
_WHOLE = post(FILES, _BIG, kind=MULTIPART)


def _aborted(size: int, *, reset: bool = False) -> Step:
    """A client that leaves after so many octets of the request, the marker still to come."""

    async def step(ground: Ground) -> None:
        client = await ground.opened(Row(threat=53, says="", octets=b""))
        await client.send(ground.placed(_WHOLE[:size]))
        await ground.setup.recorder.until(lambda told: told.in_flight == 1)
        if reset:
            client.abort()
        else:
            client.close()

    return step


async def _unfinished(ground: Ground) -> None:
    """A last chunk that never comes."""
    client = await ground.opened(Row(threat=53, says="", octets=b""))
    sent = in_chunks(FILES, b"%x\r\n%s\r\n" % (len(_BIG), _BIG), kind=MULTIPART)
    await client.send(ground.placed(sent))
    await ground.setup.recorder.until(lambda told: told.held_octets > 300_000)
    client.abort()


async def _half_closed(ground: Ground) -> None:
    """A client in clear that ends its side in the middle."""
    client = ground.setup.kept(await connect(ground.setup.port))
    octets = post(f"http://{CLEAR}{FILES}", _BIG, kind=MULTIPART, host=CLEAR)
    await client.send(ground.placed(octets[:200_000]))
    await ground.setup.recorder.until(lambda told: told.in_flight == 1)
    client.writer.write_eof()
    await client.closed()


async def _stream_reset(ground: Ground) -> None:
    """A client that resets its stream after the file."""
    client = await ground.opened(Row(threat=53, says="", octets=b"", way=Way.H2))
    begun = h2(headers(asks(FILES, ("content-type", MULTIPART))), data(_BIG[:10_000], end=False))
    await client.send(ground.placed(begun))
    await ground.setup.recorder.until(lambda told: told.held_octets > 0)
    await client.send(frame(3, 0, 1, b"\0\0\0\x08"))
    await ground.setup.recorder.until(lambda told: told.in_flight == 0)


async def _dripped(ground: Ground) -> Heard:
    """An upload in pieces of seven octets, each on its own."""
    client = await ground.opened(Row(threat=53, says="", octets=b""))
    octets = ground.placed(post(FILES, multipart(FILE, PURPOSE), kind=MULTIPART))
    for at in range(0, len(octets), 7):
        client.write(octets[at : at + 7])
        await client.writer.drain()
        await asyncio.sleep(0)
    return await client.hear()


# --- 55: TLS of destinations ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Faulty:
    """Certificates of destinations that must not be believed."""

    name: str

    def context(self, ground: Ground) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        now, ca = datetime.now(UTC), ground.setup.authority.ca
        match self.name:
            case "has expired":
                leaf = ca.issue_cert("chat.example.com", not_after=now - timedelta(days=1))
            case "is not valid yet":
                leaf = ca.issue_cert("chat.example.com", not_before=now + timedelta(days=1))
            case "is for another host":
                leaf = ca.issue_cert("evil.example.com")
            case "is for an address":
                leaf = ca.issue_cert("127.0.0.1")
            case "is for a wildcard of another domain":
                leaf = ca.issue_cert("*.example.org")
            case "names the host in its subject alone":
                leaf = ca.issue_cert("evil.example.com", common_name="chat.example.com")
            case "comes without its chain":
                return _bare(context, ca.create_child_ca().issue_cert("chat.example.com"))
            case _:
                leaf = trustme.CA().issue_cert("chat.example.com")
        leaf.configure_cert(context)
        return context


def _bare(context: ssl.SSLContext, leaf: trustme.LeafCert) -> ssl.SSLContext:
    with leaf.private_key_pem.tempfile() as key, leaf.cert_chain_pems[0].tempfile() as cert:
        context.load_cert_chain(cert, key)
    return context


def _faulty(name: str) -> Step:
    async def step(ground: Ground) -> Heard:
        origin = Origin()
        origin.raw = lambda reader, writer: swallow(origin, reader, writer)
        async with serve(origin, _Faulty(name).context(ground)):
            at = f"chat.example.com:{origin.port}"
            heard = await ground.attempt(Row(threat=55, says="", octets=post("/notes", host=at), connect=at))
        assert origin.tally.octets == 0
        return heard

    return step


def _make_old(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = (
            ssl.TLSVersion.MINIMUM_SUPPORTED,
            ssl.TLSVersion.TLSv1_1,
        )


async def _old_tls(ground: Ground) -> Heard:
    """A destination that speaks TLS 1.1 at most."""
    context = ground.setup.authority.server_context("chat.example.com", alpn=())
    _make_old(context)
    origin = Origin()
    async with serve(origin, context):
        at = f"chat.example.com:{origin.port}"
        heard = await ground.attempt(Row(threat=55, says="", octets=post("/notes", host=at), connect=at))
    assert origin.tally.octets == 0
    return heard


async def _no_tls(ground: Ground) -> Heard:
    """A destination that answers a hello in clear."""
    at = f"chat.example.com:{ground.clear.port}"
    return await ground.attempt(Row(threat=55, says="", octets=post("/notes", host=at), connect=at))


async def _old_client(ground: Ground) -> Heard:
    """A client that speaks TLS 1.1 at most."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _make_old(context)
    client = await ground.opened(Row(threat=55, says="", octets=b"", way=Way.TUNNEL))
    try:
        await client.writer.start_tls(context, server_hostname="api.openai.com")
    except (ssl.SSLError, OSError):
        return Heard(end="closed")
    return Heard(status=200)


# --- 56, 57 --------------------------------------------------------------------------------------------------


def _own(way: Way, host: str) -> Step:
    """The gateway asked for its own port."""

    async def step(ground: Ground) -> Heard:
        at = f"{host}:{ground.setup.port}"
        octets = head(f"GET {'http://' + at if way is Way.CLEAR else ''}/metrics HTTP/1.1", at)
        return await ground.attempt(Row(threat=56, says="", octets=octets, way=way, connect=at))

    return step


def _exhausted(**bounds: int) -> Step:
    """A spool without room."""

    async def step(ground: Ground) -> Heard:
        budget = ground.setup.engine.shared.budget
        usual = budget.limits
        object.__setattr__(
            budget, "limits", SpoolLimits(**{"memory": usual.memory, "transfer": usual.transfer, **bounds})
        )
        try:
            return await ground.attempt(
                Row(threat=57, says="", octets=_WHOLE.replace(b"fine-tune", b"user_data"))
            )
        finally:
            object.__setattr__(budget, "limits", usual)

    return step


async def _too_big(ground: Ground) -> Heard:
    """One upload beyond the bound of one, its fields innocent as far as they go."""
    body = multipart(
        b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + SECRET * 100_000,
        field_of("purpose", "user_data"),
    )
    return await ground.attempt(Row(threat=57, says="", octets=post(FILES, body, kind=MULTIPART)))


def _host_of(octets: bytes) -> str:
    return octets.partition(b"Host: ")[2].partition(b"\r\n")[0].decode()


def _rows(
    threat: int, what: str, rows: Iterator[tuple[str, bytes]], status: tuple[int, ...] = (400, 403)
) -> list[Row]:
    return [
        Row(
            threat=threat,
            says=f"{what}{says}",
            octets=_lengthened(octets),
            connect=_host_of(octets),
            status=status,
        )
        for says, octets in rows
    ]


_EARLY = json(JOBS, {"training_file": "file-1"})
_TUNNEL = head(f"CONNECT {CLEAR} HTTP/1.1", CLEAR)

ROWS: tuple[Row | Act, ...] = (
    *_rows(48, "the tag in a statement of purpose ", ((says, post("/x", SECRET, f"X-Data-Purpose: {text.encode().decode('latin-1')}", host=SECOND)) for says, text in _SPELLINGS.items())),
    *_rows(48, "the tag by ", _carried()),
    *_rows(48, "the tag in ", _in_bodies()),
    *_rows(49, "", _stripped()),
    *_rows(50, "", _parts()),
    *_rows(51, "", _lineage()),
    Act(threat=52, says="where a redirect leads is judged anew", step=_redirected, reached=True),
    *_rows(52, "a redirect to an address: ", iter([("the client asks for it", post("/x", host=f"10.0.0.1:{TLS_PORT}"))]), (403, 502)),
    *(Act(threat=53, says=f"a client that leaves after {size} octets", step=_aborted(size)) for size in (200, 300, 1000, 65_000, 66_000, 200_000, len(_WHOLE) - 60, len(_WHOLE) - 1)),
    *(Act(threat=53, says=f"a client that resets after {size} octets", step=_aborted(size, reset=True)) for size in (200, 70_000, len(_WHOLE) - 20)),
    Act(threat=53, says="a last chunk that never comes", step=_unfinished),
    Act(threat=53, says="a client that ends its side in the middle", step=_half_closed),
    Act(threat=53, says="a stream that is reset after the file", step=_stream_reset),
    Act(threat=53, says="an upload in drips of seven octets", step=_dripped),
    Row(threat=54, says="a request right behind the CONNECT", octets=_TUNNEL + json(JOBS, {"training_file": "f"}, host=CLEAR), way=Way.CLEAR, reached=True),
    Row(threat=54, says="raw octets right behind the CONNECT", octets=_TUNNEL + b"SSH-2.0-x\r\n" + SECRET, way=Way.CLEAR, status=(0,), reached=True),
    Row(threat=54, says="a body before the expected 100", octets=form(FILE, PURPOSE).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n", 1)),
    Row(threat=54, says="frames before the 101", octets=head("GET /v1/listen HTTP/1.1", f"api.deepgram.com:{TLS_PORT}", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==") + b"\x82\xfe\x00\x66\0\0\0\0" + SECRET, connect=f"api.deepgram.com:{TLS_PORT}"),
    Row(threat=54, says="a pipelined upload behind a refused call", octets=_EARLY + post("/v1/files", SECRET)),
    *(Act(threat=55, says=f"a destination whose certificate {name}", step=_faulty(name), status=(502,)) for name in (
        "has expired", "is not valid yet", "is for another host", "is for an address", "is for a wildcard of another domain", "names the host in its subject alone", "comes without its chain", "is of an authority that nobody knows")),
    Act(threat=55, says="a destination that answers a hello in clear", step=_no_tls, status=(502,), reached=True),
    Act(threat=55, says="a destination that speaks TLS 1.1 at most", step=_old_tls, status=(502,)),
    Act(threat=55, says="a client that speaks TLS 1.1 at most", step=_old_client, status=(0,)),
    Act(threat=56, says="the gateway's own port, by a name, in clear", step=_own(Way.CLEAR, "chat.example.com")),
    Act(threat=56, says="the gateway's own port, by a name, in a tunnel", step=_own(Way.TUNNEL, "chat.example.com")),
    Act(threat=56, says="the gateway's own port, by its address", step=_own(Way.CLEAR, "127.0.0.1")),
    Act(threat=56, says="the gateway's own port, by an address in decimal", step=_own(Way.TUNNEL, "2130706433"), status=(400, 403)),
    Act(threat=56, says="the gateway's own port, by a mapped address", step=_own(Way.CLEAR, "[::ffff:127.0.0.1]")),
    Act(threat=57, says="one upload larger than may be held", step=_too_big, status=(413,)),
    Act(threat=57, says="a spool without room for octets", step=_exhausted(total=100_000, held=1024), status=(413, 503, 507)),
    Act(threat=57, says="a spool without room for transfers", step=_exhausted(total=1 << 30, held=0), status=(413, 503, 507)),
)  # fmt: skip
