"""Group A of the catalogue: ways by which the whole transfer would go past the inspection."""

import base64
import contextlib
import json as jsons
import ssl
from dataclasses import replace

from live.clients import Heard, Http2, trusting, tunnel
from live.doubles import policy
from live.threats.ground import Ground
from live.threats.hello import ECH, GREASE_ECH, Reshape, extended, first_answer, over, pieces, records
from live.threats.rows import (
    CLEAR,
    CLOSED,
    JOB,
    JOBS,
    OPENAI,
    SECOND,
    SECRET,
    TLS_PORT,
    UNREAD,
    Act,
    Row,
    Step,
    Way,
    asks,
    data,
    gz,
    h2,
    head,
    headers,
    json,
    post,
)
from live.threats.sockets import refused
from subrosa.gateway.ports import EvidenceError
from subrosa.policy.conditions import build
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.verdict import Outcome, Reason

_TRAINING = json(JOBS, JOB)
_OTHERS = {
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n" + SECRET,
    "smtp": b"EHLO mail.example.com\r\nDATA\r\n" + SECRET,
    "imap": b"a1 LOGIN ann secret\r\n\r\n" + SECRET,
    "ftp": b"USER ann\r\nSTOR rec.mp4\r\n\r\n" + SECRET,
    "git": b"0032git-upload-pack /project.git\0host=example.com\0\r\n\r\n" + SECRET,
    "redis": b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n" + SECRET,
    "postgresql": b"\x00\x00\x00\x08\x04\xd2\x16\x2f" + SECRET,
    "rtmp": b"\x03\x00\x00\x00\x00\x00\x00\x00" + SECRET,
    "ldap": b"\x30\x0c\x02\x01\x01\x60\x07" + SECRET,
    "bittorrent": b"\x13BitTorrent protocol" + SECRET,
    "mqtt": b"\x10\x10\x00\x04MQTT\x04\x02" + SECRET,
    "socks inside": b"\x05\x01\x00" + SECRET,
    "tls 1.3 data without a hello": b"\x17\x03\x03\x00\x20" + SECRET,
    "ssl 2": b"\x80\x2e\x01\x00\x02\x00\x15" + SECRET,
    "octets of no protocol": bytes(range(256)) + SECRET,
    "a method that never ends": b"A" * 64 + SECRET,
}
_LITERALS = {
    "dotted": "127.0.0.1",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "octal": "0177.0.0.1",
    "short": "127.1",
    "hexadecimal parts": "0x7f.0x0.0x0.0x1",
    "unspecified": "0.0.0.0",
    "v6": "[::1]",
    "v6 unspecified": "[::]",
    "v4-mapped": "[::ffff:127.0.0.1]",
    "v4-mapped in hexadecimal": "[::ffff:7f00:1]",
    "nat64": "[64:ff9b::7f00:1]",
    "6to4": "[2002:7f00:1::1]",
    "full-width": "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "ideographic full stops": "127\u30020\u30020\u30021",
    "with a root dot": "127.0.0.1.",
    "metadata": "169.254.169.254",
}


def _connect(to: str, *lines: str, host: str | None = None) -> bytes:
    octets = head(f"CONNECT {to.encode().decode('latin-1')} HTTP/1.1", None, *lines)
    return octets.replace(b"\r\n", b"\r\nHost: " + (host or to).encode() + b"\r\n", 1)


def _hello(reshape: Reshape) -> Step:
    async def step(ground: Ground) -> Heard:
        return await over(ground, reshape, _TRAINING)

    return step


async def _ech(ground: Ground) -> Heard:
    said = await first_answer(ground, extended(ECH, GREASE_ECH), sni="public.example.com")
    if said[:1] != b"\x16":
        return Heard(end="closed")
    return await ground.attempt(Row(threat=9, says="", octets=_TRAINING, sni="public.example.com"))


async def _ech_unread(ground: Ground) -> Heard:
    said = await first_answer(ground, extended(ECH, GREASE_ECH), sni="unread.example.com", connect=UNREAD)
    return Heard(end="closed" if said[:1] == _ALERT else "answered")


_ALERT = b"\x15"


async def _alt_svc(ground: Ground) -> None:
    """The sink offers HTTP/3 with every answer; no client learns of it."""
    octets = json("/v1/embeddings", {"input": "x"})
    heads = h2(headers(asks("/v1/models", method="GET"), end=True))
    for way, sent in ((Way.TLS, octets), (Way.SOCKS, octets), (Way.H2, heads)):
        heard = await ground.attempt(Row(threat=8, says="", octets=sent, way=way))
        assert heard.status == 200, way
        assert heard.header("alt-svc") is None, way


async def _reused(ground: Ground) -> Heard:
    """An HTTP/2 connection to one host that asks another of it."""
    over = ground.setup.kept(await tunnel(ground.setup.port, ground.authority(SECOND), ground.trusting("h2")))
    client = Http2(over)
    first = await client.ask("GET", ground.authority(SECOND), "/")
    assert first.status == 200
    heard = await client.ask(
        "POST", ground.authority(OPENAI), JOBS, [("content-type", "application/json")], JOB
    )
    client.close()
    return heard


async def _reloaded(ground: Ground) -> Heard:
    """A connection that has sent something innocent, and then the policy changes."""
    client = await ground.opened(Row(threat=16, says="", octets=b"", connect=SECOND))
    innocent = ground.placed(json("/notes", {"x": SECRET.decode()[:0]}, host=SECOND))
    client.write(innocent)
    assert (await client.hear()).status == 200
    rule = Rule(
        id="now.refused", rank=Rank.SEALED, outcome=Outcome.BLOCK, reason=Reason.USER_RULE,
        when=build({"host": "chat.example.com"}), why="the new policy says so",
    )  # fmt: skip
    ground.setup.current[0] = replace(policy(rule), generation=2)
    try:
        await client.send(ground.placed(post("/notes", host=SECOND)))
        return await client.hear()
    finally:
        ground.setup.current[0] = ground.shipped


async def _no_policy(ground: Ground) -> Heard:
    ground.setup.current[0] = None
    try:
        return await ground.attempt(
            Row(threat=17, says="", octets=post("/notes", host=SECOND), connect=SECOND)
        )
    finally:
        ground.setup.current[0] = ground.shipped


async def _unrecorded(ground: Ground) -> Heard:
    ground.setup.recorder.fail = EvidenceError("the disk is full")
    try:
        return await ground.attempt(
            Row(threat=17, says="", octets=post("/notes", host=SECOND), connect=SECOND)
        )
    finally:
        ground.setup.recorder.fail = None


async def _rebound(ground: Ground) -> Heard:
    """A name whose answers alternate: each transfer is dialled at what was vetted for it."""
    name = f"rebind.example.com:{TLS_PORT}"
    good, bad = ["127.0.0.1"], ["169.254.169.254"]
    ground.names.turns["rebind.example.com"] = [good, bad, good, bad]
    row = Row(threat=14, says="", octets=json("/x", {}, host=name), connect=name)
    for status in (200, 403, 200):
        assert (await ground.attempt(row)).status == status
    heard = await ground.attempt(row)
    assert ground.names.asked.count("rebind.example.com") == 4
    return heard


async def _h3_only(ground: Ground) -> Heard:
    return await ground.attempt(Row(threat=10, says="", octets=_TRAINING, alpn=("h3", "spdy/3")))


async def _inner_tls(ground: Ground) -> Heard:
    client = await ground.opened(Row(threat=7, says="", octets=b""))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(ground.setup.ca).wrap_bio(incoming, outgoing, server_hostname="evil.example.com")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    client.write(outgoing.read())
    return await client.hear()


_WS = (
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip
_MESSAGE = jsons.dumps({"metadata": {"purpose": "model-training"}, "audio": SECRET.decode()})
_VERTEX = f"us-central1-aiplatform.googleapis.com:{TLS_PORT}"
_GRPC = ("content-type", "application/grpc")


def _message(octets: bytes, flag: int = 0) -> bytes:
    """One message of gRPC, length before it."""
    return bytes([flag]) + len(octets).to_bytes(4) + octets


_DEEPGRAM = f"api.deepgram.com:{TLS_PORT}"
_REFUSED_HEAD = (400, 403, 405, 421)

ROWS: tuple[Row | Act, ...] = (
    # 1
    *(
        Row(threat=1, says=f"{name} in a tunnel is no protocol that passes", octets=octets, way=Way.TUNNEL, status=(0, 400, 505))
        for name, octets in _OTHERS.items()
    ),
    Row(threat=1, says="ssh inside TLS does not pass either", octets=_OTHERS["ssh"], status=CLOSED),
    Row(threat=1, says="octets of no protocol straight to the gateway", octets=_OTHERS["octets of no protocol"], way=Way.CLEAR, status=CLOSED),
    *(
        Row(threat=1, says=f"{name} in a tunnel that nobody reads", octets=octets + SECRET, way=Way.TUNNEL, connect=UNREAD, status=CLOSED)
        for name, octets in {**_OTHERS, "a request in clear": post("/x", host=UNREAD)}.items()
    ),
    # 2, 3
    *(
        Act(threat=2, says=f"a hello in writes of {size} is waited for and what follows judged", step=_hello(pieces(size)))
        for size in (1, 2, 3, 5)
    ),
    *(
        Act(threat=3, says=f"a hello in records of {size} is put together and what follows judged", step=_hello(records(size)))
        for size in (1, 16, 100)
    ),
    # 4
    Row(threat=4, says="without SNI the name of the tunnel rules", octets=_TRAINING, sni=""),
    Row(threat=4, says="the SNI is another host than the tunnel's", octets=post("/x"), sni="chat.example.com", status=_REFUSED_HEAD),
    Row(threat=4, says="the Host is another than tunnel and SNI", octets=post("/x", host=SECOND), status=_REFUSED_HEAD),
    Row(threat=4, says="Host and SNI agree against the tunnel", octets=post("/x", host=OPENAI), connect=SECOND, sni="api.openai.com", status=_REFUSED_HEAD),
    Row(threat=4, says="the Host is the same name at another port", octets=post("/x", host="api.openai.com:443"), status=_REFUSED_HEAD),
    Row(threat=4, says="the SNI is an upper-case twin and the content is refused all the same", octets=_TRAINING, sni="API.OpenAI.com"),
    Row(threat=4, says="the SNI fronts the training host for a harmless tunnel", octets=json(JOBS, JOB, host=SECOND), connect=SECOND, sni="api.openai.com", status=_REFUSED_HEAD),
    Row(threat=4, says="the SNI fronts another host through a tunnel that nobody reads", octets=_TRAINING, connect=UNREAD, sni="api.openai.com", status=CLOSED),
    Row(threat=4, says="no SNI in a tunnel that nobody reads", octets=_TRAINING, connect=UNREAD, sni="", status=CLOSED),
    Row(threat=4, says="the CONNECT names two hosts", octets=_connect(OPENAI, f"Host: {SECOND}"), way=Way.CLEAR, status=_REFUSED_HEAD),
    Row(threat=4, says="the Host of the CONNECT is another than its target", octets=_connect(SECOND, host=OPENAI), way=Way.CLEAR, status=_REFUSED_HEAD),
    # 5
    *(
        Row(
            threat=5,
            says=f"an address of the inside, {name}, is not dialled in clear",
            octets=b"POST http://" + address.encode() + b":%d/x HTTP/1.1\r\nHost: " % 88888 + address.encode()
            + b":88888\r\nContent-Length: %d\r\n\r\n" % len(SECRET) + SECRET,
            way=Way.CLEAR,
            status=(400, 403, 502),
        )
        for name, address in _LITERALS.items()
    ),
    *(
        Row(threat=5, says=f"a tunnel to {name} with the name in Host alone is refused", octets=post("/x", host=OPENAI), way=Way.TLS,
            connect=f"{address}:{TLS_PORT}", sni="api.openai.com", status=(0, 400, 403))
        for name, address in _LITERALS.items() if address.isascii()
    ),
    # 6
    *(
        Row(threat=6, says=f"HTTP in clear in a tunnel to port {port} is judged", octets=json(JOBS, JOB, host=f"api.openai.com:{port}"), way=Way.TUNNEL, connect=f"api.openai.com:{port}")
        for port in (25, 80, 443, 8080, 6379)
    ),
    Row(threat=6, says="a tunnel to port 0", octets=_connect("api.openai.com:0"), way=Way.CLEAR, status=_REFUSED_HEAD),
    Row(threat=6, says="a tunnel to port 65536 and more", octets=_connect("api.openai.com:65979"), way=Way.CLEAR, status=_REFUSED_HEAD),
    Row(threat=6, says="a tunnel without a port", octets=_connect("api.openai.com"), way=Way.CLEAR, status=_REFUSED_HEAD),
    # 7
    Row(threat=7, says="a CONNECT inside the tunnel", octets=_connect(SECOND) + SECRET, way=Way.TUNNEL, connect=SECOND, status=_REFUSED_HEAD),
    Row(threat=7, says="a CONNECT inside TLS inside the tunnel", octets=_connect(SECOND) + SECRET, connect=SECOND, status=_REFUSED_HEAD),
    Row(threat=7, says="a CONNECT over HTTP/2", octets=h2(headers([(":method", "CONNECT"), (":authority", SECOND)]), data()), way=Way.H2, connect=SECOND, status=(0, *_REFUSED_HEAD)),
    Row(threat=7, says="an extended CONNECT over HTTP/2", octets=h2(headers([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/"), (":authority", SECOND)]), data()), way=Way.H2, connect=SECOND, status=(0, *_REFUSED_HEAD)),
    Row(threat=7, says="an absolute target of another host inside the tunnel", octets=head(f"POST https://{OPENAI}/x HTTP/1.1", SECOND, f"Content-Length: {len(SECRET)}") + SECRET, connect=SECOND, status=_REFUSED_HEAD),
    Act(threat=7, says="TLS inside TLS", step=_inner_tls, status=CLOSED),
    # 8
    Act(threat=8, says="the way to HTTP/3 that a destination offers is kept from the client", step=_alt_svc, reached=True),
    # 9
    Act(threat=9, says="an encrypted hello whose outer name is not the tunnel's", step=_ech, status=(0, *_REFUSED_HEAD)),
    Act(threat=9, says="an encrypted hello in a tunnel that nobody reads", step=_ech_unread, status=CLOSED),
    # 10
    Act(threat=10, says="a hello that offers h3 and spdy only", step=_h3_only, status=CLOSED),
    Row(threat=10, says="h2 is agreed and HTTP/1 spoken", octets=_TRAINING, alpn=("h2",), status=CLOSED),
    Row(threat=10, says="http/1.1 is agreed and h2 spoken", octets=h2(headers(asks()), data()), alpn=("http/1.1",), status=(0, *_REFUSED_HEAD, 505)),
    Row(threat=10, says="no protocol is offered and the training call judged", octets=_TRAINING, alpn=()),
    # 11
    Row(threat=11, says="a socket to a service that trains by default", octets=head("GET /v1/listen?model=nova-3 HTTP/1.1", _DEEPGRAM, *_WS), connect=_DEEPGRAM),
    Row(threat=11, says="the training tag stands in the handshake's query", octets=head("GET /ws?x-amz-tagging=purpose%3Dmodel-training HTTP/1.1", SECOND, *_WS), connect=SECOND),
    Row(threat=11, says="the training tag stands in the handshake's fields", octets=head("GET /ws HTTP/1.1", SECOND, *_WS, "X-Data-Purpose: model-training"), connect=SECOND),
    Row(threat=11, says="a handshake by POST with a body", octets=post("/ws", SECRET, *_WS, host=SECOND), connect=SECOND),
    *(
        Act(threat=11, says=f"a message of a socket that carries the tag, {how}", step=step)
        for how, step in {
            "as text": refused(_MESSAGE), "as octets": refused(_MESSAGE.encode()), "compressed": refused(_MESSAGE, compressed=True),
            "in fragments": refused([_MESSAGE[:9], _MESSAGE[9:40], "", _MESSAGE[40:]]), "in compressed fragments": refused([_MESSAGE[:9], _MESSAGE[9:]], compressed=True),
            "behind a ping that carries content": refused(_MESSAGE, ping=True), "before the recording": refused(_MESSAGE, SECRET, SECRET), "with its keys escaped": refused(_MESSAGE.replace("purpose", "p\\u0075rpose")),
        }.items()
    ),
    # 12
    Row(threat=12, says="an upgrade to h2c", octets=head("GET / HTTP/1.1", CLEAR, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), way=Way.TUNNEL, connect=CLEAR),
    Row(threat=12, says="an upgrade to h2c and websocket at once", octets=head("GET / HTTP/1.1", SECOND, "Connection: Upgrade", "Upgrade: websocket, h2c"), connect=SECOND),
    Row(threat=12, says="an upgrade to TLS", octets=head("GET / HTTP/1.1", CLEAR, "Connection: Upgrade", "Upgrade: TLS/1.2"), way=Way.TUNNEL, connect=CLEAR),
    Row(threat=12, says="h2 by prior knowledge in the tunnel", octets=h2(headers(asks()), data()), way=Way.TUNNEL, connect=CLEAR, status=CLOSED),
    Row(threat=12, says="h2 by prior knowledge to the gateway", octets=h2(headers(asks()), data()), way=Way.CLEAR, status=CLOSED),
    Row(threat=12, says="what follows an upgrade that failed is judged as a request", octets=head("GET /ws HTTP/1.1", SECOND, *_WS) + json(JOBS, JOB, host=OPENAI), connect=SECOND, status=(0, *_REFUSED_HEAD), reached=True),
    Row(threat=12, says="an upgrade over HTTP/2", octets=h2(headers(asks("/ws", ("upgrade", "websocket"), method="GET"), end=True)), way=Way.H2, status=(0, *_REFUSED_HEAD)),
    # 13
    Row(threat=13, says="a call whose metadata carries the tag", octets=h2(headers(asks("/svc/Put", ("content-type", "application/grpc"), ("te", "trailers"), ("x-data-purpose", "model-training"), authority=SECOND)), data(b"\0\0\0\0\x04" + SECRET)), way=Way.H2, connect=SECOND, status=(200, 403)),
    *(
        Row(threat=13, says=f"a call whose metadata carries the tag in {how}", octets=h2(headers(asks("/svc/Put", _GRPC, ("te", "trailers"), pair, authority=SECOND)), data(b"\0\0\0\0\x66" + SECRET)), way=Way.H2, connect=SECOND, status=(200, 403))
        for how, pair in {
            "binary": ("x-data-purpose-bin", base64.b64encode(b"model-training").decode()), "binary without padding": ("x-data-purpose-bin", base64.b64encode(b"model-training").decode().rstrip("=")),
            "the tags of a store": ("x-amz-tagging", "purpose=model-training"), "baggage": ("baggage", "purpose=model-training"),
        }.items()
    ),
    *(
        Row(threat=13, says=f"a message of JSON in a call that carries the tag, {how}", octets=h2(headers(asks("/svc/Put", ("content-type", "application/grpc+json"), ("te", "trailers"), *coding, authority=SECOND)), data(message)), way=Way.H2, connect=SECOND, head_only=True, status=(200, 403))
        for how, coding, message in (
            ("as it is", (), _message(_MESSAGE.encode())), ("compressed", (("grpc-encoding", "gzip"),), _message(gz(_MESSAGE.encode()), 1)), ("behind an empty message", (), _message(b"") + _message(_MESSAGE.encode())),
            ("compressed without saying how", (), _message(gz(_MESSAGE.encode()), 1)), ("compressed in a way that nobody knows", (("grpc-encoding", "own"),), _message(gz(_MESSAGE.encode()), 1)), ("under a flag that does not exist", (), _message(_MESSAGE.encode(), 2)),
        )
    ),
    Row(threat=13, says="a training job by its method's name", octets=h2(headers(asks("/google.cloud.aiplatform.v1.JobService/CreateCustomJob", _GRPC, ("te", "trailers"), authority=_VERTEX)), data(_message(SECRET))), way=Way.H2, connect=_VERTEX, status=(200, 403)),
    # 14
    *(
        Row(threat=14, says=f"a name with {what} is not dialled", octets=post("/x", host=f"{name}.example.com:{TLS_PORT}"), connect=f"{name}.example.com:{TLS_PORT}", status=(403, 502))
        for name, what in {
            "private": "an address of the inside", "metadata": "the address of the metadata service",
            "both": "one address that is fine and one that is not", "mapped": "a mapped address", "nat64": "a translated address",
            "six": "a unique local address alone", "nothing": "no address", "strange": "an answer that is no address",
        }.items()
    ),
    Act(threat=14, says="a name that answers anew each time is dialled where it was vetted", step=_rebound, reached=True),
    # 15
    Row(threat=15, says="a kept-alive connection that asks for another host", octets=json("/notes", {}, host=SECOND) + json(JOBS, JOB, host=OPENAI), connect=SECOND, status=_REFUSED_HEAD, reached=True),
    Row(threat=15, says="a kept-alive connection that goes on to train", octets=json("/v1/embeddings", {"input": "x"}) + _TRAINING, reached=True),
    Act(threat=15, says="an HTTP/2 connection that asks for another host", step=_reused, status=_REFUSED_HEAD, reached=True),
    Row(threat=15, says="a forward connection whose second request is for the training host", octets=json("http://chat.example.com:88888/n", {}, host="chat.example.com:88888") + json(f"http://{CLEAR}{JOBS}", JOB, host=CLEAR), way=Way.CLEAR, reached=True),
    # 16, 17
    Act(threat=16, says="a connection that outlives its policy is judged by the next one", step=_reloaded, reached=True),
    Act(threat=17, says="without a policy nothing passes", step=_no_policy, status=(403, 503)),
    Act(threat=17, says="what cannot be recorded does not pass", step=_unrecorded, status=(403, 503)),
)  # fmt: skip
