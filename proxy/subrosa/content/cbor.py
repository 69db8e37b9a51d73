"""A streaming reader of CBOR (RFC 8949) that feeds the same sink as JSON does: Smithy's RPC v2, COSE and others.

One data item, at most 128 levels; maps, arrays and strings of definite and indefinite length. Tags are passed over:
what they tag stands where they do. A key that is no text leads nowhere; one that is an array or a map is refused.
"""

import struct
from typing import Final

from subrosa.content.collect import MOST_VALUE
from subrosa.content.embedded import LEAST_OCTETS, Embedded
from subrosa.content.jsonpaths import Position
from subrosa.content.jsonsink import MOST_REFERENCE, JsonSink
from subrosa.content.members import enter
from subrosa.content.utf8 import Utf8
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_DEPTH: Final = 128
_MOST_KEY: Final = 2 * 1024
_BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = 2, 3, 4, 5, 6, 7
_ONE_OCTET, _INDEFINITE = 24, 31
_SIZES: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}
_WORDS: Final = {20: "false", 21: "true", 22: "null", 23: "null"}
_BREAK: Final = 0xFF


class _Frame:
    """An open array or map; ``left`` counts its items, None where a break ends it."""

    __slots__ = ("here", "is_map", "key_next", "left", "name", "path", "seen")

    def __init__(self, here: Position | None, at: tuple[str, str], left: int | None, *, is_map: bool) -> None:
        self.here = here
        self.path, self.name = at
        self.left = left
        self.is_map = self.key_next = is_map
        self.seen: set[str] | None = None


class CborReader:
    """Reads one CBOR body into a `JsonSink`.

    ``feed`` and ``end`` raise ``UnreadableError``: BAD_SYNTAX for what RFC 8949 calls not well-formed and for a second
    item, BAD_CHARSET for a text that is not UTF-8, TOO_DEEP, TRUNCATED.
    """

    __slots__ = (
        "_at", "_chunks", "_embedded", "_frames", "_head", "_kept", "_left", "_major", "_most", "_name",
        "_path", "_sink", "_size", "_tagged", "_utf8", "_whole",
    )  # fmt: skip

    def __init__(self, sink: JsonSink, embedded: Embedded) -> None:
        self._sink = sink
        self._embedded = embedded
        self._frames: list[_Frame] = []
        self._head = b""
        self._at: Position | None = sink.root
        self._path = self._name = ""
        self._whole = False
        self._tagged = False
        self._major = 0
        """The kind of string that is being read, 0 outside of one."""
        self._chunks = False
        """Whether that string comes in chunks, up to a break."""
        self._left = 0
        self._kept = bytearray()
        self._most = self._size = 0
        self._utf8 = Utf8()

    def feed(self, data: bytes) -> None:
        """Read on."""
        data = self._head + data if self._head else data
        self._head = b""
        at = 0
        while at < len(data):
            if self._left:
                at = self._string_octets(data, at)
                continue
            size = _SIZES.get(data[at] & 0x1F, 0)
            if at + 1 + size > len(data):
                self._head = data[at:]
                return
            self._item(data[at], data[at + 1 : at + 1 + size])
            at += 1 + size

    def end(self) -> None:
        """The body is complete."""
        if not self._whole:
            raise UnreadableError(Ambiguity.TRUNCATED, "cbor ends inside an item")

    # --- items ---------------------------------------------------------------------------------------------

    def _item(self, first: int, more: bytes) -> None:
        if self._whole:
            raise _malformed()
        major, info = first >> 5, first & 0x1F
        number = int.from_bytes(more) if more else info
        if self._major and (first == _BREAK or major == self._major):
            self._chunk(first, info, number)
        elif self._major:
            raise _malformed()
        elif first == _BREAK:
            self._break()
        elif _ONE_OCTET + len(_SIZES) <= info < _INDEFINITE or (
            info == _INDEFINITE and major in {0, 1, _TAG, _SIMPLE}
        ):
            raise _malformed()
        elif major == _TAG:
            self._tagged = True
        else:
            self._tagged = False
            self._value(major, info, number, more)

    def _value(self, major: int, info: int, number: int, more: bytes) -> None:
        frame = self._frames[-1] if self._frames else None
        is_key = frame is not None and frame.key_next
        if frame is not None and not frame.is_map:
            self._at, self._path, self._name = frame.here, frame.path, frame.name
        if major in {_ARRAY, _MAP}:
            if is_key:
                raise _malformed()
            self._open(major, None if info == _INDEFINITE else number)
        elif major in {_BYTES, _TEXT}:
            self._begin_string(major, None if info == _INDEFINITE else number, is_key=is_key)
        elif is_key:
            self._at = None
            self._key_ends()
        else:
            text = _scalar(major, info, number, more)
            if self._at is not None and self._at.ends:
                self._sink.value(self._at, self._path, self._name, text, null=text == "null")
            self._value_ends()

    def _open(self, major: int, left: int | None) -> None:
        if len(self._frames) == MOST_DEPTH:
            raise UnreadableError(Ambiguity.TOO_DEEP, "cbor with more than 128 levels")
        here, path = self._at, self._path
        if here is not None and here.wanted:
            self._sink.given(here)
        if here is not None and major == _ARRAY:
            here, path = here.element, path + "[]"
        elif here is not None and not here.has_members:
            here = None
        self._frames.append(_Frame(here, (path, self._name), left, is_map=major == _MAP))
        if left == 0:
            self._close()

    def _break(self) -> None:
        frame = self._frames[-1] if self._frames else None
        if frame is None or frame.left is not None or (frame.is_map and not frame.key_next) or self._tagged:
            raise _malformed()
        self._close()

    def _close(self) -> None:
        self._frames.pop()
        self._value_ends()

    def _value_ends(self) -> None:
        while self._frames:
            frame = self._frames[-1]
            frame.key_next = frame.is_map
            if frame.left is None:
                return
            frame.left -= 1
            if frame.left:
                return
            self._frames.pop()
        self._whole = True

    def _key_ends(self) -> None:
        self._frames[-1].key_next = False

    # --- strings -------------------------------------------------------------------------------------------

    def _begin_string(self, major: int, size: int | None, *, is_key: bool) -> None:
        self._major, self._chunks = major, size is None
        self._kept.clear()
        self._size = 0
        needed = self._at is not None and self._at.ends and not is_key
        if is_key:
            self._most = _MOST_KEY
        elif needed:
            self._most = MOST_VALUE
        else:
            self._most = MOST_REFERENCE + 1 if major == _TEXT else self._embedded.most_octets
        if size is not None:
            self._chunk(major << 5, 0, size)

    def _chunk(self, first: int, info: int, size: int) -> None:
        """One piece of a string, or the break after the last one."""
        if first == _BREAK:
            if not self._chunks:
                raise _malformed()
            self._string_ends()
        elif info == _INDEFINITE or info in range(_ONE_OCTET + len(_SIZES), _INDEFINITE):
            raise _malformed()
        else:
            self._left = size
            self._piece_ends()

    def _string_octets(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        if self._major == _TEXT:
            _, bad = self._utf8.decode(piece)
            if bad:
                raise UnreadableError(Ambiguity.BAD_CHARSET, "a text in cbor that is not utf-8")
        self._kept += piece[: max(self._most + 1 - len(self._kept), 0)]
        self._size += len(piece)
        self._left -= len(piece)
        self._piece_ends()
        return at + len(piece)

    def _piece_ends(self) -> None:
        if self._left:
            return
        if self._utf8.inside_character:
            raise UnreadableError(Ambiguity.BAD_CHARSET, "a text in cbor that is not utf-8")
        if not self._chunks:
            self._string_ends()

    def _string_ends(self) -> None:
        major, self._major, self._chunks = self._major, 0, False
        frame = self._frames[-1] if self._frames else None
        kept = bytes(self._kept)
        if frame is not None and frame.key_next:
            self._key(frame, kept if major == _TEXT else None)
            return
        if self._at is not None and self._at.ends:
            self._needed(self._at, kept)
        if major == _TEXT and self._sink.wants_references:
            self._sink.reference(kept.decode("utf-8", "ignore"))
        elif major == _BYTES and self._size >= LEAST_OCTETS:
            self._embedded.octets(kept)
        self._value_ends()

    def _key(self, frame: _Frame, key: bytes | None) -> None:
        self._at = None
        if frame.here is not None and key is not None:
            if self._size > _MOST_KEY:
                self._sink.fault(frame.here, Ambiguity.TOO_LARGE)
            else:
                self._name = key.decode()
                self._at, self._path = enter(self._sink, frame, frame.here, self._name)
        self._key_ends()

    def _needed(self, here: Position, kept: bytes) -> None:
        if self._size > MOST_VALUE:
            self._sink.fault(here, Ambiguity.TOO_LARGE)
            return
        try:
            self._sink.value(here, self._path, self._name, kept.decode())
        except UnicodeDecodeError:
            self._sink.fault(here, Ambiguity.BAD_CHARSET)


def _scalar(major: int, info: int, number: int, more: bytes) -> str:
    """A number or a word, spelled as JSON spells it."""
    if major == 0:
        return str(number)
    if major == 1:
        return str(-1 - number)
    if info in _FLOATS:
        (value,) = struct.unpack(_FLOATS[info], more)
        return str(int(value)) if value.is_integer() else repr(value)
    if info == _ONE_OCTET and number < 32:  # noqa: PLR2004 - RFC 8949 3.3: these have a shorter form
        raise _malformed()
    return _WORDS.get(number, f"simple({number})")


def _malformed() -> UnreadableError:
    return UnreadableError(Ambiguity.BAD_SYNTAX, "cbor that RFC 8949 calls not well-formed")
