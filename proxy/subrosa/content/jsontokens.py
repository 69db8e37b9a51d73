"""The tokens of RFC 8259 as patterns over text that is already known to be valid UTF-8.

Possessive throughout: no pattern ever goes back, so each is linear in what it reads. The run patterns skip whole
stretches of an object or array that nobody needs, in one call; what they do not cover is left to the token loop, which
alone decides what is a fault.
"""

import re
from typing import Final

from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_NUMBER: Final = 1024
"""Characters of a number."""

_WS = r"[ \t\n\r]*+"
_ESCAPE = r"\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4})"
_INNER = rf"(?:[^\"\\\x00-\x1f]++|{_ESCAPE})*+"
_NUMBER = r"-?(?:0|[1-9][0-9]{0,40}+)(?:\.[0-9]{1,40}+)?+(?:[eE][+-]?[0-9]{1,9}+)?+"


def _value(string: str, depth: int) -> str:
    """A value with at most ``depth`` levels of arrays and objects in it."""
    scalar = rf"(?:{string}|{_NUMBER}|true|false|null)"
    if not depth:
        return scalar
    inner = _value(string, depth - 1)
    array = rf"\[{_WS}(?:{inner}{_WS}(?:,{_WS}(?!\])|(?=\])))*+\]"
    members = rf"\{{{_WS}(?:{string}{_WS}:{_WS}{inner}{_WS}(?:,{_WS}(?!\}})|(?=\}})))*+\}}"
    return rf"(?>{scalar}|{array}|{members})"


class Runs:
    """The run patterns; with ``plain`` they stop at a string that holds an escape."""

    __slots__ = ("elements", "last_element", "last_member", "member_value", "members")

    def __init__(self, *, plain: bool) -> None:
        string = r"\"[^\"\\\x00-\x1f]*+\"" if plain else rf"\"{_INNER}\""
        value = _value(string, RUN_DEPTH)
        member = rf"{_WS}{string}{_WS}:{_WS}{value}{_WS}"
        self.members = re.compile(rf"(?:{member},)*+")
        self.last_member = re.compile(rf"{member}\}}")
        self.member_value = re.compile(rf"{_WS}{value}{_WS}[,}}]")
        self.elements = re.compile(rf"(?:{_WS}{value}{_WS},)*+")
        self.last_element = re.compile(rf"{_WS}{value}{_WS}\]")


RUN_DEPTH: Final = 4
ALL_RUNS: Final = Runs(plain=False)
PLAIN_RUNS: Final = Runs(plain=True)

_SPACE: Final = re.compile(_WS)
INNER: Final = re.compile(_INNER)
"""As much of a string as is here, without its closing quote."""
PARTIAL_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
SIMPLE_KEY: Final = re.compile(rf"{_WS}\"([^\"\\\x00-\x1f]{{0,256}}+)\"{_WS}:")
ANY_KEY: Final = re.compile(rf"\"{_INNER}\"{_WS}:")
_NUMERIC: Final = re.compile(r"[-+.0-9eE]*+")
_WHOLE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+")
_WORD: Final = re.compile(r"[a-zA-Z]*+")
_WORDS: Final = frozenset({"true", "false", "null"})

_UNESCAPE: Final = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))"
)
_SHORT: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def space_end(text: str, at: int) -> int:
    """The offset after the white space that stands at ``at``."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def scalar_end(text: str, at: int) -> int:
    """The offset after what may be a number or a word at ``at``, judged by its characters alone."""
    found = (_WORD if text[at].isalpha() else _NUMERIC).match(text, at)
    return found.end() if found else at


def is_scalar(text: str) -> bool:
    """Whether this is a number, ``true``, ``false`` or ``null``."""
    return text in _WORDS or _WHOLE_NUMBER.fullmatch(text) is not None


def unescape(inner: str) -> str:
    """The text of a string token without its quotes; an unpaired surrogate stays one character."""
    return _UNESCAPE.sub(_one_escape, inner) if "\\" in inner else inner


def _one_escape(found: re.Match[str]) -> str:
    high, low, unit, short = found.groups()
    if high is not None:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    return chr(int(unit, 16)) if unit is not None else _SHORT.get(short, short)


def is_whole(text: str) -> bool:
    """Whether a text is the same for every reader: no NUL, no unpaired surrogate."""
    return not _BROKEN.search(text)


def broken_at(text: str) -> str:
    """The text as a reader sees it that stops at a NUL and drops unpaired surrogates."""
    return _BROKEN.sub("", text.partition("\0")[0])


def fault(char: str) -> UnreadableError:
    """Why a character cannot stand where it does."""
    if char in "\0\ufeff":
        return UnreadableError(Ambiguity.BAD_CHARSET, "json that is not utf-8, or has a byte order mark")
    return UnreadableError(Ambiguity.BAD_SYNTAX, "json that RFC 8259 does not allow")


_BROKEN: Final = re.compile("[\0\ud800-\udfff]")
