"""Every carrier of tags behind one reader: headers, query, form fields, JSON and XML bodies.

The table is data (rules/tags.yaml); this module knows formats and no term.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from subrosa.facts.fields import Fields
from subrosa.facts.paths import Query, fold_name
from subrosa.facts.tagformats import READERS, TagFormat
from subrosa.facts.tagwords import Dictionary, Tag, TagMeaning, Vocabulary, canonical, items_in
from subrosa.facts.tagxml import read_tag_set
from subrosa.facts.unreadable import Ambiguity, UnreadableError

__all__ = [
    "FormCarrier",
    "HeaderCarrier",
    "JsonCarrier",
    "QueryCarrier",
    "Tag",
    "TagFormat",
    "TagMeaning",
    "TagTable",
    "Vocabulary",
    "XmlCarrier",
    "canonical",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderCarrier:
    """A header field that carries tags: one ``header``, or all that begin with ``prefix`` (the rest is the key)."""

    header: str | None = None
    prefix: str | None = None
    format: TagFormat = TagFormat.VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCarrier:
    """A query parameter that carries tags: one ``param``, or all that begin with ``prefix``."""

    param: str | None = None
    prefix: str | None = None
    format: TagFormat = TagFormat.VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class FormCarrier:
    """A form field that carries tags: one ``field``, or all that begin with ``prefix``."""

    field: str | None = None
    prefix: str | None = None
    format: TagFormat = TagFormat.VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonCarrier:
    """A place in a JSON body that carries tags.

    ``path`` is a lower-case dotted pattern, ``[]`` for any index and ``*`` for any key; the tag's key is ``key``,
    else what the last ``*`` stands for, else the member's own name.
    """

    path: str
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlCarrier:
    """An XML body that carries tags, known by the local name of its ``root`` element."""

    root: str


_MOST_SAID = 1000
_BINARY = b"-bin"
_USUAL = 200
"""Characters of a tag, of such as are remembered: a client says the same of one upload after another."""

type _Named = tuple[str, str, TagFormat]
"""Carrier name, fixed part of the key, format."""


@dataclass(frozen=True, slots=True)
class _Names:
    """Exact names and prefixes, all lower case, of one kind of carrier."""

    exact: Mapping[str, _Named]
    prefixes: tuple[tuple[str, str, TagFormat], ...]
    octets: frozenset[bytes]
    beginnings: tuple[bytes, ...]
    """The same as octets: whether `find` would find something is asked of every field of every request."""

    @classmethod
    def of(cls, kind: str, carriers: Iterable[tuple[str | None, str | None, TagFormat]]) -> "_Names":
        rows = list(carriers)
        return cls(
            {
                name.lower(): (kind + name.lower(), name.lower(), how)
                for name, _, how in rows
                if name is not None
            },
            tuple((prefix.lower(), f"{kind}{prefix.lower()}*", how) for _, prefix, how in rows if prefix),
            frozenset(name.lower().encode() for name, _, _ in rows if name is not None),
            tuple(prefix.lower().encode() for _, prefix, _ in rows if prefix),
        )

    def find(self, name: str) -> _Named | None:
        """The carrier of a lower-case name: its label, the key for formats without keys, the format."""
        found = self.exact.get(name)
        if found is None:
            for prefix, label, how in self.prefixes:
                if name.startswith(prefix):
                    return label, name[len(prefix) :], how
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTable:
    """The carriers and the vocabulary of tags.yaml, compiled when made, unchanged afterwards."""

    headers: tuple[HeaderCarrier, ...] = ()
    queries: tuple[QueryCarrier, ...] = ()
    forms: tuple[FormCarrier, ...] = ()
    json: tuple[JsonCarrier, ...] = ()
    xml: tuple[XmlCarrier, ...] = ()
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    _headers: _Names = field(init=False, repr=False, compare=False)
    _queries: _Names = field(init=False, repr=False, compare=False)
    _forms: _Names = field(init=False, repr=False, compare=False)
    _json: tuple[tuple[re.Pattern[str], JsonCarrier], ...] = field(init=False, repr=False, compare=False)
    _roots: frozenset[str] = field(init=False, repr=False, compare=False)
    _dictionary: Dictionary = field(init=False, repr=False, compare=False)
    _remembered: Callable[[Tag], frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        dictionary = Dictionary.of(self.vocabulary)
        compiled = {
            "_headers": _Names.of("", [(c.header, c.prefix, c.format) for c in self.headers]),
            "_queries": _Names.of("query:", [(c.param, c.prefix, c.format) for c in self.queries]),
            "_forms": _Names.of("form:", [(c.field, c.prefix, c.format) for c in self.forms]),
            "_json": tuple((_json_pattern(carrier.path), carrier) for carrier in self.json),
            "_roots": frozenset(carrier.root for carrier in self.xml),
            "_dictionary": dictionary,
            "_remembered": lru_cache(4096)(dictionary.bearing),
        }
        for name, value in compiled.items():
            object.__setattr__(self, name, value)

    def head_tags(self, fields: Fields, query: Query) -> tuple[list[Tag], Ambiguity | None]:
        """All tags of a head, fields first, each in order of appearance; and why some have no single reading.

        Every line counts, duplicates included, and so does a line that Connection nominates. Tags that say more
        than 1,000 things are cut there, and TOO_LARGE.
        """
        tags: list[Tag] = []
        doubt: Ambiguity | None = None
        names, beginnings = self._headers.octets, self._headers.beginnings
        for name, values in fields.index.items():
            if name in names or name.startswith(beginnings) or name.endswith(_BINARY):
                doubt = self._field_tags(tags, name, values) or doubt
        for name_sent, value_sent in query.pairs:
            carrier = self._queries.find(fold_name(name_sent))
            if carrier is not None:
                doubt = _read(tags, carrier, value_sent) or query.doubt(name_sent) or doubt
        bounded = _bounded(tags)
        return bounded, (doubt if len(bounded) == len(tags) else Ambiguity.TOO_LARGE)

    def _field_tags(self, tags: list[Tag], name: bytes, values: tuple[bytes, ...]) -> Ambiguity | None:
        carrier = self._headers.find(name.decode("latin-1"))
        doubt: Ambiguity | None = None
        if carrier is not None:
            for value in values:
                doubt = _read(tags, carrier, _text(value)) or doubt
        if name.endswith(_BINARY):
            doubt = self._binary_tags(tags, name, values, known=carrier is not None) or doubt
        return doubt

    def _binary_tags(
        self, tags: list[Tag], name: bytes, values: tuple[bytes, ...], *, known: bool
    ) -> Ambiguity | None:
        """The tags of gRPC metadata whose value is base64 (its name ends in ``-bin``, several joined by commas).

        A field that is a carrier under its whole name may hold plain text, so what is no base64 there is no fault.
        """
        carrier = self._headers.find(name.removesuffix(_BINARY).decode("latin-1"))
        doubt: Ambiguity | None = None
        for coded in (item.strip() for value in values for item in value.split(b",")) if carrier else ():
            try:
                octets = b64decode(coded.rstrip(b"=") + b"=" * (-len(coded.rstrip(b"=")) % 4), validate=True)
            except ValueError:
                doubt = doubt if known else Ambiguity.BAD_ENCODING
                continue
            if carrier is not None:
                doubt = _read(tags, carrier, _text(octets)) or doubt
        return doubt

    def is_form_carrier(self, name: str) -> bool:
        """Whether a form field of this name carries tags; any spelling of the name."""
        return self._forms.find(fold_name(name)) is not None

    def form_tags(self, name: str, value: str) -> list[Tag]:
        """The tags of one form field, none when it is no carrier; raises UnreadableError for a malformed value."""
        carrier = self._forms.find(fold_name(name))
        if carrier is None:
            return []
        tags: list[Tag] = []
        doubt = _read(tags, carrier, value)
        if doubt is not None:
            raise UnreadableError(doubt, f"form field `{carrier[0]}` holds tags that have no single reading")
        return _all_within_bounds(tags)

    def form_member(self, name: str, key: str, value: str) -> list[Tag] | None:
        """The tag of a field ``name[key]``, as PHP, Rails and Stripe write a map; None where ``name`` holds none.

        Raises UnreadableError for a value that says more than 1,000 things.
        """
        carrier = self._forms.find(name)
        if carrier is None or carrier[2] is not TagFormat.TEXT:
            return None
        return _all_within_bounds([Tag(carrier[0], key, value)])

    def json_carrier(self, path: str) -> JsonCarrier | None:
        """The carrier of a value at this lower-case dotted path (``metadata.purpose``, ``tags[].value``)."""
        for pattern, carrier in self._json:
            if pattern.fullmatch(path):
                return carrier
        return None

    def json_tags(self, path: str, key: str, value: str) -> list[Tag]:
        """The tag of one JSON scalar at a lower-case dotted path; ``key`` is the name of its own member.

        Raises UnreadableError for a value that says more than 1,000 things.
        """
        for pattern, carrier in self._json:
            match = pattern.fullmatch(path)
            if match is not None:
                name = carrier.key or (match[match.lastindex] if match.lastindex else key)
                return _all_within_bounds([Tag("json:" + carrier.path, name, value)])
        return []

    def xml_tags(self, document: bytes) -> list[Tag]:
        """The tags of an XML body, none under another root; raises UnreadableError for what has no single reading."""
        root, pairs = read_tag_set(document)
        if root not in self._roots:
            return []
        return _all_within_bounds([Tag("xml:" + root, key, value) for key, value in pairs])

    def meanings(self, tags: Iterable[Tag]) -> frozenset[TagMeaning]:
        """Everything the tags together mean; the order and number of tags change nothing."""
        return frozenset(meaning for _, meaning in self.explain(tags))

    def bearing(self, tag: Tag) -> frozenset[str]:
        """What a tag adds to others; of those with one bearing two stand for all, and one with none for nothing."""
        if len(tag.key) + len(tag.value) > _USUAL:
            return self._dictionary.bearing(tag)
        return self._remembered(tag)

    def explain(self, tags: Iterable[Tag]) -> tuple[tuple[Tag, TagMeaning], ...]:
        """Which tag gave which meaning, in the order of the tags."""
        return self._dictionary.explain(tags)


def _read(tags: list[Tag], carrier: _Named, text: str) -> Ambiguity | None:
    label, key, how = carrier
    pairs, doubt = READERS[how](key, text)
    tags.extend([Tag(label, name, value) for name, value in pairs])
    return doubt


def _bounded(tags: list[Tag]) -> list[Tag]:
    """The first tags that together say at most 1,000 things; an item of a list is one."""
    left = _MOST_SAID
    for position, tag in enumerate(tags):
        left -= items_in(tag.value)
        if left < 0:
            return tags[:position]
    return tags


def _all_within_bounds(tags: list[Tag]) -> list[Tag]:
    if len(_bounded(tags)) < len(tags):
        raise UnreadableError(Ambiguity.TOO_LARGE, "the tags say more than 1,000 things")
    return tags


def _text(value: bytes) -> str:
    """A field value as its sender meant it: UTF-8, else Latin-1."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _json_pattern(path: str) -> re.Pattern[str]:
    return re.compile("(.+)".join(re.escape(part) for part in path.lower().split("*")), re.DOTALL)
