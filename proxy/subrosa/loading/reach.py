"""Claims that no request can reach: patterns that nothing matches, and claims that another one always takes first."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from subrosa.facts.head import BODILESS, REFUSED_METHODS
from subrosa.loading.draft import Draft, Entry
from subrosa.loading.faults import Fault, instead
from subrosa.loading.forms import OperationForm, RequestForm
from subrosa.loading.overlap import fields_meet
from subrosa.loading.shapes import Spot
from subrosa.policy.index import segments_of
from subrosa.policy.operations import FieldMatch, RequestPattern
from subrosa.policy.purposes import TRAINING

_PLACEHOLDER: Final = re.compile(r"\{\w+\}")
_METHODS: Final = frozenset(
    "GET HEAD POST PUT PATCH DELETE OPTIONS COPY MOVE LOCK UNLOCK MKCOL PROPFIND PROPPATCH SEARCH REPORT LIST".split()
)
"""RFC 9110, RFC 5789, WebDAV (RFC 4918, 3253, 5323), and LIST, which HashiCorp's APIs use."""
_REFUSED: Final = frozenset(method.decode() for method in REFUSED_METHODS)
_WITHOUT_BODY: Final = frozenset(method.decode() for method in BODILESS)


def check_reach(draft: Draft) -> Iterator[Fault]:
    """Tell what can never be told of a request."""
    for provider in draft.providers.values():
        for operation in provider.form.operations:
            forms = (operation.request,) if operation.request is not None else operation.requests
            for form in forms:
                yield from _impossible(operation, form)
    yield from _taken(draft)


def _impossible(operation: OperationForm, form: RequestForm) -> Iterator[Fault]:
    for method in form.method:
        spot = form.spot.child("method")
        if method in _REFUSED:
            yield spot.fault(f"`{method}` is refused whatever the rules say: no request has it")
        elif method != "*" and method not in _METHODS:
            yield spot.fault(f"`{method}` is no method: {instead(method, _METHODS)}")
    asked = [name for name in ("form", "json", "sql", "graphql") if getattr(form, name)]
    if operation.body == "object" and asked:
        yield form.spot.child(asked[0]).fault(
            "`body: object` is not read for fields: leave one of the two away"
        )
    yield from _no_body(form, asked)


def _no_body(form: RequestForm, asked: list[str]) -> Iterator[Fault]:
    """Fields of a body where none comes; a WebSocket sends JSON after its GET, and GraphQL stands in queries too."""
    methods = set(form.method)
    if not methods or not methods <= _WITHOUT_BODY:
        return
    possible = ("json", "sql", "graphql") if "GET" in methods else ()
    for name in asked:
        if name not in possible:
            told = ", ".join(sorted(methods))
            yield form.spot.child(name).fault(f"a {told} has no body with such fields: it cannot match")


def _taken(draft: Draft) -> Iterator[Fault]:
    """Operations of one host, method and path that are not told apart, or of which one is never told."""
    places: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in draft.entries():
        path = (_PLACEHOLDER.sub("{}", segment) for segment in segments_of(entry.pattern.path.casefold()))
        places[entry.host.text, *path].append(entry)
    forms = {entry.operation.id: entry.form.spot for entry in draft.operations()}
    for entries in places.values():
        for at, later in enumerate(entries):
            for earlier in entries[:at]:
                yield from _pair(earlier, later, forms)


def _pair(earlier: Entry, later: Entry, forms: dict[str, Spot]) -> Iterator[Fault]:
    if earlier.operation is later.operation or not _methods_meet(earlier.pattern, later.pattern):
        return
    if _same(earlier, later):
        message = (
            f"`{later.operation.id}` claims requests that `{earlier.operation.id}` claims too "
            f"(on `{later.host.text}`): tell them apart by host, path or fields"
        )
        yield forms[later.operation.id].fault(message)
        return
    for one, other in ((earlier, later), (later, earlier)):
        if _always_first(one, other):
            message = (
                f"`{other.operation.id}` is never told: `{one.operation.id}` takes all its requests "
                f"(on `{other.host.text}`)"
            )
            yield forms[other.operation.id].fault(message)


def _methods_meet(first: RequestPattern, second: RequestPattern) -> bool:
    return "*" in first.methods | second.methods or not first.methods.isdisjoint(second.methods)


def _same(first: Entry, second: Entry) -> bool:
    one, two = first.pattern, second.pattern
    asked = [{(match.place, match.name) for match in pattern.fields} for pattern in (one, two)]
    if asked[0] != asked[1] or not fields_meet(one.fields, two.fields):
        return False
    if one.language is None or two.language is None:
        return one.language is two.language
    return one.language.meets(two.language)


def _always_first(one: Entry, other: Entry) -> bool:
    """Whether a claim on the same place takes every request of another, which does not train while it does.

    Both have fields, so that they are equally specific; of such the strictest counts.
    """
    pattern, hidden = one.pattern, other.pattern
    strictest = one.operation.purpose in TRAINING and other.operation.purpose not in TRAINING
    if not strictest or not ("*" in pattern.methods or hidden.methods <= pattern.methods):
        return False
    if not (pattern.discriminates and hidden.discriminates):
        return False
    if pattern.language is not None and pattern.language != hidden.language:
        return False
    return all(any(_implies(given, wanted) for given in hidden.fields) for wanted in pattern.fields)


def _implies(given: FieldMatch, wanted: FieldMatch) -> bool:
    """Whether a field that has one of the values of ``given`` always has one of ``wanted``."""
    if (given.place, given.name) != (wanted.place, wanted.name) or (given.absent and not wanted.absent):
        return False
    return all(
        any(value.startswith(one[:-1]) if one.endswith("*") else value == one for one in wanted.values)
        for value in given.values
    )
