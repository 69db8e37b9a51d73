"""The answer to a request that opens an upload: kept back whole until what the request said is remembered."""

from typing import override

from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._base import HttpEvent
from mitmproxy.proxy.layers.http._events import ErrorCode, ResponseData, ResponseEndOfMessage, ResponseHeaders
from mitmproxy.proxy.layers.http._hooks import HttpResponseHook

from subrosa.content.answers import MOST_ANSWER
from subrosa.gateway.answering import Commands, Kept
from subrosa.gateway.session import Session
from subrosa.gateway.signals import ANSWER
from subrosa.gateway.tunnels import TunnelStream


class OpeningStream(TunnelStream):
    """Reads an answer before the client does; one of more than 64 KiB in which the id stands is refused."""

    def __init__(self, context: Context, stream_id: int, session: Session, kept: Kept) -> None:
        super().__init__(context, stream_id, session, kept)
        self.remembered = False
        """Whether the answer may go to the client, as far as uploads are concerned."""
        self._back: list[HttpEvent] = []
        self._octets = bytearray()

    def keep_back(self, head: ResponseHeaders) -> None:
        """Begin with the head."""
        self._back = [head]
        self.server_state = self.state_kept_back

    def state_kept_back(self, event: HttpEvent) -> Commands:
        """Nothing of the answer goes on before its end has come."""
        self._back.append(event)
        if isinstance(event, ResponseData):
            self._octets += event.data
            if len(self._octets) <= MOST_ANSWER:
                yield from self.taken(self.context.server)
                return
        elif not isinstance(event, ResponseEndOfMessage):
            return
        self.flow.metadata[ANSWER] = bytes(self._octets)
        yield from self.hook(HttpResponseHook(self.flow))
        if self.over or self.client_left():
            return
        if not self.held.verdict.allows:
            yield from self.abort_upstream(ErrorCode.CANCEL)
            yield from self.refuse_or_break()
            return
        self.remembered = True
        self.server_state = self.state_wait_for_response_headers
        events, self._back = self._back, []
        for each in events:
            yield from self.server_state(each)

    @override
    def state_wait_for_response_headers(self, event: HttpEvent) -> Commands:
        """Send the answer on; the stream that inherits this has it."""
        raise NotImplementedError
