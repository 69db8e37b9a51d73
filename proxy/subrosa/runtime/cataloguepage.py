"""The catalogue as one page of Markdown: which provider does what, how often, and where it says so."""

from collections import Counter
from collections.abc import Iterator, Sequence

from subrosa.policy.operations import Operation
from subrosa.policy.policy import Policy, Provider
from subrosa.policy.purposes import TRAINING, Purpose, Strength

_PURPOSES = tuple(
    sorted(Purpose, key=lambda purpose: (purpose not in TRAINING, list(Purpose).index(purpose)))
)


def page(policy: Policy) -> str:
    """The whole page; the same policy gives the same text."""
    providers = sorted(policy.providers.values(), key=lambda provider: provider.id)
    operations = [operation for provider in providers for operation in provider.operations]
    training = sum(operation.purpose in TRAINING for operation in operations)
    lines = [
        "# The catalogue",
        "",
        "Generated from `destinations/` by `make catalogue`; a test keeps it true. What the words mean stands in",
        "[README.md](README.md).",
        "",
        f"{len(providers)} providers, {len(operations)} operations, of which {training} feed training.",
        "",
        *_totals(operations),
        "",
        "## Providers and purposes",
        "",
        *_matrix(providers, operations),
        "",
        "## Operations",
        *(line for provider in providers for line in _section(provider)),
    ]
    return "\n".join(lines) + "\n"


def _totals(operations: Sequence[Operation]) -> Iterator[str]:
    yield from _row("purpose", *(strength.value for strength in Strength), "all")
    yield from _rule(2 + len(Strength))
    for purpose in _PURPOSES:
        found = [operation for operation in operations if operation.purpose is purpose]
        if found:
            counts = Counter(operation.strength for operation in found)
            told = [str(counts[strength]) if purpose in TRAINING else "" for strength in Strength]
            yield from _row(purpose.value, *told, str(len(found)))


def _matrix(providers: Sequence[Provider], operations: Sequence[Operation]) -> Iterator[str]:
    used = [purpose for purpose in _PURPOSES if any(operation.purpose is purpose for operation in operations)]
    yield from _row("provider", *(purpose.value for purpose in used))
    yield from _rule(1 + len(used))
    for provider in providers:
        counts = Counter(operation.purpose for operation in provider.operations)
        yield from _row(f"[{provider.id}](#{provider.id})", *(str(counts[one] or "") for one in used))


def _section(provider: Provider) -> Iterator[str]:
    name = f"{provider.name}: " if provider.name else ""
    hosts = ", ".join(f"`{host.text}`" for host in provider.hosts)
    yield from ("", f"### {provider.id}", "", f"{name}{hosts}; reviewed {provider.reviewed}", "")
    yield from _row("operation", "purpose", "request", "source")
    yield from _rule(4)
    for operation in provider.operations:
        first = operation.requests[0]
        more = f" and {len(operation.requests) - 1} more" if len(operation.requests) > 1 else ""
        strength = f", {operation.strength.value}" if operation.purpose in TRAINING else ""
        yield from _row(
            f"`{operation.id}`",
            operation.purpose.value + strength,
            f"`{'|'.join(sorted(first.methods))} {first.path}`{more}".replace("|", "\\|"),
            operation.source.replace("|", "\\|"),
        )


def _row(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


def _rule(cells: int) -> Iterator[str]:
    yield "|" + "---|" * cells
