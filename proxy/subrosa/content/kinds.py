"""Content kinds recognised by name, by magic octets and by the shape of text; what says which is data.

A recogniser says *meeting* only where its evidence does: a container's magic says *media* and no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import unquote

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


class Pattern(Protocol):
    """What is used of a compiled re2 pattern."""

    def search(self, text: bytes, /) -> object:
        """A match, or None."""
        ...


class KindTable:
    """Recognisers compiled once; raises ValueError for an id given twice, a pattern re2 refuses, or no evidence."""

    __slots__ = ("_any_name", "_any_text", "_by_content", "_by_name")

    def __init__(self, recognisers: Iterable[Recogniser] = ()) -> None:
        known: dict[str, Recogniser] = {}
        by_name: list[tuple[tuple[Pattern, ...], KindFound]] = []
        by_content: list[tuple[tuple[tuple[int, bytes], ...], Pattern | None, KindFound]] = []
        for one in recognisers:
            if one.id in known:
                raise ValueError(f"recogniser `{one.id}` is given twice")
            known[one.id] = one
            if not (one.names or one.magic or one.text):
                raise ValueError(f"recogniser `{one.id}` has no names, magic or text")
            found = KindFound(one.kind, one.meeting, one.id)
            if one.names:
                by_name.append((tuple(_compiled(one.id, name) for name in one.names), found))
            if one.magic or one.text:
                by_content.append((one.magic, _compiled(one.id, one.text) if one.text else None, found))
        self._by_name = tuple(by_name)
        self._any_name = _any_of(name for one in known.values() for name in one.names)
        self._any_text = _any_of(one.text for one in known.values() if one.text)
        self._by_content = tuple(by_content)

    def by_name(self, name: str) -> list[KindFound]:
        """What a file name or an object key says, in the order of the table; some clients percent-encode it."""
        spellings = [name.encode("utf-8", "replace")]
        if "%" in name:
            spellings.append(unquote(name).encode("utf-8", "replace"))
        any_name = self._any_name
        if any_name is None or not any(any_name.search(one) for one in spellings):
            return []
        return [
            found
            for patterns, found in self._by_name
            if any(pattern.search(one) for pattern in patterns for one in spellings)
        ]

    def by_prefix(self, prefix: bytes) -> list[KindFound]:
        """What the first 4 KiB of a body or part say, in the order of the table; longer input is cut."""
        prefix = prefix[:PREFIX]
        text = as_text(prefix)
        octets = None if text is None else text.encode()
        if octets is not None and (self._any_text is None or not self._any_text.search(octets)):
            octets = None
        return [
            found
            for magic, pattern, found in self._by_content
            if all(prefix.startswith(sign, at) for at, sign in magic)
            and (pattern is None or (octets is not None and pattern.search(octets)))
        ]


def _any_of(patterns: Iterable[str]) -> Pattern | None:
    """One pattern that is found where any of these is: most of what passes is ruled out by one search."""
    every = "|".join(f"(?:{pattern})" for pattern in patterns)
    return _compiled("all", every) if every else None


def _compiled(owner: str, pattern: str) -> Pattern:
    """One at a time: a set of re2 patterns answers nothing, silently, once its automaton outgrows its memory."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        compiled: Pattern = re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise ValueError(f"recogniser `{owner}`: `{pattern}` is no re2 pattern") from error
    return compiled
