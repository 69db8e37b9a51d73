"""The policy: everything a decision needs, built whole by `loading`, never changed, swapped by generation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from subrosa.content.kinds import KindTable
from subrosa.content.reader import ReaderLimits
from subrosa.facts.hosts import Host
from subrosa.facts.records import RequestHead
from subrosa.facts.references import GuardedStores
from subrosa.facts.tags import TagTable
from subrosa.policy.beginnings import Reading
from subrosa.policy.conditions import asks, hosts_required
from subrosa.policy.hostmap import HostMap, HostPattern
from subrosa.policy.index import Index
from subrosa.policy.operations import Operation
from subrosa.policy.plans import Ground, Plan, Routes, Rules
from subrosa.policy.rules import Rank, Rule
from subrosa.policy.sources import Sources


class Profile(StrEnum):
    """What happens to meeting content for a destination that nobody classified."""

    STANDARD = "standard"
    STRICT = "strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider of the catalogue: its hosts and operations, and the error shape that its clients read."""

    id: str
    name: str = ""
    """The provider's name for people."""
    hosts: tuple[HostPattern, ...]
    operations: tuple[Operation, ...]
    shape: str = "problem"
    reviewed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A destination that the settings declare: an API spoken there, a purpose, or that nobody reads what goes there.

    ``tunnel`` is what may go through a tunnel that is relayed unread, ``tls`` or ``any``; empty where all is read.
    """

    host: HostPattern
    speaks: str = ""
    purpose: str = ""
    tunnel: str = ""
    owner: str = ""
    why: str = ""
    expires: str = ""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in order of precedence; those that need a certain host are found by host, the rest are always asked."""

    everywhere: tuple[Rule, ...] = ()
    by_host: HostMap[list[Rule]] = field(default_factory=HostMap)
    indexed: bool = False

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> "RuleSet":
        """Sort rules by whether they can be found by host."""
        everywhere: list[Rule] = []
        by_host: HostMap[list[Rule]] = HostMap()
        indexed = False
        for rule in rules:
            hosts = hosts_required(rule.when)
            if not hosts:
                everywhere.append(rule)
            for host in hosts:
                by_host.set(HostPattern.parse(host), []).append(rule)
                indexed = True
        return cls(tuple(everywhere), by_host, indexed)

    def on(self, host: Host) -> tuple[Rule, ...]:
        """The rules that can matter for a host."""
        if not self.indexed:
            return self.everywhere
        return (*self.everywhere, *(rule for rules in self.by_host.get(host) for rule in rules))

    def ids(self) -> frozenset[str]:
        """The id of every rule: the closed list that labels come from."""
        found = (rule for rules in self.by_host.values() for rule in rules)
        return frozenset(rule.id for rule in (*self.everywhere, *found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One generation of everything a decision needs."""

    generation: int = 0
    digest: str = ""
    profile: Profile = Profile.STANDARD
    observe: bool = False
    providers: Mapping[str, Provider] = field(default_factory=dict)
    index: Index = field(default_factory=Index)
    blocks: RuleSet = field(default_factory=RuleSet)
    allows: RuleSet = field(default_factory=RuleSet)
    defaults: RuleSet = field(default_factory=RuleSet)
    tags: TagTable
    kinds: KindTable
    sources: Sources = field(default_factory=Sources)
    guarded: GuardedStores
    limits: ReaderLimits = field(default_factory=ReaderLimits)
    declared: HostMap[Declared] = field(default_factory=HostMap)
    asserted: frozenset[str] = frozenset()
    """What the settings assert: facts, and `fact=value` for those that name accounts."""
    reviewed: str = ""
    """The oldest ISO date on which an entry of the catalogue was checked against its source."""
    needs_shape: bool = field(init=False, repr=False, compare=False)
    """Whether rules outside the pledge ask for a body's shape."""
    _routes: Routes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rules = (*self.blocks.everywhere, *self.allows.everywhere, *self.defaults.everywhere)
        others = (rule.when for rule in rules if rule.family != "pledge")
        object.__setattr__(self, "needs_shape", asks(others, "shape"))
        object.__setattr__(self, "_routes", Routes(self.index, self._ground))

    def plan(self, head: RequestHead) -> Plan:
        """What this policy does with requests that look like this one."""
        return self._routes.find(head).plan(head)

    def _ground(self, host: Host) -> Ground:
        return Ground(
            Rules(self.blocks.on(host), self.allows.on(host), self.defaults.on(host)),
            next((entry.purpose for entry in self.declared.get(host) if entry.purpose), ""),
            self.needs_shape,
            Reading(self.tags, self.kinds, self.limits),
        )

    def tunnel(self, host: Host) -> Declared | None:
        """The declaration by which tunnels to a host are relayed unread; that of the most specific pattern."""
        found = [one for one in self.declared.get(host) if one.tunnel]
        return max(found, key=lambda one: (one.host.rank, len(one.host.labels)), default=None)

    def operation(self, name: str) -> Operation | None:
        """The operation of this id, or None where the catalogue has none."""
        provider = self.providers.get(name.partition(".")[0])
        known = provider.operations if provider is not None else ()
        return next((operation for operation in known if operation.id == name), None)


def precedence(rules: Iterable[Rule]) -> tuple[RuleSet, RuleSet, RuleSet]:
    """Split rules into blocks (sealed first), allows and defaults."""
    ordered = sorted(rules, key=lambda rule: rule.rank)
    return (
        RuleSet.of(rule for rule in ordered if rule.rank <= Rank.BLOCK),
        RuleSet.of(rule for rule in ordered if rule.rank is Rank.ALLOW),
        RuleSet.of(rule for rule in ordered if rule.rank is Rank.DEFAULT),
    )
