"""What the policy alone determines of requests that look alike to it: found once, used by each of them.

INVARIANT: nothing in here comes from one request but the choice among what the policy holds, so that it is as true of
the next one; it is bounded, belongs to one policy, and goes with its generation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from subrosa.content.labels import Doubt
from subrosa.facts.body import Want
from subrosa.facts.hosts import Host
from subrosa.facts.records import RequestHead
from subrosa.facts.stage import Stage
from subrosa.policy.beginnings import Beginnings, Reading
from subrosa.policy.conditions import idle
from subrosa.policy.index import TARGET, Index
from subrosa.policy.operations import Claim, Operation, wanted_places
from subrosa.policy.rules import Rule
from subrosa.policy.standing import Standing, Standings
from subrosa.policy.verdict import Outcome, Verdict

_MOST_PLANS: Final = 64
"""Plans of one route that are remembered."""
_MOST_ROUTES: Final = 4096
_USUAL: Final = 200
"""Characters of a path and its targets, of such as are remembered."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that can matter to a request, in order of precedence."""

    blocks: tuple[Rule, ...] = ()
    allows: tuple[Rule, ...] = ()
    defaults: tuple[Rule, ...] = ()

    def among(self, operations: tuple[Operation, ...]) -> "Rules":
        """Those that are not certainly false where only these operations claim the request."""
        return Rules(*(_awake(rules, operations) for rules in (self.blocks, self.allows, self.defaults)))


def _awake(rules: tuple[Rule, ...], operations: tuple[Operation, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if not idle(rule.when, operations))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Plan:
    """What is to be done with requests of one standing on one host."""

    standing: Standing
    rules: Rules
    """Those that can still hold."""
    every: Rules
    """All of the host, where the opening of an upload has a say."""
    declared: str
    """The purpose that the settings declare for the host, or empty."""
    want: Want
    """What the rules may need of a body, or of a message."""
    beginnings: Beginnings
    plain: dict[tuple[Outcome, Stage, str], Verdict] = field(default_factory=dict)
    """The verdicts so far that tell nothing but an operation; one for each, for `decide`."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the policy holds for a host, and for every body."""

    rules: Rules
    declared: str
    needs_shape: bool
    reading: Reading


class Route:
    """All requests with one host, one method, and paths on which the same operations are claimed."""

    __slots__ = ("_ground", "_plans", "_standings")

    def __init__(self, claims: tuple[Claim, ...], ground: Ground) -> None:
        self._standings = Standings(claims)
        self._ground = ground
        self._plans: dict[Standing, Plan] = {}

    def plan(self, head: RequestHead) -> Plan:
        """The plan for a head."""
        standing = self._standings.find(head)
        plan = self._plans.get(standing)
        if plan is None:
            plan = self._make(standing)
            if len(self._plans) < _MOST_PLANS:
                self._plans[standing] = plan
        return plan

    def _make(self, standing: Standing) -> Plan:
        ground = self._ground
        want = _wanted(standing, needs_shape=ground.needs_shape)
        foremost = standing.foremost
        is_object = foremost is not None and foremost.object_body
        return Plan(
            standing=standing,
            rules=ground.rules.among(standing.operations),
            every=ground.rules,
            declared=ground.declared,
            want=want,
            beginnings=Beginnings(ground.reading, want, _doubt(standing, want), is_object=is_object),
        )


class Routes:
    """The routes of one policy, found by what a request line says, or by the claims on it.

    A path is remembered with its route where it is short, as the calls of an API are: what nobody chose may not fill
    the memory. Of those that are new each time the claims are looked up, and these are few.
    """

    __slots__ = ("_by_claims", "_by_line", "_ground", "_index")

    def __init__(self, index: Index, ground: Callable[[Host], Ground]) -> None:
        self._index = index
        self._ground = ground
        self._by_line: dict[_Line, Route] = {}
        self._by_claims: dict[tuple[str, str, tuple[Claim, ...]], Route] = {}

    def find(self, head: RequestHead) -> Route:
        """The route of a request."""
        host, method, path = head.authority.host, head.method, head.path
        targets = head.fields.get_all(TARGET)
        line = host.name, method, path.folded, targets
        route = self._by_line.get(line)
        if route is None:
            route = self._route(host, method, self._index.claims(host, method, path, targets))
            if len(path.text) + sum(map(len, targets)) <= _USUAL:
                _keep(self._by_line, line, route)
        return route

    def _route(self, host: Host, method: str, claims: tuple[Claim, ...]) -> Route:
        key = host.name, method, claims
        route = self._by_claims.get(key)
        if route is None:
            route = Route(claims, self._ground(host))
            _keep(self._by_claims, key, route)
        return route


def _keep[K](routes: dict[K, Route], key: K, route: Route) -> None:
    if len(routes) >= _MOST_ROUTES:
        routes.clear()
    routes[key] = route


type _Line = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""Host, method, folded segments of the path, AWS targets."""


def _wanted(standing: Standing, *, needs_shape: bool) -> Want:
    places = wanted_places(standing.claims)
    return Want(
        form=frozenset(name for place, name in places if place == "form"),
        json=frozenset(name for place, name in places if place == "json"),
        document=("document", "") in places,
        tags=True,
        kinds=True,  # no rule may need them, but the record tells them
        shapes=needs_shape or any(operation.hints for operation in standing.operations),
        references=standing.copies,
    )


def _doubt(standing: Standing, want: Want) -> Doubt:
    """Which labels are not believed: none where nobody reads a form, all where a form is at stake on any host."""
    if not standing.claims:
        return Doubt.NONE
    fields = want.form or want.json
    return Doubt.ALL if fields and all(claim.anywhere for claim in standing.claims) else Doubt.UNLESS_MEDIA
