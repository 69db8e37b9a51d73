"""Everything read from the files, before it becomes a policy; `load` builds from it, `check` looks at it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from subrosa.loading.catalogue import Catalogued, CataloguedProvider
from subrosa.loading.faults import Fault
from subrosa.loading.files import File
from subrosa.loading.forms import RuleForm
from subrosa.loading.inputs import PolicyInputs
from subrosa.loading.shelf import Shelf
from subrosa.policy.hostmap import HostPattern
from subrosa.policy.operations import Operation, RequestPattern
from subrosa.policy.policy import Profile
from subrosa.policy.rules import Rule


@dataclass(frozen=True, slots=True)
class ReadRule:
    """One rule, the form it was read from, and the profile it belongs to (None for every profile)."""

    rule: Rule
    form: RuleForm
    profile: Profile | None
    builtin: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One request pattern under one host pattern, as the index holds it, and the fault's place for it."""

    host: HostPattern
    operation: Operation
    pattern: RequestPattern
    builtin: bool


@dataclass(slots=True)
class Draft:
    """What the files say, and every fault found so far."""

    inputs: PolicyInputs
    faults: list[Fault] = field(default_factory=list)
    shelf: Shelf = field(default_factory=Shelf)
    files: tuple[File, ...] = ()
    providers: dict[str, CataloguedProvider] = field(default_factory=dict)
    rules: dict[str, ReadRule] = field(default_factory=dict)
    expired: list[str] = field(default_factory=list)
    """Ids of what no longer counts: rules, re-classifications, declared hosts."""

    @property
    def failed(self) -> bool:
        """Whether there is a fault that is more than a warning."""
        return any(not fault.warning for fault in self.faults)

    def operations(self) -> Iterator[Catalogued]:
        """Every operation of every provider."""
        for provider in self.providers.values():
            yield from provider.operations

    def entries(self) -> Iterator[Entry]:
        """Every entry that the catalogue makes in the index."""
        for provider in self.providers.values():
            for one in provider.operations:
                for host in one.hosts:
                    for pattern in one.operation.requests:
                        yield Entry(host, one.operation, pattern, provider.builtin)
