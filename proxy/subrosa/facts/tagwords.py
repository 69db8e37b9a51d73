"""What a tag says: one spelling for every value, and the closed vocabulary that gives it a meaning.

Nothing here ever grants: a tag can mark content, protect it, or say that it goes to training.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

from subrosa.facts.encodedwords import decode_words


@dataclass(frozen=True, slots=True)
class Tag:
    """A purpose statement that travels with a transfer, key and value as sent after the carrier's own decoding.

    ``carrier`` names where it was found in the words of tags.yaml (``x-amz-tagging``, ``query:x-amz-tagging``,
    ``form:tagging``, ``json:metadata.*``, ``xml:Tagging``): a closed set.
    """

    carrier: str
    key: str
    value: str


class TagMeaning(StrEnum):
    """What tags can mean, the most restrictive first."""

    TRAINING = "training"
    SIGNAL = "signal"
    PROTECTED = "protected"
    CONTENT = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The closed lists of tags.yaml; every entry may be spelled in any way that ``canonical`` makes one.

    ``compound``: terms that say training under any key, as a value or as a key that is switched on; ``key=value``
    entries (``train-ai=y``) are composites, where ``y``, ``yes``, ``true``, ``1`` and ``on`` are one value.
    ``protected``: the same for terms that forbid training (``noai``, ``train-ai=n``, ``tdm-reservation=1``).
    ``bare``: words that say training only under one of ``purpose_keys`` and beside a word of ``companions`` in
    another tag. ``naming_keys``: keys that name a thing (``title``, ``topic``) and state no purpose: what stands under
    them is a hint at most, for a talk may be about training. ``content_keys`` with ``content_values``: tags that say
    meeting content.
    """

    compound: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    purpose_keys: frozenset[str] = frozenset()
    companions: frozenset[str] = frozenset()
    naming_keys: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    content_keys: frozenset[str] = frozenset()
    content_values: frozenset[str] = frozenset()


_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_BETWEEN = re.compile(r"[\s_./:+\u2010-\u2015\u2212-]+")
_ITEMS = re.compile(r"[,;|\n]")
_SEPARATING = ",;|\n%\uff0c\uff1b"
"""What separates items, as it may stand in a value that is still encoded."""
_KEYED = re.compile(r"[=:]")
_SHORT = 64
"""Characters of a text whose spelling is worth remembering: keys and values come again and again."""
_WRAPPING = " \t\r\"'()[]{}<>"
_SWITCH = {
    **dict.fromkeys("y yes true 1 on ?1 enabled allowed".split(), "y"),
    **dict.fromkeys("n no false 0 off ?0 disabled".split(), "n"),
}
_SWITCHED = {"y": TagMeaning.TRAINING, "": TagMeaning.TRAINING, "n": TagMeaning.PROTECTED}
"""What a key that is itself a training term means with this value."""


def decoded(text: str) -> str:
    """The text without the escapes that carriers add: percent-encoding once, encoded-words, compatibility forms."""
    if text.isascii() and "%" not in text and "=?" not in text:
        return text
    if _ESCAPE.search(text):
        text = unquote(text, errors="replace")
    text = unicodedata.normalize("NFKC", decode_words(text))
    return "".join([char for char in text if unicodedata.category(char) != "Cf"])


def canonical(text: str) -> str:
    """The one spelling of a key, a value or a term: ``Model_Training``, ``model%20training`` are ``model-training``."""
    return _canonical_of_short(text) if len(text) <= _SHORT else _canonical(text)


def _canonical(text: str) -> str:
    return _BETWEEN.sub("-", decoded(text).casefold().strip(_WRAPPING)).strip("-")


_canonical_of_short = lru_cache(maxsize=4096)(_canonical)


def _squeezed(text: str) -> str:
    """Canonical without its dashes, so that ``FineTune``, ``fine-tune`` and ``finetune`` are one term."""
    return canonical(text).replace("-", "")


@dataclass(frozen=True, slots=True)
class _Statement:
    """One thing that one tag says, key and value canonical; a list value says several."""

    tag: Tag
    key: str
    value: str

    @property
    def squeezed(self) -> tuple[str, str]:
        """Key and value without dashes."""
        return self.key.replace("-", ""), self.value.replace("-", "")

    @property
    def words(self) -> set[str]:
        return {*self.key.split("-"), *self.value.split("-")}


def items_in(value: str) -> int:
    """At most so many things a value says: the items of its list, encoded separators included."""
    return 1 + sum(map(value.count, _SEPARATING)) if len(value) > 1 else 1


def _statements(tag: Tag) -> Iterator[_Statement]:
    """What a tag says: its value, each item of a list, and each ``key=value`` or ``agent: value`` in an item.

    A key that is a ``key=value`` by itself, escaped once too often, says that too.
    """
    key = canonical(tag.key)
    if "=" in tag.key or "%" in tag.key:
        outer = decoded(tag.key).partition("=")
        if outer[1]:
            yield _Statement(tag, canonical(outer[0]), canonical(outer[2]))
    for item in dict.fromkeys(_ITEMS.split(decoded(tag.value))):
        yield _Statement(tag, key, canonical(item))
        inner = _KEYED.split(item, maxsplit=1)
        if len(inner) > 1:
            yield _Statement(tag, canonical(inner[0]), canonical(inner[1]))


@dataclass(frozen=True, slots=True)
class _Terms:
    """Words and composites of one list."""

    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, entries: Iterable[str]) -> "_Terms":
        split = [entry.partition("=") for entry in entries]
        return cls(
            frozenset(_squeezed(key) for key, mark, _ in split if not mark),
            frozenset(
                (_squeezed(key), _SWITCH.get(_squeezed(value), _squeezed(value)))
                for key, mark, value in split
                if mark
            ),
        )

    def said_by(self, key: str, value: str) -> bool:
        return value in self.words or (key, _SWITCH.get(value, value)) in self.pairs


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A vocabulary made ready: every entry canonical, composites apart."""

    compound: _Terms
    protected: _Terms
    bare: frozenset[str]
    purpose_keys: frozenset[str]
    companions: frozenset[str]
    naming_keys: frozenset[str]
    content_keys: frozenset[str]
    content_values: frozenset[str]

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Dictionary":
        """Compile a vocabulary; done once, when the policy is built."""
        return cls(
            _Terms.of(vocabulary.compound),
            _Terms.of(vocabulary.protected),
            frozenset(map(_squeezed, vocabulary.bare)),
            frozenset(map(_squeezed, vocabulary.purpose_keys)),
            frozenset(map(canonical, vocabulary.companions)),
            frozenset(map(_squeezed, vocabulary.naming_keys)),
            frozenset(map(_squeezed, vocabulary.content_keys)),
            frozenset(map(_squeezed, vocabulary.content_values)),
        )

    def explain(self, tags: Iterable[Tag]) -> tuple[tuple[Tag, TagMeaning], ...]:
        """Which tag means what, in the order of the tags; a tag may mean more than one thing."""
        said = [(statement, self._said(statement)) for tag in tags for statement in _statements(tag)]
        companions: list[_Statement] | None = None
        found: dict[tuple[Tag, TagMeaning], None] = {}
        for statement, meanings in said:
            found.update(dict.fromkeys((statement.tag, meaning) for meaning in meanings))
            if TagMeaning.SIGNAL in meanings and self._states_purpose(*statement.squeezed):
                if companions is None:
                    companions = self._companions(said)
                if any(companion is not statement for companion in companions[:2]):
                    found[statement.tag, TagMeaning.TRAINING] = None
        return tuple(found)

    def bearing(self, tag: Tag) -> frozenset[str]:
        """What a tag adds to others, in words that only compare; empty where it says nothing that could count."""
        found: set[str] = set()
        for statement in _statements(tag):
            meanings = self._said(statement)
            found.update(meanings)
            if TagMeaning.SIGNAL in meanings and self._states_purpose(*statement.squeezed):
                found.add("purpose")
            if self._companions([(statement, meanings)]):
                found.add("companion")
        return frozenset(found)

    def _said(self, statement: _Statement) -> list[TagMeaning]:
        """What a statement means by itself; a name only hints."""
        meanings = self._alone(*statement.squeezed)
        if TagMeaning.TRAINING in meanings and _squeezed(statement.tag.key) in self.naming_keys:
            return [TagMeaning.SIGNAL]
        return meanings

    def _alone(self, key: str, value: str) -> list[TagMeaning]:
        """What a statement means without looking at the others."""
        switch = _SWITCH.get(value, value)
        meanings = []
        if self.compound.said_by(key, value):
            meanings.append(TagMeaning.TRAINING)
        elif key in self.compound.words:
            meanings.append(_SWITCHED.get(switch, TagMeaning.SIGNAL))
        if value in self.bare or (key in self.bare and switch == "y"):
            meanings.append(TagMeaning.SIGNAL)
        if self.protected.said_by(key, value) or (key in self.protected.words and switch in {"y", ""}):
            meanings.append(TagMeaning.PROTECTED)
        if key in self.content_keys and value in self.content_values:
            meanings.append(TagMeaning.CONTENT)
        return meanings

    def _states_purpose(self, key: str, value: str) -> bool:
        return value in self.bare and key in self.purpose_keys

    def _companions(self, said: Iterable[tuple[_Statement, list[TagMeaning]]]) -> list[_Statement]:
        """The statements that say model, ml, ai or dataset without protecting from it."""
        return [
            statement
            for statement, meanings in said
            if TagMeaning.PROTECTED not in meanings and not self.companions.isdisjoint(statement.words)
        ]
