"""What a whole policy must fulfil beyond its files: the pledge whole, and names that exist."""

from collections.abc import Callable, Iterator

from subrosa.loading.draft import Draft
from subrosa.loading.faults import Fault, instead
from subrosa.loading.nodes import Mapping, Scalar, Sequence
from subrosa.loading.rulebook import PLEDGE
from subrosa.loading.shapes import Spot
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
