"""Field sections of HTTP/2 that come again: they mean the same while the table that they refer to stands (RFC 7541).

A section is kept only if it changed nothing in the table, so that saying or hearing it again changes nothing either.
"""

from collections.abc import Iterable
from typing import override

from hpack import Decoder, Encoder, HeaderTuple
from hpack.table import HeaderTable

type Told = tuple[bytes, bytes]
_SIZE: property = HeaderTable.__dict__["maxsize"]


class _Table(HeaderTable):
    """A table that counts what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0

    @override
    def add(self, name: bytes, value: bytes) -> None:
        self.changes += 1
        super().add(name, value)

    @property  # type: ignore[explicit-override]
    @override
    def maxsize(self) -> int:
        """Octets that it may hold."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, octets: int) -> None:
        self.changes += 1
        _SIZE.__set__(self, octets)


class FieldEncoder(Encoder):
    """Says fields."""

    def __init__(self) -> None:
        super().__init__()
        self.header_table: _Table = _Table()
        self._kept: tuple[list[Told], bytes, int] = ([], b"", -1)

    @override
    def encode(self, headers: Iterable[Told], huffman: bool = True) -> bytes:  # type: ignore[override]
        told, table = list(headers), self.header_table
        fields, octets, changes = self._kept
        resized, before = table.resized, table.changes
        if before == changes and not resized and told == fields:
            return octets
        octets = super().encode(told, huffman)
        self._kept = (told, octets, before) if table.changes == before and not resized else ([], b"", -1)
        return octets


class FieldDecoder(Decoder):
    """Hears fields."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.header_table: _Table = _Table()
        self._kept: tuple[bytes, list[HeaderTuple], int] = (b"", [], -1)

    @override
    def decode(self, data: bytes, raw: bool = False) -> list[HeaderTuple]:
        table = self.header_table
        octets, fields, changes = self._kept
        before = table.changes
        if before == changes and raw and data == octets:
            self._assert_valid_table_size()
            return list(fields)
        fields = list(super().decode(data, raw))
        self._kept = (bytes(data), fields, before) if table.changes == before and raw else (b"", [], -1)
        return list(fields)
