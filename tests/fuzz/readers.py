"""Every reader that decides, each with its seeds, the words of its grammar, and what must hold of any input."""

import gzip
import json
from dataclasses import dataclass
from functools import partial

import zstandard

from content_kit import BOUNDARY, MULTIPART, aws_chunked
from fuzz import lanes, laneseeds, laws, seeds
from subrosa.content.graphql import read_graphql
from subrosa.content.sql import read_sql
from subrosa.content.sqltokens import ENGINES
from subrosa.facts.hosts import Authority, Host

JSON, CBOR, XML = "application/json", "application/cbor", "application/xml"
URLENCODED = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Reader:
    """``check`` takes an input and the same in pieces, and raises AssertionError where a law is broken.

    Any other exception out of it is a crash.
    """

    name: str
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]
    check: laws.Check
    dear: int = 1
    """How many inputs of the others cost as much as one: it is fed so many times fewer."""


READERS = (
    Reader(
        "aws-chunked",
        (
            aws_chunked(b"hello" * 30),
            aws_chunked(b"a" * 99, signed=True, trailers=b"x-amz-checksum-crc32:a\r\n"),
        ),
        (b"0\r\n", b";chunk-signature=", b"x-amz-trailer-signature:"),
        laws.stream(laws.frame),
    ),
    Reader(
        "chunked",
        (b"5\r\nhello\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nx-a: b\r\n\r\n"),
        (b"0\r\n\r\n", b";a=b"),
        laws.stream(laws.chunked),
    ),
    Reader(
        "multipart",
        (seeds.FORM, *seeds.bodies("multipart/form-data")),
        (b"--" + BOUNDARY.encode(), b"Content-Disposition: ", b"name=", b"filename*=utf-8''", b"--\r\n"),
        laws.body(MULTIPART),
    ),
    Reader(
        "multipart/related",
        (seeds.RELATED, *seeds.bodies("multipart/related")),
        (b"--" + BOUNDARY.encode(), b"Content-Type: "),
        laws.body(seeds.RELATED_TYPE),
    ),
    Reader(
        "form",
        (b"purpose=fine-tune&tags=a%3Db", *seeds.bodies("urlencoded")),
        (b"purpose=", b"&tagging=", b"%"),
        laws.body(URLENCODED),
    ),
    Reader(
        "JSON",
        (json.dumps(seeds.DOCUMENT).encode(), *seeds.bodies("json")),
        (b'"purpose":', b'"messages":[', b"s3://a/b"),
        laws.body(JSON),
    ),
    Reader(
        "JSON at one look",
        (
            b'{"model": "m", "temperature": 0, "turns": [{"role": "user", "content": "Hello, \\u00fc."}]}',
            b'{\r\n  "event": "created", "at": 1.5e3, "data": {"id": "a-1", "tags": null}\r\n}',
            *seeds.bodies("json"),
        ),
        (b'"purpose":', b'"metadata":{', b"\\ud83d", b"\\u0000", b'"chosen":', b"NaN", b"WEBVTT"),
        laws.at_one_look,
    ),
    Reader(
        "body without a label",
        (json.dumps(seeds.DOCUMENT).encode(), seeds.FORM, seeds.XML, *seeds.files()),
        (b'"purpose":', b"WEBVTT"),
        laws.body(None),
    ),
    Reader(
        "CBOR",
        (seeds.CBOR, *seeds.bodies("cbor")),
        (b"\x67purpose", b"\x7f", b"\xa1", b"\x81", b"\xd8"),
        laws.body(CBOR),
    ),
    Reader(
        "XML",
        (seeds.XML, *seeds.bodies("xml")),
        (b"<Tag>", b"</Tag>", b"<Key>", b"<![CDATA[", b"<!--"),
        laws.body(XML),
    ),
    Reader(
        "gzip",
        (gzip.compress(json.dumps(seeds.DOCUMENT).encode()), gzip.compress(b"a") + gzip.compress(b"b")),
        (),
        laws.body(JSON, "gzip"),
    ),
    Reader(
        "zstd",
        (zstandard.compress(json.dumps(seeds.DOCUMENT).encode()),),
        (b"\x28\xb5\x2f\xfd",),
        laws.body(JSON, "zstd"),
    ),
    Reader(
        "tags",
        (
            *seeds.tags(),
            b"purpose=ml-training&a=b",
            b"train-ai=n, search=y",
            b"k=v;p=1,use=training",
            b"cHVycG9zZQ== bWw=,a",
        ),
        (b"purpose", b"training", b"ml-training"),
        laws.tags,
    ),
    Reader(
        "path",
        tuple(b"/" + target.partition(b"?")[0] for target in seeds.targets()),
        (b"/v1/files", b"%2f", b"%5c", b";a=b"),
        laws.path,
    ),
    Reader(
        "query",
        tuple(target.partition(b"?")[2] for target in seeds.targets()),
        (b"purpose=", b"uploadId=", b"%26"),
        laws.query,
    ),
    Reader(
        "host",
        (
            b"api.openai.com",
            b"xn--bcher-kva.example",
            b"127.0.0.1",
            b"[::1]",
            b"0x7f.1",
            b"b\xc3\xbccher.example",
        ),
        (b"xn--", b".", b"0x", b"[", b"]", b"%25"),
        laws.canonical(Host.parse, lambda host: host.name.encode()),
    ),
    Reader(
        "authority",
        (b"api.openai.com:443", b"[::1]:8443", b"127.1:80"),
        (b":443", b"@", b":"),
        laws.canonical(lambda data: Authority.parse(data, 443), lambda found: str(found).encode()),
    ),
    Reader(
        "field values",
        (
            b"application/json; charset=utf-8",
            MULTIPART.encode(),
            b"form-data; name=\"a\"; filename*=utf-8''b",
            b"gzip, br",
            b"s3://bucket/key",
            b"https://acc.blob.core.windows.net/c/b?sig=x",
        ),
        (b"boundary=", b"filename=", b"charset="),
        laws.fields,
    ),
    Reader("request head", tuple(seeds.heads()), seeds.HEADERS, laws.head),
    Reader(
        "first octets of a connection",
        (seeds.HELLO, b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-x\r\n"),
        (b"\x16\x03\x01", b"GET "),
        laws.first_octets,
    ),
    Reader(
        "content kinds",
        (*seeds.files(), b"GMT20260108-120125_Recording.mp4"),
        (b"WEBVTT", b"ftyp", b"-->"),
        laws.kinds,
    ),
    Reader(
        "archives",
        tuple(seeds.archives()),
        (b"PK\x03\x04", b"PK\x01\x02", b"ustar"),
        laws.stream(laws.members),
    ),
    Reader("message frames", (seeds.GRPC,), (b"\0\0\0\0\1", b"\1\0\0\0\1"), laws.stream(laws.messages)),
    Reader(
        "WebSocket frames",
        seeds.WEBSOCKET,
        (b"\x88\x80\0\0\0\0", b"\x89\x80\0\0\0\0", b"\x81\x81\0\0\0\0a", b"\x01\xfe\x04\0\0\0\0\0", b"\xc2"),
        laws.stream(laws.websocket),
    ),
    Reader(
        "GraphQL",
        (
            b'query A($a: B = "}") { x: a(b: 1) @c { d } ...F } fragment F on G { e }',
            b"mutation { createDataset { id } }",
        ),
        (b"mutation ", b"{", b"}", b'"""', b"...", b"#", b"\n", b" on "),
        laws.text(read_graphql),
    ),
    *(
        Reader(
            f"SQL of {engine}",
            (
                b"CREATE OR REPLACE MODEL IF NOT EXISTS a.b AS SELECT 'x'; SELECT f('y', \"z\")",
                b"EXECUTE IMMEDIATE $$BEGIN CREATE MODEL m; END$$ -- c\n /* d */",
            ),
            (
                b"CREATE MODEL ",
                b"EXECUTE IMMEDIATE ",
                b"'",
                b"\\",
                b"/*",
                b"*/",
                b"--",
                b"$a$",
                b"identifier(",
            ),
            laws.text(partial(read_sql, engine)),
        )
        for engine in ENGINES
    ),
    Reader(
        "protobuf",
        (b"\x0a\x05hello\x12\x03\x0a\x01a", seeds.GRPC[5:]),
        (b"\x0a", b"\x12\xff\xff\xff\xff\x0f", b"\x1b"),
        laws.protobuf,
    ),
    Reader("lanes", laneseeds.SEEDS, laneseeds.WORDS, lanes.clear, dear=10),
    Reader("lanes in TLS", laneseeds.INSIDE, laneseeds.WORDS, lanes.in_tls, dear=10),
    Reader("lanes, answers", laneseeds.ANSWERS, laneseeds.OF_ANSWERS, lanes.answers, dear=10),
)
