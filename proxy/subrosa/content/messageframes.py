"""Messages as gRPC, gRPC-Web and Connect frame them in a body: a flag, a length of four octets, the message.

Each message may be compressed by itself, with the coding that a field of the head names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from subrosa.content.coding import CodingLimits, Decoder
from subrosa.facts.fields import Fields, parse_content_type
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_MESSAGE: Final = 16 * 1024 * 1024
"""Octets of one message, as sent and decoded."""

_PREFIX: Final = 5
_COMPRESSED: Final = 1
_CODING_FIELDS: Final = {
    "application/grpc": "grpc-encoding",
    "application/grpc-web": "grpc-encoding",
    "application/grpc-web-text": "",
    "application/connect": "connect-content-encoding",
}
_FLAGS: Final = frozenset({0, _COMPRESSED})
_END_FLAGS: Final = frozenset({2, 2 | _COMPRESSED})
"""Connect's last message of a stream."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How a body is cut into messages; ``coding`` is empty for none, None for a framing that is not read."""

    coding: str | None
    json: bool
    connect: bool = False

    @classmethod
    def of(cls, fields: Fields) -> "Framing | None":
        """The framing that a head names, or None; raises UnreadableError for a head with two readings."""
        label = fields.one("content-type")
        base, _, codec = parse_content_type(label).media_type.partition("+") if label else ("", "", "")
        field = _CODING_FIELDS.get(base)
        if field is None:
            return None
        coding = (fields.one(field) or "").strip().lower() if field else None
        return cls(coding, "json" in codec, base == "application/connect")


class MessageFrames:
    """Cuts one body; keeps no more than one message.

    ``feed`` yields each frame as it was sent with the message in it, decoded, and raises UnreadableError at what
    has no single reading: BAD_SYNTAX, UNKNOWN_ENCODING, TOO_LARGE, what a decoder raises. ``end`` raises TRUNCATED
    inside a message.
    """

    __slots__ = ("_buffer", "_framing", "_most")

    def __init__(self, framing: Framing, most: int = MOST_MESSAGE) -> None:
        self._framing = framing
        self._most = most
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Read on."""
        if self._framing.coding is None:
            raise UnreadableError(Ambiguity.UNKNOWN_ENCODING, "messages as base64 text are not read")
        self._buffer += data
        while len(self._buffer) >= _PREFIX:
            stop = _PREFIX + int.from_bytes(self._buffer[1:_PREFIX])
            if stop - _PREFIX > self._most:
                raise UnreadableError(Ambiguity.TOO_LARGE, "a message is longer than the limit")
            if len(self._buffer) < stop:
                return
            frame = bytes(self._buffer[:stop])
            del self._buffer[:stop]
            yield frame, self._decoded(frame[0], frame[_PREFIX:])

    def end(self) -> None:
        """The body is complete."""
        if self._buffer:
            raise UnreadableError(Ambiguity.TRUNCATED, "the body ends inside a message")

    def _decoded(self, flags: int, message: bytes) -> bytes:
        if flags not in _FLAGS and not (self._framing.connect and flags in _END_FLAGS):
            raise UnreadableError(Ambiguity.BAD_SYNTAX, "a message has a flag that is not known")
        if not flags & _COMPRESSED:
            return message
        if self._framing.coding in {"", "identity"}:
            raise UnreadableError(
                Ambiguity.BAD_ENCODING, "a message is compressed, and the head names no coding"
            )
        decoder = Decoder([self._framing.coding or ""], CodingLimits(output=self._most))
        return b"".join((*decoder.feed(message), *decoder.end()))
