"""Which authority signs for clients: the gateway's own, or the one that the settings give."""

from subrosa.gateway import ca, cagiven
from subrosa.settings import Settings


def placed(settings: Settings) -> ca.CaPaths:
    """Where the authority stands that `authority_of` put in order before; workers take it from there."""
    return ca.CaPaths(settings.state_dir / ("ca" if settings.ca is None else cagiven.DIRECTORY))


def authority_of(settings: Settings, now: float) -> ca.CaPaths:
    """The authority, made or put in place where it is not; ``now`` in Unix seconds.

    Raises:
        CaError: when it is not in order.
    """
    if settings.ca is None:
        return ca.ensure(settings.state_dir, now)
    return cagiven.install(settings.state_dir, settings.ca.cert, settings.ca.key, now)
