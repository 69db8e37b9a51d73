from collections.abc import Callable

import pytest

from subrosa.facts.fields import Fields
from subrosa.facts.head import (
    HeadFault,
    RawHead,
    check_head,
)
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.unreadable import Ambiguity
from unit.facts.heads import API, HOST, Line, h1, h2, plain, refused


def test_a_head_becomes_facts() -> None:
    head = check_head(
        h1((b"Content-Type", b" application/json\t"), (b"Content-Length", b"12"), target=b"/v1//Files?a=1")
    )

    assert (head.method, head.scheme, head.authority) == ("POST", "https", API)
    assert head.path.text == "/v1/Files"
    assert head.query.pairs == (("a", "1"),)
    assert head.fields == Fields.of(
        [("Host", "api.openai.com"), ("Content-Type", "application/json"), ("Content-Length", "12")]
    )
    assert (head.has_body, head.length, head.upgrade) == (True, 12, None)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(b"", id="an empty method"),
        pytest.param(b"PO ST", id="a blank"),
        pytest.param(b"PO\tST", id="a tab"),
        pytest.param(b"POST\0", id="a NUL"),
        pytest.param(b"P(", id="a delimiter"),
        pytest.param("PÖST".encode(), id="a letter that is not ASCII"),
        pytest.param(b"X" * 33, id="33 octets"),
        pytest.param(b"CONNECT", id="CONNECT inside a tunnel"),
        pytest.param(b"TRACE", id="TRACE"),
        pytest.param(b"HEaD", id="HEAD in another spelling"),
        pytest.param(b"trace", id="TRACE in small letters"),
        pytest.param(b"TRACK", id="TRACK"),
        pytest.param(b"PRI", id="the first word of HTTP/2"),
    ],
)
@pytest.mark.parametrize("make", [h1, h2], ids=["http/1.1", "http/2"])
def test_a_method_that_is_none_or_not_for_here_is_refused(
    make: Callable[..., RawHead], method: bytes
) -> None:
    error = refused(make(method=method))

    assert (error.status, error.reason_code) == (405, HeadFault.METHOD)


@pytest.mark.parametrize("method", [b"PROPFIND", b"get", b"X" * 32, b"M-SEARCH"])
def test_any_other_token_is_a_method_and_keeps_its_case(method: bytes) -> None:
    assert check_head(h1(method=method)).method == method.decode()


@pytest.mark.parametrize("version", ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "", "http/1.1"])
def test_another_version_is_refused(version: str) -> None:
    error = refused(RawHead(version=version, method=b"GET", target=b"/", lines=(HOST,)))

    assert (error.status, error.reason_code) == (505, HeadFault.VERSION)


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"*", id="asterisk form"),
        pytest.param(b"v1/files", id="no slash"),
        pytest.param(b"api.openai.com:443", id="authority form"),
        pytest.param(b"ftp://api.openai.com/", id="another scheme"),
        pytest.param(b"ws://api.openai.com/", id="the scheme of WebSocket"),
        pytest.param(b"https:api.openai.com/", id="no slashes"),
        pytest.param(b"https:\\\\api.openai.com/", id="backslashes"),
        pytest.param(b"/v1/ files", id="a blank"),
        pytest.param(b"/v1/files HTTP/1.1", id="a second version"),
        pytest.param(b"/v1/files\t", id="a tab"),
        pytest.param(b"/v1/files\0", id="a NUL"),
        pytest.param(b"/v1/files?a=\x01", id="a control character in the query"),
    ],
)
def test_a_target_in_no_form_is_refused(target: bytes) -> None:
    error = refused(h1(target=target))

    assert (error.status, error.reason_code) == (400, HeadFault.TARGET)


def test_a_target_of_http2_has_origin_form() -> None:
    raw = RawHead(
        version="HTTP/2",
        method=b"GET",
        target=b"https://api.openai.com/v1",
        lines=(),
        scheme="https",
        authority=b"api.openai.com",
        tls=True,
    )
    assert refused(raw).reason_code is HeadFault.TARGET


def test_the_error_about_a_target_does_not_show_its_query() -> None:
    assert refused(h1(target=b"v1?key=secret")).detail == "target `v1` is neither a path nor an http URI"


def test_an_ambiguous_path_and_query_pass_and_are_marked() -> None:
    head = check_head(h1(target=b"/bucket/a%2Fb?x=1;y=2"))

    assert head.path.ambiguity is Ambiguity.BAD_ENCODING
    assert head.query.ambiguity is Ambiguity.BAD_SYNTAX


def test_a_fragment_before_a_question_mark_takes_the_query_with_it() -> None:
    head = check_head(h1(target=b"/v1/files#?purpose=x"))

    assert head.path.ambiguity is Ambiguity.BAD_SYNTAX


def test_a_long_target_is_read_like_a_short_one() -> None:
    long = check_head(h1(target=b"/v1/files?x=" + b"y" * 1000))

    assert long.path == check_head(h1()).path
    assert long.query.one("x") == "y" * 1000


@pytest.mark.parametrize(
    ("target", "lines", "authority", "scheme"),
    [
        pytest.param(
            b"http://a.example/x", [(b"host", b"a.example")], "a.example:80", "http", id="absolute form"
        ),
        pytest.param(
            b"HTTP://A.example./x", [(b"host", b"a.EXAMPLE:080")], "a.example:80", "http", id="spelled twice"
        ),
        pytest.param(
            b"https://a.example/x",
            [(b"host", b"a.example")],
            "a.example:443",
            "https",
            id="https in absolute form",
        ),
        pytest.param(
            b"http://a.example:8080/x", [(b"host", b"a.example:8080")], "a.example:8080", "http", id="a port"
        ),
        pytest.param(b"/x", [(b"host", b"a.example")], "a.example:80", "http", id="origin form"),
        pytest.param(b"http://[::1]/x", [(b"host", b"[::1]:80")], "[::1]:80", "http", id="an IPv6 address"),
    ],
)
def test_in_the_clear_the_target_names_the_destination(
    target: bytes, lines: list[Line], authority: str, scheme: str
) -> None:
    head = check_head(plain(target, *lines))

    assert (str(head.authority), head.scheme, head.path.text) == (authority, scheme, "/x")


@pytest.mark.parametrize(("target", "path"), [(b"http://a.example", "/"), (b"http://a.example?b=1", "/")])
def test_absolute_form_without_a_path_means_the_root(target: bytes, path: str) -> None:
    assert check_head(plain(target, (b"host", b"a.example"))).path.text == path


def test_absolute_form_in_the_tunnel_of_the_same_authority_passes() -> None:
    assert check_head(h1(target=b"https://API.openai.com:443/v1/files")).authority == API


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(h1((b"Host", b"evil.example"), host=False), id="Host is not the tunnel's"),
        pytest.param(h1((b"Host", b"api.openai.com:8443"), host=False), id="another port than the tunnel's"),
        pytest.param(h1((b"Host", b"api.openai.com:80"), host=False), id="the port of the other scheme"),
        pytest.param(h1(target=b"https://evil.example/v1"), id="absolute form names another host"),
        pytest.param(h1(target=b"https://api.openai.com:8443/v1"), id="absolute form names another port"),
        pytest.param(h1(target=b"http://api.openai.com/v1"), id="absolute form names another scheme"),
        pytest.param(plain(b"http://a.example/", (b"host", b"b.example")), id="absolute form is not Host"),
        pytest.param(h2(authority=b"evil.example"), id=":authority is not the tunnel's"),
        pytest.param(h2((b"host", b"evil.example")), id=":authority is not Host"),
        pytest.param(
            RawHead(
                version="HTTP/1.1",
                method=b"GET",
                target=b"/",
                lines=(HOST,),
                tunnel=API,
                tls=True,
                sni=Host.parse("harmless.example"),
            ),
            id="the SNI is another",
        ),
        pytest.param(
            RawHead(
                version="HTTP/1.1",
                method=b"GET",
                target=b"/",
                lines=(HOST,),
                tunnel=Authority.parse("93.184.216.34:443", None),
                tls=True,
                sni=API.host,
            ),
            id="the tunnel names an address",
        ),
        pytest.param(
            RawHead(version="HTTP/1.1", method=b"GET", target=b"/", lines=(HOST,), scheme="http", tls=True),
            id="the scheme is not TLS's",
        ),
        pytest.param(
            RawHead(
                version="HTTP/2",
                method=b"GET",
                target=b"/",
                lines=(),
                scheme="https",
                authority=b"a.b:443",
                tunnel=API,
            ),
            id="the scheme is TLS's and the tunnel is not",
        ),
    ],
)
def test_names_that_do_not_agree_are_refused(raw: RawHead) -> None:
    error = refused(raw)

    assert (error.status, error.reason_code) == (403, HeadFault.AUTHORITY_MISMATCH)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(h1(host=False), id="no Host"),
        pytest.param(h1(HOST), id="two equal Hosts"),
        pytest.param(h1((b"host", b"evil.example")), id="two Hosts"),
        pytest.param(h1((b"Host", b""), host=False), id="an empty Host"),
        pytest.param(h1((b"Host", b"api.openai.com, evil.example"), host=False), id="a list"),
        pytest.param(h1((b"Host", b"user@api.openai.com"), host=False), id="userinfo"),
        pytest.param(h1((b"Host", b"api.openai.com/x"), host=False), id="a path"),
        pytest.param(h1((b"Host", b"api%2eopenai.com"), host=False), id="a percent sign"),
        pytest.param(h1((b"Host", b"api.openai.com:0"), host=False), id="port 0"),
        pytest.param(h1(target=b"https://user:pw@api.openai.com/v1"), id="userinfo in absolute form"),
        pytest.param(
            h1(target=b"https://api.openai.com\\@evil.example/v1"), id="a backslash in absolute form"
        ),
        pytest.param(h1(target=b"https:///v1"), id="absolute form without a host"),
        pytest.param(
            h2((b"host", b"api.openai.com"), (b"host", b"api.openai.com")), id="HTTP/2 with two Hosts"
        ),
        pytest.param(h2(authority=b"user@api.openai.com"), id="HTTP/2 with userinfo"),
        pytest.param(h2(authority=b""), id="HTTP/2 with an empty authority"),
        pytest.param(
            RawHead(version="HTTP/1.0", method=b"GET", target=b"/", lines=()),
            id="HTTP/1.0 that names nothing",
        ),
    ],
)
def test_a_head_without_exactly_one_host_is_refused(raw: RawHead) -> None:
    error = refused(raw)

    assert (error.status, error.reason_code) == (400, HeadFault.HOST)


def test_host_stands_in_for_authority_on_http2() -> None:
    assert check_head(h2((b"host", b"api.openai.com"), authority=None)).authority == API


def test_the_tunnel_stands_in_for_host_on_http_1_0() -> None:
    raw = RawHead(version="HTTP/1.0", method=b"GET", target=b"/", lines=(), tunnel=API, tls=True)

    assert check_head(raw).authority == API


def test_without_tunnel_and_sni_the_host_alone_names_the_destination() -> None:
    raw = RawHead(version="HTTP/1.1", method=b"GET", target=b"/", lines=(HOST,), tls=True)

    assert check_head(raw).authority == API


@pytest.mark.parametrize("scheme", ["ftp", "ws", "HTTPS", "h2"])
def test_another_scheme_on_http2_is_refused(scheme: str) -> None:
    raw = RawHead(version="HTTP/2", method=b"GET", target=b"/", lines=(HOST,), scheme=scheme, tls=True)

    assert refused(raw).reason_code is HeadFault.TARGET
