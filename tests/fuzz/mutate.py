"""Inputs without end: seeds spliced, cut, repeated and spoilt, with words of the grammar among them."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

MOST = 2000
"""Octets of one input."""
WORDS = (
    b"\r\n", b"\n", b"\r", b"\0", b"\x7f", b"\xff", b"\xef\xbb\xbf", b"\xc0\xaf", b"\xe2\x80\x8b", b"%2F", b"%2e",
    b"%00", b"%u002f", b"..", b"//", b";", b"&", b"=", b'"', b"\\", b"'", b",", b" ", b"\t", b"[]", b"{", b"}", b":",
    b"<", b">", b"--", b"0", b"ffffffffffffffff", b"-1", b"1e999", b"\\u0000", b"\\ud800", b"\\u0070", b"null", b"true",
    b"\x1f\x8b", b"PK\x03\x04", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&#x70;", b"purpose", b"fine-tune", b"xn--",
    b"\xbf", b"\x9f\xff",
)  # fmt: skip


class Mutator:
    """Draws from one seed: the same number gives the same inputs, in the same order, everywhere."""

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes], number: int) -> None:
        self._seeds = tuple(seeds)
        self._words = (*words, *WORDS)
        self._draw = random.Random(number)

    def input(self) -> bytes:
        """The next one, of at most 2,000 octets."""
        draw = self._draw
        data = bytearray(draw.choice(self._seeds)[:MOST])
        for _ in range(draw.choice(_STEPS)):
            draw.choice(_CHANGES)(self, data)
        return bytes(data[:MOST])

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The input cut at a few places, or octet by octet."""
        size = len(data)
        if not size or self._draw.random() < _OCTETWISE:
            return (data[at : at + 1] for at in range(size))
        cuts = sorted(self._draw.randrange(size + 1) for _ in range(self._draw.randrange(1, 4)))
        return (data[start:stop] for start, stop in pairwise((0, *cuts, size)))

    def _at(self, data: bytearray) -> int:
        return self._draw.randrange(len(data) + 1)

    def _word(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self._draw.choice(self._words)

    def _over(self, data: bytearray) -> None:
        at, word = self._at(data), self._draw.choice(self._words)
        data[at : at + len(word)] = word

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._draw.randrange(len(data))] ^= 1 << self._draw.randrange(8)

    def _octet(self, data: bytearray) -> None:
        data.insert(self._at(data), self._draw.randrange(256))

    def _drop(self, data: bytearray) -> None:
        at = self._at(data)
        del data[at : at + self._draw.randrange(1, 20)]

    def _end(self, data: bytearray) -> None:
        del data[self._at(data) :]

    def _twice(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = data[at : at + self._draw.randrange(1, 80)]

    def _splice(self, data: bytearray) -> None:
        other = self._draw.choice(self._seeds)[:MOST]
        at = self._draw.randrange(len(other) + 1)
        data[self._at(data) :] = other[at:]

    def _noise(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self._draw.randbytes(self._draw.randrange(1, 9))


_CHANGES = (
    Mutator._word, Mutator._word, Mutator._word, Mutator._over, Mutator._flip, Mutator._octet, Mutator._drop,
    Mutator._end, Mutator._twice, Mutator._splice, Mutator._noise,
)  # fmt: skip
_STEPS = (0, 1, 1, 1, 2, 2, 3, 5, 8)
_OCTETWISE = 0.02
