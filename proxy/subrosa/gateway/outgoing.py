"""The messages that go on: requests as the destination gets them, responses and refusals as the client does.

End-to-end field lines go on as they came; what speaks to one hop only is the gateway's own.
"""

from mitmproxy import http

from subrosa.facts.records import RequestHead
from subrosa.gateway.onward import (
    PHRASES,
    Incoming,
    Lines,
    named_authority,
    origin_form,
    request_lines,
    response_lines,
)
from subrosa.gateway.refusal import Answer

_CONTINUE = 100


def request(
    incoming: http.Request, head: RequestHead, *, http2: bool, whole: int | None, via_proxy: bool
) -> http.Request:
    """The request for an upstream that speaks HTTP/2 or not.

    ``whole`` is the size of a body that is held to its end, None where octets may still come. ``via_proxy``: a
    parent proxy takes it, in absolute form.
    """
    data = incoming.data
    came = Incoming(lines=data.headers.fields, from_h2=data.http_version == b"HTTP/2.0", named=data.authority)
    return http.Request(
        host=head.authority.host.name,
        port=head.authority.port,
        method=data.method,
        scheme=head.scheme.encode(),
        authority=named_authority(came, head) if http2 or via_proxy else b"",
        path=origin_form(data.path),
        http_version=b"HTTP/2.0" if http2 else b"HTTP/1.1",
        headers=http.Headers(request_lines(came, head, http2=http2, whole=whole)),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )


def response(
    incoming: http.Response, *, to_h2: bool, head_request: bool, ends: bool, old_client: bool
) -> http.Response:
    """The response for the client."""
    status = incoming.data.status_code
    lines = response_lines(
        incoming.data.headers.fields,
        status,
        to_h2=to_h2,
        bodiless=ends or head_request,
        old_client=old_client,
    )
    return _response(status, lines, incoming.data.reason, to_h2=to_h2)


def refusal(answer: Answer, *, to_h2: bool, close: bool) -> http.Response:
    """A refusal as a response."""
    lines = (*answer.fields, (b"connection", b"close")) if close and not to_h2 else answer.fields
    return _response(answer.status, lines, b"", to_h2=to_h2)


def go_on(*, to_h2: bool) -> http.Response:
    """100 Continue."""
    return _response(_CONTINUE, (), b"Continue", to_h2=to_h2)


def connected() -> http.Response:
    """What a CONNECT is answered, locally."""
    return _response(200, (), b"Connection established", to_h2=False)


def _response(status: int, lines: Lines, reason: bytes, *, to_h2: bool) -> http.Response:
    return http.Response(
        http_version=b"HTTP/2.0" if to_h2 else b"HTTP/1.1",
        status_code=status,
        reason=reason or PHRASES.get(status, b""),
        headers=http.Headers(lines),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )
