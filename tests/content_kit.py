"""What the tests of `content` share: bodies cut in every way, real encoders, and a table of tags."""

import base64
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import brotli
import yaml
import zstandard

from subrosa.content.kinds import KindTable, Recogniser
from subrosa.content.labels import Doubt
from subrosa.content.reader import BodyReader
from subrosa.facts.body import BodyFacts, Kind, Want
from subrosa.facts.tags import FormCarrier, JsonCarrier, TagFormat, TagTable, XmlCarrier
from subrosa.facts.unreadable import Ambiguity, UnreadableError

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "tests" / "samples"
CONTENT_RULES = ROOT / "rules" / "content"

TAGS = TagTable(
    forms=(
        FormCarrier(field="tagging", format=TagFormat.TAGSET_XML),
        FormCarrier(field="tags", format=TagFormat.TEXT),
        FormCarrier(prefix="x-amz-meta-"),
    ),
    json=(JsonCarrier(path="metadata.*"), JsonCarrier(path="tags[]"), JsonCarrier(path="tags[].value")),
    xml=(XmlCarrier(root="Tagging"), XmlCarrier(root="Tags")),
)
WANT = Want(
    form=frozenset({"purpose", "model"}),
    json=frozenset({"purpose", "training_file", "messages[].role", "input.action", "options.*"}),
    tags=True,
    kinds=True,
    shapes=True,
    references=True,
)


def recognisers() -> list[Recogniser]:
    """Every recogniser that is shipped."""
    made = []
    for path in sorted(CONTENT_RULES.glob("*.yaml")):
        if not path.name.endswith(".test.yaml"):
            file = yaml.safe_load(path.read_text())
            made += [
                Recogniser(
                    id=row["id"],
                    kind=Kind(file["kind"]),
                    meeting=row["says"] == "meeting",
                    names=tuple(row.get("names", ())),
                    magic=tuple((sign["at"], bytes.fromhex(sign["hex"])) for sign in row.get("magic", ())),
                    text=row.get("text"),
                )
                for row in file["recognisers"]
            ]
    return made


KINDS = KindTable(recognisers())


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """The data in pieces of one size, the last one shorter."""
    return (data[at : at + size] for at in range(0, len(data), size))


def read(
    chunks: bytes | Iterable[bytes],
    content_type: str | None = None,
    codings: Sequence[str] = (),
    want: Want = WANT,
    *,
    object_name: str | None = None,
    object_body: bool = False,
    doubt: Doubt = Doubt.NONE,
) -> BodyFacts:
    """The facts of one whole body."""
    reader = BodyReader(
        content_type,
        codings,
        want,
        TAGS,
        KINDS,
        object_name=object_name,
        object_body=object_body,
        doubt=doubt,
    )
    for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
        reader.feed(chunk)
    reader.end()
    return reader.facts


def fault_of(step: Iterable[object]) -> Ambiguity | None:
    """Why a reader refuses its input; None when it does not."""
    try:
        for _ in step:
            pass
    except UnreadableError as error:
        return error.ambiguity
    return None


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def aws_chunked(data: bytes, size: int = 64, *, signed: bool = False, trailers: bytes = b"") -> bytes:
    """The frame that the S3 SDKs put around an upload."""
    signature = b";chunk-signature=" + b"a" * 64 if signed else b""
    chunks = [b"%x%s\r\n%s\r\n" % (len(piece), signature, piece) for piece in pieces(data, size)]
    return b"".join([*chunks, b"0" + signature + b"\r\n", trailers, b"\r\n"])


ENCODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "aws-chunked": aws_chunked,
}

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def field(name: str, value: bytes, *headers: str) -> bytes:
    return _part([f'Content-Disposition: form-data; name="{name}"', *headers], value)


def file(name: str, filename: str, data: bytes, content_type: str = "application/octet-stream") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
    return _part([disposition, f"Content-Type: {content_type}"], data)


def _part(headers: list[str], data: bytes) -> bytes:
    return "\r\n".join([f"--{BOUNDARY}", *headers, "", ""]).encode() + data + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def captured(name: str) -> tuple[str | None, tuple[str, ...], bytes]:
    """Content type, codings and body of a request that was captured from a real SDK."""
    head, body = re.split(rb"\r?\n\r?\n", (SAMPLES / "http" / name).read_bytes(), maxsplit=1)
    kind = re.search(rb"(?im)^content-type: *(.+?)\r?$", head)
    codings = re.search(rb"(?im)^content-encoding: *(.+?)\r?$", head)
    if re.search(rb"(?im)^transfer-encoding: *chunked", head):
        size, _, rest = body.partition(b"\r\n")
        body = rest[: int(size, 16)]
    return (
        kind[1].decode() if kind else None,
        tuple(codings[1].decode().split(", ")) if codings else (),
        body,
    )


def samples() -> list[Path]:
    found = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    assert found
    return found


def recorded(data: str) -> bytes:
    """Octets of a test case in a YAML file."""
    return base64.b64decode(data)
