"""What is known of a body so far; facts only grow, and ``closed`` says that no more will come.

Filled by the readers in ``content``, read by the matchers in ``policy``.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from subrosa.facts.tags import Tag
from subrosa.facts.unreadable import Ambiguity, UnreadableError


class Form(StrEnum):
    """The form a body turned out to have, once label and first bytes agree."""

    NONE = "none"
    URLENCODED = "urlencoded"
    MULTIPART = "multipart"
    RELATED = "related"
    JSON = "json"
    CBOR = "cbor"
    XML = "xml"
    GRAPHQL = "graphql"
    """The document alone, as `application/graphql`; so only where somebody wants it."""
    OPAQUE = "opaque"


class Kind(StrEnum):
    """The content kinds that the pledge names."""

    AUDIO = "audio"
    VIDEO = "video"
    CHAT = "chat"
    SCREEN_SHARE = "screen-share"
    ATTACHMENT = "attachment"
    POLL = "poll"
    WHITEBOARD = "whiteboard"
    REACTION = "reaction"
    TRANSCRIPT = "transcript"


@dataclass(frozen=True, slots=True)
class KindFound:
    """One recognition: ``meeting`` is True when it says *meeting*, False when it only says *media* or *file type*."""

    kind: Kind
    meeting: bool
    by: str
    """The id of the recogniser, ``zoom-recording-name``; for explain and evidence."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All values read so far at one place; ``closed`` when no further value can come.

    ``given`` says that there is something, be it an object without a value of its own; what is null is not.
    """

    values: tuple[str, ...] = ()
    closed: bool = False
    unreadable: Ambiguity | None = None
    given: bool = False


NOTHING_YET = Reading()
ABSENT = Reading(closed=True)


@dataclass(frozen=True, slots=True)
class Want:
    """What a policy still needs of a body; the readers collect nothing else.

    ``form``: lower-case field names. ``json``: dotted paths in lower case, ``[]`` for any index, ``*`` for any
    key (``input.action``, ``metadata.*``, ``messages[].role``). ``document``: a body that is a GraphQL document.
    """

    form: frozenset[str] = frozenset()
    json: frozenset[str] = frozenset()
    tags: bool = False
    kinds: bool = False
    shapes: bool = False
    references: bool = False
    document: bool = False

    def __bool__(self) -> bool:
        """Whether anything is wanted at all."""
        return bool(
            self.form
            or self.json
            or self.tags
            or self.kinds
            or self.shapes
            or self.references
            or self.document
        )


@dataclass(slots=True)
class BodyFacts:
    """The growing facts of one body.

    ``form`` is None until the first bytes settled it; ``looks`` is what they look like where no label is believed, None
    where one is, or where one names parts that they do not show. ``tags_closed`` is set when no further tag can come,
    ``kinds_closed`` and ``shapes_closed`` likewise; ``closed`` sets them all. ``unreadable`` says that
    the body as a whole has no single reading: every reading taken from it is then unreadable.
    """

    form: Form | None = None
    looks: Form | None = None
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    json: dict[str, tuple[str, ...]] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    """The wanted paths of JSON at which something stands, objects and arrays too, but not null."""
    tags: list[Tag] = field(default_factory=list)
    kinds: list[KindFound] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    """Marks inside a file that forbid training on it: ``c2pa``, ``plus``, ``tdmrep``; closed with the kinds."""
    opaque: bool = False
    """Whether a file is encrypted, or in no container that is known; settled with the kinds."""
    filenames: list[str] = field(default_factory=list)
    document: str = ""
    """The whole of a body of the form GRAPHQL."""
    ambiguous: dict[str, Ambiguity] = field(default_factory=dict)
    """Places with no single reading: ``form:purpose``, ``json:input.action``, ``tags``."""
    unreadable: Ambiguity | None = None
    detail: str = ""
    closed: bool = False
    tags_closed: bool = False
    kinds_closed: bool = False
    shapes_closed: bool = False

    def form_field(self, name: str) -> Reading:
        """The values of one form field (lower-case name), urlencoded and multipart alike."""
        values = self.fields.get(name, ())
        return self._reading("form:" + name, values, readable=self.has_form, given=bool(values))

    def json_value(self, path: str) -> Reading:
        """The scalar values at one dotted path, spelled as JSON spells them (``true``, ``null``, text unquoted)."""
        values = self.json.get(path, ())
        return self._reading("json:" + path, values, readable=self.form in _TREES, given=path in self.given)

    def shows_no(self, place: str) -> bool:
        """Whether neither label nor first octets show a form with fields of this ``place``, ``form`` or ``json``.

        Enough where nobody says that the destination reads such a form; its own API may read one in any disguise.
        """
        opaque = self.form is Form.OPAQUE and self.unreadable is None
        return opaque and self.looks is not None and self.looks not in _SHOWN[place]

    @property
    def has_form(self) -> bool:
        """Whether the body has form fields."""
        return self.form in _FORMS

    def _reading(self, place: str, values: tuple[str, ...], *, readable: bool, given: bool) -> Reading:
        fault = self.unreadable or self.ambiguous.get(place)
        if fault is None and self.form in _CLOSED_BOOKS:
            fault = Ambiguity.LABEL_MISMATCH
        if fault is not None:
            return Reading(values, closed=True, unreadable=fault, given=given)
        if self.form is not None and not readable:
            return ABSENT
        if not values and not given:
            return ABSENT if self.closed else NOTHING_YET
        return Reading(values, closed=self.closed, given=given)


_CLOSED_BOOKS = frozenset({Form.OPAQUE, Form.GRAPHQL})
_TREES = frozenset({Form.JSON, Form.CBOR})
_FORMS = frozenset({Form.URLENCODED, Form.MULTIPART, Form.RELATED})
_SHOWN = {"form": _FORMS, "json": _TREES}


def unreadable_body(fault: UnreadableError) -> BodyFacts:
    """The facts of a body whose head already leaves it without a single reading."""
    return BodyFacts(
        unreadable=fault.ambiguity,
        detail=fault.detail,
        closed=True,
        tags_closed=True,
        kinds_closed=True,
        shapes_closed=True,
    )


NO_BODY = BodyFacts(form=Form.NONE, closed=True, tags_closed=True, kinds_closed=True, shapes_closed=True)


def no_message_yet(*, framed: bool, json: bool) -> BodyFacts:
    """The facts of a stream of messages before the first one; what its fields say is still open.

    A handshake sends nothing by itself, so only fields are open there. A ``framed`` stream is the content itself:
    open is what else its messages may be, and without ``json`` they have no fields and no tags to read.
    """
    return BodyFacts(
        form=None if json else Form.OPAQUE,
        tags_closed=not (framed and json),
        kinds_closed=not framed,
        shapes_closed=not framed,
    )
