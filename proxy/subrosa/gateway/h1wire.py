"""What both sides of HTTP/1 share: heads and bodies on the wire, and whether a connection goes on."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http._base import HttpEvent

from subrosa.gateway.bodies import BodyReader, End, FramingError


class Wire:
    """One side's; a message that is the one before is not looked at anew."""

    def __init__(self) -> None:
        self._message: http.Message | None = None
        self._head: tuple[bytes, bool] = (b"", False)
        self._pair: tuple[http.Request | None, http.Response | None] = (None, None)
        self._plain = False

    def request(self, request: http.Request) -> tuple[bytes, bool]:
        """Its head in octets, and whether chunks follow."""
        if request is not self._message:
            self._message = request
            octets: bytes = http1.assemble_request_head(request)  # type: ignore[no-untyped-call]
            self._head = octets, is_chunked(request.headers)
        return self._head

    def response(self, response: http.Response) -> tuple[bytes, bool]:
        """Likewise."""
        if response is not self._message:
            self._message = response
            octets: bytes = http1.assemble_response_head(response)  # type: ignore[no-untyped-call]
            self._head = octets, is_chunked(response.headers)
        return self._head

    def plain(self, request: http.Request | None, response: http.Response | None) -> bool:
        """Whether a connection is sure to go on after this: HTTP/1.1, framed, not a word of the connection itself."""
        if request is not self._pair[0] or response is not self._pair[1]:
            self._pair, self._plain = (request, response), _plain(request, response)
        return self._plain


def is_chunked(headers: http.Headers) -> bool:
    """Whether a message goes on in chunks."""
    return any(
        name.lower() == b"transfer-encoding" and value.lower() == b"chunked" for name, value in headers.fields
    )


def chunk(data: bytes) -> bytes:
    """RFC 9112 7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole_body(body: bytes, *, chunked: bool) -> bytes:
    """A whole body, framed."""
    if not chunked:
        return body
    return chunk(body) + b"0\r\n\r\n" if body else b"0\r\n\r\n"


def here(
    reader: BodyReader, data: bytearray, told: Callable[[bytes | End], Sequence[HttpEvent]]
) -> list[HttpEvent]:
    """What is there already of a body, up to its end; a fault in its framing shows again when it is read on."""
    found: list[HttpEvent] = []
    with suppress(FramingError):
        while (piece := reader.take(data)) is not None:
            found += told(piece)
            if isinstance(piece, End):
                break
    return found


def _plain(request: http.Request | None, response: http.Response | None) -> bool:
    if request is None or response is None or response.data.status_code < _FINAL:
        return False
    told = {name.lower() for name, _ in response.data.headers.fields}
    framed = is_chunked(response.data.headers) if b"transfer-encoding" in told else b"content-length" in told
    return (
        framed
        and request.data.http_version == response.data.http_version == b"HTTP/1.1"
        and request.data.method.upper() != b"CONNECT"
        and not told & _OF_CONNECTIONS
        and not any(name.lower() in _OF_CONNECTIONS for name, _ in request.data.headers.fields)
    )


_FINAL = 200
_OF_CONNECTIONS = {b"connection", b"proxy-connection", b"upgrade"}
