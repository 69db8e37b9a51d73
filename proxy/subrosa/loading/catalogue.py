"""From the forms of a destination file to the provider, its operations and the hosts on which each is claimed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from subrosa.facts.paths import Path
from subrosa.facts.unreadable import UnreadableError
from subrosa.loading.faults import Fault
from subrosa.loading.forms import DestinationForm, OperationForm, RequestForm, TenantForm, UnlessForm
from subrosa.loading.languages import language_of
from subrosa.loading.shapes import Spot
from subrosa.loading.uploads import continues_of, yields_of
from subrosa.loading.values import Values
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.index import segments_of
from subrosa.policy.operations import FieldMatch, Operation, OptOut, Place, RequestPattern, Tenant
from subrosa.policy.policy import Provider
from subrosa.policy.purposes import TRAINING, Strength

_PLACEHOLDER = re.compile(r"\{[A-Za-z0-9_]+\}")
_REST = re.compile(r"\{[A-Za-z0-9_]+\.\.\.\}")
_WRITE_PATH = "write `/` and segments: text, `{name}`, `pre{name}post`, and `{name...}` as the last"


@dataclass(frozen=True, slots=True)
class Catalogued:
    """One operation with the host patterns on which it is claimed, and the form it was read from."""

    operation: Operation
    hosts: tuple[HostPattern, ...]
    form: OperationForm


@dataclass(frozen=True, slots=True)
class CataloguedProvider:
    """One provider with its operations, and the form it was read from."""

    provider: Provider
    operations: tuple[Catalogued, ...]
    form: DestinationForm
    builtin: bool


def build_provider(form: DestinationForm, faults: list[Fault], *, builtin: bool) -> CataloguedProvider:
    """Build one provider; faults are told, and what has one is left out."""
    hosts = _hosts(form.hosts, form.spot.child("hosts"), faults, any_host=form.dialect)
    if form.dialect and "*" not in form.hosts:
        faults.append(form.spot.child("dialect").fault("`dialect: true` is for hosts that hold `*`"))
    operations = tuple(
        Catalogued(operation, _own_hosts(one, form, hosts, faults), one)
        for one in form.operations
        if (operation := _operation(one, form, faults)) is not None
    )
    provider = Provider(
        id=form.provider,
        name=form.name,
        hosts=hosts,
        operations=tuple(entry.operation for entry in operations),
        shape=form.shape,
        reviewed=form.reviewed,
    )
    return CataloguedProvider(provider, operations, form, builtin)


def parse_host(text: str, spot: Spot, faults: list[Fault], *, any_host: bool = False) -> HostPattern | None:
    """Read one host pattern, or tell what to write instead."""
    if text == "*" and not any_host:
        faults.append(spot.fault("`*` is any host: only a `dialect: true` is spoken on any host"))
        return None
    try:
        pattern = HostPattern.parse(text)
    except (ValueError, UnreadableError) as error:
        faults.append(spot.fault(str(error)))
        return None
    if any(label.count("{") > 1 for label in pattern.labels):
        faults.append(spot.fault(f"host `{text}`: write one `{{name}}` a label at most"))
        return None
    return pattern


def _hosts(
    texts: tuple[str, ...], spot: Spot, faults: list[Fault], *, any_host: bool
) -> tuple[HostPattern, ...]:
    read = (parse_host(text, spot.item(at), faults, any_host=any_host) for at, text in enumerate(texts))
    return tuple(pattern for pattern in read if pattern is not None)


def _own_hosts(
    one: OperationForm, form: DestinationForm, hosts: tuple[HostPattern, ...], faults: list[Fault]
) -> tuple[HostPattern, ...]:
    return _hosts(one.hosts, one.spot.child("hosts"), faults, any_host=form.dialect) if one.hosts else hosts


def _operation(one: OperationForm, form: DestinationForm, faults: list[Fault]) -> Operation | None:
    before = len(faults)
    if not one.id.startswith(form.provider + "."):
        faults.append(
            one.spot.child("id").fault(
                f"`{one.id}` does not begin with the provider: write `{form.provider}.…`"
            )
        )
    trains = one.purpose in TRAINING
    if trains and one.strength is None:
        message = f"`strength` is missing: how sure is `{one.purpose}`? write definite, likely or signal"
        faults.append(one.spot.fault(message))
    if one.unless is not None and not trains:
        message = (
            f"`{one.purpose}` needs no opt-out: `unless` goes with a training purpose, `model-improvement`"
        )
        faults.append(one.spot.child("unless").fault(message))
    requests = _requests(one, faults, every=not trains)
    unless = None if one.unless is None else _unless(one.unless, faults)
    yields = None if one.yields is None else yields_of(one.yields, faults)
    continues = None if one.continues is None else continues_of(one.continues, requests, faults)
    if len(faults) > before:
        return None
    return Operation(
        id=one.id,
        provider=form.provider,
        purpose=one.purpose,
        strength=one.strength or Strength.DEFINITE,
        requests=requests,
        hosts=one.hosts,
        unless=unless,
        carries=one.carries,
        object_body=one.body == "object",
        yields=yields,
        continues=continues,
        late=one.late,
        shape=one.shape or form.shape,
        source="; ".join(one.source),
        breaks=one.breaks,
        reviewed=one.reviewed or form.reviewed,
    )


def _requests(one: OperationForm, faults: list[Fault], *, every: bool) -> tuple[RequestPattern, ...]:
    if (one.request is None) == (not one.requests):
        faults.append(
            one.spot.fault("write `request`, or `requests` for several forms: exactly one of the two")
        )
        return ()
    forms = (one.request,) if one.request is not None else one.requests
    return tuple(pattern for form in forms for pattern in _patterns(form, faults, every=every))


def _patterns(form: RequestForm, faults: list[Fault], *, every: bool) -> Iterator[RequestPattern]:
    fields, language = _fields(form), language_of(form, faults, every=every)
    if form.aws_target:
        if form.method or form.path:
            faults.append(form.spot.fault("`aws_target` says method and path already: leave these away"))
        for target in form.aws_target:
            yield from (
                RequestPattern(m, path, (*own, *fields), language) for m, path, own in aws_forms(target)
            )
        return
    if not form.method or not form.path:
        missing = "method" if not form.method else "path"
        faults.append(form.spot.fault(f"`{missing}` is missing: write method and path, or `aws_target`"))
        return
    if check_path(form.path, form.spot.child("path"), faults):
        yield RequestPattern(frozenset(form.method), form.path, fields, language)


def aws_forms(target: str) -> Iterator[tuple[frozenset[str], str, tuple[FieldMatch, ...]]]:
    """The wire forms of one AWS operation: JSON (X-Amz-Target) and CBOR with a prefix, query without one."""
    prefix, _, operation = target.rpartition(".")
    value = frozenset({(target if prefix else operation).casefold()})
    if prefix:
        yield frozenset({"POST"}), "/", (FieldMatch("header", "x-amz-target", value),)
        yield frozenset({"POST"}), f"/service/{prefix}/operation/{operation}", ()
    else:
        yield frozenset({"POST", "GET"}), "/", (FieldMatch("query", "Action", value),)
        yield frozenset({"POST"}), "/", (FieldMatch("form", "action", value),)


def check_path(path: str, spot: Spot, faults: list[Fault]) -> bool:
    """Whether a path pattern can match a canonical path at all; tells what to write where it cannot."""
    segments = segments_of(path)
    told: str | None = None
    for at, segment in enumerate(segments):
        last = at == len(segments) - 1
        if _REST.fullmatch(segment) and last:
            continue
        if "..." in segment and "{" in segment:
            told = f"`{segment}`: `{{name...}}` stands alone, as the last segment"
        elif segment.count("{") > 1 or _PLACEHOLDER.sub("", segment).strip("{}") != _PLACEHOLDER.sub(
            "", segment
        ):
            told = f"`{segment}`: one `{{name}}` a segment, of letters, digits and `_`"
    literal = _REST.sub("x", _PLACEHOLDER.sub("x", path))
    if told is None and "{" not in literal and not _canonical(literal):
        told = "no request has this path in canonical form"
    if told is None:
        return True
    faults.append(spot.fault(f"path `{path}` cannot match: {told}; {_WRITE_PATH}"))
    return False


def _canonical(literal: str) -> bool:
    try:
        parsed = Path.parse(literal)
    except UnreadableError:
        return False
    wanted = tuple(literal[1:].split("/")) if literal != "/" else ()
    return parsed.ambiguity is None and parsed.matching == wanted


def _fields(form: RequestForm) -> tuple[FieldMatch, ...]:
    places: tuple[tuple[Place, Mapping[str, Values]], ...] = (
        ("query", form.query),
        ("header", form.header),
        ("form", form.form),
        ("json", form.json),
    )
    return tuple(
        FieldMatch(place, name, values.folded, values.absent)
        for place, named in places
        for name, values in named.items()
    )


def _unless(form: UnlessForm, faults: list[Fault]) -> OptOut:
    places: tuple[tuple[Place, Mapping[str, Values]], ...] = (
        ("query", form.query),
        ("header", form.header),
        ("form", form.form),
        ("json", form.json),
    )
    fields: list[FieldMatch] = []
    for (place, named), _ in product(places, (None,)):
        for name, values in named.items():
            spot = form.spot.child(place).child(name)
            if values.absent or not values.given or any("*" in value for value in values.given):
                faults.append(
                    spot.fault("an opt-out counts only when it is given: write its documented values, whole")
                )
            fields.append(FieldMatch(place, name, frozenset(values.given), exact=True))
    tenant = None if form.tenant is None else _tenant(form.tenant, faults)
    if not fields and not form.assertion and tenant is None:
        faults.append(
            form.spot.fault(
                "write the parameter that opts out, or `assert` with the name of the account fact"
            )
        )
    return OptOut(tuple(fields), form.assertion, tenant)


def _tenant(form: TenantForm, faults: list[Fault]) -> Tenant:
    hosts = _hosts(form.hosts, form.spot.child("hosts"), faults, any_host=False)
    return Tenant(form.header, form.assertion, hosts)
