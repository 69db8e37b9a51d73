"""Messages that are said again, octet for octet, as clients and destinations tend to: nothing is made of them anew.

What is kept is one head for each side of a connection, and what depends on nothing but that and the connection.
"""

from dataclasses import dataclass, field

from mitmproxy import http
from mitmproxy.net.http.validate import validate_headers

from subrosa.facts.records import RequestHead
from subrosa.gateway import outgoing
from subrosa.gateway.lean.said import Said


@dataclass(slots=True)
class Asked:
    """A request head: what it says, as mitmproxy's state machines want it, and as it goes on."""

    request: http.Request
    said: Said = field(default_factory=Said)
    _way: tuple[bool, bool] = (False, False)
    _onward: http.Request | None = None

    def onward(self, head: RequestHead, *, http2: bool, whole: int | None, via_proxy: bool) -> http.Request:
        """The request for an upstream, as `outgoing.request` makes it."""
        way, made = (http2, via_proxy), self._onward
        if made is None or way != self._way:
            made = outgoing.request(self.request, head, http2=http2, whole=whole, via_proxy=via_proxy)
            if http2 or self.request.data.http_version != b"HTTP/2.0":  # else it tells how much was held
                self._onward, self._way = made, way
        return made


@dataclass(slots=True)
class Answered:
    """The head of an answer likewise."""

    response: http.Response
    _checked: bool = False
    _way: tuple[bool, bool, bool, bool] | None = None
    _onward: http.Response | None = None

    def check(self) -> None:
        """Look for what no head may have; one of HTTP/1 was read strictly. Raises ValueError."""
        if not self._checked and self.response.is_http2:
            validate_headers(self.response)
        self._checked = True

    def onward(self, *, to_h2: bool, head_request: bool, ends: bool, old_client: bool) -> http.Response:
        """The answer for the client, as `outgoing.response` makes it."""
        way, made = (to_h2, head_request, ends, old_client), self._onward
        if made is None or way != self._way:
            made = outgoing.response(
                self.response, to_h2=to_h2, head_request=head_request, ends=ends, old_client=old_client
            )
            self._onward, self._way = made, way
        return made
