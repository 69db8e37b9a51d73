"""Strategies over transfers: seeds, bodies composed of what rules ask for, ways to cut and to encode a body."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from urllib.parse import quote_plus

import brotli
import zstandard
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from property.seeds import BOUNDARY, CASES, FILES, SEEDS, Transfer, head_of, multipart, shipped
from subrosa.facts.head import HeadError
from subrosa.facts.unreadable import UnreadableError
from subrosa.policy.operations import FieldMatch

seeds: SearchStrategy[Transfer] = st.sampled_from(SEEDS)
NOISE = ("other", "", "x" * 5000, "fine-tune", "Ada: synthetic", "Zażółć \U0001f3a4", "a&b=c;d", "true", "1")
FIELDS = ("file", "model", "title", "purpose[]", "x-consent", "options", "Purpose")
CARRIERS = ("x-amz-meta-purpose", "x-goog-meta-use", "tagging", "x-amz-tagging", "intended_use", "tags")
TERMS = (
    "ml-training",
    "Model Training",
    "training",
    "train-ai=n",
    "train-ai=y",
    "archive",
    "meeting",
    "purpose=ml-training&data-class=meeting",
    "<Tagging><TagSet><Tag><Key>purpose</Key><Value>ml-training</Value></Tag></TagSet></Tagging>",
)
JSON_CARRIERS = ("metadata.purpose", "labels.use", "tags[]", "purpose", "intended_use")


# --- ways to cut a body ----------------------------------------------------------------------------------------


def cut(body: bytes, at: Iterable[int]) -> tuple[bytes, ...]:
    """The pieces between these offsets; empty ones too."""
    marks = [0, *sorted(at), len(body)]
    return tuple(body[start:stop] for start, stop in pairwise(marks))


def strides(body: bytes, step: int) -> tuple[bytes, ...]:
    """Pieces of so many octets."""
    return tuple(body[at : at + step] for at in range(0, len(body), step))


def splits(body: bytes) -> SearchStrategy[tuple[bytes, ...]]:
    """A body in pieces: at a few offsets, or in small steps (a large body in larger ones)."""
    least = 1 + len(body) // 2000
    return st.one_of(
        st.lists(st.integers(0, len(body)), max_size=6).map(lambda at: cut(body, at)),
        st.integers(least, least + 15).map(lambda step: strides(body, step)),
    )


# --- ways to encode one ----------------------------------------------------------------------------------------


def raw_deflate(body: bytes) -> bytes:
    """Deflate without the zlib header, as some clients send it."""
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


def aws_chunked(body: bytes, size: int = 64) -> bytes:
    """The frame that S3 clients put around a body."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in strides(body, size))
    return chunks + b"0\r\n\r\n"


CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:]),
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}


@st.composite
def encoded(draw: DrawFn, transfer: Transfer) -> Transfer:
    """The same transfer under one or two content codings, and in S3's frame around them."""
    if not transfer.body or any(name.lower() == "content-encoding" for name, _ in transfer.lines):
        return transfer
    names = draw(st.lists(st.sampled_from(sorted(CODINGS)), min_size=1, max_size=2))
    body = transfer.body
    for name in names:
        body = CODINGS[name](body)
    if draw(st.booleans()):
        body = aws_chunked(body, draw(st.integers(1, 4096)))
        names.append("aws-chunked")
    return replace(transfer, lines=(*transfer.lines, ("Content-Encoding", ", ".join(names))), body=body)


# --- bodies composed of what rules ask for ---------------------------------------------------------------------


def fields_asked(transfer: Transfer) -> tuple[FieldMatch, ...]:
    """The fields of body that the operations on this request are told apart by, opt-outs included."""
    try:
        head = head_of(transfer)
    except (HeadError, UnreadableError):
        return ()
    found: list[FieldMatch] = []
    for claim in shipped().index.claims(head.authority.host, head.method, head.path):
        unless = claim.operation.unless
        for match in (*claim.pattern.fields, *(unless.fields if unless is not None else ())):
            if match.place in ("form", "json") and match not in found:
                found.append(match)
    return tuple(found)


_ASKED = tuple(case for case in CASES if case.body and fields_asked(case))
_CARRYING = tuple(case for case in CASES if case.body and case.method != "GET")
targets: SearchStrategy[Transfer] = st.one_of(st.sampled_from(_ASKED), st.sampled_from(_CARRYING))


def values_of(match: FieldMatch) -> SearchStrategy[str]:
    """Values that count for a field, spelled as the catalogue does, and some that do not."""
    wanted = sorted(value.replace("*", "x") for value in match.values)
    return st.sampled_from([*wanted, *NOISE])


@st.composite
def pairs(draw: DrawFn, transfer: Transfer) -> list[tuple[str, str]]:
    """Form fields: those that rules ask for, tags and others, in any order."""
    asked = [match for match in fields_asked(transfer) if match.place == "form"]
    found = [(match.name, draw(values_of(match))) for match in asked if draw(st.integers(0, 3))]
    found += draw(st.lists(st.tuples(st.sampled_from(CARRIERS), st.sampled_from(TERMS)), max_size=2))
    found += draw(st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(NOISE)), max_size=3))
    return draw(st.permutations(found)) if found else [("x", "y")]


@st.composite
def documents(draw: DrawFn, transfer: Transfer) -> dict[str, object]:
    """A JSON document: what rules ask for, tags and others."""
    asked = [match for match in fields_asked(transfer) if match.place == "json"]
    found = [(match.name, draw(values_of(match))) for match in asked if draw(st.integers(0, 3))]
    found += draw(st.lists(st.tuples(st.sampled_from(JSON_CARRIERS), st.sampled_from(TERMS)), max_size=2))
    found += draw(
        st.lists(st.tuples(st.sampled_from(["title", "a.b", "c[].d"]), st.sampled_from(NOISE)), max_size=3)
    )
    document: dict[str, object] = {}
    for path, value in draw(st.permutations(found)):
        _put(document, path, value)
    return document


def _put(document: dict[str, object], path: str, value: str) -> None:
    """Put a value at a dotted path, unless something else stands in its way."""
    *above, last = path.replace("*", "any").split(".")
    place: object = document
    for key in above:
        name = key.removesuffix("[]")
        made: dict[str, object] = {}
        if not isinstance(place, dict):
            return
        inner = place.setdefault(name, [made] if key.endswith("[]") else made)
        place = inner[0] if isinstance(inner, list) else inner
    if isinstance(place, dict):
        word: object = {"true": True, "1": 1}.get(value, value)
        place.setdefault(last.removesuffix("[]"), [word] if last.endswith("[]") else word)


@st.composite
def composed(draw: DrawFn) -> Transfer:
    """A request to some catalogued operation, or past it, with a form, a multipart or JSON as its body."""
    transfer = draw(targets)
    form = draw(st.sampled_from(["form", "multipart", "json"]))
    if form == "json":
        return transfer.labelled("application/json", json.dumps(draw(documents(transfer))).encode())
    fields = draw(pairs(transfer))
    if form == "form":
        body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields).encode()
        return transfer.labelled("application/x-www-form-urlencoded", body)
    parts = [(name, "", value.encode()) for name, value in fields]
    for path in draw(st.lists(st.sampled_from(FILES), max_size=2)):
        parts.insert(draw(st.integers(0, len(parts))), ("file", path.name, path.read_bytes()))
    return transfer.labelled(f"multipart/form-data; boundary={BOUNDARY}", multipart(parts))


@st.composite
def damaged(draw: DrawFn) -> Transfer:
    """A transfer of which some octets were lost, changed or added."""
    transfer = draw(st.one_of(seeds, composed()).filter(lambda one: bool(one.body)))
    body = bytearray(transfer.body)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(
            st.sampled_from([b"", b"\0", b"\r\n", b'"', b"\\", b"{", b"--", b"%", b"\xff", b"&", b"="])
        )
    return replace(transfer, body=bytes(body[: draw(st.integers(len(body) // 2, len(body)))]))


transfers: SearchStrategy[Transfer] = st.one_of(seeds, composed(), damaged())
"""Any transfer: shipped, sampled, composed or damaged."""
