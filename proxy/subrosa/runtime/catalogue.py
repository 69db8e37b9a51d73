"""The catalogue as plain rows, for the command line and the admin port."""

from subrosa.policy.operations import Operation
from subrosa.policy.policy import Policy, Provider
from subrosa.policy.purposes import TRAINING


def rows(policy: Policy, word: str) -> list[dict[str, str]]:
    """The operations in whose row ``word`` occurs, in the order of the catalogue."""
    wanted = word.casefold()
    found = (
        _row(provider, operation)
        for provider in policy.providers.values()
        for operation in provider.operations
    )
    return [row for row in found if wanted in " ".join(row.values()).casefold()]


def _row(provider: Provider, operation: Operation) -> dict[str, str]:
    hosts = operation.hosts or tuple(host.text for host in provider.hosts)
    return {
        "provider": provider.id,
        "name": provider.name,
        "operation": operation.id,
        "purpose": operation.purpose.value,
        "strength": operation.strength.value if operation.purpose in TRAINING else "",
        "request": ", ".join(
            f"{'|'.join(sorted(request.methods))} {request.path}" for request in operation.requests
        ),
        "hosts": ", ".join(hosts),
        "source": operation.source,
        "breaks": operation.breaks,
        "reviewed": operation.reviewed,
    }
