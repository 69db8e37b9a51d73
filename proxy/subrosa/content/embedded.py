"""Content inside other content: octets in a field of CBOR or Protocol Buffers, base64 in a string of JSON.

Only the beginning of each is looked at, and only so many of one body. What is found is handed over at `hand_over`, so
that the reader of the body says when, and the order does not depend on how the body was cut.
"""

import re
from base64 import b64decode
from string import ascii_letters, digits
from typing import Final

from subrosa.content.collect import Collector
from subrosa.content.kinds import PREFIX, KindTable
from subrosa.content.prefix import Prefix
from subrosa.content.shapes import PREFIX as SHAPE_PREFIX
from subrosa.facts.body import BodyFacts

LEAST_TEXT: Final = 72
"""Characters of base64 without a data URL before it; a line of MIME has 76."""

LEAST_OCTETS: Final = 48
MOST_LOOKS: Final = 1000
"""Pieces of one body that are looked at."""

_ALPHABET: Final = frozenset(ascii_letters + digits + "+/_-\\")
_URL: Final = r"data:(?:[^,\"\\]|\\/){0,128};base64,"
_LETTER: Final = r"(?:[A-Za-z0-9+/_-]|\\/)"
IN_JSON: Final = re.compile(rf'(?<!\\)"(?:{_URL}|{_LETTER}{{{LEAST_TEXT}}})')
"""The opening quote of a string that may be base64."""

_LETTERS: Final = bytes(0x61 if chr(octet) in _ALPHABET else 0x20 for octet in range(256))
_RUN: Final = b"a" * LEAST_TEXT

_IN_TEXT: Final = re.compile(rf"(?P<url>{_URL})?(?P<coded>[A-Za-z0-9+/_\s-]*)")
_HEX: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_BASE64URL: Final = str.maketrans("-_", "+/", " \t\r\n")


def signs_in(text: str) -> bool:
    """Whether a stretch of JSON may have content in a string."""
    return may_hide(text.encode("utf-8", "surrogatepass"))


def may_hide(octets: bytes) -> bool:
    """Whether a stretch of JSON, or a whole body of it, may have content in a string."""
    return has_run(octets) or b";base64," in octets


def has_run(octets: bytes) -> bool:
    """Whether a run of letters stands there that is long enough for base64 without a data URL before it."""
    return _RUN in octets.translate(_LETTERS)


class Embedded:
    """Looks at what is inside one body."""

    __slots__ = ("_collector", "_found", "_kinds", "_looks", "most_octets", "most_text")

    def __init__(self, collector: Collector, kinds: KindTable) -> None:
        want = collector.want
        self._collector = Collector(BodyFacts(), want, collector.tags)
        self._found = collector.facts
        self._kinds = kinds
        self._looks = 0
        self.most_octets = (SHAPE_PREFIX if want.shapes else PREFIX) if want.kinds or want.shapes else 0
        """Octets of one piece that are looked at; 0 where nobody wants to know."""
        self.most_text = 2 * (self.most_octets * 4 // 3 + 256) if self.most_octets else 0
        """Characters of one string, as it stands in JSON, that are needed."""

    def text(self, text: str) -> None:
        """A string, or the beginning of one."""
        found = _IN_TEXT.match(text) if len(text) >= LEAST_TEXT else None
        if found is None or not found["coded"]:
            return
        coded = found["coded"].translate(_BASE64URL)[: (self.most_octets + 2) // 3 * 4]
        if not found["url"] and (len(coded) < LEAST_TEXT or _HEX.fullmatch(coded)):
            return
        if len(coded) % 4 == 1:
            coded = coded[:-1]  # the beginning of one more octet
        self.octets(b64decode(coded + "=" * (-len(coded) % 4)))

    def octets(self, octets: bytes) -> None:
        """Octets, or the beginning of them."""
        if not self.most_octets or not octets or self._looks == MOST_LOOKS:
            return
        self._looks += 1
        prefix = Prefix(self._collector, self._kinds)
        prefix.feed(octets[: self.most_octets])
        prefix.end()

    def hand_over(self) -> None:
        """Add what was found to the facts of the body."""
        found, facts = self._collector.facts, self._found
        facts.kinds.extend(kind for kind in found.kinds if kind not in facts.kinds)
        facts.marks.extend(mark for mark in found.marks if mark not in facts.marks)
        facts.shapes.extend(shape for shape in found.shapes if shape not in facts.shapes)
