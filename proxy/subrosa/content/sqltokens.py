"""The tokens of SQL as each engine cuts them; where an engine's documentation leaves two ways open, both are cut.

Sources: GoogleSQL's "Lexical structure and syntax"; Snowflake's "String & binary data types", "Identifier requirements"
and "Comments"; Amazon Redshift's "Names and identifiers" and PostgreSQL 8's "Lexical Structure", on which it stands.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final

from subrosa.facts.unreadable import Ambiguity, UnreadableError


class TokenKind(Enum):
    """What a token is; comments and white space are none."""

    WORD = "word"
    NAME = "name"
    """An identifier in quotes: never a keyword."""
    TEXT = "text"
    """A string."""
    MARK = "mark"
    """Everything else, numbers too."""


@dataclass(frozen=True, slots=True)
class Token:
    """``text`` is folded and without quotes; None for a string whose value has no plain reading."""

    kind: TokenKind
    text: str | None


@dataclass(frozen=True)
class Dialect:
    """One way to cut."""

    comments: tuple[str, ...] = ("--",)
    """What begins a comment to the end of the line."""
    nested: bool = False
    """Whether a comment in a comment must be closed too."""
    escapes: bool = True
    """Whether a backslash in a string escapes what follows."""
    triple: bool = False
    """Strings in three quotes, in double quotes, and with the prefixes r and b."""
    dollar: str | None = None
    """The tag of ``$tag$ … $tag$``, as a pattern."""
    name_quote: str = '"'

    @cached_property
    def token(self) -> re.Pattern[str]:
        """The next token or comment; what ends at a mark of its own, by its beginning only."""
        line = "|".join(map(re.escape, self.comments))
        quote = self.name_quote
        inner = rf"[^{quote}\\]++|\\." if self.triple else f"[^{quote}]++|{quote}{quote}"
        dollar = "" if self.dollar is None else rf"(?P<dollar>\$(?:{self.dollar})\$)|"
        return re.compile(
            rf"(?P<space>\s++)|(?P<line>(?:{line})[^\n\r]*+)|(?P<block>/\*)|{dollar}{self._strings()}"
            rf"(?P<name>{quote}(?:{inner})*+{quote})|(?P<word>[^\W\d][\w$]*+)|(?P<mark>->>|[0-9][\w.]*+|.)",
            re.DOTALL,
        )

    @property
    def quotes(self) -> frozenset[str]:
        """Characters that begin a string or a quoted name, and so never stand alone."""
        return frozenset({"'", self.name_quote, '"' if self.triple else "'"})

    def _strings(self) -> str:
        if not self.triple:
            return rf"(?P<text>{self._plain("'")})|"
        bodies = (rf"{q * 3}(?:[^{q}\\]++|\\.|{q}(?!{q}{q}))*+{q * 3}" for q in "'\"")
        either = "|".join((*bodies, *map(self._plain, "'\"")))
        return rf"(?P<text>(?P<prefix>[rR][bB]?|[bB][rR]?)?(?:{either}))|"

    def _plain(self, quote: str) -> str:
        twice = "" if self.triple else f"|{quote}{quote}"
        inner = rf"[^{quote}\\]++|\\.{twice}" if self.escapes else f"[^{quote}]++{twice}"
        return f"{quote}(?:{inner})*+{quote}"


ENGINES: Final[dict[str, tuple[Dialect, ...]]] = {
    "bigquery": (Dialect(comments=("--", "#"), triple=True, name_quote="`"),),
    "snowflake": tuple(Dialect(comments=("--", "//"), nested=nested, dollar="") for nested in (False, True)),
    "redshift": tuple(
        Dialect(nested=nested, escapes=escapes, dollar=r"(?:[^\W\d]\w*+)?")
        for nested in (False, True)
        for escapes in (False, True)
    ),
}
"""The engines, and the ways in which each may cut."""

_BLOCK: Final = re.compile(r"/\*|\*/")
_UNESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "`": "`", "\n": ""}
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def tokens(text: str, dialect: Dialect) -> Iterator[Token]:
    """Cut a script.

    Raises:
        UnreadableError: TRUNCATED for what nothing closes, BAD_SYNTAX for a comment that only some would end.
    """
    at, pattern = 0, dialect.token
    while (found := pattern.match(text, at)) is not None:
        at = found.end()
        match found.lastgroup:
            case "line" if text.startswith("\r", at) and not text.startswith("\r\n", at):
                raise UnreadableError(Ambiguity.BAD_SYNTAX, "sql with a comment that ends in a lone return")
            case "block":
                at = _after_comment(text, at, nested=dialect.nested)
            case "dollar":
                end = text.find(found[0], at)
                if end < 0:
                    raise _endless("string")
                yield Token(TokenKind.TEXT, text[at:end])
                at = end + len(found[0])
            case "word" | "name" | "text" | "mark" as kind:
                yield _token(kind, found, dialect)


def _token(kind: str, found: re.Match[str], dialect: Dialect) -> Token:
    text = found[0]
    match kind:
        case "word":
            return Token(TokenKind.WORD, text.lower())
        case "name":
            return Token(TokenKind.NAME, text[1:-1].lower())
        case "text":
            return Token(TokenKind.TEXT, _value(found, dialect))
    if text in dialect.quotes:
        raise _endless("quote")
    return Token(TokenKind.MARK, text)


def _endless(what: str) -> UnreadableError:
    return UnreadableError(Ambiguity.TRUNCATED, f"sql with a {what} that nothing closes")


def _value(found: re.Match[str], dialect: Dialect) -> str | None:
    """What a string says, or None where an escape says it in numbers, or it says octets."""
    prefix = (found["prefix"] or "").lower() if dialect.triple else ""
    body = found[0][len(prefix) :]
    quote = 3 if dialect.triple and body[:3] in ("'''", '"""') else 1
    inner = body[quote:-quote]
    if not dialect.triple:
        inner = inner.replace(body[0] * 2, body[0])
    if "b" in prefix:
        return None
    if not dialect.escapes or "r" in prefix or "\\" not in inner:
        return inner
    if any(one[1] not in _UNESCAPED for one in _ESCAPE.finditer(inner)):
        return None
    return _ESCAPE.sub(lambda one: _UNESCAPED[one[1]], inner)


def _after_comment(text: str, at: int, *, nested: bool) -> int:
    depth = 1
    while depth:
        found = _BLOCK.search(text, at)
        if found is None:
            raise _endless("comment")
        at = found.end()
        if found[0] == "*/":
            depth -= 1
        elif nested:
            depth += 1
    return at
