"""What users and settings state about the catalogue: declared hosts, re-classifications, asserted facts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from subrosa.loading.catalogue import Catalogued, CataloguedProvider
from subrosa.loading.draft import Draft, Entry
from subrosa.loading.faults import Fault, instead
from subrosa.loading.forms import ReclassifyForm
from subrosa.loading.overlap import hosts_meet
from subrosa.policy.hostmap import HostMap
from subrosa.policy.languages import GraphqlMatch, SqlMatch
from subrosa.policy.operations import Operation, RequestPattern
from subrosa.policy.policy import Declared
from subrosa.policy.purposes import TRAINING, Strength

SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Declarations:
    """The declared hosts that still count, and the entries that `speaks` makes in the index."""

    by_host: HostMap[Declared] = field(default_factory=HostMap)
    entries: tuple[Entry, ...] = ()


def declare(draft: Draft) -> Declarations:
    """Take the settings' declared hosts: each may speak a provider's API, have a purpose, or both."""
    by_host: HostMap[Declared] = HostMap()
    entries: list[Entry] = []
    for at, one in enumerate(draft.inputs.declared):
        where = f"destinations[{at}]"
        if one.expires and one.expires < draft.inputs.today:
            draft.expired.append(one.host.text)
            message = f"`{one.host.text}` expired on {one.expires}: it is ignored; renew or remove it"
            draft.faults.append(Fault(SETTINGS, 0, 0, f"{where}.expires", message, warning=True))
            continue
        if by_host.set(one.host, one) is not one:
            draft.faults.append(
                Fault(SETTINGS, 0, 0, f"{where}.host", f"`{one.host.text}` is declared twice")
            )
            continue
        entries += _spoken(draft, one, where)
    _check_tunnels(draft, entries)
    return Declarations(by_host, tuple(entries))


def _check_tunnels(draft: Draft, spoken: Iterable[Entry]) -> None:
    """Refuse to leave unread what goes to a host where something trains; a claim on any host knows no host."""
    training: dict[str, Entry] = {}
    for entry in (*draft.entries(), *spoken):
        if entry.host.labels and entry.operation.purpose in TRAINING:
            training.setdefault(f"{entry.host.text} {entry.operation.id}", entry)
    for at, one in enumerate(draft.inputs.declared):
        claims = (entry for entry in training.values() if hosts_meet(one.host, entry.host))
        found = next(claims, None) if one.tunnel else None
        if found is not None:
            message = (
                f"`{one.host.text}` cannot be left unread: `{found.operation.id}` claims `{found.host.text}`, "
                "which trains: leave `inspect: never` away, or name the host that does not train"
            )
            draft.faults.append(Fault(SETTINGS, 0, 0, f"destinations[{at}].inspect", message))


def _spoken(draft: Draft, one: Declared, where: str) -> Iterator[Entry]:
    if not one.speaks:
        return
    provider = draft.providers.get(one.speaks)
    if provider is None:
        message = f"`{one.speaks}` is no provider of the catalogue: {instead(one.speaks, draft.providers)}"
        draft.faults.append(Fault(SETTINGS, 0, 0, f"{where}.speaks", message))
        return
    for entry in provider.operations:
        for pattern in entry.operation.requests:
            yield Entry(one.host, entry.operation, pattern, builtin=False)


def reclassify(draft: Draft) -> None:
    """Replace the operations that user rules re-classify."""
    known = {
        entry.operation.id: (name, entry)
        for name, provider in draft.providers.items()
        for entry in provider.operations
    }
    done: set[str] = set()
    forms = [(one.file.builtin, form) for one in draft.shelf.rules for form in one.form.reclassify]
    forms += [(one.file.builtin, form) for one in draft.shelf.destinations for form in one.form.reclassify]
    for builtin, form in forms:
        if builtin:
            draft.faults.append(
                form.spot.fault("shipped rules re-classify nothing: change the operation itself")
            )
        elif form.operation in done:
            draft.faults.append(
                form.spot.child("operation").fault(f"`{form.operation}` is re-classified twice")
            )
        elif form.operation not in known:
            message = f"`{form.operation}` is no operation of the catalogue: {instead(form.operation, known)}"
            draft.faults.append(form.spot.child("operation").fault(message))
        else:
            done.add(form.operation)
            name, entry = known[form.operation]
            _take(draft, form, name, entry)


def _take(draft: Draft, form: ReclassifyForm, name: str, entry: Catalogued) -> None:
    operation = entry.operation
    if operation.strength is Strength.DEFINITE and operation.purpose in TRAINING:
        message = f"`{operation.id}` is definite: only `likely` and `signal` operations can be re-classified"
        draft.faults.append(form.spot.child("operation").fault(message))
        return
    if form.expires < draft.inputs.today:
        draft.expired.append(operation.id)
        message = f"`{operation.id}`: this expired on {form.expires} and is ignored; renew or remove it"
        draft.faults.append(form.spot.child("expires").fault(message, warning=True))
        return
    changed = replace(entry, operation=_changed(operation, form))
    provider = draft.providers[name]
    draft.providers[name] = _with(provider, entry, changed)


def _changed(operation: Operation, form: ReclassifyForm) -> Operation:
    return replace(
        operation,
        purpose=form.purpose,
        strength=form.strength or Strength.LIKELY,
        requests=tuple(_requests(operation, every=form.purpose not in TRAINING)),
        unless=operation.unless if form.purpose in TRAINING else None,
        reclassified=f"{form.owner}: {form.why}",
    )


def _requests(operation: Operation, *, every: bool) -> Iterator[RequestPattern]:
    """The requests; what no longer trains must be all that a request says, so that nothing else hides in it."""
    for pattern in operation.requests:
        language = pattern.language
        if isinstance(language, GraphqlMatch | SqlMatch):
            yield replace(pattern, language=replace(language, every=every))
        else:
            yield pattern


def _with(provider: CataloguedProvider, old: Catalogued, new: Catalogued) -> CataloguedProvider:
    operations = tuple(new if entry is old else entry for entry in provider.operations)
    changed = replace(provider.provider, operations=tuple(entry.operation for entry in operations))
    return replace(provider, operations=operations, provider=changed)


def check_assertions(draft: Draft) -> None:
    """Tell asserted facts that no operation asks for, or not in this way."""
    asked, by_value = asked_facts(draft.operations())
    for stated in sorted(draft.inputs.asserted):
        fact, valued, _ = stated.partition("=")
        if fact in (by_value if valued else asked):
            continue
        message = f"no operation asks for the fact `{fact}`: {instead(fact, asked | by_value)}"
        if fact in asked:
            message = f"`{fact}` is a fact of its own: leave `values` away"
        elif fact in by_value:
            message = f"`{fact}` is asked by its values: write `values: […]`, the ids of our accounts"
        draft.faults.append(Fault(SETTINGS, 0, 0, "assert", message))


def asked_facts(operations: Iterable[Catalogued]) -> tuple[set[str], set[str]]:
    """The facts that operations ask for: those of their own, and those that are asked by their values."""
    opt_outs = [entry.operation.unless for entry in operations]
    own = {one.assertion for one in opt_outs if one is not None and one.assertion}
    return own, {one.tenant.fact for one in opt_outs if one is not None and one.tenant is not None}
