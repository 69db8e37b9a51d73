"""Protocol Buffers without their schema: what every length-delimited field may be, a text, octets, or a message.

Nobody but the receiver knows which, so each is read as all of them; bounded in depth and in fields.
"""

from collections.abc import Iterator
from typing import Final

from subrosa.content.collect import Collector
from subrosa.content.embedded import LEAST_OCTETS, Embedded
from subrosa.content.jsonsink import REFERENCES, JsonSink
from subrosa.content.kinds import KindTable
from subrosa.facts.unreadable import Ambiguity

MOST_DEPTH: Final = 24
MOST_FIELDS: Final = 200_000
"""Fields of one message, of all that are in it too."""

_LENGTH_DELIMITED, _GROUP, _END_GROUP = 2, 3, 4
_FIXED: Final = {1: 8, 5: 4}
_LONGEST_VARINT: Final = 10


class ProtobufScan:
    """Looks through one message for names of stored objects and for content."""

    __slots__ = ("_collector", "_embedded", "_fields", "_sink")

    def __init__(self, collector: Collector, kinds: KindTable) -> None:
        self._collector = collector
        self._embedded = Embedded(collector, kinds)
        self._sink = JsonSink(collector)
        self._fields = 0

    def read(self, message: bytes) -> None:
        """Look through a message; one with too much in it leaves its references without a reading."""
        todo = [(message, 0)]
        while todo:
            octets, depth = todo.pop()
            inner = list(self._delimited(octets))
            if self._fields > MOST_FIELDS or (inner and depth == MOST_DEPTH):
                self._collector.ambiguous(REFERENCES, Ambiguity.TOO_LARGE)
                return
            for field in inner:
                self._take(field)
            todo.extend((field, depth + 1) for field in inner if field)
        self._embedded.hand_over()

    def _take(self, field: bytes) -> None:
        if self._sink.wants_references:
            self._sink.reference(field.decode("utf-8", "replace"))
        if len(field) >= LEAST_OCTETS:
            self._embedded.octets(field)

    def _delimited(self, octets: bytes) -> Iterator[bytes]:
        """The length-delimited fields of what may be a message, as far as it is one."""
        at = 0
        while at < len(octets):
            key, at = _varint(octets, at)
            self._fields += 1
            if key >> 3 == 0 or at < 0 or self._fields > MOST_FIELDS:
                return
            kind = key & 7
            if kind == _LENGTH_DELIMITED:
                length, at = _varint(octets, at)
                if at < 0 or at + length > len(octets):
                    return
                yield octets[at : at + length]
                at += length
            elif kind == 0:
                _, at = _varint(octets, at)
                if at < 0:
                    return
            elif kind in _FIXED:
                at += _FIXED[kind]
            elif kind not in {_GROUP, _END_GROUP}:
                return


def _varint(octets: bytes, at: int) -> tuple[int, int]:
    """A number and the offset after it, -1 where there is none."""
    value = 0
    for shift in range(_LONGEST_VARINT):
        if at >= len(octets):
            return 0, -1
        octet = octets[at]
        at += 1
        value |= (octet & 0x7F) << 7 * shift
        if octet < 0x80:  # noqa: PLR2004 - the last one has no continuation bit
            return value, at
    return 0, -1
