"""What a rule's condition may ask, in one table: word, stage at which it settles, allowed values, test."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from subrosa.facts.body import Kind
from subrosa.facts.stage import Stage
from subrosa.facts.tags import TagMeaning
from subrosa.facts.ternary import Ternary, disjunction, truth
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.index import segments_of
from subrosa.policy.operations import Operation, by_default, hints, trains
from subrosa.policy.purposes import TRAINING, Purpose, Strength
from subrosa.policy.subject import Subject

type Test = Callable[[Subject, tuple[str, ...]], Ternary]
type Exclusion = Callable[[tuple[Operation, ...], tuple[str, ...]], bool]


@dataclass(frozen=True, slots=True)
class AtomKind:
    """One word of the condition language.

    ``values`` is the closed set a rule may write, or empty for free text. ``parse`` refuses a bad free value
    with a ValueError that says what to write. ``rules_out`` says whether the test is certainly FALSE where only these
    operations claim a request.
    """

    stage: Stage
    test: Test
    about: str
    values: frozenset[str] = frozenset()
    parse: Callable[[str], object] | None = None
    rules_out: Exclusion | None = None


_MEANINGS = {meaning.value: meaning for meaning in TagMeaning}
_BOOLEAN = frozenset({"true", "false"})


def _boolean(ask: Callable[[Subject], Ternary]) -> Test:
    def test(subject: Subject, values: tuple[str, ...]) -> Ternary:
        value = ask(subject)
        if values == ("true",) or value in (Ternary.UNKNOWN, Ternary.UNREADABLE):
            return value
        return truth(value is Ternary.FALSE)

    return test


def _claimed(value_of: Callable[[Operation], str]) -> Test:
    def test(subject: Subject, values: tuple[str, ...]) -> Ternary:
        return subject.claimed(lambda operation: value_of(operation) in values)

    return test


def _none_is(wanted: Callable[[Operation], bool]) -> Exclusion:
    def rules_out(operations: tuple[Operation, ...], values: tuple[str, ...]) -> bool:
        return values == ("true",) and not any(map(wanted, operations))

    return rules_out


def _none_has(value_of: Callable[[Operation], str]) -> Exclusion:
    def rules_out(operations: tuple[Operation, ...], values: tuple[str, ...]) -> bool:
        return not any(value_of(operation) in values for operation in operations)

    return rules_out


def _of_operation(about: str, value_of: Callable[[Operation], str], values: Iterable[str] = ()) -> AtomKind:
    return AtomKind(Stage.HEAD, _claimed(value_of), about, frozenset(values), rules_out=_none_has(value_of))


def _head(ask: Callable[[Subject, tuple[str, ...]], bool]) -> Test:
    def test(subject: Subject, values: tuple[str, ...]) -> Ternary:
        return Ternary.UNKNOWN if subject.head is None else truth(ask(subject, values))

    return test


def _tag(subject: Subject, values: tuple[str, ...]) -> Ternary:
    if len(values) == 1:
        return subject.tag(_MEANINGS[values[0]])
    return disjunction(subject.tag(_MEANINGS[value]) for value in values)


def _kind(subject: Subject, values: tuple[str, ...]) -> Ternary:
    if any(kind.value in values for kind in subject.kinds()):
        return Ternary.TRUE
    return Ternary.FALSE if subject.body.kinds_closed else Ternary.UNKNOWN


def _reference(subject: Subject, values: tuple[str, ...]) -> Ternary:
    asks = {"guarded": subject.reference_guarded, "unresolved": subject.reference_unresolved}
    return disjunction(asks[value]() for value in values)


_pattern = lru_cache(4096)(HostPattern.parse)


def _host(subject: Subject, values: tuple[str, ...]) -> Ternary:
    """The head's host; where no head will ever be read, the one that the tunnel leads to."""
    head, target = subject.head, subject.connect.target
    authority = head.authority if head is not None else target
    if authority is None:
        return Ternary.UNKNOWN
    return truth(any(_pattern(value).covers(authority.host) for value in values))


def _path(subject: Subject, values: tuple[str, ...]) -> bool:
    head = subject.head
    return head is not None and any(_path_fits(segments_of(value), head.path.folded) for value in values)


def _path_fits(pattern: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    if pattern and pattern[-1].endswith("...}"):
        return len(segments) >= len(pattern) - 1 and _path_fits(pattern[:-1], segments[: len(pattern) - 1])
    return len(pattern) == len(segments) and all(
        wanted.startswith("{") or wanted.casefold() == segment
        for wanted, segment in zip(pattern, segments, strict=True)
    )


def _method(subject: Subject, values: tuple[str, ...]) -> bool:
    head = subject.head
    return head is not None and head.method in values


def _source(subject: Subject, values: tuple[str, ...]) -> Ternary:
    return truth(subject.source.name in values)


def _classified(subject: Subject) -> Ternary:
    """Whether the destination is catalogued or declared as not training; a claim on any host knows no destination."""
    if subject.head is None:
        return Ternary.UNKNOWN
    if subject.declared and Purpose(subject.declared) not in TRAINING | {Purpose.UNCLASSIFIED}:
        return Ternary.TRUE
    return subject.claimed(
        lambda op: op.by_default or op.purpose not in TRAINING | {Purpose.UNCLASSIFIED}, named=True
    )


ATOMS: dict[str, AtomKind] = {
    "customer_content": AtomKind(
        Stage.HEAD, _boolean(Subject.customer_content), "the transfer carries meeting content", _BOOLEAN
    ),
    "training": AtomKind(
        Stage.HEAD,
        _boolean(Subject.training),
        "the operation is training, `definite` or `likely`",
        _BOOLEAN,
        rules_out=_none_is(trains),
    ),
    "signal": AtomKind(
        Stage.HEAD,
        _boolean(Subject.signal),
        "the operation only may be training",
        _BOOLEAN,
        rules_out=_none_is(hints),
    ),
    "vendor_default": AtomKind(
        Stage.HEAD,
        _boolean(Subject.vendor_default),
        "the provider trains on it and no opt-out is given",
        _BOOLEAN,
        rules_out=_none_is(by_default),
    ),
    "classified": AtomKind(
        Stage.HEAD, _boolean(_classified), "the destination is known not to train", _BOOLEAN
    ),
    "shape": AtomKind(Stage.BODY, _boolean(Subject.shape), "the body has a data set's shape", _BOOLEAN),
    "opaque": AtomKind(
        Stage.HEAD,
        _boolean(Subject.opaque),
        "the content is encrypted by the client, or in no known container",
        _BOOLEAN,
    ),
    "tag": AtomKind(Stage.HEAD, _tag, "a tag says so", frozenset(meaning.value for meaning in TagMeaning)),
    "kind": AtomKind(Stage.HEAD, _kind, "a content kind was found", frozenset(kind.value for kind in Kind)),
    "reference": AtomKind(
        Stage.BODY, _reference, "the request names stored content", frozenset({"guarded", "unresolved"})
    ),
    "purpose": _of_operation("the operation's purpose", lambda op: op.purpose.value, Purpose),
    "strength": _of_operation("how sure the claim is", lambda op: op.strength.value, Strength),
    "provider": _of_operation("the operation's provider", lambda op: op.provider),
    "operation": _of_operation("the operation's id", lambda op: op.id),
    "source": AtomKind(Stage.CONNECT, _source, "the source's name"),
    "host": AtomKind(Stage.HEAD, _host, "the destination's host", parse=HostPattern.parse),
    "path": AtomKind(Stage.HEAD, _head(_path), "the request's path", parse=segments_of),
    "method": AtomKind(Stage.HEAD, _head(_method), "the request's method"),
}
