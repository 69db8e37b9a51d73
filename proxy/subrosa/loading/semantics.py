"""What a whole policy must fulfil beyond its files: names that exist, the pledge whole, nothing weakened."""

from collections.abc import Callable, Iterator

from subrosa.facts.hosts import Host
from subrosa.facts.paths import Path
from subrosa.loading.draft import Draft, Entry
from subrosa.loading.faults import Fault, instead
from subrosa.loading.nodes import Mapping, Scalar, Sequence
from subrosa.loading.overlap import hosts_meet, requests_meet
from subrosa.loading.rulebook import PLEDGE
from subrosa.loading.shapes import Spot
from subrosa.policy.index import Index
from subrosa.policy.purposes import TRAINING, Strength
from subrosa.policy.rules import Rank
from subrosa.policy.sources import names


def check_whole(draft: Draft) -> None:
    """The shipped directory must hold what makes a policy: the sealed pledge, the profile, tags, a catalogue."""
    if draft.failed:
        return  # what seems missing may stand in a file that could not be read
    builtin = draft.inputs.builtin
    for rule_id in PLEDGE:
        read = draft.rules.get(rule_id)
        if read is None or not read.builtin or read.rule.rank is not Rank.SEALED:
            _missing(draft, f"`{rule_id}` is not sealed in `{builtin}`: the pledge is not whole")
    if not any(one.file.builtin and one.form.profile is draft.inputs.profile for one in draft.shelf.rules):
        _missing(
            draft,
            f"profiles/{draft.inputs.profile}.yaml is missing in `{builtin}`: write `rules: []` at least",
        )
    if not any(one.file.builtin for one in draft.shelf.tags):
        _missing(draft, f"tags.yaml is missing in `{builtin}`: without it no tag is read")
    if not any(provider.builtin for provider in draft.providers.values()):
        _missing(draft, f"`{builtin}` holds no destination: the catalogue is empty")


def _missing(draft: Draft, message: str) -> None:
    draft.faults.append(Fault("rules", 0, 0, "", message))


def check_names(draft: Draft) -> None:
    """Tell names in conditions that nothing has: a rule about a misspelt source would never hold."""
    known: dict[str, Callable[[], set[str]]] = {
        "provider": lambda: set(draft.providers),
        "operation": lambda: {entry.operation.id for entry in draft.operations()},
        "source": lambda: set(names(draft.inputs.sources)),
    }
    for read in draft.rules.values():
        for fact, spot in _named(read.form.when):
            words = known[fact]()
            if isinstance(spot.node, Scalar) and spot.node.text not in words:
                draft.faults.append(
                    spot.fault(f"`{spot.node.text}` is no {fact}: {instead(spot.node.text, words)}")
                )


def _named(spot: Spot) -> Iterator[tuple[str, Spot]]:
    """Every value of a condition that names a provider, an operation or a source."""
    if isinstance(spot.node, Sequence):
        for at in range(len(spot.node.items)):
            yield from _named(spot.item(at))
    elif isinstance(spot.node, Mapping):
        for key in spot.node.entries:
            child = spot.child(key)
            if key in ("provider", "operation", "source"):
                items = range(len(child.node.items)) if isinstance(child.node, Sequence) else (0,)
                yield from ((key, child.item(at)) for at in items)
            else:
                yield from _named(child)


def check_shadows(draft: Draft, declared: tuple[Entry, ...]) -> None:
    """Tell entries of users and settings that would take requests from a shipped training operation.

    INVARIANT: the most specific claim decides, so a user's more specific operation that does not train
    would lift a sealed rule; that is what `reclassify` is for, with an owner and an end.
    """
    shipped = [entry for entry in draft.entries() if entry.builtin and entry.operation.purpose in TRAINING]
    by_host: dict[str, list[Entry]] = {}
    forms = {id(entry.operation): entry.form for entry in draft.operations()}
    told: set[tuple[str, str]] = set()
    for mine in (*(entry for entry in draft.entries() if not entry.builtin), *declared):
        if mine.operation.trains and not mine.operation.by_default:
            continue
        if mine.host.text not in by_host:
            by_host[mine.host.text] = [other for other in shipped if hosts_meet(mine.host, other.host)]
        for other in by_host[mine.host.text]:
            pair = (mine.operation.id, other.operation.id)
            if pair not in told and _weakens(draft, mine, other):
                told.add(pair)
                message = (
                    f"`{mine.operation.id}` would take requests from `{other.operation.id}`, which trains: "
                    "write a `reclassify` of that operation, or claim other requests"
                )
                if mine in declared:
                    message = f"host `{mine.host.text}`: {message}"
                    draft.faults.append(Fault("settings", 0, 0, "destinations", message))
                else:
                    draft.faults.append(forms[id(mine.operation)].spot.fault(message))


def _weakens(draft: Draft, mine: Entry, other: Entry) -> bool:
    if mine.operation is other.operation or (mine.operation.hints and other.operation.hints):
        return False
    shipped_here = draft.providers[mine.operation.provider].builtin
    if not other.host.labels and (shipped_here or other.operation.strength is not Strength.DEFINITE):
        return False  # a dialect that any host may speak gives way to what is known of one host
    return requests_meet(mine.pattern, other.pattern) and rank(mine) > rank(other)


def rank(entry: Entry) -> tuple[int, ...]:
    """How specific the index takes an entry to be, asked of the index itself."""
    index = Index()
    index.add(entry.host, entry.operation, entry.pattern)
    name = ".".join(reversed(entry.host.labels)) or "any"
    host = Host.parse(_filled(("x." if entry.host.suffix else "") + name))
    method = next(iter(entry.pattern.methods))
    return index.claims(host, method, Path.parse(_filled(entry.pattern.path)))[0].rank


def _filled(pattern: str) -> str:
    """A text that the pattern matches: each placeholder is one letter."""
    before, mark, rest = pattern.partition("{")
    return before + "x" + _filled(rest.partition("}")[2]) if mark else pattern
