import pytest

from subrosa.facts.head import (
    HeadFault,
    RawHead,
    check_head,
    strip_hop_by_hop,
)
from unit.facts.heads import HOST, Line, h1, h2, refused


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (b"X-HTTP-Method-Override", HeadFault.METHOD_OVERRIDE),
        (b"X-Method-Override", HeadFault.METHOD_OVERRIDE),
        (b"x-http-method", HeadFault.METHOD_OVERRIDE),
        (b"X-Original-URL", HeadFault.TARGET_OVERRIDE),
        (b"X-Rewrite-URL", HeadFault.TARGET_OVERRIDE),
        (b"X-Original-URI", HeadFault.TARGET_OVERRIDE),
        (b"X-Override-URL", HeadFault.TARGET_OVERRIDE),
    ],
)
def test_a_field_that_overrides_the_request_line_is_refused(name: bytes, fault: HeadFault) -> None:
    error = refused(h1((name, b"x")))

    assert (error.status, error.reason_code) == (403, fault)


def test_a_websocket_handshake_is_recognised() -> None:
    raw = h1((b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"WebSocket"), method=b"GET")

    assert check_head(raw).upgrade == "websocket"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(h1((b"connection", b"upgrade"), (b"upgrade", b"h2c"), method=b"GET"), id="h2c"),
        pytest.param(h1((b"connection", b"upgrade"), (b"upgrade", b"TLS/1.0"), method=b"GET"), id="TLS"),
        pytest.param(
            h1((b"connection", b"upgrade"), (b"upgrade", b"websocket, h2c"), method=b"GET"), id="a choice"
        ),
        pytest.param(
            h1((b"connection", b"upgrade"), (b"upgrade", b"websocket"), (b"upgrade", b"h2c"), method=b"GET"),
            id="a choice on two lines",
        ),
        pytest.param(h1((b"connection", b"upgrade"), (b"upgrade", b""), method=b"GET"), id="to nothing"),
        pytest.param(h1((b"connection", b"upgrade"), (b"upgrade", b"websocket")), id="by POST"),
        pytest.param(h1((b"upgrade", b"websocket"), method=b"GET"), id="without Connection"),
        pytest.param(
            h1((b"connection", b"close"), (b"upgrade", b"websocket"), method=b"GET"), id="not nominated"
        ),
        pytest.param(
            RawHead(
                version="HTTP/1.0",
                method=b"GET",
                target=b"/",
                lines=(HOST, (b"connection", b"upgrade"), (b"upgrade", b"websocket")),
            ),
            id="in HTTP/1.0",
        ),
    ],
)
def test_any_other_upgrade_is_refused(raw: RawHead) -> None:
    error = refused(raw)

    assert (error.status, error.reason_code) == (403, HeadFault.UPGRADE)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"host", id="the host"),
        pytest.param(b"close, Content-Length", id="the length"),
        pytest.param(b"content-type,close", id="the type"),
        pytest.param(b"Content-Encoding", id="the coding"),
        pytest.param(b"authorization", id="the credentials"),
        pytest.param(b"cache-control", id="what RFC 9110 names itself"),
    ],
)
def test_connection_must_not_take_away_a_field_of_the_message(value: bytes) -> None:
    assert refused(h1((b"connection", value))).reason_code is HeadFault.CONNECTION


@pytest.mark.parametrize("value", [b"keep-alive", b"close", b"", b", x-amz-tagging", b"TE, close"])
def test_connection_may_nominate_what_is_for_this_hop(value: bytes) -> None:
    check_head(h1((b"connection", value)))


@pytest.mark.parametrize(
    "line",
    [
        (b"connection", b"close"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-connection", b"keep-alive"),
        (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"websocket"),
        (b"te", b"gzip"),
    ],
)
def test_a_connection_field_has_no_place_in_http2(line: Line) -> None:
    assert refused(h2(line)).reason_code in {HeadFault.CONNECTION, HeadFault.FRAMING}


def test_te_trailers_has_a_place_in_both() -> None:
    check_head(h2((b"te", b"trailers")))
    check_head(h1((b"te", b"trailers"), (b"connection", b"te")))


@pytest.mark.parametrize(
    "values", [[b"200-ok"], [b"100-continue, x"], [b"100-continue", b"100-continue"], [b""]]
)
def test_another_expectation_is_refused(values: list[bytes]) -> None:
    error = refused(h1(*[(b"expect", value) for value in values]))

    assert (error.status, error.reason_code) == (417, HeadFault.EXPECTATION)


@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue"])
def test_continue_can_be_expected(value: bytes) -> None:
    check_head(h1((b"expect", value), (b"content-length", b"1")))


@pytest.mark.parametrize(
    "name", [b"content-length", b"Transfer-Encoding", b"x, host", b"content-type", b"trailer"]
)
def test_a_trailer_must_not_frame_or_route(name: bytes) -> None:
    raw = h1((b"trailer", name), (b"transfer-encoding", b"chunked"))

    assert refused(raw).reason_code is HeadFault.TRAILER


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        pytest.param(
            [(b"Host", b"a"), (b"X", b"1")], [(b"Host", b"a"), (b"X", b"1")], id="end-to-end fields stay"
        ),
        pytest.param(
            [(b"Connection", b"keep-alive"), (b"Keep-Alive", b"5"), (b"X", b"1")],
            [(b"X", b"1")],
            id="hop fields go",
        ),
        pytest.param(
            [(b"connection", b"X-Amz-Tagging, close"), (b"x-amz-tagging", b"a=b"), (b"Y", b"1")],
            [(b"Y", b"1")],
            id="nominated fields go",
        ),
        pytest.param(
            [(b"Proxy-Authorization", b"Basic x"), (b"proxy-connection", b"close"), (b"Proxyless", b"1")],
            [(b"Proxyless", b"1")],
            id="what is for proxies goes",
        ),
        pytest.param(
            [(b"TE", b"trailers"), (b"Trailer", b"X")], [(b"Trailer", b"X")], id="TE goes, Trailer stays"
        ),
        pytest.param([(b"transfer-encoding", b"chunked")], [], id="framing is the gateway's own"),
        pytest.param(
            [(b"Connection", b"Content-Length, X"), (b"Content-Length", b"0"), (b"X", b"1")],
            [(b"Content-Length", b"0")],
            id="a length stays, whoever nominates it",
        ),
        pytest.param(
            [(b"Upgrade", b"h2c"), (b"HTTP2-Settings", b"x"), (b"connection", b"upgrade, http2-settings")],
            [],
            id="another upgrade goes",
        ),
        pytest.param(
            [
                (b"Connection", b"keep-alive, Upgrade"),
                (b"UPGRADE", b"WebSocket"),
                (b"Sec-WebSocket-Key", b"x"),
            ],
            [(b"Connection", b"Upgrade"), (b"UPGRADE", b"WebSocket"), (b"Sec-WebSocket-Key", b"x")],
            id="a WebSocket handshake stays one",
        ),
        pytest.param([], [], id="nothing"),
    ],
)
def test_what_speaks_to_the_next_hop_only_is_dropped(lines: list[Line], kept: list[Line]) -> None:
    assert strip_hop_by_hop(tuple(lines)) == tuple(kept)


def test_te_trailers_goes_on_over_http2_and_nothing_else_of_te_does() -> None:
    assert strip_hop_by_hop(((b"te", b"trailers"),), http2=True) == ((b"te", b"trailers"),)
    assert strip_hop_by_hop(((b"te", b"gzip"),), http2=True) == ()
