"""Which of the claims on a request its head leaves possible, and what is settled of them before its body.

INVARIANT: what is kept here is a choice among claims of the policy, nothing that came from a request, and bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from subrosa.facts.body import BodyFacts
from subrosa.facts.paths import fold_name
from subrosa.facts.records import RequestHead
from subrosa.facts.ternary import Ternary
from subrosa.policy.operations import Claim, FieldMatch, Operation
from subrosa.policy.purposes import Carries

NOTHING_READ: Final = BodyFacts()
"""A body of which nothing is known yet; only ever read."""
_MOST: Final = 64
"""Standings of one list of claims that are remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """The claims that a head leaves possible, the most specific first, each with what the head alone makes of it."""

    known: tuple[Claim, ...] = ()
    """All that the index gave."""
    claims: tuple[Claim, ...] = ()
    values: tuple[Ternary, ...] = ()
    """UNKNOWN where the body has a say."""
    operations: tuple[Operation, ...] = field(init=False, repr=False)
    ranks: tuple[range, ...] = field(init=False, repr=False)
    """The places of claims that are equally specific, the most specific first."""
    settled: bool = field(init=False, repr=False)
    """Whether no claim waits for the body."""
    copies: bool = field(init=False, repr=False)
    """Whether some operation may carry what it names."""
    of_upload: bool = field(init=False, repr=False)
    """Whether some operation opens an upload, or goes on with one."""

    def __post_init__(self) -> None:
        operations = tuple(claim.operation for claim in self.claims)
        made = {
            "operations": operations,
            "ranks": tuple(_ranks(self.claims)),
            "settled": Ternary.UNKNOWN not in self.values,
            "copies": any(one.carries is Carries.REFERENCE for one in operations),
            "of_upload": any(one.yields is not None or one.continues is not None for one in operations),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, known: tuple[Claim, ...], values: tuple[Ternary, ...]) -> "Standing":
        """What is left where the head makes this of each claim; what it contradicts can never match again."""
        left = [pair for pair in zip(known, values, strict=True) if pair[1] is not Ternary.FALSE]
        return cls(known, tuple(claim for claim, _ in left), tuple(value for _, value in left))

    def test(self, head: RequestHead, body: BodyFacts) -> tuple[Ternary, ...]:
        """What each claim is now."""
        if self.settled:
            return self.values
        return tuple(
            [
                claim.test(head, body) if value is Ternary.UNKNOWN else value
                for claim, value in zip(self.claims, self.values, strict=True)
            ]
        )

    @property
    def foremost(self) -> Operation | None:
        """The operation that the request certainly is, whatever its body says."""
        return self.claims[0].operation if self.values[:1] == (Ternary.TRUE,) else None


def _ranks(claims: tuple[Claim, ...]) -> Iterator[range]:
    at = 0
    for _, alike in groupby(claims, lambda claim: claim.rank):
        begin, at = at, at + len(tuple(alike))
        yield range(begin, at)


NO_CLAIMS: Final = Standing()


class Standings:
    """The standings of one list of claims, found by what a head says in the fields that they ask for."""

    __slots__ = ("_bare", "_found", "_headers", "_known", "_parameters")

    def __init__(self, known: tuple[Claim, ...]) -> None:
        asked = [match for claim in known for match in claim.pattern.fields]
        self._known = known
        self._headers = frozenset(match.name.encode("latin-1") for match in _in(asked, "header"))
        self._parameters = frozenset(fold_name(match.name) for match in _in(asked, "query"))
        self._bare: Standing | None = None
        self._found: dict[tuple[Ternary, ...], Standing] = {}

    def find(self, head: RequestHead) -> Standing:
        """The standing of a head; most have none of the fields that are asked for, and then all have the same."""
        if not self._is_bare(head):
            return self._find(head)
        if self._bare is None:
            self._bare = self._find(head)
        return self._bare

    def _is_bare(self, head: RequestHead) -> bool:
        if self._parameters and (head.query.pairs or head.query.ambiguity is not None):
            names = (fold_name(name) for name, _ in head.query.pairs)
            if head.query.ambiguity is not None or not self._parameters.isdisjoint(names):
                return False
        return self._headers.isdisjoint(head.fields.index)

    def _find(self, head: RequestHead) -> Standing:
        values = tuple([claim.test(head, NOTHING_READ) for claim in self._known])
        found = self._found.get(values)
        if found is None:
            found = Standing.of(self._known, values)
            if len(self._found) < _MOST:
                self._found[values] = found
        return found


def _in(asked: list[FieldMatch], place: str) -> Iterator[FieldMatch]:
    return (match for match in asked if match.place == place)
