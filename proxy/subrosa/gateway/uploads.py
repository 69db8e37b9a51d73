"""Uploads made of several requests, as a transfer meets them: what is remembered of one, and what must be.

Asked of the store are only requests that may open an upload or go on with one; where it is down these are refused, and
no others. An answer that names an upload reaches its client once that is remembered, and not before.
"""

import asyncio
import logging
from collections.abc import Sequence

from subrosa.facts.fields import Fields
from subrosa.facts.records import RequestHead
from subrosa.facts.sessions import SessionKey, SessionsError
from subrosa.facts.stage import Stage
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.judging import FailedError, Shared
from subrosa.gateway.ports import Ports
from subrosa.policy.inspection import Inspection
from subrosa.policy.uploads import facts_to_keep, keys_yielded
from subrosa.policy.verdict import Reason, Verdict, refusal

log = logging.getLogger("subrosa.gateway")

SUCCESS = range(200, 300)


def named(inspection: Inspection, head: RequestHead) -> tuple[SessionKey, ...] | None:
    """The uploads that a head may go on with; None where it has to do with none, and nothing need be recalled.

    Raises:
        SessionsError: for more of them than a request can mean.
    """
    try:
        return inspection.names(head)
    except SessionsError:
        raise
    except Exception as fault:
        raise FailedError("inspection") from fault


def opens(inspection: Inspection | None) -> bool:
    """Whether a successful answer may name an upload of which something must be remembered."""
    return inspection is not None and facts_to_keep(inspection.subject) is not None


async def kept(
    shared: Shared, inspection: Inspection | None, lines: Sequence[tuple[bytes, bytes]], body: bytes
) -> Verdict | None:
    """Remember the upload that an answer names; the refusal of what cannot be remembered. Never raises."""
    detail = "what the opening of this upload said cannot be remembered"
    try:
        async with asyncio.timeout(shared.limits.step_seconds):
            await _keep(shared.ports, inspection, Fields.of(lines), body)
    except (SessionsError, UnreadableError) as fault:
        detail = f"{detail}: {fault}"
    except Exception:
        log.exception("an upload could not be remembered")
    else:
        return None
    shared.ports.recorder.failed_closed("sessions")
    return refusal(Reason.SESSIONS, "guard.sessions", Stage.END, detail)


async def _keep(ports: Ports, inspection: Inspection | None, fields: Fields, body: bytes) -> None:
    if inspection is None:
        raise SessionsError("nothing is known of it")
    facts = facts_to_keep(inspection.subject)
    keys = keys_yielded(inspection.subject, fields, body)
    if facts is not None and keys:
        await ports.remember(keys, facts)
