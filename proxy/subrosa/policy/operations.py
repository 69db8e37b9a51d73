"""Operations of the catalogue and how a request is matched to one; matching is three-valued."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from subrosa.facts.body import BodyFacts
from subrosa.facts.records import RequestHead
from subrosa.facts.ternary import Ternary, conjunction, truth
from subrosa.facts.unreadable import UnreadableError
from subrosa.policy.hostmap import ANY, HostPattern
from subrosa.policy.purposes import TRAINING, Carries, Purpose, Strength

type Place = Literal["query", "header", "form", "json"]

_IN_THE_HEAD = frozenset({"query", "header"})


class LanguageMatch(Protocol):
    """What a request says in a language of its own; see `languages.py`."""

    @property
    def every(self) -> bool:
        """Whether all that the request says must match, as for what does not train; else any of it."""

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """What must be read of a body: each field's place and name, ``("document", "")`` for the whole."""

    def test(self, head: RequestHead, body: BodyFacts, /) -> Ternary:
        """Whether the request says it; UNKNOWN until the body is closed."""

    def fault(self, head: RequestHead, body: BodyFacts, /) -> str:
        """Why what it says is UNREADABLE, for people."""

    def meets(self, other: "LanguageMatch", /) -> bool:
        """Whether some request may say both."""


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """One discriminating field: where it stands and which values count.

    ``values`` are canonical (trimmed, case-folded); a value ending in ``*`` matches by prefix, ``*`` alone
    matches whatever is given, an object of JSON too. ``absent`` counts a field that is not given, or null.
    """

    place: Place
    name: str
    values: frozenset[str] = frozenset()
    absent: bool = False
    exact: bool = False
    """True for an opt-out: only the documented spelling, given once, counts."""
    _beginnings: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        beginnings = tuple(value[:-1] for value in self.values if value.endswith("*"))
        object.__setattr__(self, "_beginnings", beginnings)

    def test(self, head: RequestHead, body: BodyFacts, *, anywhere: bool = False) -> Ternary:
        """Whether the field has one of the values; UNKNOWN until the place is closed.

        ``anywhere``: on any host, where a body that shows no form has none.
        """
        if self.place in _IN_THE_HEAD:
            return self._test_head(head)
        if anywhere and body.shows_no(self.place):
            return truth(self.absent)
        reading = body.form_field(self.name) if self.place == "form" else body.json_value(self.name)
        if reading.unreadable is not None:
            return Ternary.UNREADABLE
        anything = "*" in self.values and not self.exact
        if reading.given and (anything or any(self._counts(value) for value in reading.values)):
            return Ternary.TRUE if len(reading.values) == 1 or not self.exact else Ternary.FALSE
        if not reading.closed:
            return Ternary.UNKNOWN
        return truth(self.absent and not reading.given)

    def _test_head(self, head: RequestHead) -> Ternary:
        try:
            value = head.query.one(self.name) if self.place == "query" else head.fields.one(self.name)
        except UnreadableError:
            return Ternary.UNREADABLE
        return truth(self.absent if value is None else self._counts(value))

    def _counts(self, value: str) -> bool:
        if self.exact:
            return value in self.values
        folded = value.strip().casefold()
        return folded in self.values or folded.startswith(self._beginnings)


@dataclass(frozen=True, slots=True)
class RequestPattern:
    """One form of an operation's request; ``path`` in catalogue syntax (``/v1/files/{id}``, ``{rest...}``)."""

    methods: frozenset[str]
    path: str
    fields: tuple[FieldMatch, ...] = ()
    language: LanguageMatch | None = None

    @property
    def discriminates(self) -> bool:
        """Whether more than host, method and path must match."""
        return bool(self.fields) or self.language is not None

    def test(self, head: RequestHead, body: BodyFacts, *, anywhere: bool = False) -> Ternary:
        """Whether all that discriminates matches; host, method and path were matched by the index."""
        value = Ternary.TRUE
        if self.fields:
            value = conjunction([match.test(head, body, anywhere=anywhere) for match in self.fields])
        if self.language is None or value is Ternary.FALSE:
            return value
        return conjunction((value, self.language.test(head, body)))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A header that pins the accounts that a provider accepts, and the settings fact that says which are ours.

    Anybody can send any value, so it counts only where the settings assert every id that it names.
    """

    header: str
    fact: str
    hosts: tuple[HostPattern, ...] = ()
    """Where the provider heeds it; empty for every host of the operation."""

    def named(self, head: RequestHead) -> tuple[str, ...]:
        """The statements that must stand in the settings, one an id; empty without the header, or where it is vain."""
        if self.hosts and not any(host.covers(head.authority.host) for host in self.hosts):
            return ()
        value = head.fields.one(self.header)
        return () if value is None else tuple(f"{self.fact}={one.strip()}" for one in value.split(","))


@dataclass(frozen=True, slots=True)
class OptOut:
    """What turns a training-by-default operation into inference: any of these.

    ``fields``: in the documented spelling, given once. ``assertion``: the settings fact that settles it where the
    request cannot show it, ``gemini.paid-tier``. ``tenant``: where the request shows whose account it is.
    """

    fields: tuple[FieldMatch, ...] = ()
    assertion: str = ""
    tenant: Tenant | None = None

    def remedy(self) -> str:
        """What to send, or which line to put into the settings, in one sentence."""
        sent = [f"{m.place} `{m.name}={min(m.values)}`" for m in self.fields]
        if self.tenant is not None:
            line = f"`assert: [{{fact: {self.tenant.fact}, values: […], owner: …, why: …, expires: …}}]`"
            sent.append(f"header `{self.tenant.header}` with only such ids as {line} in the settings names")
        if self.assertion:
            sent.append(
                f"`assert: [{{fact: {self.assertion}, owner: …, why: …, expires: …}}]` in the settings"
            )
        return "give " + " or ".join(sent)


@dataclass(frozen=True, slots=True)
class Yields:
    """Where the id of the upload that an operation opens stands.

    ``place`` is ``json``, ``xml`` or ``header`` of the answer, ``name`` a dotted path, an element or a field there; or
    it is ``url``, for the request's own address. ``url`` says that the text found is an address whose host and path
    are the id, ``parameter`` that it is an address of which this query parameter is the id.
    """

    place: Literal["json", "xml", "header", "url"]
    name: str = ""
    parameter: str = ""
    url: bool = False


@dataclass(frozen=True, slots=True)
class Continues:
    """Where a later request names the upload; ``path`` is a named segment, ``url`` the request's own address."""

    place: Literal["query", "header", "path", "url"]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One API operation of one provider and what it does with what it is sent."""

    id: str
    provider: str
    purpose: Purpose
    strength: Strength = Strength.SIGNAL
    requests: tuple[RequestPattern, ...]
    hosts: tuple[str, ...] = ()
    """Where it is called, where that is not on all hosts of the provider."""
    unless: OptOut | None = None
    carries: Carries | None = None
    object_body: bool = False
    """The body is a stored object: no fields, no tags in it (PutObject)."""
    yields: Yields | None = None
    continues: Continues | None = None
    late: bool = False
    """What it says of an object comes after the object's octets have left."""
    shape: str = ""
    """The error shape that this operation's clients can read; empty takes the provider's."""
    source: str = ""
    breaks: str = ""
    reviewed: str = ""
    reclassified: str = ""
    """Who re-classified it in user rules, and why; empty as shipped."""
    trains: bool = field(init=False, repr=False, compare=False)
    """Whether this operation is a training one by a `definite` or `likely` claim, opt-outs aside."""
    hints: bool = field(init=False, repr=False, compare=False)
    """Whether it only may be training: a `signal`, which needs a tag or a data set's shape to block."""
    by_default: bool = field(init=False, repr=False, compare=False)
    """Whether it trains only unless its opt-out is given; judged by `pledge.vendor-default` alone."""

    def __post_init__(self) -> None:
        training, signal = self.purpose in TRAINING, self.strength is Strength.SIGNAL
        object.__setattr__(self, "trains", training and not signal)
        object.__setattr__(self, "hints", training and signal)
        object.__setattr__(self, "by_default", self.unless is not None)


def trains(operation: Operation) -> bool:
    """Whether it is training by a `definite` or `likely` claim, whatever anybody opts out of."""
    return operation.trains and not operation.by_default


def hints(operation: Operation) -> bool:
    """Whether it only may be training."""
    return operation.hints


def by_default(operation: Operation) -> bool:
    """Whether it trains unless its opt-out is given."""
    return operation.by_default


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One operation that claims a request by host, method and path; its fields decide the rest.

    ``rank``: the larger, the more specific: (host, path segments, has discriminators). One claim is made for each
    place in the index, so that claims compare by identity.
    """

    operation: Operation
    pattern: RequestPattern
    rank: tuple[int, ...] = field(default=())
    anywhere: bool = field(init=False, repr=False)
    """Whether it is a claim on any host: nobody says that this one speaks the API."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "anywhere", self.rank[:1] == (ANY,))

    def test(self, head: RequestHead, body: BodyFacts) -> Ternary:
        """Whether the request is what is claimed."""
        return self.pattern.test(head, body, anywhere=self.anywhere)


def wanted_places(claims: tuple[Claim, ...]) -> frozenset[tuple[str, str]]:
    """Every place of a body that some claim or its opt-out needs, with the name of what stands there."""
    found: set[tuple[str, str]] = set()
    for claim in claims:
        pattern, unless = claim.pattern, claim.operation.unless
        fields = pattern.fields if unless is None else (*pattern.fields, *unless.fields)
        found.update((match.place, match.name) for match in fields if match.place not in _IN_THE_HEAD)
        if pattern.language is not None:
            found.update(pattern.language.places)
    return frozenset(found)
