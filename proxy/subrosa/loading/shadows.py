"""Entries of users and settings that would take requests from shipped operations, and a sealed rule's ground with them.

INVARIANT: the most specific claim decides what a request is. So no entry that is not shipped may be more specific
than a shipped training operation unless it trains as surely, nor hide the tags of a body that a shipped one reads.
`reclassify` is for that, with an owner and an end.
"""

from collections.abc import Iterable

from subrosa.facts.hosts import Host
from subrosa.facts.paths import Path
from subrosa.loading.draft import Draft, Entry
from subrosa.loading.faults import Fault
from subrosa.loading.overlap import hosts_meet, requests_meet
from subrosa.policy.index import Index
from subrosa.policy.operations import Operation
from subrosa.policy.purposes import TRAINING, Strength


def check_shadows(draft: Draft, declared: tuple[Entry, ...]) -> None:
    """Tell every such entry once for each operation that it would take requests from."""
    shipped = [entry for entry in draft.entries() if entry.builtin]
    near: dict[str, list[Entry]] = {}
    own = [entry for entry in draft.entries() if not entry.builtin]
    forms = {id(entry.operation): entry.form for entry in draft.operations()}
    told: set[tuple[str, str]] = set()
    for entries, of_settings in ((own, False), (declared, True)):
        for mine in entries:
            if mine.host.text not in near:
                near[mine.host.text] = [other for other in shipped if hosts_meet(mine.host, other.host)]
            for other, why in _taken(draft, mine, near[mine.host.text]):
                pair = (mine.operation.id, other.id)
                if pair in told:
                    continue
                told.add(pair)
                message = f"`{mine.operation.id}` would take requests from `{other.id}`, {why}"
                if of_settings:
                    where = f"host `{mine.host.text}`: {message}"
                    draft.faults.append(Fault("settings", 0, 0, "destinations", where))
                else:
                    draft.faults.append(forms[id(mine.operation)].spot.fault(message))


def _taken(draft: Draft, mine: Entry, near: Iterable[Entry]) -> Iterable[tuple[Operation, str]]:
    """The shipped operations that an entry takes requests from in a way that counts, and why it does."""
    surely_trains = mine.operation.trains and not mine.operation.by_default
    for other in near:
        if mine.operation.provider == other.operation.provider:
            continue  # a declared host speaks all of a provider's operations, so they keep their order among each other
        if not surely_trains and other.operation.purpose in TRAINING and _weakens(draft, mine, other):
            yield (
                other.operation,
                "which trains: write a `reclassify` of that operation, or claim other requests",
            )
        elif mine.operation.object_body and other.host.labels and _hides(mine, other):
            yield (
                other.operation,
                "whose bodies are read for tags: leave `body: object` away, or claim other requests",
            )


def _weakens(draft: Draft, mine: Entry, other: Entry) -> bool:
    if mine.operation.hints and other.operation.hints:
        return False
    shipped_here = draft.providers[mine.operation.provider].builtin
    if not other.host.labels and (shipped_here or other.operation.strength is not Strength.DEFINITE):
        return False  # a dialect that any host may speak gives way to what is known of one host
    return _above(mine, other, least=1)


def _hides(mine: Entry, other: Entry) -> bool:
    return not other.operation.object_body and _above(mine, other, least=0)


def _above(mine: Entry, other: Entry, *, least: int) -> bool:
    """Whether some request is claimed by both and ``mine`` is more specific, or with ``least`` 0 as specific."""
    if not requests_meet(mine.pattern, other.pattern):
        return False
    return rank(mine) > rank(other) if least else rank(mine) >= rank(other)


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
