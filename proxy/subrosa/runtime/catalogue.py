"""The catalogue as plain rows, for the command line and the admin port."""

from subrosa.policy.policy import Policy


def rows(policy: Policy, word: str) -> list[dict[str, str]]:
    """The operations in whose row ``word`` occurs, in the order of the catalogue."""
    wanted = word.casefold()
    found: list[dict[str, str]] = []
    for provider in policy.providers.values():
        hosts = ", ".join(host.text for host in provider.hosts)
        for operation in provider.operations:
            first = operation.requests[0]
            row = {
                "operation": operation.id,
                "purpose": operation.purpose.value,
                "strength": operation.strength.value,
                "request": f"{'|'.join(sorted(first.methods))} {first.path}",
                "hosts": hosts,
                "source": operation.source,
            }
            if wanted in " ".join(row.values()).casefold():
                found.append(row)
    return found
