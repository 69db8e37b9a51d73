"""Operations that a request names in a language: GraphQL documents and SQL scripts, read by parsing, never by search.

INVARIANT: a document that cannot be read in one way, or is not there at all (a hash stands for it), is UNREADABLE. What
trains matches where *any* of what is asked for is one of its fields; what does not, only where *all* is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from subrosa.content.graphql import Asked, read_graphql
from subrosa.content.graphqlbody import NO_DOCUMENT, OPERATIONS, PLACES, Given, given_by, given_in
from subrosa.content.sql import Call, Script, read_sql
from subrosa.facts.body import BodyFacts, Form
from subrosa.facts.records import RequestHead
from subrosa.facts.ternary import Ternary, truth
from subrosa.facts.unreadable import UnreadableError
from subrosa.policy.operations import LanguageMatch

type Places = tuple[tuple[str, str], ...]
"""Fields of the body, each as its place and its name."""

_NO_NAME: Final = frozenset({"", "null"})
_FIELDS: Final = ("query", "operationname", OPERATIONS)


def fits_any(text: str, wanted: Iterable[str]) -> bool:
    """Whether a text is one of the values; a final `*` matches by beginning."""
    return any(text.startswith(one[:-1]) if one.endswith("*") else text == one for one in wanted)


def _meet(first: frozenset[str], second: frozenset[str]) -> bool:
    """Whether some text is one of both lists of values; of two beginnings one must begin the other."""
    return any(fits_any(one.removesuffix("*"), second) for one in first) or any(
        fits_any(one.removesuffix("*"), first) for one in second
    )


@dataclass(frozen=True, slots=True)
class GraphqlMatch:
    """Root fields by the type of their operation; names are compared as written, `*` stands for any end."""

    wanted: tuple[tuple[str, frozenset[str]], ...]
    every: bool = False

    @property
    def places(self) -> Places:
        """What must be read of a body."""
        return (
            *(("json", path) for path in PLACES),
            *(("form", name) for name in _FIELDS),
            ("document", ""),
        )

    def test(self, head: RequestHead, body: BodyFacts) -> Ternary:
        """Whether the request asks for it; UNKNOWN until the body is closed."""
        if not body.closed:
            return Ternary.UNKNOWN
        asked = _asked(head, body)
        if isinstance(asked, UnreadableError):
            return Ternary.UNREADABLE
        if asked is None:
            return Ternary.FALSE
        fields = [(one.type, name) for one in asked for name in one.fields]
        matched = (self._wants(kind, name) for kind, name in fields)
        return truth(all(matched) if self.every else any(matched))

    def fault(self, head: RequestHead, body: BodyFacts) -> str:
        """Why it is UNREADABLE."""
        asked = _asked(head, body)
        return asked.detail if isinstance(asked, UnreadableError) else ""

    def meets(self, other: LanguageMatch) -> bool:
        """Whether some field is wanted by both."""
        return isinstance(other, GraphqlMatch) and any(
            kind == other_kind and _meet(names, other_names)
            for kind, names in self.wanted
            for other_kind, other_names in other.wanted
        )

    def _wants(self, kind: str, name: str) -> bool:
        return any(kind == wanted and fits_any(name, names) for wanted, names in self.wanted)


def _asked(head: RequestHead, body: BodyFacts) -> tuple[Asked, ...] | UnreadableError | None:
    """The operations that may be run; None for a message that holds no document."""
    documents: set[str] = set()
    names: set[str] = set()
    for given in _given(head, body):
        if given.fault is not None:
            return given.fault
        documents.update(given.documents)
        names |= given.names
    if not documents:
        return None if head.upgrade is not None else NO_DOCUMENT
    found: list[Asked] = []
    for document in sorted(documents):
        asked = read_graphql(document)
        if isinstance(asked, UnreadableError):
            return asked
        found += asked
    return _named(found, names - _NO_NAME) if len(documents) == 1 else tuple(found)


def _named(asked: list[Asked], names: set[str]) -> tuple[Asked, ...]:
    """The operation that is named; all where none is, or several, or one that is not there."""
    named = tuple(one for one in asked if one.name in names)
    return named if len(names) == 1 and named else tuple(asked)


def _given(head: RequestHead, body: BodyFacts) -> Iterator[Given]:
    try:
        yield Given(head.query.get_all("query"), frozenset(head.query.get_all("operationName")))
    except UnreadableError as error:
        yield Given(fault=error)
    if body.form is Form.GRAPHQL and body.unreadable is None:
        yield Given((body.document,))
        return
    if body.form is Form.NONE:
        return
    if not body.has_form:
        yield given_by(body)
        return
    readings = {name: body.form_field(name) for name in _FIELDS}
    for name, reading in readings.items():
        if reading.unreadable is not None:
            yield Given(fault=UnreadableError(reading.unreadable, f"`{name}` has no single reading"))
    yield Given(readings["query"].values, frozenset(readings["operationname"].values))
    for operations in readings[OPERATIONS].values:
        yield given_in(operations)


@dataclass(frozen=True, slots=True)
class SqlMatch:
    """Statements by the words that they begin with, and functions by name and first argument; all folded."""

    engine: str
    paths: tuple[str, ...]
    statements: tuple[tuple[str, ...], ...] = ()
    calls: tuple[tuple[str, frozenset[str]], ...] = ()
    every: bool = False

    @property
    def places(self) -> Places:
        """What must be read of a body."""
        return tuple(("json", path) for path in self.paths)

    def test(self, head: RequestHead, body: BodyFacts) -> Ternary:  # noqa: ARG002 - as every match
        """Whether the request runs it; UNKNOWN until the body is closed, FALSE where it has no such field."""
        if not body.closed:
            return Ternary.UNKNOWN
        read = self._read(body)
        scripts = [script for found in read if not isinstance(found, UnreadableError) for script in found]
        if not self.every and any(map(self._matches, scripts)):
            return Ternary.TRUE
        if any(isinstance(found, UnreadableError) for found in read) or any(map(self._hides, scripts)):
            return Ternary.UNREADABLE
        return truth(self.every and bool(scripts) and all(map(self._is_all, scripts)))

    def fault(self, head: RequestHead, body: BodyFacts) -> str:  # noqa: ARG002 - as every match
        """Why it is UNREADABLE."""
        faults = (found.detail for found in self._read(body) if isinstance(found, UnreadableError))
        return next(faults, "sql that is put together while it runs")

    def meets(self, other: LanguageMatch) -> bool:
        """Whether some statement or call is wanted by both."""
        if not isinstance(other, SqlMatch) or not set(self.paths) & set(other.paths):
            return False
        words = ((one, two) for one in self.statements for two in other.statements)
        calls = ((one, two) for one in self.calls for two in other.calls)
        return any(one[: len(two)] == two[: len(one)] for one, two in words) or any(
            name == other_name and _meet(firsts, other_firsts)
            for (name, firsts), (other_name, other_firsts) in calls
        )

    def _read(self, body: BodyFacts) -> list[tuple[Script, ...] | UnreadableError]:
        found: list[tuple[Script, ...] | UnreadableError] = []
        for path in self.paths:
            reading = body.json_value(path)
            if reading.unreadable is not None:
                found.append(UnreadableError(reading.unreadable, f"`{path}` has no single reading"))
            else:
                found += (read_sql(self.engine, text) for text in reading.values)
        return found

    def _matches(self, script: Script) -> bool:
        return any(self._begins(words) for beginnings in script.beginnings for words in beginnings) or any(
            self._called(call) is Ternary.TRUE for call in script.calls
        )

    def _hides(self, script: Script) -> bool:
        return script.dynamic or any(self._called(call) is Ternary.UNREADABLE for call in script.calls)

    def _is_all(self, script: Script) -> bool:
        return all(self._begins(beginnings[0]) for beginnings in script.beginnings)

    def _begins(self, words: tuple[str, ...]) -> bool:
        return any(words[: len(wanted)] == wanted for wanted in self.statements)

    def _called(self, call: Call) -> Ternary:
        """Whether a call is meant; its name may be left unqualified, since `USE SCHEMA` qualifies it."""
        for name, firsts in self.calls:
            if name == call.name or name.endswith("." + call.name):
                if call.first is not None:
                    return truth(fits_any(call.first.strip().casefold(), firsts))
                return Ternary.TRUE if "*" in firsts else Ternary.UNREADABLE
        return Ternary.FALSE
