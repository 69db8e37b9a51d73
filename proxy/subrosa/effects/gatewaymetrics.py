"""What only the process knows that reloads the policy and holds the switches: its state, set rather than added up."""

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from math import nan

from prometheus_client import CollectorRegistry

from subrosa import __version__
from subrosa.effects.families import Instruments
from subrosa.effects.words import Words
from subrosa.policy.policy import Policy


class GatewayMetrics:
    """All metrics of `DEFINITIONS` that are about the gateway as a whole.

    ``clock`` gives Unix time, for the age of the catalogue.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reviewed = nan
        made = Instruments("gateway", registry, Words())
        self._generation = made.gauge("subrosa_policy_generation")
        self._info = made.gauge("subrosa_policy_info")
        self._reloads = made.counters("subrosa_policy_reload_total")
        self._enforcing = made.gauge("subrosa_enforcing")
        self._lockdown = made.gauge("subrosa_lockdown")
        self._asserted = made.gauge("subrosa_asserted_facts")
        self._ca_expiry = made.gauge("subrosa_ca_expiry_timestamp_seconds")
        self._restarts = made.counter("subrosa_worker_restarts_total")
        self._enforcing.set(1)
        made.gauge("subrosa_catalogue_age_seconds").set_function(self._age)
        made.gauge("subrosa_build_info").labels(__version__, platform.python_version()).set(1)
        for result in ("ok", "failed"):
            self._reloads.child(result)

    def policy_swapped(self, policy: Policy) -> None:
        """Tell the policy in force."""
        self._generation.set(policy.generation)
        self._info.clear()
        self._info.labels(policy.digest, policy.profile.value).set(1)
        self._enforcing.set(not policy.observe)
        self._asserted.set(len(policy.asserted))
        self._reviewed = _day(policy.reviewed)

    def reload(self, *, ok: bool) -> None:
        """Count an attempt to load the policy."""
        self._reloads.child("ok" if ok else "failed").inc()

    def lockdown(self, *, on: bool) -> None:
        """Tell whether everything is refused."""
        self._lockdown.set(on)

    def ca_expires(self, timestamp: float) -> None:
        """Tell when the certificate authority expires, in Unix time."""
        self._ca_expiry.set(timestamp)

    def worker_restarted(self) -> None:
        """Count a worker that was started again."""
        self._restarts.inc()

    def _age(self) -> float:
        return self._clock() - self._reviewed


def _day(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() if text else nan
