"""One string token of a JSON document, read across pieces of input; at most its beginning is kept."""

from subrosa.content import jsontokens as tokens


class JsonString:
    """The string that is being read; ``begin`` starts the next one."""

    __slots__ = ("_kept", "_length", "_most", "ended")

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._most = 0
        self._length = 0
        self.ended = False

    def begin(self, most: int) -> None:
        """After an opening quote; the first ``most`` characters are kept as they stand."""
        self._kept = []
        self._most = most
        self._length = 0
        self.ended = False

    def read(self, text: str, at: int) -> int:
        """Read on from ``at``; the offset after what was read, which is the closing quote once ``ended`` is set.

        An offset before the end of ``text`` without ``ended`` stands at what ``is_partial`` has to judge.
        """
        found = tokens.INNER.match(text, at)
        stop = found.end() if found else at
        if self._length < self._most:
            self._kept.append(text[at : min(stop, at + self._most - self._length)])
        self._length += stop - at
        self.ended = text.startswith('"', stop)
        return stop + self.ended

    @property
    def raw(self) -> str:
        """What was kept, as it stands in the document."""
        return "".join(self._kept)

    @property
    def text(self) -> str:
        """What was kept, unescaped."""
        return tokens.unescape(self.raw)

    @property
    def cut(self) -> bool:
        """Whether the string is longer than what was to be kept of it."""
        return self._length > self._most > 0


def is_partial(text: str, at: int) -> bool:
    """Whether what stands at ``at`` may become an escape once more input comes."""
    return tokens.PARTIAL_ESCAPE.fullmatch(text, at) is not None
