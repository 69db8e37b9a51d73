"""The messages that go on: requests as the destination gets them, responses and refusals as the client does.

End-to-end field lines go on as they came; what speaks to one hop only is the gateway's own.
"""

from mitmproxy import http
from mitmproxy.net.http import status_codes

from subrosa.facts.head import strip_hop_by_hop
from subrosa.facts.records import RequestHead
from subrosa.gateway.refusal import Answer

type Lines = tuple[tuple[bytes, bytes], ...]

BODILESS = frozenset({"GET", "HEAD"})
"""Methods that carry no body here; on HTTP/2 the first octet of one is refused."""
_NO_CONTENT, _NOT_MODIFIED, _SWITCHING = 204, 304, 101
_CONTINUE = 100


def request(
    incoming: http.Request, head: RequestHead, *, http2: bool, whole: int | None, via_proxy: bool
) -> http.Request:
    """The request for an upstream that speaks HTTP/2 or not.

    ``whole`` is the size of a body that is held to its end, None where octets may still come. ``via_proxy``: a
    parent proxy takes it, in absolute form.
    """
    from_h2 = incoming.data.http_version == b"HTTP/2.0"
    lines = tuple(
        (name, value)
        for name, value in strip_hop_by_hop(incoming.data.headers.fields, http2=http2)
        if name.lower() != b"expect"
    )
    host = next((value for name, value in lines if name.lower() == b"host"), None)
    named = (incoming.data.authority if from_h2 else host) or str(head.authority).encode()
    if http2:
        lines = tuple((name.lower(), value) for name, value in lines if name.lower() != b"host")
    else:
        lines = _http1_lines(lines, head, incoming, host=host, named=named, whole=whole)
    return http.Request(
        host=head.authority.host.name,
        port=head.authority.port,
        method=incoming.data.method,
        scheme=head.scheme.encode(),
        authority=named if http2 or via_proxy else b"",
        path=_origin_form(incoming.data.path),
        http_version=b"HTTP/2.0" if http2 else b"HTTP/1.1",
        headers=http.Headers(lines),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )


def _http1_lines(
    lines: Lines,
    head: RequestHead,
    incoming: http.Request,
    *,
    host: bytes | None,
    named: bytes,
    whole: int | None,
) -> Lines:
    if host is None:
        lines = ((b"Host", named), *lines)
    cookies = [value for name, value in lines if name.lower() == b"cookie"]
    if len(cookies) > 1 and incoming.data.http_version == b"HTTP/2.0":
        # RFC 9113 8.2.3: split for compression there, one line here
        lines = (*(line for line in lines if line[0].lower() != b"cookie"), (b"cookie", b"; ".join(cookies)))
    if not head.has_body or head.length is not None or head.method in BODILESS:
        return lines
    if whole is not None and incoming.data.http_version == b"HTTP/2.0":
        return (*lines, (b"content-length", str(whole).encode()))
    return (*lines, (b"Transfer-Encoding", b"chunked"))


def _origin_form(target: bytes) -> bytes:
    """Path and query as the client wrote them (RFC 9112 3.2)."""
    if target.startswith(b"/"):
        return target
    rest = target.partition(b"://")[2]
    at = min((found for found in (rest.find(b"/"), rest.find(b"?")) if found >= 0), default=len(rest))
    path = rest[at:].partition(b"#")[0]
    return path if path.startswith(b"/") else b"/" + path


def response(
    incoming: http.Response, *, to_h2: bool, head_request: bool, ends: bool, old_client: bool
) -> http.Response:
    """The response for the client; Alt-Svc would lead it past the gateway."""
    status = incoming.data.status_code
    lines = tuple(
        (name, value)
        for name, value in strip_hop_by_hop(incoming.data.headers.fields)
        if name.lower() != b"alt-svc"
    )
    bodiless = ends or head_request or status in (_NO_CONTENT, _NOT_MODIFIED, _SWITCHING)
    if to_h2:
        lines = tuple((name.lower(), value) for name, value in lines)
    elif not bodiless and not _has(lines, b"content-length"):
        # a body without a length: chunked where the client knows that, else to the end of the connection
        lines = (
            (*lines, (b"Connection", b"close"))
            if old_client
            else (*lines, (b"Transfer-Encoding", b"chunked"))
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


def _has(lines: Lines, name: bytes) -> bool:
    return any(found.lower() == name for found, _ in lines)


def _response(status: int, lines: Lines, reason: bytes, *, to_h2: bool) -> http.Response:
    return http.Response(
        http_version=b"HTTP/2.0" if to_h2 else b"HTTP/1.1",
        status_code=status,
        reason=reason or status_codes.RESPONSES.get(status, "").encode(),
        headers=http.Headers(lines),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )
