"""What may follow on a connection: TLS with a whole ClientHello, or HTTP. Everything else is refused and counted.

mitmproxy's own choice relays what it does not know as raw TCP, and takes a ClientHello in pieces of two octets for
something it does not know.
"""

from dataclasses import dataclass
from enum import Enum
from typing import override

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.tls import parse_client_hello

from subrosa.gateway.layers import HeldLayer
from subrosa.gateway.listener import EXPLICIT, REVERSE
from subrosa.gateway.looks import begins_request
from subrosa.gateway.session import Session
from subrosa.gateway.tlslayers import TowardsClient

_HANDSHAKE, _MAJOR, _NEWEST = 0x16, 3, 4


class Looks(Enum):
    """What the first octets look like."""

    MORE = "not enough to tell"
    TLS = "a whole ClientHello"
    HTTP = "a request line"
    NEITHER = "neither"


def looks_like(data: bytes, limit: int) -> Looks:
    """What a connection begins with; no octet is taken for anything before it can be nothing else."""
    if not data:
        return Looks.MORE
    if data[0] == _HANDSHAKE:
        return _hello(data, limit)
    return _IN_CLEAR[begins_request(data)]


_IN_CLEAR = {True: Looks.HTTP, False: Looks.NEITHER, None: Looks.MORE}


def _hello(data: bytes, limit: int) -> Looks:
    if (len(data) > 1 and data[1] != _MAJOR) or (len(data) > 2 and data[2] > _NEWEST):  # noqa: PLR2004 - offsets
        return Looks.NEITHER
    try:
        whole = parse_client_hello(data) is not None
    except ValueError:
        return Looks.NEITHER
    if whole:
        return Looks.TLS
    return Looks.MORE if len(data) < limit else Looks.NEITHER


@dataclass
class RefusedHook(commands.StartHook):  # type: ignore[no-untyped-call]
    """A connection that is neither TLS nor HTTP is to be recorded."""

    name = "connection_refused"
    session: Session
    detail: str


class RefusedLayer(layer.Layer):
    """Closes the connection, once that is recorded."""

    def __init__(self, context: Context, session: Session, detail: str) -> None:
        super().__init__(context)
        self.session = session
        self.detail = detail

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield RefusedHook(self.session, self.detail)
            yield commands.CloseConnection(self.context.client)


def choose(session: Session, context: Context, data: bytes) -> layer.Layer | None:
    """The layer for what comes next, None while that cannot be told."""
    in_tls = bool(context.client.alpn) or session.tls is not None or session.outer_tls
    inner = session.tls is not None
    if inner and context.client.alpn == b"h2":
        session.deadline = None
        return HeldLayer(context, session)
    found = looks_like(data, session.shared.limits.client_hello)
    if found is Looks.MORE:
        if data and session.deadline is None:
            session.begin_wait()
        return None
    session.deadline = None
    detail = _refusal(session, found, inner=inner, in_tls=in_tls)
    if detail:
        return RefusedLayer(context, session, detail)
    return TowardsClient(context) if found is Looks.TLS else HeldLayer(context, session)


def _refusal(session: Session, found: Looks, *, inner: bool, in_tls: bool) -> str:
    listener = session.listener
    if found is Looks.NEITHER:
        return "the connection speaks neither TLS nor HTTP"
    if found is Looks.TLS and inner:
        return "TLS inside TLS leads past the inspection"
    if found is Looks.HTTP and not in_tls and (listener.tls_cert or listener.client_ca):
        return "this listener speaks TLS only"
    return ""


def is_outer(session: Session) -> bool:
    """Whether TLS that begins now is spoken to the gateway itself, not to a destination."""
    return session.listener.kind == EXPLICIT and not session.tunnelled and not session.outer_tls


def own_certificate(session: Session) -> bool:
    """Whether TLS that begins now shows the listener's own certificate and asks for the client's."""
    kind = session.listener.kind
    return is_outer(session) or (kind == REVERSE and session.tls is None)
