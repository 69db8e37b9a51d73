"""The judgement as an addon of a stock mitmproxy: to look at flows and their verdicts while something is debugged.

It refuses what the gateway refuses, in the same words, and writes each verdict beside its flow. It is no gateway: stock
mitmproxy may open a destination before the verdict, passes what it does not know, and keeps no evidence; messages of
WebSockets are judged by their head only.
"""

import logging
from ipaddress import ip_address
from uuid import uuid4

from mitmproxy import http

from subrosa.facts.head import HeadError, RawHead, check_head
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.records import ClientFacts, ConnectFacts
from subrosa.gateway.refused import Refused
from subrosa.gateway.seam import Parts
from subrosa.policy.guards import head_refusal
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Policy
from subrosa.policy.verdict import Verdict

log = logging.getLogger("subrosa")

_LISTENER = "explicit:mitmproxy"
_REFUSED, _PASSED, _BROKEN = ":no_entry:", ":white_check_mark:", ":boom:"


class StockAddon:
    """Judges each request whole, under one policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        log.warning("subrosa: this is for looking, not for enforcing: run `subrosa run` to keep the pledge")

    def request(self, flow: http.HTTPFlow) -> None:
        """Refuse, or let pass; whatever fails here kills the flow."""
        try:
            self._judge(flow)
        except Exception:
            log.exception("subrosa: the request could not be judged")
            flow.marked = _BROKEN
            flow.kill()  # type: ignore[no-untyped-call]

    def _judge(self, flow: http.HTTPFlow) -> None:
        raw = _raw(flow.request)
        client = ClientFacts(listener=_LISTENER, address=ip_address(_address(flow)))
        inspection = Inspection(self._policy, ConnectFacts(client=client, target=raw.tunnel))
        head = None
        try:
            head = check_head(raw)
            verdict = inspection.head(head)
            if not verdict.decided:
                inspection.data(flow.request.raw_content or b"")
                verdict = inspection.end()
        except HeadError as fault:
            verdict = head_refusal(fault)
        flow.comment = _told(verdict)
        flow.marked = _PASSED if verdict.allows else _REFUSED
        if not verdict.allows:
            refused = Refused(
                verdict=verdict, id=str(uuid4()), head=head, raw=raw, fault=None, policy=self._policy
            )
            answer = refused.told(Parts())
            flow.response = http.Response.make(answer.status, answer.body, answer.fields)


def _address(flow: http.HTTPFlow) -> str:
    """The client's address without its zone."""
    found: str = flow.client_conn.peername[0]
    return found.partition("%")[0]


def _raw(request: http.Request) -> RawHead:
    """The head as far as mitmproxy still has it."""
    h2 = request.data.http_version == b"HTTP/2.0"
    tls = request.scheme == "https"
    host = f"[{request.host}]" if ":" in request.host else request.host
    return RawHead(
        version="HTTP/2" if h2 else request.data.http_version.decode("latin-1"),
        method=request.data.method,
        target=request.data.path,
        lines=list(request.data.headers.fields),
        scheme=request.scheme if h2 else None,
        authority=request.data.authority or None if h2 else None,
        tunnel=Authority(Host.parse(host), request.port) if tls else None,
        tls=tls,
        end_of_stream=h2 and not request.raw_content,
    )


def _told(verdict: Verdict) -> str:
    parts = ("allow" if verdict.allows else "block", verdict.reason.value, *verdict.rules, verdict.operation)
    return " ".join(part for part in parts if part)
