"""Before a connection upstream: the addresses that may be dialled, or why there is none. For every lane.

Knows no mitmproxy.
"""

import asyncio
from typing import Self

from subrosa.facts.hosts import Authority
from subrosa.facts.stage import Stage
from subrosa.gateway.egress import EgressDenied
from subrosa.gateway.judging import Shared
from subrosa.gateway.shapes import ProxyError
from subrosa.policy.verdict import Reason, Verdict, refusal


class DialError(str):
    """Why a connection could not be opened, in words, with our verdict beside it."""

    __slots__ = ("fault", "verdict")

    verdict: Verdict
    fault: ProxyError | None

    def __new__(cls, detail: str, reason: Reason = Reason.UPSTREAM, fault: ProxyError | None = None) -> Self:
        """A text that carries a verdict."""
        self = super().__new__(cls, detail)
        self.verdict = refusal(reason, f"guard.{reason.value}", Stage.END, detail)
        self.fault = fault
        return self


class DialFailed(Exception):  # noqa: N818 - the name says which error
    """No connection; ``error`` is what the stream that asked for it is told."""

    def __init__(self, error: DialError) -> None:
        super().__init__(error)
        self.error = error


async def vetted(shared: Shared, authority: Authority, *, parent: bool = False) -> list[str]:
    """The addresses of a destination, or of the parent proxy, in the order in which to try them.

    Raises:
        DialFailed: refused or unresolved.
    """
    try:
        if parent:
            # the operator named the parent proxy: it is reached wherever it is, and judges no addresses for us
            async with asyncio.timeout(shared.limits.connect_seconds):
                return list(await shared.ports.resolve(authority))
        async with asyncio.timeout(shared.limits.step_seconds):
            return list(await shared.egress.vet(authority))
    except EgressDenied as fault:
        shared.ports.recorder.egress_denied(fault.address_class)
        raise DialFailed(DialError(fault.detail, fault.reason, fault.fault)) from fault
    except (OSError, TimeoutError) as fault:
        shared.ports.recorder.failed_closed("resolver")
        raise DialFailed(DialError(f"{authority} was not resolved", fault=ProxyError.DNS_ERROR)) from fault
    except Exception as fault:
        shared.ports.recorder.failed_closed("resolver")
        raise DialFailed(DialError("the resolver failed", Reason.ENGINE)) from fault


def handshake_fault(detail: str) -> DialError:
    """A TLS handshake or a parent proxy that failed, by the words in which a library tells it."""
    if "ertificate" in detail:
        return DialError("the destination's certificate is not trusted", fault=ProxyError.TLS_CERTIFICATE)
    if "Upstream proxy" in detail:
        return DialError("the parent proxy refused the connection", fault=ProxyError.UNAVAILABLE)
    return DialError("the TLS handshake with the destination failed", fault=ProxyError.TLS_PROTOCOL)
