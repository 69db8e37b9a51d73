"""How a body will be read, as far as its head says: what is known of it before its first octet, found once a label.

Most bodies need no reader: what their head says decides, or their label says that nothing in them matters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from subrosa.content.kinds import KindTable
from subrosa.content.labels import Doubt, is_json
from subrosa.content.messageframes import Framing
from subrosa.content.quiet import Quiet
from subrosa.content.reader import BodyReader, ReaderLimits
from subrosa.facts.body import BodyFacts, Want, unreadable_body
from subrosa.facts.fields import Fields, parse_codings, parse_content_type
from subrosa.facts.tags import TagTable
from subrosa.facts.unreadable import UnreadableError
from subrosa.policy.standing import NOTHING_READ

_MOST: Final = 32
_USUAL: Final = 200
"""Octets of a label and codings, of such as are remembered."""

type _Key = tuple[tuple[bytes, ...], tuple[bytes, ...]]
type _Alike = tuple[str | None, frozenset[tuple[str, str]] | None, bool]
"""Media type, parameters, whether there is a boundary; the text alone where it has no single reading."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the policy reads every body with."""

    tags: TagTable
    kinds: KindTable
    limits: ReaderLimits


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """A body before its first octet.

    ``facts`` may be shared by many and are only ever read; None where the body is cut into messages by ``framing``.
    """

    facts: BodyFacts
    label: str | None = None
    codings: tuple[str, ...] = ()
    framing: Framing | None = None
    open: bool = True
    """Whether octets can still say something."""
    quiet: Quiet | None = None
    """Looks at the whole of one that is small, before anything reads it."""


class Beginnings:
    """The beginnings of the bodies of one plan, by the labels that they come with."""

    __slots__ = ("_doubt", "_facts", "_found", "_is_object", "_quiet", "_reading", "_want")

    def __init__(self, reading: Reading, want: Want, doubt: Doubt, *, is_object: bool) -> None:
        self._reading = reading
        self._want = want
        self._doubt = doubt
        self._is_object = is_object
        self._quiet = Quiet.of(want, reading.tags, reading.kinds)
        self._found: dict[_Key, Beginning] = {}
        self._facts: dict[tuple[_Alike, tuple[str, ...]], BodyFacts] = {}

    def find(self, fields: Fields) -> Beginning:
        """The beginning of a body with these fields."""
        key = fields.index.get(b"content-type", ()), fields.index.get(b"content-encoding", ())
        found = self._found.get(key)
        if found is None:
            found = self._make(fields)
            if found.framing is None and len(b"".join(key[0] + key[1])) <= _USUAL:
                _keep(self._found, key, found)
        return found

    def reader(
        self, begun: Beginning, name: str | None = None, enough: Callable[[], bool] | None = None
    ) -> BodyReader:
        """The reader of a body that begins so; ``name`` is what a store will call it."""
        return BodyReader(
            begun.label,
            begun.codings,
            self._want,
            self._reading.tags,
            self._reading.kinds,
            self._reading.limits,
            object_name=name,
            object_body=self._is_object,
            doubt=self._doubt,
            enough=enough,
        )

    def _make(self, fields: Fields) -> Beginning:
        try:
            framing = Framing.of(fields)
        except UnreadableError:
            framing = None
        if framing is not None:
            return Beginning(NOTHING_READ, framing=framing)
        try:
            label = fields.one("content-type")
            codings = parse_codings(fields.get_all("content-encoding"))
        except UnreadableError as fault:
            return Beginning(unreadable_body(fault), open=False)
        alike = _alike(label), codings
        facts = self._facts.get(alike)
        if facts is None:
            facts = self.reader(Beginning(NOTHING_READ, label, codings)).facts
            if len(label or "") + sum(map(len, codings)) <= _USUAL:
                _keep(self._facts, alike, facts)
        looked_at = not codings and not self._is_object and is_json(label)
        return Beginning(facts, label, codings, quiet=self._quiet if looked_at else None)


def _alike(label: str | None) -> _Alike:
    """What labels have in common that say the same of a body: all but their boundaries, which are new each time."""
    try:
        kind = parse_content_type(label or "")
    except UnreadableError:
        return label, None, False
    others = frozenset(pair for pair in kind.parameters.items() if pair[0] != "boundary")
    return kind.media_type, others, "boundary" in kind.parameters


def _keep[K, V](found: dict[K, V], key: K, value: V) -> None:
    if len(found) >= _MOST:
        found.clear()
    found[key] = value
