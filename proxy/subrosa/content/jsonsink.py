"""What a JSON document says at the places somebody needs, written into the body's facts."""

import re
from typing import Final

from subrosa.content.collect import MOST_VALUE, TAGS, Collector
from subrosa.content.embedded import IN_JSON, Embedded, signs_in
from subrosa.content.jsonpaths import Position, compile_paths
from subrosa.content.jsontokens import INNER, is_whole, space_end, unescape
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_REFERENCE: Final = 4 * 1024
"""Characters of one reference."""

MOST_REFERENCES: Final = 1000
REFERENCES: Final = "references"
"""The place in ``BodyFacts.ambiguous`` for references that are too many or too long."""

_SCHEME: Final = r" *+(?:(?:s3[an]?|gc?s|https?|abfss?|wasbs?|azureml|adl):|arn:)"
_LOOKS_LIKE_ONE: Final = re.compile(_SCHEME, re.IGNORECASE)
_IN_TEXT: Final = re.compile(rf'"({_SCHEME}[^"]*+)"(?![ \t\r\n]*+:)', re.IGNORECASE)


class JsonSink:
    """Takes the values of one JSON body; a fault at one place leaves the others readable.

    ``naming`` are further paths whose values are put into ``names`` instead: what an object is called. ``embedded``
    looks at base64 in strings.
    """

    __slots__ = ("_collector", "_embedded", "_naming", "_references", "names", "root", "wants_references")

    def __init__(
        self, collector: Collector, naming: frozenset[str] = frozenset(), embedded: Embedded | None = None
    ) -> None:
        want = collector.want
        self._collector = collector
        self._naming = naming
        self._embedded = embedded
        self.names: list[str] = []
        self._references: set[str] = set(collector.facts.references)
        carriers = tuple(carrier.path for carrier in collector.tags.json) if want.tags else ()
        self.root = compile_paths(want.json | naming, carriers)
        self.wants_references = want.references

    def given(self, here: Position) -> None:
        """A member with an object, an array or a scalar other than null; what is null is not given."""
        self._collector.facts.given.update(here.wanted)

    def value(self, here: Position, path: str, key: str, text: str, *, null: bool = False) -> None:
        """A scalar at a needed place: its ``path`` in the document, keys folded; the ``key`` of its own member."""
        if not null:
            self.given(here)
        if not is_whole(text):
            self.fault(here, Ambiguity.BAD_CHARSET)
            return
        if len(text) > MOST_VALUE:
            self.fault(here, Ambiguity.TOO_LARGE)
            return
        values = self._collector.facts.json
        for place in here.wanted:
            if place in self._naming:
                self.names.append(text)
            if place in self._collector.want.json and not self._collector.add_value(values, place, text):
                self._collector.ambiguous("json:" + place, Ambiguity.TOO_LARGE)
        if here.carrier:
            try:
                self._collector.add_tags(self._collector.tags.json_tags(path, key, text))
            except UnreadableError as error:
                self._collector.ambiguous(TAGS, error.ambiguity)

    def fault(self, here: Position, fault: Ambiguity, *, tags: bool = True) -> None:
        """Nothing at this place or below it has a single reading; without ``tags`` the carriers there still do."""
        for place in here.wanted_below:
            self._collector.ambiguous("json:" + place, fault)
        if tags and here.carrier_below:
            self._collector.ambiguous(TAGS, fault)

    def reference(self, text: str) -> None:
        """A string from anywhere in the document, kept when it names an object or an address."""
        if text in self._references or not _LOOKS_LIKE_ONE.match(text):
            return
        if len(text) > MOST_REFERENCE or len(self._references) >= MOST_REFERENCES:
            self._collector.ambiguous(REFERENCES, Ambiguity.TOO_LARGE)
            return
        self._references.add(text)
        self._collector.facts.references.append(text)

    @property
    def most_content(self) -> int:
        """Characters of a string that `passed_by` needs."""
        return self._embedded.most_text if self._embedded is not None else 0

    def passed_by(self, text: str, raw: str) -> None:
        """A string from anywhere in the document, or the beginning of a long one; ``raw`` as it stands there."""
        if self.wants_references:
            self.reference(text)
        if self._embedded is not None and IN_JSON.match(
            f'"{raw}'
        ):  # as it is found in a stretch, however it is cut
            self._embedded.text(unescape(raw[: self._embedded.most_text]))

    def passed_over(self, text: str, start: int, stop: int) -> None:
        """A stretch of whole tokens that nobody needs."""
        if self.wants_references:
            self.references_in(text, start, stop)
        if self._embedded is not None and self._embedded.most_text and signs_in(text[start:stop]):
            self._content_in(self._embedded, text, start, stop)

    def _content_in(self, embedded: Embedded, text: str, start: int, stop: int) -> None:
        """The strings in a stretch that may be base64, keys left out."""
        at = start
        while (found := IN_JSON.search(text, at, stop)) is not None:
            first = found.start() + 1
            inner = INNER.match(text, first)
            at = inner.end() + 1 if inner is not None else found.end()
            if not text.startswith(":", space_end(text, at)):
                embedded.text(unescape(text[first : min(at - 1, first + embedded.most_text)]))

    def references_in(self, text: str, start: int, stop: int) -> None:
        """The references in a stretch of whole tokens without escapes."""
        for found in _IN_TEXT.finditer(text, start, stop):
            self.reference(found[1])
