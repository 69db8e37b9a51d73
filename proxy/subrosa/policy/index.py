"""The catalogue's index: host by reversed labels, then path by segments, then method.

The cost of a look-up grows with the number of labels and segments of the request, not with the number of
operations.
"""

from dataclasses import dataclass, field

from subrosa.facts.hosts import Host
from subrosa.facts.paths import Path
from subrosa.policy.hostmap import HostMap, HostPattern, fits
from subrosa.policy.operations import Claim, Operation, RequestPattern
from subrosa.policy.purposes import TRAINING

TARGET = "x-amz-target"
"""The header that names the operation of AWS JSON services; all of a service's operations share one path."""

type _Asked = tuple[str, tuple[str, ...] | None]
"""Method, folded AWS targets; None for every target."""


@dataclass(slots=True)
class Shelf:
    """The claims at one path, by method; those that need one AWS target are found by it."""

    plain: dict[str, list[Claim]] = field(default_factory=dict)
    targeted: dict[tuple[str, str], list[Claim]] = field(default_factory=dict)

    def put(self, method: str, claim: Claim) -> None:
        """Enter a claim."""
        target = _target_of(claim.pattern)
        if target is None:
            self.plain.setdefault(method, []).append(claim)
        else:
            self.targeted.setdefault((method, target), []).append(claim)

    def take(self, asked: _Asked, found: list[Claim]) -> None:
        """Add the claims for a method and the targets that the request names."""
        method, targets = asked
        for wanted in (method, "*"):
            if wanted in self.plain:
                found += self.plain[wanted]
            if self.targeted:
                for target in self._targets(wanted) if targets is None else targets:
                    found += self.targeted.get((wanted, target), ())

    def _targets(self, method: str) -> tuple[str, ...]:
        return tuple(target for known, target in self.targeted if known == method)


def _target_of(pattern: RequestPattern) -> str | None:
    """The one AWS target that a pattern needs, or None."""
    for match in pattern.fields:
        if match.place == "header" and match.name == TARGET and len(match.values) == 1 and not match.absent:
            (value,) = match.values
            return None if value.endswith("*") else value
    return None


@dataclass(slots=True)
class _PathNode:
    literal: "dict[str, _PathNode]" = field(default_factory=dict)
    affixed: "dict[tuple[str, str], _PathNode]" = field(default_factory=dict)
    whole: "_PathNode | None" = None
    """Behind ``{name}`` alone, which any segment fits."""
    here: Shelf | None = None
    rest: Shelf | None = None

    def child(self, segment: str) -> "_PathNode":
        if "{" not in segment:
            return self.literal.setdefault(segment.casefold(), _PathNode())
        before, _, after = segment.casefold().partition("{")
        after = after.partition("}")[2]
        if not before and not after:
            self.whole = self.whole or _PathNode()
            return self.whole
        return self.affixed.setdefault((before, after), _PathNode())

    def shelf(self, *, rest: bool) -> Shelf:
        if rest:
            self.rest = self.rest or Shelf()
            return self.rest
        self.here = self.here or Shelf()
        return self.here


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
        rank = (host.rank, *weights, 0 if rest else 4, int(pattern.discriminates))
        shelf = place.shelf(rest=rest)
        for method in pattern.methods:
            shelf.put(method, Claim(operation, pattern, rank))

    def claims(
        self, host: Host, method: str, path: Path, targets: tuple[str, ...] | None = None
    ) -> tuple[Claim, ...]:
        """All claims on a request, the most specific first; empty when the catalogue knows nothing of it.

        Of equally specific ones the training ones stand first: a block is told by the operation that it is about.
        ``targets`` are the values of `TARGET` that the request has: claims that need another one are left out.
        None leaves none out.
        """
        found: list[Claim] = []
        folded = None if targets is None else tuple([target.strip().casefold() for target in targets])
        for tree in self._hosts.get(host):
            _collect(tree.paths, path.folded, 0, (method, folded), found)
        if len(found) > 1:
            found.sort(key=_rank, reverse=True)
        return tuple(found)

    def trains(self, host: Host) -> bool:
        """Whether some training operation is claimed on this very host (any-host dialects do not count)."""
        anywhere = self._hosts.anywhere
        return any(tree.trains for tree in self._hosts.get(host) if tree is not anywhere)


def _rank(claim: Claim) -> tuple[tuple[int, ...], bool]:
    return claim.rank, claim.operation.purpose in TRAINING


def _collect(node: _PathNode, segments: tuple[str, ...], at: int, asked: _Asked, found: list[Claim]) -> None:
    if node.rest is not None:
        node.rest.take(asked, found)
    if at == len(segments):
        if node.here is not None:
            node.here.take(asked, found)
        return
    segment = segments[at]
    literal = node.literal.get(segment)
    if literal is not None:
        _collect(literal, segments, at + 1, asked, found)
    if node.whole is not None and segment:
        _collect(node.whole, segments, at + 1, asked, found)
    for (before, after), child in node.affixed.items():
        if fits(segment, before, after):
            _collect(child, segments, at + 1, asked, found)
