"""What a body is said to be, and what its first octets look like; the two must agree."""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from subrosa.facts.body import Form
from subrosa.facts.fields import parse_content_type
from subrosa.facts.unreadable import Ambiguity, UnreadableError

SNIFFED: Final = 1024
"""Octets on which a body is judged; fewer only when there are no more."""

_JSON_TYPES: Final = frozenset(
    "application/json text/json application/x-ndjson application/ndjson application/jsonl application/x-jsonl "
    "application/jsonlines application/x-jsonlines application/json-lines application/x-ldjson application/vcon "
    "application/x-amz-json-1.0 application/x-amz-json-1.1 application/csp-report".split()
)
_LINES: Final = frozenset(
    "application/x-ndjson application/ndjson application/jsonl application/x-jsonl application/jsonlines "
    "application/x-jsonlines application/json-lines application/x-ldjson".split()
)
_XML_TYPES: Final = frozenset({"application/xml", "text/xml"})
_GENERIC: Final = frozenset(
    "application/octet-stream binary/octet-stream text/plain application/binary application/x-binary "
    "application/unknown application/x-unknown */*".split()
)
_MEDIA: Final = ("audio/", "video/", "image/")
_ASCII_SUPERSETS: Final = frozenset(
    "utf-8 utf8 us-ascii ascii iso-8859-1 iso8859-1 latin1 latin-1 windows-1252 cp1252".split()
)

_DELIMITER: Final = re.compile(
    rb"--[^\r\n]{1,200}\r?\n(?:[^\r\n]{1,500}\r?\n){0,8}?content-disposition[ \t]*:", re.IGNORECASE
)
_PAIR: Final = re.compile(rb"[\w.~*+%\[\]()$@!:/-]{1,256}=[^\s<>{}\"]*(?:&|\Z)")


class Doubt(IntEnum):
    """Which labels that hide what is in the body are not believed: many an API reads its own form, whatever it says.

    A label of sound, pictures or film is taken at its word where that lets recordings stream from the head on.
    """

    NONE = 0
    UNLESS_MEDIA = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class Label:
    """What the Content-Type says; ``form`` is None where it says nothing and the first octets must decide."""

    form: Form | None
    boundary: str = ""
    lines: bool = False
    """JSON that says of itself that it is one document after another."""
    parts: bool = False
    """It speaks of parts, in whatever type: who reads by it finds fields where the first octets show none."""


def read_label(content_type: str | None, doubt: Doubt = Doubt.NONE) -> Label:
    """The label of a body; raises ``UnreadableError`` for a type that has no single reading.

    BAD_SYNTAX for a multipart without boundary, BAD_CHARSET for a form or JSON in a charset without ASCII in it.
    """
    if content_type is None or not content_type.strip():
        return Label(None)
    kind = parse_content_type(content_type)
    form = _form(kind.media_type)
    if form in _IN_A_CHARSET:
        charset = kind.parameters.get("charset", "utf-8").lower()
        if charset not in _ASCII_SUPERSETS:
            raise UnreadableError(
                Ambiguity.BAD_CHARSET, "the body is labelled with a charset that is not read"
            )
    boundary = kind.parameters.get("boundary", "")
    if form in _MULTIPARTS and not boundary:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, "multipart without a boundary")
    if form is Form.OPAQUE and doubt > (
        Doubt.UNLESS_MEDIA if kind.media_type.startswith(_MEDIA) else Doubt.NONE
    ):
        form = None
    lines = kind.media_type in _LINES or kind.media_type.endswith("ndjson")
    return Label(form, boundary, lines, bool(boundary) or kind.media_type.startswith("multipart/"))


def is_json(content_type: str | None) -> bool:
    """Whether this labels JSON, in a charset that is read."""
    try:
        return read_label(content_type).form is Form.JSON
    except UnreadableError:
        return False


def _form(media_type: str) -> Form | None:
    if media_type in _GENERIC:
        return None
    if media_type in _JSON_TYPES or media_type.endswith(("+json", "+x-ndjson", "+ndjson")):
        return Form.JSON
    if media_type.endswith("+cbor"):
        return Form.CBOR
    if media_type in _XML_TYPES or media_type.endswith("+xml"):
        return Form.XML
    return _EXACT.get(media_type, Form.OPAQUE)


_EXACT: Final = {
    "application/cbor": Form.CBOR,
    "application/x-www-form-urlencoded": Form.URLENCODED,
    "multipart/form-data": Form.MULTIPART,
    "multipart/related": Form.RELATED,
}
_MULTIPARTS: Final = frozenset({Form.MULTIPART, Form.RELATED})
_IN_A_CHARSET: Final = frozenset({Form.URLENCODED, Form.MULTIPART, Form.JSON})


def sniff(head: bytes) -> Form:
    """What the first 1,024 octets, or all there are, look like; OPAQUE for anything but these four forms."""
    text = _narrow(head).removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if text[:1] in {b"{", b"["}:
        return Form.JSON
    if text[:1] == b"<":
        return Form.XML
    if _DELIMITER.match(text):
        return Form.MULTIPART
    return Form.URLENCODED if _PAIR.match(text) else Form.OPAQUE


def _narrow(head: bytes) -> bytes:
    """UTF-16 and UTF-32 as UTF-8: parsers of JSON know these by their zeros (RFC 4627 section 3) or their mark."""
    if b"\0" not in head[:4] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head
    zeros = tuple(octet == 0 for octet in head[:4])
    wide = next((name for mark, name in _MARKED if head.startswith(mark)), None) or _WIDE.get(zeros)
    return head if wide is None else head.decode(wide, "ignore").encode("utf-8", "ignore")


_MARKED: Final = (
    (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
_WIDE: Final[dict[tuple[bool, ...], str]] = {
    (True, True, True, False): "utf-32-be",
    (False, True, True, True): "utf-32-le",
    (True, False, True, False): "utf-16-be",
    (False, True, False, True): "utf-16-le",
}


def disagree(label: Form, looks: Form) -> bool:
    """Whether a body labelled so looks like another of the forms that carry fields."""
    return looks in _DISAGREE.get(label, frozenset())


_DISAGREE: Final = {
    Form.JSON: frozenset({Form.URLENCODED, Form.MULTIPART}),
    Form.CBOR: frozenset({Form.JSON, Form.URLENCODED, Form.MULTIPART}),
    Form.URLENCODED: frozenset({Form.JSON, Form.MULTIPART}),
    Form.MULTIPART: frozenset({Form.JSON, Form.URLENCODED}),
    Form.RELATED: frozenset({Form.JSON, Form.URLENCODED}),
}
