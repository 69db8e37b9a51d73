"""What a GraphQL document asks for at its roots: the type of each operation, and the fields that it selects there.

The grammar is that of the specification (October 2021, and September 2025 with its descriptions). What decides is
read to the letter: definitions, selections of the roots, fragments. Below the roots tokens and brackets are checked.
What a server has to refuse (two definitions of one name, a fragment that is not there) has no reading either.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_DOCUMENT: Final = 64 * 1024
"""Characters of one document."""
MOST_OPERATIONS: Final = 100
MOST_DEFINITIONS: Final = 1000

OPERATION_TYPES: Final = ("query", "mutation", "subscription")

# A line that only some parsers end (U+0085, U+2028 …) cannot stand in a comment: what follows would have two readings.
_TOKEN: Final = re.compile(
    r"""(?:[\ufeff\t ,\n\r]|\#[^\n\r\x0b\x0c\x85\u2028\u2029]*+)*+
    (?:(?P<name>[_A-Za-z][_0-9A-Za-z]*+)
    |(?P<text>\"{3}(?:[^"\\]|\\(?:\"{3})?|"(?!""))*+\"{3}
      |"(?!"")(?:[^"\\\n\r]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,8}\}))*+")
    |(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![.\w]))
    |(?P<mark>\.\.\.|[!$&():=@\[\]{|}])
    |(?P<end>\Z))""",
    re.VERBOSE,
)
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation of a document: ``fields`` are the names of its root fields, aliases and fragments resolved."""

    type: str
    name: str
    fields: frozenset[str]


@dataclass(slots=True)
class _Selected:
    """What stands at the root of an operation or of a fragment."""

    fields: set[str] = field(default_factory=set)
    spreads: set[str] = field(default_factory=set)


@lru_cache(maxsize=16)
def read_graphql(text: str) -> tuple[Asked, ...] | UnreadableError:
    """The operations of a document, in order; or why it has no single reading: BAD_SYNTAX, DUPLICATE or TOO_LARGE."""
    if len(text) > MOST_DOCUMENT:
        return UnreadableError(Ambiguity.TOO_LARGE, "a graphql document over 64 KiB")
    try:
        return _Document(text).read()
    except UnreadableError as error:
        return error.with_traceback(None)


def _bad(why: str) -> UnreadableError:
    return UnreadableError(Ambiguity.BAD_SYNTAX, f"a graphql document {why}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        if found is None:
            raise _bad("holds what is no token")
        kind = found.lastgroup or "end"
        yield kind, found[kind]
        if kind == "end":
            return
        at = found.end()


class _Document:
    """A parser with one token of look-ahead."""

    __slots__ = ("_fragments", "_operations", "_rest", "kind", "text")

    def __init__(self, text: str) -> None:
        self._rest = _tokens(text)
        self.kind, self.text = next(self._rest)
        self._operations: list[tuple[str, str, _Selected]] = []
        self._fragments: dict[str, _Selected] = {}

    def read(self) -> tuple[Asked, ...]:
        """Every definition, then what each operation comes to."""
        while self.kind != "end":
            if len(self._operations) + len(self._fragments) >= MOST_DEFINITIONS:
                raise UnreadableError(Ambiguity.TOO_LARGE, "a graphql document of over 1,000 definitions")
            self._definition()
        names = [name for _, name, _ in self._operations]
        if not names:
            raise _bad("holds no operation")
        if len(names) > MOST_OPERATIONS:
            raise UnreadableError(Ambiguity.TOO_LARGE, "a graphql document of over 100 operations")
        if len(set(names)) < len(names) or ("" in names and len(names) > 1):
            raise UnreadableError(Ambiguity.DUPLICATE, "a graphql document with two operations of one name")
        return tuple(Asked(kind, name, self._resolved(root)) for kind, name, root in self._operations)

    def _definition(self) -> None:
        if self.text == "{":
            self._operations.append(("query", "", self._selections()))
            return
        if self.kind == "text":
            self._take()
        keyword = self._name()
        if keyword in OPERATION_TYPES:
            name = self._name() if self.kind == "name" else ""
            self._skip_group("(")
            self._directives()
            self._operations.append((keyword, name, self._selections()))
        elif keyword == "fragment":
            self._fragment()
        else:
            raise _bad("defines what is neither an operation nor a fragment")

    def _fragment(self) -> None:
        name = self._name()
        if name == "on" or self._name() != "on":
            raise _bad("has a fragment without its type")
        self._name()
        self._directives()
        if name in self._fragments:
            raise UnreadableError(Ambiguity.DUPLICATE, "a graphql document with two fragments of one name")
        self._fragments[name] = self._selections()

    def _selections(self) -> _Selected:
        """A selection set; the inline fragments in it select for the same root."""
        found = _Selected()
        self._expect("{")
        depth, empty = 1, True
        while depth:
            if self.text == "}" and self.kind == "mark" and not empty:
                self._take()
                depth -= 1
            elif self.text == "..." and self.kind == "mark":
                empty = self._spread(found)
                depth += empty
            else:
                self._field(found)
                empty = False
        return found

    def _spread(self, found: _Selected) -> bool:
        """A fragment by name, or the beginning of an inline one; whether the latter."""
        self._take()
        if self.kind == "name" and self.text != "on":
            found.spreads.add(self._name())
            self._directives()
            return False
        if self.kind == "name":
            self._take()
            self._name()
        self._directives()
        self._expect("{")
        return True

    def _field(self, found: _Selected) -> None:
        name = self._name()
        if self.text == ":" and self.kind == "mark":
            self._take()
            name = self._name()
        found.fields.add(name)
        self._skip_group("(")
        self._directives()
        self._skip_group("{")

    def _directives(self) -> None:
        while self.text == "@" and self.kind == "mark":
            self._take()
            self._name()
            self._skip_group("(")

    def _skip_group(self, opener: str) -> None:
        """Everything to the bracket that closes this one, where it stands here."""
        if self.text != opener or self.kind != "mark":
            return
        closers: list[str] = []
        while True:
            if self.kind == "mark" and self.text in _CLOSES:
                closers.append(_CLOSES[self.text])
            elif self.kind == "end" or (self.kind == "mark" and self.text in ")]}"):
                if self.text != closers.pop():
                    raise _bad("has brackets that do not match")
                if not closers:
                    self._take()
                    return
            self._take()

    def _name(self) -> str:
        name = self.text
        if self.kind != "name":
            raise _bad("lacks a name")
        self._take()
        return name

    def _expect(self, mark: str) -> None:
        if self.kind != "mark" or self.text != mark:
            raise _bad(f"lacks a `{mark}`")
        self._take()

    def _take(self) -> None:
        self.kind, self.text = next(self._rest)

    def _resolved(self, root: _Selected) -> frozenset[str]:
        """The fields of a root with those of every fragment that it comes to."""
        fields, seen, waiting = set(root.fields), set(root.spreads), list(root.spreads)
        while waiting:
            fragment = self._fragments.get(waiting.pop())
            if fragment is None:
                raise _bad("spreads a fragment that it does not define")
            fields |= fragment.fields
            waiting += fragment.spreads - seen
            seen |= fragment.spreads
        return frozenset(fields)
