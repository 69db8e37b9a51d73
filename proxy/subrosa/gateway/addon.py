"""The gateway as a mitmproxy addon: each hook extracts, has judged, and applies.

No hook catches anything: the one choke point around them all (`handler.GatewayHandler.handle_hook`) turns whatever
is raised into an abort or a refusal.
"""

from collections.abc import Callable

from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers.modes import Socks5AuthData
from mitmproxy.tls import ClientHelloData, TlsData

from subrosa.facts.head import HeadError, HeadFault, check_connect
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.stage import Stage
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.extract import tls_facts
from subrosa.gateway.judging import Heard
from subrosa.gateway.keeping import Called, Rest
from subrosa.gateway.listener import SOCKS5
from subrosa.gateway.narrow import known, of_type
from subrosa.gateway.nextlayer import choose, is_outer, own_certificate
from subrosa.gateway.session import Session
from subrosa.gateway.signals import ANSWER, HEARD, TRANSFER, HeadRead
from subrosa.gateway.tls import HTTP1, HTTP2, GatewayTls, subject_of
from subrosa.gateway.transfer import Transfer
from subrosa.policy.guards import head_refusal
from subrosa.policy.verdict import Reason, refusal


class GatewayAddon:
    """Every hook of the engine that means something to the gateway."""

    name = "subrosa"

    def __init__(self, session_of: Callable[[Client], Session], tls: GatewayTls) -> None:
        self.session_of = session_of
        self.tls = tls

    # --- the connection ------------------------------------------------------------------------------------

    def next_layer(self, nextlayer: NextLayer) -> None:
        """Choose what follows, or wait for more octets."""
        session = self.session_of(nextlayer.context.client)
        _take_socks_target(session, nextlayer)
        nextlayer.layer = choose(session, nextlayer.context, nextlayer.data_client())  # type: ignore[no-untyped-call]

    async def connection_refused(self, session: Session, detail: str) -> None:
        """Record a connection that is neither TLS nor HTTP."""
        session.shared.ports.recorder.failed_closed("protocol")
        transfer = session.begin("unknown")
        verdict = refusal(
            Reason.PROTOCOL, "guard.protocol", Stage.TLS if session.tls else Stage.CONNECT, detail
        )
        await transfer.refuse(verdict, session.identify, session.tls)
        session.end(transfer, "gateway")

    async def socks5_auth(self, data: Socks5AuthData) -> None:
        """Verify a SOCKS user."""
        session = self.session_of(data.client_conn)
        data.valid = await session.log_in(data.username, data.password)

    # --- TLS with the client -------------------------------------------------------------------------------

    def tls_clienthello(self, data: ClientHelloData) -> None:
        """Take what the hello says; offers of other protocols only are refused."""
        session = self.session_of(data.context.client)
        session.deadline = None
        facts = tls_facts(data.client_hello)
        if is_outer(session):
            session.outer_tls = True
            return
        if facts.alpn and not {HTTP1, HTTP2} & set(facts.alpn):
            msg = "the client offers neither h2 nor http/1.1"
            raise ValueError(msg)
        session.tls = facts

    def tls_start_client(self, data: TlsData) -> None:
        """Show the listener's own certificate, or one for the destination."""
        session = self.session_of(data.context.client)
        outer = session.outer_tls and session.tls is None
        own = outer or (own_certificate(session) or session.listener.target is not None)
        self.tls.serve(data, session.listener if own else None, http1_only=outer)

    def tls_established_client(self, data: TlsData) -> None:
        """Remember who the client certificate names; inner TLS forgets it."""
        session = self.session_of(data.context.client)
        if session.listener.client_ca is not None and data.conn.certificate_list:
            session.named(subject_of(data.conn.certificate_list[0]))

    # --- requests ------------------------------------------------------------------------------------------

    async def http_connect(self, flow: HTTPFlow) -> None:
        """Admit a tunnel; where it leads is judged inside, where the refusal can be read."""
        session, transfer, _ = self._of(flow)
        lines = flow.request.data.headers.fields
        try:
            target = check_connect(flow.request.data.authority, lines)
        except (HeadError, UnreadableError) as fault:
            unread = fault if isinstance(fault, HeadError) else HeadError(HeadFault.TARGET, fault.detail)
            await transfer.refuse(head_refusal(unread, Stage.CONNECT), lambda: session.identify_by(lines))
            return
        session.target = target
        await transfer.admit(lambda: session.identify_by(lines))
        if not transfer.admitted:
            session.target = None

    def requestheaders(self, flow: HTTPFlow) -> Rest | Called | None:
        """Judge a head; gives what to await where judging has to wait."""
        session, transfer, read = self._of(flow)
        said = read.asked.said
        heard = said.heard if read.fault is None else Heard(fault=read.fault, tls=session.tls)
        if said.shows_user and not session.tunnelled:
            return transfer.open(heard, lambda: session.identify_by(said.lines))
        connect = said.sent_by(session)
        return (
            transfer.open_now(heard, connect, session.later)
            if session.later
            else transfer.open_now(heard, connect)
        )

    def request(self, flow: HTTPFlow) -> Rest | Called | None:
        """Record what was decided after the head; gives what to await where recording has to wait."""
        session, transfer, _ = self._of(flow)
        return transfer.settle_now(session.later) if session.later else transfer.settle_now()

    async def response(self, flow: HTTPFlow) -> None:
        """Remember the upload that an answer names."""
        _, transfer, _ = self._of(flow)
        lines = known(flow.response).data.headers.fields
        await transfer.keep(lines, of_type(bytes, flow.metadata[ANSWER]))

    def _of(self, flow: HTTPFlow) -> tuple[Session, Transfer, HeadRead]:
        transfer, read = flow.metadata[TRANSFER], flow.metadata[HEARD]
        return self.session_of(flow.client_conn), of_type(Transfer, transfer), of_type(HeadRead, read)


def _take_socks_target(session: Session, nextlayer: NextLayer) -> None:
    """A SOCKS request names the target of its tunnel in the context."""
    address = nextlayer.context.server.address
    if session.listener.kind != SOCKS5 or session.target is not None or address is None:
        return
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    session.target = Authority(Host.parse(host), address[1])
    session.tunnelled = True
