"""Content kinds recognised by name, by magic octets and by the shape of text; what says which is data.

A recogniser says *meeting* only where its evidence does: a container's magic says *media* and no more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import unquote

import re2

from subrosa.content.textprefix import as_text
from subrosa.facts.body import Kind, KindFound

PREFIX: Final = 4 * 1024
"""Octets of a body or part that recognisers look at."""
_USUAL: Final = 200
"""Characters of a name, of such as are remembered: most requests of a client have one of few paths."""


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

    __slots__ = ("_by_content", "_by_sign", "_names", "_remembered", "_texts")

    def __init__(self, recognisers: Iterable[Recogniser] = ()) -> None:
        known: dict[str, Recogniser] = {}
        by_name: list[tuple[str, str, KindFound]] = []
        by_content: list[tuple[Recogniser, KindFound]] = []
        for one in recognisers:
            if one.id in known:
                raise ValueError(f"recogniser `{one.id}` is given twice")
            known[one.id] = one
            if not (one.names or one.magic or one.text):
                raise ValueError(f"recogniser `{one.id}` has no names, magic or text")
            found = KindFound(one.kind, one.meeting, one.id)
            by_name += [(one.id, name, found) for name in one.names]
            if one.magic or one.text:
                by_content.append((one, found))
        self._names = Names(by_name)
        self._remembered = lru_cache(4096)(self._said_by)
        self._by_content = tuple(by_content)
        self._texts = Names([(one.id, one.text, at) for at, (one, _) in enumerate(by_content) if one.text])
        by_sign: dict[int, dict[bytes, list[int]]] = {}
        for number, (one, _) in enumerate(by_content):
            if one.magic:
                at, sign = one.magic[0]
                by_sign.setdefault(at, {}).setdefault(sign[:1], []).append(number)
        self._by_sign = tuple(by_sign.items())

    @property
    def texts(self) -> tuple[str, ...]:
        """The patterns of text without one of which a prefix that has no magic says nothing."""
        return tuple(one.text for one, _ in self._by_content if one.text is not None)

    def has_magic(self, prefix: bytes) -> bool:
        """Whether the first octet of a sign stands where that is looked for; most prefixes have none."""
        return any(prefix[at : at + 1] in numbered for at, numbered in self._by_sign)

    def by_name(self, name: str) -> tuple[KindFound, ...]:
        """What a file name or an object key says, each once; some clients percent-encode it."""
        if not name:
            return ()
        return self._remembered(name) if len(name) <= _USUAL else self._said_by(name)

    def _said_by(self, name: str) -> tuple[KindFound, ...]:
        found = self._names.search(name.encode("utf-8", "replace"))
        if "%" in name:
            found += self._names.search(unquote(name).encode("utf-8", "replace"))
        return tuple(dict.fromkeys(found))

    def by_prefix(self, prefix: bytes) -> list[KindFound]:
        """What the first 4 KiB of a body or part say, in the order of the table; longer input is cut."""
        prefix = prefix[:PREFIX]
        text = as_text(prefix)
        said = frozenset() if text is None else frozenset(self._texts.search(text.encode()))
        numbers = {number for number in said if not self._by_content[number][0].magic}
        for at, numbered in self._by_sign:
            for number in numbered.get(prefix[at : at + 1], ()):
                one = self._by_content[number][0]
                signs = all(prefix.startswith(sign, at) for at, sign in one.magic)
                if signs and (one.text is None or number in said):
                    numbers.add(number)
        return [self._by_content[number][1] for number in sorted(numbers)]


class Names[T]:
    """Patterns of names or texts, each with what it says: one search where none is found, two where some are.

    A set of re2 patterns answers nothing, silently, once its automaton outgrows its memory. So one pattern that is
    found where any of them is goes first; where it is found and the set says nothing, each is asked by itself.
    """

    __slots__ = ("_any", "_found", "_patterns", "_set")

    def __init__(self, rows: Sequence[tuple[str, str, T]], memory: int = 8 << 20) -> None:
        self._found = tuple(found for _, _, found in rows)
        self._patterns = tuple(_compiled(owner, pattern) for owner, pattern, _ in rows)
        self._any = any_of(pattern for _, pattern, _ in rows)
        self._set = _set_of([pattern for _, pattern, _ in rows], memory)

    def search(self, name: bytes) -> list[T]:
        """What a name says, each once, in order."""
        if self._any is None or not self._any.search(name):
            return []
        numbers = None if self._set is None else self._set.Match(name)
        if not numbers:
            numbers = [at for at, pattern in enumerate(self._patterns) if pattern.search(name)]
        return list(dict.fromkeys(self._found[at] for at in sorted(numbers)))


def _set_of(patterns: Sequence[str], memory: int) -> re2.Set | None:
    """The patterns as a set, or None where so much memory does not do."""
    options = _options()
    options.max_mem = memory
    made = re2.Set.SearchSet(options)
    try:
        for pattern in patterns:
            made.Add(pattern.encode())
        made.Compile()
    except re2.error:
        return None
    return made


def any_of(patterns: Iterable[str]) -> Pattern | None:
    """One pattern that is found where any of these is: most of what passes is ruled out by one search."""
    every = "|".join(f"(?:{pattern})" for pattern in patterns)
    return _compiled("all", every) if every else None


def _compiled(owner: str, pattern: str) -> Pattern:
    try:
        compiled: Pattern = re2.compile(pattern.encode(), _options())
    except re2.error as error:
        raise ValueError(f"recogniser `{owner}`: `{pattern}` is no re2 pattern") from error
    return compiled


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return options
