"""What a body is said to be, and what its first octets look like; the two must agree."""

import re
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Label:
    """What the Content-Type says; ``form`` is None where it says nothing and the first octets must decide."""

    form: Form | None
    boundary: str = ""
    lines: bool = False
    """JSON that says of itself that it is one document after another."""


def read_label(content_type: str | None) -> Label:
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
    boundary = ""
    if form in _MULTIPARTS:
        boundary = kind.parameters.get("boundary", "")
        if not boundary:
            raise UnreadableError(Ambiguity.BAD_SYNTAX, "multipart without a boundary")
    return Label(form, boundary, kind.media_type in _LINES or kind.media_type.endswith("ndjson"))


def unless_opaque(content_type: str | None) -> str | None:
    """The label, or None for one that hides what is in the body: many an API reads its own form, whatever it says.

    A label that says sound, pictures or film is taken at its word, so that recordings stream from the head on.
    """
    if content_type is None or content_type.lower().startswith(_MEDIA):
        return content_type
    try:
        opaque = read_label(content_type).form is Form.OPAQUE
    except UnreadableError:
        return content_type
    return None if opaque else content_type


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
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if text[:1] in {b"{", b"["}:
        return Form.JSON
    if text[:1] == b"<":
        return Form.XML
    if _DELIMITER.match(text):
        return Form.MULTIPART
    return Form.URLENCODED if _PAIR.match(text) else Form.OPAQUE


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
