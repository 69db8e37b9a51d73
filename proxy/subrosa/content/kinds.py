"""Content kinds recognised by name, by magic octets and by the shape of text; what says which is data.

A recogniser says *meeting* only where its evidence does: a container's magic says *media* and no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import re2

from subrosa.content.textprefix import as_text
from subrosa.facts.body import Kind, KindFound

PREFIX: Final = 4 * 1024
"""Octets of a body or part that recognisers look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recogniser:
    """One piece of evidence; ``id`` is unique in a table.

    ``names``: re2 patterns, any of which is found in a file name or object key. ``magic``: ``(offset, octets)``, all of
    which stand in the prefix. ``text``: an re2 pattern found in the first 4 KiB as text, LF only, no byte order
    mark. Of magic and text, when both are given, both must hold.
    """

    id: str
    kind: Kind
    meeting: bool
    names: tuple[str, ...] = ()
    magic: tuple[tuple[int, bytes], ...] = ()
    text: str | None = None


class _Patterns:
    """Many re2 patterns searched in one pass; gives back what each was added with."""

    __slots__ = ("_owners", "_set")

    def __init__(self, rows: Iterable[tuple[str, Recogniser]]) -> None:
        self._owners: list[Recogniser] = []
        self._set: Any = None
        for pattern, owner in rows:
            self._set = self._set or re2.Set.SearchSet()
            try:
                self._set.Add(pattern)
            except re2.error as error:
                raise ValueError(f"recogniser `{owner.id}`: {error}") from error
            self._owners.append(owner)
        if self._set is not None:
            self._set.Compile()

    def search(self, text: str) -> set[str]:
        """The ids of the recognisers that a pattern of theirs matched."""
        return (
            {self._owners[index].id for index in self._set.Match(text) or ()}
            if self._set is not None
            else set()
        )


class KindTable:
    """Recognisers compiled once; raises ValueError for an id given twice, a pattern re2 refuses, or no evidence."""

    __slots__ = ("_by_content", "_names", "_recognisers", "_texts")

    def __init__(self, recognisers: Iterable[Recogniser] = ()) -> None:
        self._recognisers = tuple(recognisers)
        ids = [recogniser.id for recogniser in self._recognisers]
        for recogniser in self._recognisers:
            if ids.count(recogniser.id) > 1:
                raise ValueError(f"recogniser `{recogniser.id}` is given twice")
            if not (recogniser.names or recogniser.magic or recogniser.text):
                raise ValueError(f"recogniser `{recogniser.id}` has no names, magic or text")
        self._by_content = tuple(r for r in self._recognisers if r.magic or r.text)
        self._names = _Patterns((name, r) for r in self._recognisers for name in r.names)
        self._texts = _Patterns((r.text, r) for r in self._recognisers if r.text)

    def by_name(self, name: str) -> list[KindFound]:
        """What a file name or an object key says, in the order of the table."""
        found = self._names.search(name)
        return [_found(r) for r in self._recognisers if r.id in found]

    def by_prefix(self, prefix: bytes) -> list[KindFound]:
        """What the first 4 KiB of a body or part say, in the order of the table; longer input is cut."""
        prefix = prefix[:PREFIX]
        text = as_text(prefix)
        found = self._texts.search(text) if text is not None else set()
        return [
            _found(r)
            for r in self._by_content
            if (r.text is None or r.id in found)
            and all(prefix.startswith(octets, at) for at, octets in r.magic)
        ]


def _found(recogniser: Recogniser) -> KindFound:
    return KindFound(recogniser.kind, recogniser.meeting, recogniser.id)
