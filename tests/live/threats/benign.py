"""The innocent twins of the tricks: ordinary work that must pass, octet for octet."""

import base64
import json as jsons
import zlib

import brotli
import zstandard

from live.threats.rows import (
    MULTIPART,
    OPENAI,
    S3,
    SECOND,
    TLS_PORT,
    Fine,
    Way,
    as_h2,
    chunked,
    field_of,
    gz,
    head,
    in_chunks,
    json,
    multipart,
    part,
    post,
)

_SENTRY, _SLACK, _GITHUB = (
    f"{name}:{TLS_PORT}" for name in ("o1.ingest.sentry.io", "slack.com", "github.com")
)
_MINIO, _IDN = f"minio.corp.example.com:{TLS_PORT}", f"xn--bcher-kva.example:{TLS_PORT}"
_BLOB, _GCS = f"acct.blob.core.windows.net:{TLS_PORT}", f"storage.googleapis.com:{TLS_PORT}"
_ELASTIC, _HUB = f"search.example.com:{TLS_PORT}", f"huggingface.co:{TLS_PORT}"
_NOTE = {
    "title": "Team sync",
    "text": "we train new staff on Monday; a model of the house stands in the hall",
}
_PAIR = jsons.dumps(_NOTE).encode()
_MEDIA = bytes(range(256)) * 64

_CURL = "------------------------d74496d66958873e"
_REQUESTS = "5b1c8b0a5d0f4a53a4a8f2c1d1a9e0aa"
_GO = "f0b6c2ab3bf4b7f6b8a1e0c3bb9d2c4477d0a1b2c3d4e5f60718293a4b5c"
_UNDICI = "----formdata-undici-012345678901"
_WEBKIT = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


def _form(boundary: str, *parts: bytes, host: str = SECOND, path: str = "/upload", kind: str = "") -> bytes:
    body = multipart(*parts, boundary=boundary)
    return post(path, body, host=host, kind=kind or f"multipart/form-data; boundary={boundary}")


def _aws(*pieces: bytes) -> bytes:
    sign = b";chunk-signature=" + b"ab" * 32
    return (
        b"".join(b"%x%s\r\n%s\r\n" % (len(piece), sign, piece) for piece in pieces)
        + b"0"
        + sign
        + b"\r\n\r\n"
    )


def _get(target: str, host: str = SECOND, *lines: str) -> bytes:
    return head(f"GET {target} HTTP/1.1", host, *lines)


def _raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


_BULK = b"".join(
    jsons.dumps(line).encode() + b"\n"
    for at in range(30)
    for line in (
        {"index": {"_id": str(at)}},
        {"level": "info", "message": f"line {at}", "purpose": "logging"},
    )
)
_FILE = part('form-data; name="file"; filename="rec.mp4"', _MEDIA, "Content-Type: video/mp4")

ROWS: tuple[Fine, ...] = (
    # --- group A
    Fine(twin=4, says="no SNI to an ordinary service", octets=json("/notes", _NOTE, host=SECOND), sni=""),
    Fine(twin=4, says="a Host in the case that the person typed", octets=json("/notes", _NOTE, host=f"Chat.Example.COM:{TLS_PORT}")),
    Fine(twin=6, says="plain HTTP in a tunnel", octets=json("/notes", _NOTE, host="chat.example.com:88888"), way=Way.TUNNEL, connect="chat.example.com:88888"),
    Fine(twin=7, says="an absolute target that is the tunnel's own", octets=json("/notes", _NOTE, host=SECOND).replace(b" /notes ", f" https://{SECOND}/notes ".encode(), 1), target="/notes"),
    Fine(twin=10, says="a client that offers no protocol in its hello", octets=json("/notes", _NOTE, host=SECOND), alpn=()),
    Fine(twin=10, says="a client that offers h3 beside what is spoken here", octets=json("/notes", _NOTE, host=SECOND), alpn=("h3", "http/1.1")),
    Fine(twin=12, says="a client that would also take h2c, but does not ask", octets=_get("/notes", SECOND, "Accept: */*")),
    Fine(twin=13, says="a unary call whose message is small", octets=as_h2(post("/svc.Notes/Put", b"\0\0\0\0\x05hello", "TE: trailers", host=SECOND, kind="application/grpc")), way=Way.H2, method="POST", target="/svc.Notes/Put", arrives=b"\0\0\0\0\x05hello"),
    Fine(twin=15, says="SOCKS to an ordinary service", octets=json("/notes", _NOTE, host=SECOND), way=Way.SOCKS),
    Fine(twin=15, says="inference at a provider that also trains", octets=json("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "summarise"}]}), connect=OPENAI),
    # --- group B
    Fine(twin=18, says="a file and a purpose that is not training, the purpose last", octets=post("/v1/files", multipart(_FILE, field_of("purpose", "user_data")), kind=MULTIPART), connect=OPENAI),
    Fine(twin=18, says="a form with the file between its fields", octets=_form("x", field_of("a", "1"), _FILE, field_of("b", "2"))),
    Fine(twin=18, says="a form with an empty file", octets=_form("x", part('form-data; name="file"; filename=""', b"", "Content-Type: application/octet-stream"))),
    Fine(twin=19, says="a form that repeats a field of its own", octets=_form("x", field_of("to", "ann"), field_of("to", "bob"))),
    Fine(twin=20, says="a form as curl writes it", octets=_form(_CURL, field_of("note", "hi"), part('form-data; name="file"; filename="a b.mp4"', _MEDIA, "Content-Type: video/mp4"))),
    Fine(twin=20, says="a form as requests writes it", octets=_form(_REQUESTS, field_of("note", "hi"), part("form-data; name=\"file\"; filename*=utf-8''caf%C3%A9.mp4", _MEDIA))),
    Fine(twin=20, says="a form as Go writes it", octets=_form(_GO, field_of("note", "hi"), part('form-data; name="file"; filename="say \\"hi\\".mp4"', _MEDIA, "Content-Type: application/octet-stream"))),
    Fine(twin=20, says="a form as undici writes it", octets=_form(_UNDICI, field_of("note", "hi"), part('form-data; name="file"; filename="blob"', _MEDIA, "Content-Type: application/octet-stream"))),
    Fine(twin=20, says="a form as a browser writes it", octets=_form(_WEBKIT, field_of("note", "line 1\r\nline 2"), part('form-data; name="file"; filename="%22a%22.mp4"', _MEDIA, "Content-Type: video/mp4"))),
    Fine(twin=20, says="a field name in brackets, as PHP and Rails want it", octets=_form("x", field_of("user[name]", "ann"), field_of("items[]", "1"), field_of("items[]", "2"))),
    Fine(twin=21, says="a text part that says its charset", octets=_form("x", field_of("note", "caf\u00e9", "Content-Type: text/plain; charset=utf-8"))),
    Fine(twin=21, says="a value of many lines and of blanks", octets=_form("x", field_of("note", "  a\r\n\r\n--b\r\n"))),
    Fine(twin=22, says="a boundary in quotes with every character that it may have", octets=_form("a'()+_,-./:=?b", field_of("a", "1"), kind="multipart/form-data; boundary=\"a'()+_,-./:=?b\"")),
    Fine(twin=22, says="a type with a charset behind its boundary", octets=_form("x", field_of("a", "1"), kind="multipart/form-data; boundary=x; charset=utf-8")),
    Fine(twin=23, says="a webhook whose JSON is called a form", octets=post("/hook", _PAIR, host=SECOND, kind="application/x-www-form-urlencoded")),
    Fine(twin=23, says="JSON called text", octets=post("/hook", _PAIR, host=SECOND, kind="text/plain;charset=UTF-8")),
    Fine(twin=23, says="a recording without a type", octets=post("/rec", _MEDIA, host=SECOND, kind=None)),
    Fine(twin=24, says="keys that differ in case, where they say nothing", octets=json("/x", b'{"a": 1, "A": 2, "Id": 3, "id": 4}', host=SECOND)),
    Fine(twin=24, says="escapes in JSON", octets=json("/x", b'{"title": "\\u00fc\\ud83d\\ude00 \\/ \\n", "n": -1.5e+10}', host=SECOND)),
    Fine(twin=25, says="a bulk of NDJSON", octets=post("/_bulk", _BULK, host=_ELASTIC, kind="application/x-ndjson"), connect=_ELASTIC),
    Fine(twin=25, says="a GraphQL query", octets=json("/graphql", {"query": "query T($id: ID!) { training(id: $id) { purpose dataset { name } } }", "variables": {"id": "7"}, "operationName": "T"}, host=_GITHUB), connect=_GITHUB),
    Fine(twin=25, says="an array of events", octets=json("/events", [{"e": "train-departed", "at": 1}, {"e": "x"}], host=SECOND)),
    Fine(twin=26, says="forty levels of JSON", octets=json("/x", b'{"a":' * 40 + b"1" + b"}" * 40, host=SECOND)),
    Fine(twin=26, says="3,000 keys", octets=json("/x", {f"k{at}": at for at in range(3000)}, host=SECOND)),
    Fine(twin=27, says="JSON that says utf-8", octets=post("/x", '{"t": "\u65e5\u672c\u8a9e"}'.encode(), host=SECOND, kind="application/json; charset=UTF-8")),
    Fine(twin=28, says="a form with semicolons, percent signs and plus signs in it", octets=post("/api/chat.postMessage", b"channel=C1&text=50%25+off%3B+see+a%26b&link_names=1", host=_SLACK, kind="application/x-www-form-urlencoded"), connect=_SLACK),
    Fine(twin=28, says="a form that repeats a field", octets=post("/x", b"id=1&id=2&tag%5B%5D=a&tag%5B%5D=b", host=SECOND, kind="application/x-www-form-urlencoded; charset=utf-8")),
    Fine(twin=29, says="gzip'd JSON to an error tracker", octets=post("/api/1/envelope/", gz(b'{"sdk":{}}\n{"type":"event"}\n{"message":"training loop failed"}\n'), "Content-Encoding: gzip", host=_SENTRY, kind="application/x-sentry-envelope"), connect=_SENTRY),
    *(
        Fine(twin=29, says=f"JSON in {coding}", octets=post("/x", octets, f"Content-Encoding: {coding}", host=SECOND, kind="application/json"))
        for coding, octets in {"gzip": gz(_PAIR), "deflate": zlib.compress(_PAIR), "br": brotli.compress(_PAIR), "zstd": zstandard.compress(_PAIR)}.items()
    ),
    Fine(twin=29, says="deflate without its wrapper", octets=post("/x", _raw(_PAIR), "Content-Encoding: deflate", host=SECOND, kind="application/json")),
    Fine(twin=29, says="gzip of two members", octets=post("/x", gz(_PAIR[:9]) + gz(_PAIR[9:]), "Content-Encoding: gzip", host=SECOND, kind="application/json")),
    Fine(twin=29, says="identity, said aloud", octets=post("/x", _PAIR, "Content-Encoding: identity", host=SECOND, kind="application/json")),
    Fine(twin=30, says="a megabyte of JSON in gzip", octets=post("/x", gz(jsons.dumps({"rows": ["a row of a table"] * 50_000}).encode()), "Content-Encoding: gzip", host=SECOND, kind="application/json")),
    Fine(twin=31, says="an object in aws-chunked", octets=post("/rec/a.mp4", _aws(_MEDIA, _MEDIA), "Content-Encoding: aws-chunked", f"X-Amz-Decoded-Content-Length: {2 * len(_MEDIA)}", "X-Amz-Content-SHA256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD", host=S3, method="PUT"), connect=S3),
    Fine(twin=31, says="an image in base64 in JSON", octets=json("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(_MEDIA).decode()}}]}]}), connect=OPENAI),
    Fine(twin=31, says="a zip to a store", octets=post("/a.zip", b"PK\x03\x04" + _MEDIA, host=S3, method="PUT", kind="application/zip"), connect=S3),
    Fine(twin=32, says="object tags that say nothing of training", octets=post("/k?tagging", b"<Tagging><TagSet><Tag><Key>team</Key><Value>training &amp; learning</Value></Tag></TagSet></Tagging>", host=S3, method="PUT", kind="application/xml"), connect=S3),
    Fine(twin=32, says="a SOAP call with a document of its own", octets=post("/soap", b'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><Tags>x</Tags></s:Body></s:Envelope>', host=SECOND, kind="application/soap+xml; charset=utf-8")),
    # --- group C
    Fine(twin=33, says="an empty body with its length", octets=post("/x", b"", host=SECOND)),
    Fine(twin=34, says="chunks in many sizes", octets=in_chunks("/x", chunked(_PAIR, 7), host=SECOND), arrives=_PAIR),
    Fine(twin=34, says="Chunked with a capital", octets=in_chunks("/x", chunked(_PAIR), host=SECOND).replace(b"chunked", b"Chunked"), arrives=_PAIR),
    Fine(twin=35, says="sizes in upper case with zeros before them", octets=in_chunks("/x", b"000A\r\n0123456789\r\n0\r\n\r\n", host=SECOND, kind="text/plain"), arrives=b"0123456789"),
    Fine(twin=35, says="a chunk extension", octets=in_chunks("/x", b'5;sum=ab;q="x"\r\nhello\r\n0\r\n\r\n', host=SECOND, kind="text/plain"), arrives=b"hello"),
    Fine(twin=36, says="a checksum in a trailer", octets=in_chunks("/x", chunked(_PAIR, 64, "X-Checksum: abc\r\n"), "Trailer: X-Checksum", host=SECOND), arrives=_PAIR),
    Fine(twin=37, says="values with tabs, commas, quotes and UTF-8 in them", octets=_get("/x", SECOND, 'X-A: a\tb, c; d="e"', "X-B: caf\u00c3\u00a9", "X-C:", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)")),
    Fine(twin=38, says="HEAD", octets=head("HEAD /x HTTP/1.1", SECOND)),
    Fine(twin=38, says="OPTIONS, as a browser asks before it sends", octets=head("OPTIONS /x HTTP/1.1", SECOND, "Origin: https://app.example.com", "Access-Control-Request-Method: POST")),
    Fine(twin=38, says="DELETE without a body", octets=head("DELETE /x HTTP/1.1", SECOND)),
    Fine(twin=38, says="PATCH", octets=json("/x", {"a": 1}, host=SECOND, method="PATCH")),
    Fine(twin=38, says="PROPFIND", octets=post("/dav/", b'<?xml version="1.0"?><propfind xmlns="DAV:"><allprop/></propfind>', "Depth: 1", host=SECOND, method="PROPFIND", kind="application/xml")),
    Fine(twin=38, says="HTTP/1.0", octets=head("GET /x HTTP/1.0", SECOND)),
    Fine(twin=39, says="ninety fields of a hundred octets", octets=_get("/x", SECOND, *(f"X-{at}: {'a' * 100}" for at in range(90)))),
    Fine(twin=39, says="a cookie of 8 kB", octets=_get("/x", SECOND, f"Cookie: s={'a' * 8192}")),
    Fine(twin=39, says="a query of 6 kB", octets=_get(f"/search?q={'a' * 6144}")),
    Fine(twin=40, says="an escaped slash in an object's key", octets=post("/dir%2Fa%20b.mp4", _MEDIA, host=S3, method="PUT", kind="video/mp4"), connect=S3),
    Fine(twin=40, says="two slashes and a semicolon in an object's key", octets=post("/a//b;v=1/c.mp4", _MEDIA, host=S3, method="PUT", kind="video/mp4"), connect=S3),
    Fine(twin=40, says="a path of other letters", octets=_get("/%D0%B7%D0%B0%D0%BF%D0%B8%D1%81%D0%B8/%E6%97%A5.mp4")),
    Fine(twin=40, says="a file of a revision whose name has a slash", octets=_get("/a/b/resolve/refs%2Fpr%2F1/config.json", _HUB), connect=_HUB),
    Fine(twin=40, says="a matrix of parameters at a service", octets=_get("/maps/tile;z=3;x=1/y.png?size=2x&@3")),
    Fine(twin=40, says="the page of a training course", octets=_get("/courses/model-training/fine-tuning?purpose=training")),
    Fine(twin=42, says="the addresses that a proxy before this one adds", octets=json("/x", _NOTE, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.1", "Via: 1.1 a", host=SECOND)),
    Fine(twin=43, says="an IDN host", octets=json("/x", _NOTE, host=_IDN), connect=_IDN),
    Fine(twin=43, says="a host with an underscore", octets=json("/x", _NOTE, host="my_app.example.com:88888"), way=Way.TUNNEL, connect="my_app.example.com:88888"),
    Fine(twin=44, says="an ordinary upload over HTTP/2", octets=as_h2(json("/notes", _NOTE, host=SECOND)), way=Way.H2, method="POST", target="/notes", arrives=_PAIR),
    Fine(twin=44, says="cookies in crumbs, as browsers send them over HTTP/2", octets=as_h2(json("/notes", _NOTE, "Cookie: a=1", "Cookie: b=2", "TE: trailers", host=SECOND)), way=Way.H2, method="POST", target="/notes", arrives=_PAIR),
    Fine(twin=47, says="a forward request in clear", octets=json("http://chat.example.com:88888/notes", _NOTE, "Proxy-Connection: keep-alive", host="chat.example.com:88888"), way=Way.CLEAR, target="/notes"),
    Fine(twin=47, says="a forward request for a training course, without a path", octets=head("GET http://chat.example.com:88888?q=training HTTP/1.1", "chat.example.com:88888"), way=Way.CLEAR, target="/?q=training"),
    # --- group D
    Fine(twin=48, says="a purpose that is not training", octets=json("/x", {"purpose": "onboarding", "data": "x"}, host=SECOND)),
    Fine(twin=48, says="a room that is booked for training", octets=json("/bookings", {"purpose": "training", "room": "4.01"}, host=SECOND)),
    Fine(twin=48, says="a course on model training", octets=json("/courses", {"title": "Model training for beginners", "description": "fine-tuning, RLHF"}, host=SECOND)),
    Fine(twin=48, says="a prefetch, whose Purpose is the browser's", octets=_get("/x", SECOND, "Purpose: prefetch", "Sec-Purpose: prefetch")),
    Fine(twin=48, says="object tags of an archive", octets=post("/rec/a.mp4", _MEDIA, "x-amz-tagging: purpose=meeting-archive&team=people%20training", host=S3, method="PUT", kind="video/mp4"), connect=S3),
    Fine(twin=48, says="metadata that forbids training", octets=post("/rec/a.mp4", _MEDIA, "x-amz-meta-noai: true", "Content-Usage: train-ai=n", host=S3, method="PUT", kind="video/mp4"), connect=S3),
    Fine(twin=48, says="a message of a ticket system about training data", octets=json("/tickets", {"subject": "Training data lost", "body": "the training-data folder is gone", "labels": ["bug", "urgent"]}, host=SECOND)),
    Fine(twin=48, says="metadata of a stored chat completion", octets=json("/v1/chat/completions", {"model": "m", "store": True, "metadata": {"meeting": "42"}, "messages": [{"role": "user", "content": "what is fine-tuning?"}]}), connect=OPENAI),
    Fine(twin=49, says="a transcription with the vendor's opt-out", octets=post("/v1/listen?mip_opt_out=true", _MEDIA, host=f"api.deepgram.com:{TLS_PORT}", kind="audio/mp4"), connect=f"api.deepgram.com:{TLS_PORT}"),
    Fine(twin=50, says="a part of an upload to a store", octets=post("/rec/a.mp4?partNumber=1&uploadId=u1", _MEDIA, host=S3, method="PUT"), connect=S3),
    Fine(twin=50, says="the commit of blocks", octets=post("/c/b?comp=blocklist", b'<?xml version="1.0" encoding="utf-8"?><BlockList><Latest>AA==</Latest></BlockList>', host=_BLOB, method="PUT", kind="application/xml"), connect=_BLOB),
    Fine(twin=50, says="the opening of a resumable upload", octets=json("/upload/storage/v1/b/x/o?uploadType=resumable", {"name": "rec.mp4", "metadata": {"team": "sales"}}, host=_GCS), connect=_GCS),
    Fine(twin=51, says="a copy of an object", octets=head("PUT /k HTTP/1.1", S3, "x-amz-copy-source: /meetings/rec.mp4", "Content-Length: 0"), connect=S3),
    Fine(twin=51, says="the download of a model", octets=_get("/org/model/resolve/main/model.safetensors", _HUB, "Range: bytes=0-1023"), connect=_HUB),
    Fine(twin=51, says="the list of fine-tuning jobs", octets=_get("/v1/fine_tuning/jobs?limit=20", OPENAI), connect=OPENAI),
    Fine(twin=51, says="a fine-tuning job that is cancelled", octets=post("/v1/fine_tuning/jobs/ftjob-1/cancel", b"", kind=None), connect=OPENAI),
    Fine(twin=53, says="a download in ranges", octets=_get("/rec/a.mp4", S3, "Range: bytes=100-199", 'If-Range: "abc"'), connect=S3),
    Fine(twin=53, says="a large recording to a store", octets=post("/rec/b.mp4", _MEDIA * 100, host=S3, method="PUT", kind="video/mp4"), connect=S3),
    Fine(twin=56, says="a store of the company by its name", octets=post("/rec/a.mp4", _MEDIA, host=_MINIO, method="PUT", kind="video/mp4"), connect=_MINIO),
)  # fmt: skip
