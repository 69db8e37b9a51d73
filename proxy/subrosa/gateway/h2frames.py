"""The frames of HTTP/2 as they come: whole ones only, and small pieces of one body joined. Pure.

Some clients send a DATA frame for each of their own writes, and a library takes each through all that it has. How a
body is cut into frames has no meaning (RFC 9113 8.1).
"""

_HEAD, _LENGTH = 9, 3
_PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
_DATA, _LAST = b"\0\0", b"\0\1"
"""Type and flags of DATA without padding, and of the last one of a stream (RFC 9113 6.1)."""


class OverlongError(ValueError):
    """A frame longer than this side said that it takes (RFC 9113 4.2)."""


class Frames:
    """Takes octets as they come, and gives those of whole frames, none longer than ``most``."""

    def __init__(self, most: int, *, preface: bool) -> None:
        self.most = most
        self._preface = _PREFACE if preface else 0
        self._rest = b""

    def take(self, data: bytes) -> bytes:
        """The next whole frames; raises OverlongError as soon as one says that it will be too long."""
        data = self._rest + data
        at = min(self._preface, len(data))
        self._preface -= at
        joined = _Joined(self.most, data[:at])
        while end := self._end(data, at):
            joined.add(data[at : at + _HEAD], data[at + _HEAD : end])
            at = end
        self._rest = data[at:]
        return joined.octets()

    def _end(self, data: bytes, at: int) -> int:
        """Where the frame that begins there ends, 0 while it is not whole."""
        if len(data) < at + _LENGTH:
            return 0
        length = int.from_bytes(data[at : at + _LENGTH])
        if length > self.most:
            raise OverlongError(f"a frame of {length} octets is too long")
        end = at + _HEAD + length
        return end if end <= len(data) else 0


class _Joined:
    """Frames in a row, those of one body as one."""

    def __init__(self, most: int, before: bytes) -> None:
        self._most = most
        self._pieces = [before]
        self._stream = b""
        """Whose body goes on."""
        self._body: list[bytes] = []
        self._size = 0

    def add(self, head: bytes, payload: bytes) -> None:
        kind, stream = head[3:5], head[5:]
        goes_on, last = kind == _DATA, kind == _LAST
        if stream != self._stream or not (goes_on or last) or self._size + len(payload) > self._most:
            self._put(_DATA)
            if not goes_on:
                self._pieces += (head, payload)
                return
        self._stream = stream
        self._body.append(payload)
        self._size += len(payload)
        if last:
            self._put(_LAST)

    def octets(self) -> bytes:
        self._put(_DATA)
        return b"".join(self._pieces)

    def _put(self, kind: bytes) -> None:
        if self._stream:
            self._pieces += (self._size.to_bytes(_LENGTH), kind, self._stream, *self._body)
            self._stream, self._body, self._size = b"", [], 0
