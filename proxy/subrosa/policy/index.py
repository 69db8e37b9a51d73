"""The catalogue's index: host by reversed labels, then path by segments, then method.

The cost of a look-up grows with the number of labels and segments of the request, not with the number of
operations.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from subrosa.facts.hosts import Host
from subrosa.facts.paths import Path
from subrosa.policy.hostmap import HostMap, HostPattern, fits
from subrosa.policy.operations import Claim, Operation, RequestPattern
from subrosa.policy.purposes import TRAINING

type Shelf = dict[str, list[Claim]]


@dataclass(slots=True)
class _PathNode:
    literal: "dict[str, _PathNode]" = field(default_factory=dict)
    affixed: "dict[tuple[str, str], _PathNode]" = field(default_factory=dict)
    here: Shelf = field(default_factory=dict)
    rest: Shelf = field(default_factory=dict)

    def child(self, segment: str) -> "_PathNode":
        if "{" not in segment:
            return self.literal.setdefault(segment.casefold(), _PathNode())
        before, _, after = segment.casefold().partition("{")
        return self.affixed.setdefault((before, after.partition("}")[2]), _PathNode())


@dataclass(slots=True)
class _Tree:
    """All operations under one host pattern."""

    paths: _PathNode = field(default_factory=_PathNode)
    trains: bool = False


def segments_of(pattern: str) -> tuple[str, ...]:
    """The segments of a catalogue path; ``/`` alone has none."""
    return tuple(part for part in pattern.split("/") if part)


def _weight(segment: str) -> int:
    if "{" not in segment:
        return 3
    return 1 if segment.startswith("{") and segment.endswith("}") else 2


@dataclass(slots=True)
class Index:
    """Filled once by `add`, then only read."""

    _hosts: HostMap[_Tree] = field(default_factory=HostMap)

    def add(self, host: HostPattern, operation: Operation, pattern: RequestPattern) -> None:
        """Enter one request pattern of an operation under one host pattern."""
        tree = self._hosts.set(host, _Tree())
        tree.trains = tree.trains or operation.purpose in TRAINING
        segments = segments_of(pattern.path)
        rest = bool(segments) and segments[-1].endswith("...}")
        place = tree.paths
        for segment in segments[:-1] if rest else segments:
            place = place.child(segment)
        weights = [_weight(segment) for segment in segments[: len(segments) - rest]]
        rank = (host.rank, *weights, 0 if rest else 4, int(bool(pattern.fields)))
        shelf = place.rest if rest else place.here
        for method in pattern.methods:
            shelf.setdefault(method, []).append(Claim(operation, pattern, rank))

    def claims(self, host: Host, method: str, path: Path) -> tuple[Claim, ...]:
        """All claims on a request, the most specific first; empty when the catalogue knows nothing of it."""
        found: list[Claim] = []
        for tree in self._hosts.get(host):
            _collect(tree.paths, path.folded, 0, method, found)
        if len(found) > 1:
            found.sort(key=_rank, reverse=True)
        return tuple(found)

    def trains(self, host: Host) -> bool:
        """Whether some training operation is claimed on this very host (any-host dialects do not count)."""
        anywhere = self._hosts.anywhere
        return any(tree.trains for tree in self._hosts.get(host) if tree is not anywhere)


def _rank(claim: Claim) -> tuple[int, ...]:
    return claim.rank


def _collect(node: _PathNode, segments: tuple[str, ...], at: int, method: str, found: list[Claim]) -> None:
    if node.rest:
        found += _on(node.rest, method)
    if at == len(segments):
        found += _on(node.here, method)
        return
    segment = segments[at]
    literal = node.literal.get(segment)
    if literal is not None:
        _collect(literal, segments, at + 1, method, found)
    for (before, after), child in node.affixed.items():
        if fits(segment, before, after):
            _collect(child, segments, at + 1, method, found)


def _on(shelf: Shelf, method: str) -> Iterable[Claim]:
    yield from shelf.get(method, ())
    yield from shelf.get("*", ())
