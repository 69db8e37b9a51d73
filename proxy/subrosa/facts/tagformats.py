"""The formats in which carriers write tags, each read in one way: text to key-value pairs.

A reader gives the pairs it could read, and why the rest has no single reading. ``key`` is the carrier's own name
for formats without keys.
"""

import base64
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from urllib.parse import unquote

from subrosa.facts.paths import Query
from subrosa.facts.tagxml import read_tag_set
from subrosa.facts.unreadable import Ambiguity, UnreadableError

type Pairs = tuple[tuple[str, str], ...]
type Reader = Callable[[str, str], tuple[Pairs, Ambiguity | None]]


class TagFormat(StrEnum):
    """How a carrier writes its tags."""

    QUERY = "query"
    VALUE = "value"
    BAGGAGE = "baggage"
    DICTIONARY = "dictionary"
    METADATA = "metadata"
    TAGSET_XML = "tagset-xml"
    TEXT = "text"


def _query(_key: str, text: str) -> tuple[Pairs, Ambiguity | None]:
    """``purpose=ml%20training&data-class=meeting``: x-amz-tagging, x-ms-tags."""
    try:
        query = Query.parse(text.replace(" ", "+"))
    except UnreadableError as error:
        return (), error.ambiguity
    return query.pairs, query.ambiguity


def _value(key: str, text: str) -> tuple[Pairs, Ambiguity | None]:
    """The whole text is the value: x-amz-meta-*, x-goog-meta-*, form and JSON fields."""
    return ((key, text),), None


def _baggage(_key: str, text: str) -> tuple[Pairs, Ambiguity | None]:
    """W3C Baggage: ``k=v;property=x, k=v``; values percent-encoded; properties count as tags of their own."""
    pairs: list[tuple[str, str]] = []
    doubt: Ambiguity | None = None
    for member in re.split("[,;]", text):
        key, mark, value = member.partition("=")
        if mark:
            pairs.append((key.strip(" \t"), unquote(value.strip(" \t"), errors="replace")))
        elif _SUSPECT in member.casefold():
            doubt = Ambiguity.BAD_SYNTAX
    return tuple(pairs), doubt


_SF_KEY = r"[a-z*][a-z0-9_.*-]*"
_SF_TOKEN = r"[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*"  # noqa: S105 - RFC 9651's word for a word
_SF_BARE = (
    rf"(?:{_SF_TOKEN}|-?[0-9]{{1,15}}(?:\.[0-9]{{1,3}})?|\"(?:[ !#-\[\]-~]|\\[\"\\])*\"|:[A-Za-z0-9+/=]*:"
    r"|\?[01]|@-?[0-9]{1,15}|%\"(?:[ !#$&-~]|%[0-9a-f]{2})*\")"
)
_SF_PARAMETERS = rf"(?:; *{_SF_KEY}(?:={_SF_BARE})?)*"
_SF_ITEM = _SF_BARE + _SF_PARAMETERS
_SF_INNER = rf"\( *(?:{_SF_ITEM}(?: +{_SF_ITEM})*)? *\){_SF_PARAMETERS}"
_SF_MEMBER = re.compile(rf"({_SF_KEY})(?:=(?:({_SF_BARE}){_SF_PARAMETERS}|{_SF_INNER})|{_SF_PARAMETERS})")
_SF_COMMA = re.compile(r"[ \t]*,[ \t]*(?=.)", re.DOTALL)


def _dictionary(_key: str, text: str) -> tuple[Pairs, Ambiguity | None]:
    """RFC 9651 dictionary of Content-Usage (AIPREF): only the tokens ``y`` and ``n`` have a meaning.

    A text that is no dictionary says nothing (and allows nothing); it is unreadable when it speaks of training.
    Of duplicate keys every member counts, where AIPREF reads the last one: the most restrictive wins.
    """
    text = text.strip(" ")
    pairs: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        if position:
            comma = _SF_COMMA.match(text, position)
            position = -1 if comma is None else comma.end()
        member = _SF_MEMBER.match(text, position) if position >= 0 else None
        if member is None:
            return (), Ambiguity.BAD_SYNTAX if _SUSPECT in text.casefold() else None
        if member[2] in _PREFERENCES:
            pairs.append((member[1], member[2]))
        position = member.end()
    return tuple(pairs), None


_PREFERENCES = frozenset({"y", "n"})
_SUSPECT = "train"


def _metadata(_key: str, text: str) -> tuple[Pairs, Ambiguity | None]:
    """Tus 1.0 Upload-Metadata: ``key base64,key base64,key``."""
    pairs: list[tuple[str, str]] = []
    doubt: Ambiguity | None = None
    for element in text.split(","):
        key, _, encoded = element.strip(" \t").partition(" ")
        try:
            pairs.append((key, base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8")))
        except ValueError:
            doubt = Ambiguity.BAD_ENCODING
    return tuple(pairs), doubt


def _tag_set(_key: str, text: str) -> tuple[Pairs, Ambiguity | None]:
    """S3 ``<Tagging>`` and Azure ``<Tags>`` as text, the form field ``tagging``."""
    try:
        return read_tag_set(text.encode("utf-8"))[1], None
    except UnreadableError as error:
        return (), error.ambiguity
    except UnicodeError:
        return (), Ambiguity.BAD_CHARSET


READERS: Mapping[TagFormat, Reader] = {
    TagFormat.QUERY: _query,
    TagFormat.VALUE: _value,
    TagFormat.BAGGAGE: _baggage,
    TagFormat.DICTIONARY: _dictionary,
    TagFormat.METADATA: _metadata,
    TagFormat.TAGSET_XML: _tag_set,
    TagFormat.TEXT: _value,
}
"""The reader of each format. ``text`` is a value whose items may be ``key=value`` or ``agent: value``."""
