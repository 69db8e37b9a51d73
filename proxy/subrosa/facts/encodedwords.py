"""Encoded-words (RFC 2047) in field values: S3 metadata and old form clients use them for what is not ASCII."""

import base64
import binascii
import re

_WORD = re.compile(r"=\?([A-Za-z0-9_-]+)(?:\*[A-Za-z0-9-]*)?\?([BbQq])\?([ -<>@-~=]*)\?=")
_BETWEEN = re.compile(r"(\?=)[ \t]+(=\?)")
_CHARSETS = frozenset({"utf-8", "us-ascii", "iso-8859-1"})


def decode_words(text: str) -> str:
    """The text with every encoded-word of UTF-8, ASCII or Latin-1 decoded; what does not decode stays as it is."""
    if "=?" not in text:
        return text
    return _WORD.sub(_decoded, _BETWEEN.sub(r"\1\2", text))


def _decoded(match: re.Match[str]) -> str:
    charset, coding, payload = match[1].lower(), match[2].lower(), match[3]
    if charset not in _CHARSETS:
        return match[0]
    try:
        if coding == "b":
            octets = base64.b64decode(payload, validate=True)
        else:
            octets = binascii.a2b_qp(payload.encode("ascii"), header=True)
        return octets.decode(charset)
    except (binascii.Error, UnicodeError):
        return match[0]
