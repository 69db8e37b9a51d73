import pytest
from mitmproxy import http

from subrosa.facts.head import RawHead, check_head
from subrosa.gateway import outgoing

HOST = b"api.example.com"


def sent(
    *lines: tuple[bytes, bytes], method: bytes = b"POST", target: bytes = b"/a?b", h2: bool = False
) -> tuple[http.Request, RawHead]:
    raw = RawHead(
        version="HTTP/2" if h2 else "HTTP/1.1",
        method=method,
        target=target,
        lines=lines if h2 else ((b"Host", HOST), *lines),
        scheme="https" if h2 else None,
        authority=HOST if h2 else None,
        tls=not target.startswith(b"http:"),
    )
    request = http.Request(
        host="",
        port=0,
        method=method,
        scheme=b"",
        authority=HOST if h2 else b"",
        path=target,
        http_version=b"HTTP/2.0" if h2 else b"HTTP/1.1",
        headers=http.Headers(raw.lines),
        content=None,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=None,
    )
    return request, raw


def went(
    request: http.Request, raw: RawHead, *, http2: bool = False, whole: int | None = None
) -> http.Request:
    return outgoing.request(request, check_head(raw), http2=http2, whole=whole, via_proxy=False)


def test_lines_of_one_hop_stay_here_and_the_rest_goes_on_as_it_came() -> None:
    kept = ((b"X-Amz-Date", b"1"), (b"x-AMZ-date", b"2"))
    dropped = (
        (b"Connection", b"x-hop"),
        (b"X-Hop", b"1"),
        (b"Proxy-Authorization", b"x"),
        (b"Expect", b"100-continue"),
    )
    request = went(*sent(*kept, *dropped, (b"Content-Length", b"3")))
    assert request.data.headers.fields == ((b"Host", HOST), *kept, (b"Content-Length", b"3"))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a%2Fb?c=%20", b"/a%2Fb?c=%20"),
        (b"http://api.example.com/a%2Fb?c", b"/a%2Fb?c"),
        (b"http://api.example.com", b"/"),
        (b"http://api.example.com?x", b"/?x"),
    ],
)
def test_the_target_goes_on_in_origin_form_as_it_was_spelled(target: bytes, path: bytes) -> None:
    assert went(*sent(target=target, method=b"GET")).data.path == path


def test_framing_is_kept_or_made() -> None:
    chunked = went(*sent((b"Transfer-Encoding", b"chunked")))
    assert chunked.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in went(*sent((b"Transfer-Encoding", b"chunked")), whole=7).headers
    assert went(*sent(h2=True), whole=7).headers["content-length"] == "7"
    assert went(*sent(h2=True)).headers["transfer-encoding"] == "chunked"
    over_h2 = went(*sent((b"Transfer-Encoding", b"chunked")), http2=True)
    assert (over_h2.data.authority, [*over_h2.headers]) == (HOST, [])


def test_an_http2_request_gets_a_host_and_one_cookie_line_on_http1() -> None:
    request = went(*sent((b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"), method=b"GET", h2=True))
    assert request.data.http_version == b"HTTP/1.1"
    assert request.data.headers.fields == ((b"Host", HOST), (b"x", b"y"), (b"cookie", b"a=1; b=2"))


def answered(status: int, *lines: tuple[bytes, bytes]) -> http.Response:
    return http.Response(b"HTTP/1.1", status, b"", http.Headers(lines), None, None, 0.0, None)


@pytest.mark.parametrize(
    ("given", "old", "ends", "lines"),
    [
        pytest.param([(b"Content-Length", b"3")], False, False, [(b"Content-Length", b"3")], id="a length"),
        pytest.param(
            [], False, False, [(b"Transfer-Encoding", b"chunked")], id="to the end of the connection"
        ),
        pytest.param([], True, False, [(b"Connection", b"close")], id="the same for an old client"),
        pytest.param([], False, True, [], id="no body"),
        pytest.param([(b"Alt-Svc", b"h3"), (b"X", b"1")], False, True, [(b"X", b"1")], id="alt-svc"),
        pytest.param([(b"Connection", b"close, X"), (b"X", b"1")], False, True, [], id="one hop only"),
    ],
)
def test_responses(
    given: list[tuple[bytes, bytes]], old: bool, ends: bool, lines: list[tuple[bytes, bytes]]
) -> None:
    made = outgoing.response(
        answered(200, *given), to_h2=False, head_request=False, ends=ends, old_client=old
    )
    assert list(made.data.headers.fields) == lines
