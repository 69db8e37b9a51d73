"""Dataset shapes: what the files look like that models are trained on, told from their first 64 KiB and their name."""

import re
from typing import Final

from subrosa.content.rows import (
    NEVER_A_REQUEST,
    rows_of_array,
    rows_of_lines,
    shapes_of_a_long_row,
    shapes_of_rows,
)
from subrosa.content.textprefix import as_text
from subrosa.content.unwrap import layers

PREFIX: Final = 64 * 1024

ROW_FILES: Final = (".jsonl", ".ndjson", ".jsonlines", ".manifest")
"""Names of files that say of themselves that each line is a row."""

_CARD_KEY: Final = re.compile(r"(?:task_categories|dataset_info|size_categories):")
_CARD_SPLIT: Final = re.compile(r"(?:\s++-?|-)\s*+split: train\b")
COCO: Final = ('"images"', '"annotations"', '"categories"')
"""The keys of which a file in the format of COCO has each."""
_COCO_ROW: Final = re.compile(r'"(?:bbox|segmentation)"\s*:')
_COMMON_VOICE: Final = frozenset({"client_id", "path", "sentence", "up_votes", "down_votes"})
_LJ_LINE: Final = re.compile(r"[A-Za-z]++(?:[0-9]++(?:[-_][0-9]++)?|[-_][0-9]++)\|[^|\n]++\|[^|\n]++")
_LJ_ID: Final = re.compile(r"[A-Z]{2}[0-9]{3}-[0-9]{4}\|")
_KALDI: Final = {
    "wav.scp": re.compile(r"\S+ \S.*"),
    "utt2spk": re.compile(r"\S+ \S+"),
    "spk2utt": re.compile(r"\S+(?: \S+)+"),
    "segments": re.compile(r"\S+ \S+ [0-9]+(?:\.[0-9]+)? [0-9]+(?:\.[0-9]+)?"),
    "text": re.compile(r"(?=\S*?[0-9]{2})\S++ \S.*"),
}
_MEDIA: Final = frozenset("wav flac mp3 m4a ogg opus mp4 webm mkv jpg jpeg png webp npy npz pth pt".split())
_SHARD: Final = re.compile(r"(?:^|[-_./])(?:shard|audio|train|val|test|data)?[-_]?[0-9]{1,6}\.tar$")
_TAR_BLOCK: Final = 512
_CRC32C: Final = 0x82F63B78
_MASK: Final = 0xA282EAD8
_WORD: Final = 0xFFFFFFFF


def find_shapes(prefix: bytes, name: str | None) -> list[str]:
    """The shapes of a file, given its first 64 KiB or all of it, and its name if it has one.

    Looks into gzip, zstd, tar and zip as far as the prefix goes. One JSON document with ``messages`` is a request and
    no data set: such lines count when there are two or more, or when the file's name says that it consists of lines.
    """
    found: list[str] = []
    for inner_name, inner in layers(prefix[:PREFIX], name, PREFIX):
        found += [shape for shape in _shapes(inner, inner_name) if shape not in found]
    return found


def _shapes(prefix: bytes, name: str | None) -> list[str]:
    base = (name or "").rpartition("/")[2].lower()
    binary = _binary(prefix, base)
    if binary is not None:
        return [binary]
    text = as_text(prefix)
    if text is None or not text:
        return []
    cut = len(prefix) >= PREFIX
    start = text.lstrip(" \t\n")[:1]
    if start == "{":
        return _of_objects(text, base, cut=cut)
    if start == "[":
        return shapes_of_rows(rows_of_array(text))
    return _of_table(text, base, cut=cut)


def _binary(prefix: bytes, base: str) -> str | None:
    if prefix.startswith((b"PAR1", b"PARE")):
        return "parquet"
    if prefix.startswith(b"ARROW1\0\0") or _is_arrow_stream(prefix):
        return "arrow"
    if _is_tfrecord(prefix):
        return "tfrecord"
    if prefix[257:262] == b"ustar" and _is_webdataset(prefix, base):
        return "webdataset"
    return None


def _of_objects(text: str, base: str, *, cut: bool) -> list[str]:
    if all(key in text for key in COCO) and _COCO_ROW.search(text):
        return ["coco"]
    rows = rows_of_lines(text, cut=cut)
    if not rows and cut and base.endswith(ROW_FILES):
        return shapes_of_a_long_row(text)
    shapes = shapes_of_rows(rows)
    if len(rows) > 1 or cut or base.endswith(ROW_FILES):
        return shapes
    return [shape for shape in shapes if shape in NEVER_A_REQUEST]


def _of_table(text: str, base: str, *, cut: bool) -> list[str]:
    if _is_card(text):
        return ["hf-dataset-card"]
    head, _, rest = text.partition("\n")
    if set(head.split("\t")) >= _COMMON_VOICE:
        return ["common-voice"]
    lines = [line for line in ([head, *rest.split("\n")][: -1 if cut else None]) if line]
    if base in _KALDI and lines and all(_KALDI[base].fullmatch(line) for line in lines):
        return ["kaldi"]
    if (
        lines
        and all(_LJ_LINE.fullmatch(line) for line in lines)
        and (base.startswith("metadata") or all(_LJ_ID.match(line) for line in lines))
    ):
        return ["ljspeech"]
    return []


def _is_card(text: str) -> bool:
    """A README whose front matter speaks of tasks or sizes, or of a split to train on."""
    first, *lines = text.split("\n")
    configs = False
    for line in lines if first == "---" else ():
        if line == "---":
            break
        if _CARD_KEY.match(line) or (configs and _CARD_SPLIT.match(line)):
            return True
        configs = configs or line == "configs:"
    return False


def _is_arrow_stream(prefix: bytes) -> bool:
    """An encapsulated message: continuation marker, padded length, a flatbuffer whose root lies in it."""
    if not prefix.startswith(b"\xff\xff\xff\xff") or len(prefix) < 12:  # noqa: PLR2004
        return False
    length = int.from_bytes(prefix[4:8], "little")
    root = int.from_bytes(prefix[8:12], "little")
    return 0 < root < length < 1 << 24 and length % 8 == 0


def _is_tfrecord(prefix: bytes) -> bool:
    """The first record's length, below a terabyte, and its masked CRC-32C agree (TensorFlow, record_writer.h)."""
    if len(prefix) < 12 or prefix[5:8] != b"\0\0\0":  # noqa: PLR2004
        return False
    crc = _WORD
    for octet in prefix[:8]:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (_CRC32C if crc & 1 else 0)
    crc ^= _WORD
    masked = ((crc >> 15 | crc << 17) + _MASK) & _WORD
    return masked == int.from_bytes(prefix[8:12], "little")


def _is_webdataset(prefix: bytes, base: str) -> bool:
    """Members that share a stem, one of them media; or a shard's name and a numbered media file first."""
    stems: dict[str, set[str]] = {}
    first = ""
    at = 0
    while prefix[at + 257 : at + 262] == b"ustar" and len(stems) < 16:  # noqa: PLR2004
        header = prefix[at : at + _TAR_BLOCK]
        name = header[:100].partition(b"\0")[0].decode("utf-8", "replace")
        first = first or name
        folder, _, member = name.rpartition("/")
        stem, _, extension = member.partition(".")
        stems.setdefault(f"{folder}/{stem}", set()).add(extension.lower())
        try:
            size = int(header[124:136].strip(b" \0") or b"0", 8)
        except ValueError:
            break
        at += _TAR_BLOCK + -(-size // _TAR_BLOCK) * _TAR_BLOCK
    if any(len(kinds) > 1 and kinds & _MEDIA for kinds in stems.values()):
        return True
    numbered = re.fullmatch(r".*[0-9]{3,}\.(\w+)", first)
    return numbered is not None and numbered[1].lower() in _MEDIA and _SHARD.search(base) is not None
