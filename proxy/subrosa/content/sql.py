"""What a SQL script does: the words that each statement begins with, and the functions that it calls.

Read from tokens, so a comment, a string or a column that only names a statement says nothing. What is put together
while it runs (`EXECUTE IMMEDIATE` of an expression) has no reading; a stored procedure hides what it does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from subrosa.content.sqltokens import ENGINES, Dialect, Token, TokenKind, tokens
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_SCRIPT: Final = 64 * 1024
"""Characters of one script."""
MOST_WORDS: Final = 6
"""Words of a statement's beginning that are kept."""
_NEAR: Final = 8
_MOST_DEPTH: Final = 3
"""Scripts in strings of scripts."""

_NAMES: Final = frozenset({TokenKind.WORD, TokenKind.NAME})
_ENDS: Final = frozenset({";", "->>"})
_OPENS_BLOCK: Final = frozenset({"begin", "then", "else", "do", "loop", "repeat"})
_BESIDE: Final = (("or", "replace"), ("if", "not", "exists"), ("temporary",), ("temp",))
"""What may stand inside `CREATE MODEL` without making it another statement."""


@dataclass(frozen=True, slots=True)
class Call:
    """A called function by its dotted name; ``first`` is its first argument, None where that is no lone string."""

    name: str
    first: str | None


@dataclass(slots=True)
class Script:
    """One reading of a script. ``beginnings`` has one entry a statement: its words, then those of statements inside."""

    beginnings: list[list[tuple[str, ...]]] = field(default_factory=list)
    calls: set[Call] = field(default_factory=set)
    dynamic: bool = False
    """Whether it runs, or calls by name, what stands in no string of its own."""


@lru_cache(maxsize=16)
def read_sql(engine: str, text: str) -> tuple[Script, ...] | UnreadableError:
    """Every reading of a script, only to be read; the fault where there is none.

    Where an engine may cut in two ways, a way that leaves a string open is none: the engine would refuse it.
    """
    if len(text) > MOST_SCRIPT:
        return UnreadableError(Ambiguity.TOO_LARGE, "sql over 64 KiB")
    found: list[Script] = []
    fault: UnreadableError | None = None
    cut: set[tuple[bool, bool]] = set()
    for dialect in ENGINES[engine]:
        differs = dialect.nested and text.count("/*") > 1, dialect.escapes and "\\" in text
        if differs in cut:
            continue
        cut.add(differs)
        try:
            script = Script()
            _read(script, text, dialect, 0)
        except UnreadableError as error:
            fault = error.with_traceback(None)
        else:
            found.append(script)
    return tuple(found) if found or fault is None else fault


def _read(script: Script, text: str, dialect: Dialect, depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise UnreadableError(Ambiguity.TOO_DEEP, "sql in strings of sql")
    for statement in _statements(tokens(text, dialect)):
        script.beginnings.append(list(_beginnings(statement)))
        script.calls.update(_calls(statement, script))
        for inner in _immediate(statement, script):
            _read(script, inner, dialect, depth + 1)


def _statements(cut: Iterator[Token]) -> Iterator[list[Token]]:
    here: list[Token] = []
    for token in cut:
        if token.kind is TokenKind.MARK and token.text in _ENDS:
            if here:
                yield here
            here = []
        else:
            here.append(token)
    if here:
        yield here


def _beginnings(statement: list[Token]) -> Iterator[tuple[str, ...]]:
    yield _words(statement, 0)
    for at, token in enumerate(statement, 1):
        if token.kind is TokenKind.WORD and token.text in _OPENS_BLOCK:
            yield _words(statement, at)


def _words(statement: list[Token], at: int) -> tuple[str, ...]:
    """The names from ``at`` on, without what may stand between them; a quoted one that is alone keeps quotes."""
    found: list[str] = []
    while at < len(statement) and len(found) < MOST_WORDS:
        beside = next((words for words in _BESIDE if found and _stand(statement, at, words)), ())
        if beside:
            at += len(beside)
            continue
        name, after = _name(statement, at)
        if after == at:
            break
        found.append(name)
        at = after
    return tuple(found)


def _stand(statement: list[Token], at: int, words: tuple[str, ...]) -> bool:
    return [Token(TokenKind.WORD, word) for word in words] == statement[at : at + len(words)]


def _name(statement: list[Token], at: int) -> tuple[str, int]:
    """A name with its dots, and the place after it; the place itself where none stands there."""
    parts: list[str] = []
    first = at
    while at < len(statement) and statement[at].kind in _NAMES:
        parts.append(statement[at].text or "")
        at += 1
        if not (_is(statement, at, ".") and at + 1 < len(statement) and statement[at + 1].kind in _NAMES):
            break
        at += 1
    alone = len(parts) == 1 and statement[first].kind is TokenKind.NAME
    return (f'"{parts[0]}"' if alone else ".".join(parts)), at


def _is(statement: list[Token], at: int, mark: str) -> bool:
    return at < len(statement) and statement[at] == Token(TokenKind.MARK, mark)


def _calls(statement: list[Token], script: Script) -> Iterator[Call]:
    at = 0
    while at < len(statement):
        name, after = _name(statement, at)
        if after == at or not _is(statement, after, "("):
            at = max(after, at + 1)
            continue
        first = _first_argument(statement, after + 1)
        at = after + 1
        close = _close(statement, after + 1) if name == "identifier" else after
        if close > after and _is(statement, close + 1, "("):
            script.dynamic = script.dynamic or first is None
            name, first = (first or "").lower().replace('"', ""), _first_argument(statement, close + 2)
        yield Call(name.strip('"'), first)


def _close(statement: list[Token], at: int) -> int:
    """The place of the bracket that closes what begins at ``at``, 0 where none is near: `$name`, `:1`, `'name'`."""
    return next((place for place in range(at, at + _NEAR) if _is(statement, place, ")")), 0)


def _first_argument(statement: list[Token], at: int) -> str | None:
    if _is(statement, at, ")"):
        return ""
    ends = _is(statement, at + 1, ",") or _is(statement, at + 1, ")")
    return statement[at].text if ends and statement[at].kind is TokenKind.TEXT else None


def _immediate(statement: list[Token], script: Script) -> Iterator[str]:
    """The scripts in strings that a statement runs."""
    for at in range(len(statement) - 1):
        if not _stand(statement, at, ("execute", "immediate")):
            continue
        ran = statement[at + 2] if at + 2 < len(statement) else None
        after = statement[at + 3] if at + 3 < len(statement) else None
        whole = after is None or after.kind is TokenKind.WORD
        if ran is not None and whole and ran.kind is TokenKind.TEXT and ran.text is not None:
            yield ran.text
        else:
            script.dynamic = True
