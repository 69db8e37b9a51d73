"""Where readers put what they find: values only at wanted places, tags only from carriers, everything bounded."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from subrosa.facts.body import BodyFacts, Want
from subrosa.facts.paths import fold_name
from subrosa.facts.tags import Tag, TagTable
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_VALUE: Final = 64 * 1024
"""Octets of one form value, characters of one JSON value; a longer one at a wanted place is TOO_LARGE."""

MOST_VALUES: Final = 1000
"""Distinct values of one place."""

MOST_TEXT: Final = 1024 * 1024
"""Characters of all values of one body, and of all its tags."""

MOST_TAGS: Final = 1000

TAGS: Final = "tags"
"""The place in ``BodyFacts.ambiguous`` that stands for every tag carrier of the body."""

_UTF8_NAMES: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_MOST_REMEMBERED: Final = 1000
_LONGEST_REMEMBERED: Final = 256
_MEMBER: Final = re.compile(r"([\w.-]+)\[([\w.-]*[^\W\d][\w.-]*)\]")
"""``metadata[key]``: one pair of brackets with a word in it; a number or nothing in them is an item of a list."""
_CHARSET_FIELD: Final = "_charset_"


@dataclass(frozen=True, slots=True)
class FormPlace:
    """A form field that somebody needs; ``exact`` is False for a spelling that servers read differently."""

    name: str
    wanted: bool
    carrier: bool
    exact: bool = True
    key: str = ""
    """What stands in the brackets of ``metadata[key]``, where that is one member of a map of tags."""


class Collector:
    """Writes into one ``BodyFacts`` what ``want`` asks for and what ``tags`` names as a carrier."""

    __slots__ = ("_form_places", "_kept", "_seen", "_tagged", "facts", "tags", "want")

    def __init__(self, facts: BodyFacts, want: Want, tags: TagTable) -> None:
        self.facts = facts
        self.want = want
        self.tags = tags
        self._seen: set[str] = set()
        self._kept = self._tagged = 0
        self._form_places: dict[str, FormPlace | None] = {}

    def form_place(self, name: str) -> FormPlace | None:
        """The place that a decoded field name stands for, whatever its case, or None when nobody needs it.

        A name that comes to a needed one only without blanks, controls or a ``[…]`` suffix is that place, not exact.
        """
        if len(name) > _LONGEST_REMEMBERED:
            return self._place(name)
        if name not in self._form_places and len(self._form_places) < _MOST_REMEMBERED:
            self._form_places[name] = self._place(name)
            return self._form_places[name]
        return self._form_places[name] if name in self._form_places else self._place(name)

    def form_value(self, place: FormPlace, raw: bytes, fault: Ambiguity | None = None) -> None:
        """Record one value of a form field, ``raw`` after its own unquoting; ``fault`` says why it has no reading."""
        if place.name == _CHARSET_FIELD:
            self._default_charset(raw)
            return
        value = ""
        if fault is None:
            value, fault = _text(raw)
        if place.key and fault is None:
            self._form_member(place, value)
            return
        if not place.exact:
            fault = fault or Ambiguity.BAD_SYNTAX
        if place.wanted:
            self._wanted_form_value(place.name, value, fault)
        if place.carrier:
            self.form_tags(place.name, value, fault)

    def _form_member(self, place: FormPlace, value: str) -> None:
        try:
            self.add_tags(self.tags.form_member(place.name, place.key, value) or ())
        except UnreadableError as error:
            self.ambiguous(TAGS, error.ambiguity)

    def form_fault(self, place: FormPlace, fault: Ambiguity) -> None:
        """Record that a form field has a value that cannot be read."""
        self.form_value(place, b"", fault)

    def form_tags(self, name: str, value: str, fault: Ambiguity | None = None) -> None:
        """Record the tags that a carrier field states."""
        if fault is not None:
            self.ambiguous(TAGS, fault)
            return
        try:
            self.add_tags(self.tags.form_tags(name, value))
        except UnreadableError as error:
            self.ambiguous(TAGS, error.ambiguity)

    def add_tags(self, tags: Iterable[Tag]) -> None:
        """Record tags, up to 1,000 and 1 MiB; more are TOO_LARGE for all carriers."""
        for tag in tags:
            self._tagged += len(tag.key) + len(tag.value)
            if len(self.facts.tags) >= MOST_TAGS or self._tagged > MOST_TEXT:
                self.ambiguous(TAGS, Ambiguity.TOO_LARGE)
                return
            self.facts.tags.append(tag)

    def add_value(self, values: dict[str, tuple[str, ...]], place: str, text: str) -> bool:
        """Record a distinct value of a place; False when there are too many, 1,000 or 1 MiB for the whole body."""
        known = values.get(place, ())
        if text in known:
            return True
        self._kept += len(text)
        if len(known) >= MOST_VALUES or self._kept > MOST_TEXT:
            return False
        values[place] = (*known, text)
        return True

    def ambiguous(self, place: str, fault: Ambiguity) -> None:
        """The first fault at a place stands."""
        self.facts.ambiguous.setdefault(place, fault)

    def _wanted_form_value(self, name: str, value: str, fault: Ambiguity | None) -> None:
        if name in self._seen:
            fault = fault or Ambiguity.DUPLICATE
        self._seen.add(name)
        if fault is None or fault is Ambiguity.DUPLICATE:
            kept = self.add_value(self.facts.fields, name, value)
            fault = fault if kept else fault or Ambiguity.TOO_LARGE
        if fault is not None:
            self.ambiguous("form:" + name, fault)

    def _default_charset(self, raw: bytes) -> None:
        """RFC 7578 section 4.6: this field changes the charset of all others, so any but UTF-8 is refused."""
        if raw.decode("latin-1").strip().lower() not in _UTF8_NAMES:
            raise UnreadableError(Ambiguity.BAD_CHARSET, "the form names a charset other than utf-8")

    def _place(self, name: str) -> FormPlace | None:
        asked = {*self.want.form, _CHARSET_FIELD}
        folded, plain = name.casefold(), fold_name(name)
        wanted = folded if folded in asked else plain
        carrier = self.want.tags and self.tags.is_form_carrier(plain)
        if wanted not in asked and not carrier:
            return None
        member = _MEMBER.fullmatch(folded)
        key = member[2] if member is not None and carrier and wanted not in asked else ""
        if key and self.tags.form_member(plain, key, "") is None:
            key = ""
        return FormPlace(wanted, wanted in asked, carrier, exact=wanted == folded, key=key)


def _text(raw: bytes) -> tuple[str, Ambiguity | None]:
    try:
        value = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "", Ambiguity.BAD_CHARSET
    if "\0" in value or value.startswith("\ufeff"):
        return "", Ambiguity.BAD_CHARSET
    return value, None
