"""What the inputs of each reader begin with: samples, rule cases, and a few made by hand."""

import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from content_kit import (
    BOUNDARY,
    SAMPLES,
    captured,
    field,
    file,
    multipart,
    samples,
)
from property.seeds import CASES

RELATED_TYPE = f"multipart/related; boundary={BOUNDARY}"
HELLO = bytes.fromhex((Path(__file__).parent / "hello.hex").read_text())
SHORT = 1500


def bodies(*kinds: str) -> Iterator[bytes]:
    for case in CASES:
        if case.body and len(case.body) < SHORT and any(kind in case.content_type for kind in kinds):
            yield case.body
    for path in sorted((SAMPLES / "http").iterdir()):
        label, _, body = captured(path.name)
        if label and body and len(body) < SHORT and any(kind in label for kind in kinds):
            yield body


def files() -> Iterator[bytes]:
    yield from (path.read_bytes()[:SHORT] for path in samples() if path.parent.name != "http")


def tags() -> Iterator[bytes]:
    yield from (path.read_bytes()[:SHORT] for path in sorted((SAMPLES / "tags").glob("*.txt")))


def archives() -> Iterator[bytes]:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README", b"notes " * 20)
        archive.writestr("a.vtt", b"WEBVTT\n")
    yield made.getvalue()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.vtt"))
    yield made.getvalue()[:SHORT]
    yield gzip.compress(made.getvalue())


def heads() -> Iterator[bytes]:
    for path in sorted((SAMPLES / "http").iterdir()):
        head = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[0]
        yield head.replace(b"\n", b"\r\n")
    yield b"POST /v1/files?purpose=fine-tune HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 3"


def targets() -> tuple[bytes, ...]:
    return tuple({case.url.partition("://")[2].partition("/")[2].encode() for case in CASES})


FORM = multipart(field("purpose", b"fine-tune"), file("file", "a.vtt", b"WEBVTT\n"), field("tags", b"a=b"))
DOCUMENT = {
    "purpose": "fine-tune",
    "messages": [{"role": "user"}],
    "metadata": {"use": "x"},
    "tags": ["a"],
    "n": 1.5,
}
RELATED = FORM.replace(b'form-data; name="purpose"', b"attachment").replace(
    b"fine-tune", json.dumps(DOCUMENT).encode()
)
XML = (
    b'<?xml version="1.0"?><Tagging><TagSet><Tag><Key>purpose</Key><Value>ml</Value></Tag></TagSet></Tagging>'
)
CBOR = (
    b"\xa4\x67purpose\x69fine-tune\x68messages\x81\xa1\x64role\x64user"
    b"\x64tags\x9f\x61a\x7f\x61b\x61c\xff\xff\x61n\xf9\x3e\x00"
)
GRPC = b"\0\0\0\0\x05hello" + b"\1" + len(z := gzip.compress(b"hello")).to_bytes(4) + z


def websocket(opcode: int, data: bytes, *, last: bool = True, packed: bool = False) -> bytes:
    """A client's frame of fewer than 126 octets, masked with zeroes (RFC 6455 5.2)."""
    return bytes((opcode | last << 7 | packed << 6, 0x80 | len(data), 0, 0, 0, 0)) + data


def deflated(data: bytes) -> bytes:
    """As RFC 7692 7.2.1 wants it: without the four octets that end a flush."""
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


WEBSOCKET = (
    websocket(1, b"hel", last=False)
    + websocket(9, b"ping")
    + websocket(0, b"lo")
    + websocket(8, b"\x03\xe8"),
    websocket(2, deflated(b"hello" * 9), packed=True) + websocket(1, "späť".encode()),
    websocket(1, b"after") + websocket(8, b"\x03\xe8bye") + websocket(1, b"too late"),
)
HEADERS = (
    b"Host",
    b"Content-Length",
    b"Transfer-Encoding",
    b"chunked",
    b"Content-Type",
    b"HTTP/1.1",
    b"Trailer",
    b"Upgrade",
)
