"""What is inside a compressed file or an archive, as far as its first octets tell: the beginning of its first member.

Only ever a prefix of a prefix: bounded, never a fault, nothing where the format is not known.
"""

import zlib
from collections.abc import Iterator
from typing import Final

from subrosa.content.zstdframes import ZstdFrames
from subrosa.facts.unreadable import UnreadableError

MOST_LAYERS: Final = 3
_ZIP_HEADER: Final = 30
_TAR_BLOCK: Final = 512
_STORED: Final = 0
_DEFLATED: Final = 8


def layers(prefix: bytes, name: str | None, most: int) -> Iterator[tuple[str | None, bytes]]:
    """The prefix itself with its name, then what is wrapped in it (gzip, zstd, tar, zip), at most three deep.

    Every yielded prefix has at most ``most`` octets.
    """
    yield name, prefix
    for _ in range(MOST_LAYERS):
        inner = _unwrap(prefix, name, most)
        if inner is None or not inner[1]:
            return
        name, prefix = inner
        yield name, prefix


def _unwrap(prefix: bytes, name: str | None, most: int) -> tuple[str | None, bytes] | None:
    if prefix.startswith(b"\x1f\x8b"):
        return _without(name, ".gz", ".gzip", ".tgz"), _inflated(prefix, 16 + zlib.MAX_WBITS, most)
    if prefix.startswith(b"\x28\xb5\x2f\xfd"):
        return _without(name, ".zst", ".zstd"), _unzstd(prefix, most)
    if prefix[257:262] == b"ustar":
        return _text(prefix[:100].partition(b"\0")[0]), prefix[_TAR_BLOCK:]
    if prefix.startswith(b"PK\x03\x04") and len(prefix) > _ZIP_HEADER:
        return _first_of_zip(prefix, most)
    return None


def _first_of_zip(prefix: bytes, most: int) -> tuple[str | None, bytes] | None:
    """The first local file of a zip archive (APPNOTE section 4.3.7), stored or deflated."""
    method = int.from_bytes(prefix[8:10], "little")
    size = int.from_bytes(prefix[18:22], "little")
    name_end = _ZIP_HEADER + int.from_bytes(prefix[26:28], "little")
    data = prefix[name_end + int.from_bytes(prefix[28:30], "little") :]
    data = data[:size] if size else data
    if method == _DEFLATED:
        data = _inflated(data, -zlib.MAX_WBITS, most)
    elif method != _STORED:
        return None
    return _text(prefix[_ZIP_HEADER:name_end]), data


def _inflated(data: bytes, bits: int, most: int) -> bytes:
    stream = zlib.decompressobj(bits)
    try:
        return stream.decompress(data, most)
    except zlib.error:
        return b""


def _unzstd(data: bytes, most: int) -> bytes:
    out = bytearray()
    try:
        for piece in ZstdFrames().feed(data):
            out += piece
            if len(out) >= most:
                break
    except UnreadableError:
        return b""
    return bytes(out[:most])


def _without(name: str | None, *endings: str) -> str | None:
    for ending in endings:
        if name is not None and name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
