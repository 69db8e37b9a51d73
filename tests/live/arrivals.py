"""Reading what came to a destination that keeps octets: the requests of one connection, framing undone."""

import contextlib
from dataclasses import dataclass

from subrosa.gateway.bodies import End, FramingError, body_reader


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the sink read it, framing undone."""

    head: bytes
    body: bytes
    trailers: tuple[tuple[bytes, bytes], ...]


def requests(octets: bytes) -> list[Request]:
    """The whole requests in what one connection of the sink got; their heads as they stood.

    How far one got that was cut off is a matter of moments.
    """
    data, found = bytearray(octets), []
    while (at := data.find(b"\r\n\r\n")) >= 0:
        head = bytes(data[:at])
        del data[: at + 4]
        body = _body(data, _size(_lines(head)))
        if body is None:
            break
        found.append(Request(head, *body))
    return found


def _lines(head: bytes) -> tuple[tuple[bytes, bytes], ...]:
    split = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return tuple((name, value.strip(b" \t")) for name, _, value in split)


def _size(lines: tuple[tuple[bytes, bytes], ...]) -> int | None:
    named = {name.lower(): value for name, value in lines}
    if named.get(b"transfer-encoding", b"").lower() == b"chunked":
        return None
    length = named.get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


def _body(data: bytearray, size: int | None) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]] | None:
    reader, body = body_reader(size), bytearray()
    with contextlib.suppress(FramingError):  # which the sink tells itself
        while (piece := reader.take(data)) is not None:
            if isinstance(piece, End):
                return bytes(body), piece.trailers
            body += piece
    return None
