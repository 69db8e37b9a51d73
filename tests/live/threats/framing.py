"""Group C of the catalogue: framing and heads that two parsers read differently."""

from collections.abc import Iterator

from live.threats.rows import (
    CLEAR,
    END_HEADERS,
    END_STREAM,
    JOB,
    JOBS,
    OPENAI,
    PADDED,
    PREFACE,
    SECOND,
    SECRET,
    TLS_PORT,
    Act,
    Row,
    Way,
    asks,
    chunked,
    data,
    frame,
    h2,
    head,
    headers,
    in_chunks,
    json,
    packed,
)

_SMUGGLED = b"POST /smuggled HTTP/1.1\r\nHost: chat.example.com:99999\r\nContent-Length: 102\r\n\r\n" + SECRET
_LONG = "Content-Length: 102"
_TE = "Transfer-Encoding: chunked"
_TAG = "X-Data-Purpose: model-training"


def _to(*lines: str, body: bytes = SECRET, start: str = "POST /notes HTTP/1.1") -> bytes:
    """A request to a host that trains nothing, so that only its framing can be why it is refused."""
    return head(start, SECOND, *lines) + body


# --- 33 to 39 ------------------------------------------------------------------------------------------------


def _lengths() -> Iterator[tuple[str, bytes]]:
    both = chunked(SECRET)
    yield "a length and chunks", _to(_LONG, _TE, body=both)
    yield "chunks and a length", _to(_TE, _LONG, body=both)
    yield (
        "a length that hides a request behind the chunks",
        _to("Content-Length: 5", _TE, body=b"0\r\n\r\n" + _SMUGGLED),
    )
    yield "two lengths", _to(_LONG, "Content-Length: 3")
    yield "two equal lengths", _to(_LONG, _LONG)
    yield "a list of lengths", _to("Content-Length: 102, 102")
    for says, text in {
        "with a sign": "+102", "below zero": "-1", "in hexadecimal": "0x66", "with an underscore": "1_02", "with a point": "102.0", "with a blank in it": "10 2",
        "in other digits": "\u0661\u0660\u0662", "with an exponent": "1e2", "of twenty digits": "1" + "0" * 19, "that is empty": "", "that is a word": "all", "behind a vertical tab": "\x0b102",
    }.items():  # fmt: skip
        yield f"a length {says}", _to(f"Content-Length: {text.encode().decode('latin-1')}")
    yield "a twin of the length with an underscore", _to("Content_Length: 3", _LONG)
    yield "a length on GET", _to(_LONG, start="GET /notes HTTP/1.1")


def _codings() -> Iterator[tuple[str, bytes]]:
    for says, line in {
        "behind a vertical tab": "Transfer-Encoding: \x0bchunked", "behind a no-break space": "Transfer-Encoding: \xa0chunked", "in quotes": 'Transfer-Encoding: "chunked"', "as xchunked": "Transfer-Encoding: xchunked",
        "as a list": "Transfer-Encoding: identity, chunked", "twice in a list": "Transfer-Encoding: chunked, chunked", "before identity": "Transfer-Encoding: chunked, identity", "with a parameter": "Transfer-Encoding: chunked;q=1",
        "folded": "Transfer-Encoding:\r\n chunked", "behind a bare CR": "X: y\rTransfer-Encoding: chunked", "behind a bare LF": "X: y\nTransfer-Encoding: chunked", "with a blank before the colon": "Transfer-Encoding : chunked",
        "with a NUL": "Transfer-Encoding: chunked\0", "with an underscore": "Transfer_Encoding: chunked", "as gzip": "Transfer-Encoding: gzip", "as gzip and chunked": "Transfer-Encoding: gzip, chunked", "with a comma": "Transfer-Encoding: chunked,",
        "empty": "Transfer-Encoding:", "with a form feed": "Transfer-Encoding: chunked\x0c", "with a tab in the name": "Transfer\t-Encoding: chunked", "with a full-width letter": "Transfer-Encoding: \uff43hunked".encode().decode("latin-1"),
    }.items():  # fmt: skip
        yield (
            f"chunked {says}",
            _to(
                line,
                "Content-Length: 5" if "underscore" in says or "bare" in says else "X-A: b",
                body=b"0\r\n\r\n" + _SMUGGLED,
            ),
        )
    yield "chunked on two lines", _to(_TE, _TE, body=chunked(SECRET))
    yield "chunked in HTTP/1.0", _to(_TE, body=chunked(SECRET), start="POST /notes HTTP/1.0")
    yield "chunked on GET", _to(_TE, body=chunked(SECRET), start="GET /notes HTTP/1.1")


def _chunks() -> Iterator[tuple[str, bytes]]:
    for says, octets in {
        "a prefix": b"0x66\r\n%s\r\n0\r\n\r\n", "a sign": b"+66\r\n%s\r\n0\r\n\r\n", "a minus": b"-66\r\n%s\r\n0\r\n\r\n", "an underscore": b"6_6\r\n%s\r\n0\r\n\r\n", "a blank before it": b" 66\r\n%s\r\n0\r\n\r\n",
        "a tab before it": b"\t66\r\n%s\r\n0\r\n\r\n", "no digits": b"\r\n%s\r\n0\r\n\r\n", "letters beyond f": b"6g\r\n%s\r\n0\r\n\r\n", "an overflow": b"10000000000000066\r\n%s\r\n0\r\n\r\n", "an overflow of 32 bits": b"ffffffffffffffff66\r\n%s\r\n0\r\n\r\n",
        "other digits": "\u0666\u0666".encode() + b"\r\n%s\r\n0\r\n\r\n",
    }.items():  # fmt: skip
        yield f"a size with {says}", octets.replace(b"%s", SECRET)
    for says, octets in {
        "a bare LF behind the size": b"66\n%s\r\n0\r\n\r\n", "a bare CR behind the size": b"66\r%s\r\n0\r\n\r\n", "two CRs behind the size": b"66\r\r\n%s\r\n0\r\n\r\n", "a bare LF behind the data": b"66\r\n%s\n0\r\n\r\n", "no line end behind the data": b"66\r\n%s0\r\n\r\n",
        "two octets that are no line end behind the data": b"66\r\n%sxx0\r\n\r\n", "a line too many behind the data": b"66\r\n%s\r\n\r\n0\r\n\r\n", "a CR in an extension": b"66;a\rb\r\n%s\r\n0\r\n\r\n", "an LF in an extension": b"66;a\nb\r\n%s\r\n0\r\n\r\n",
        "a line end in a quoted extension": b'66;a="\r\n%s"\r\n0\r\n\r\n', "a NUL in an extension": b"66;a=\0\r\n%s\r\n0\r\n\r\n", "an extension of 10 kB": b"66;" + b"a" * 10_000 + b"\r\n%s\r\n0\r\n\r\n",
        "extensions without end": b"1;" + b"a" * 200 + b"\r\nx\r\n" + (b"1;" + b"a" * 250 + b"\r\nx\r\n") * 200 + b"z\r\n",
        "a blank line before the first size": b"\r\n66\r\n%s\r\n0\r\n\r\n", "a last chunk without its empty line": b"66\r\n%s\r\n0\r\nX: y\nZ\r\n\r\n",
    }.items():  # fmt: skip
        yield f"chunks with {says}", octets.replace(b"%s", SECRET)


def _trailers() -> Iterator[tuple[str, bytes]]:
    for says, trailers in {
        "carry the tag": f"{_TAG}\r\n", "carry the tag in upper case": "X-DATA-PURPOSE: MODEL-TRAINING\r\n", "carry tags of a store": "x-amz-tagging: purpose=model-training\r\n", "carry tags as metadata": "x-amz-meta-purpose: model-training\r\n",
        "carry the tag behind other fields": f"X-Sum: 1\r\n{_TAG}\r\n", "frame anew": "Content-Length: 5\r\n", "route anew": "Host: evil.example.com\r\n", "are folded": "X: a\r\n b\r\n", "have no colon": "nothing\r\n", "hold a NUL": "X: a\0b\r\n", "hold a bare CR": "X: a\rb\r\n",
        "are a thousand": "X: y\r\n" * 1000, "are 200 kB": f"X: {'a' * 200_000}\r\n", "say another type": "Content-Type: application/json\r\n", "say a coding": "Content-Encoding: gzip\r\n", "chunk anew": "Transfer-Encoding: chunked\r\n",
    }.items():  # fmt: skip
        yield says, in_chunks("/v1/files", chunked(b'{"x": 1}', trailers=trailers))


def _octets() -> Iterator[tuple[str, bytes]]:
    for says, line in {
        "a bare CR in a value": "X: a\rb", "a bare LF in a value": "X: a\nb: c", "a NUL in a value": "X: a\0b", "a NUL in a name": "X\0: a", "a folded line": "X: a\r\n b", "a line folded by a tab": "X: a\r\n\tb", "a line without a colon": "nothing",
        "an empty name": ": a", "a blank before the colon": "X : a", "a blank before the name": " X: a", "a tab before the colon": "X\t: a", "a control in a value": "X: a\x01b", "a DEL in a value": "X: a\x7fb", "a name with a bracket": "X(y): a", "a name that is not ASCII": "X\xe9: a",
        "a bell in a value": "X: \x07", "a colon too many in the name": "X:: \0",
    }.items():  # fmt: skip
        yield says, _to(line, _LONG)
    text = _to(_LONG, body=b"")
    yield "lines that end in LF", text.replace(b"\r\n", b"\n") + SECRET
    yield "one line that ends in LF", text.replace(b"\r\n", b"\n", 1) + SECRET
    yield "an end of LF LF", text[:-2].replace(b"\r\n\r\n", b"\r\n") + b"\n\n" + SECRET
    yield "a first line that is folded", b" " + text + SECRET
    yield "a NUL before the request line", b"\0" + text + SECRET
    yield "a byte order mark before the request line", b"\xef\xbb\xbf" + text + SECRET


def _lines() -> Iterator[tuple[str, bytes]]:
    for says, start in {
        "version 2.0": "POST /notes HTTP/2.0", "version 0.9": "POST /notes HTTP/0.9", "version 1.2": "POST /notes HTTP/1.2", "a version in lower case": "POST /notes http/1.1", "version 1.10": "POST /notes HTTP/1.10", "version 01.1": "POST /notes HTTP/01.1",
        "another protocol": "POST /notes ICY/1.1", "no version": "POST /notes", "two blanks": "POST  /notes HTTP/1.1", "a tab": "POST\t/notes HTTP/1.1", "a blank in the target": "POST /no tes HTTP/1.1", "a blank at the end": "POST /notes HTTP/1.1 ",
        "a method that is no word": "PO(ST /notes HTTP/1.1", "a method of 100 letters": f"{'P' * 100} /notes HTTP/1.1", "TRACE": "TRACE /notes HTTP/1.1", "TRACK": "TRACK /notes HTTP/1.1", "connect in lower case": f"connect {SECOND} HTTP/1.1",
        "a NUL in the target": "POST /no\0tes HTTP/1.1", "a control in the target": "POST /no\x01tes HTTP/1.1", "an empty target": "POST  HTTP/1.1", "a target without its slash": "POST notes HTTP/1.1", "a star for a target": "POST * HTTP/1.1", "a CR in the request line": "POST /notes\r HTTP/1.1",
        "a form feed for a blank": "POST\x0c/notes HTTP/1.1",
    }.items():  # fmt: skip
        yield says, _to(_LONG, start=start)
    yield "a body on GET", _to(_LONG, start="GET /notes HTTP/1.1")
    yield "a body on HEAD", _to(_LONG, start="HEAD /notes HTTP/1.1")
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        yield f"another method by {name}", _to(_LONG, f"{name}: PUT")
    yield "an expectation that is none", _to(_LONG, "Expect: 200-ok")
    yield (
        "a training call by a method in lower case",
        json(JOBS, JOB, method="post").replace(SECOND.encode(), OPENAI.encode()),
    )


def _sizes() -> Iterator[tuple[str, bytes]]:
    yield "3,000 fields", _to(_LONG, *(f"X-{at}: y" for at in range(3000)))
    yield "129 fields", _to(_LONG, *(f"X-{at}: y" for at in range(129)))
    yield "a field of 256 KiB", _to(_LONG, f"X: {'a' * 262_144}")
    yield "a name of 40 kB", _to(_LONG, f"{'X' * 40_000}: y")
    yield "a head of 90 kB", _to(_LONG, *(f"X-{at}: {'a' * 3000}" for at in range(30)))
    yield "a query of 60 kB", _to(_LONG, start=f"POST /notes?{'a' * 60_000} HTTP/1.1")
    yield "a path of 20 kB", _to(_LONG, start=f"POST /{'a' * 20_000} HTTP/1.1")
    yield "a method without end", b"A" * 200_000


# --- 40 to 43 ------------------------------------------------------------------------------------------------

_PATHS = {
    "an escaped letter": "/v1/%66ine_tuning/jobs", "all letters escaped": "/%76%31/%66%69%6e%65_tuning/jobs", "an escaped slash": "/v1/fine_tuning%2Fjobs", "an escaped slash in lower case": "/v1%2ffine_tuning%2fjobs", "an escape of an escape": "/v1/%2566ine_tuning/jobs",
    "two slashes": "/v1//fine_tuning/jobs", "two slashes in front": "//v1/fine_tuning/jobs", "a dot segment": "/v1/./fine_tuning/jobs", "a parent segment": "/v1/x/../fine_tuning/jobs", "a parent above the root": "/../v1/fine_tuning/jobs", "an escaped parent": "/v1/x/%2e%2e/fine_tuning/jobs",
    "a half-escaped parent": "/v1/x/.%2e/fine_tuning/jobs", "parameters": "/v1/fine_tuning/jobs;x=y", "parameters in the middle": "/v1;a/fine_tuning;b/jobs", "a parent with parameters": "/v1/x/..;/fine_tuning/jobs", "a backslash": "/v1\\fine_tuning\\jobs", "an escaped backslash": "/v1%5cfine_tuning%5cjobs",
    "upper case": "/V1/Fine_Tuning/Jobs", "a fragment": "/v1/fine_tuning/jobs#x", "an escaped fragment": "/v1/fine_tuning/jobs%23x", "an escaped question mark": "/v1/fine_tuning/jobs%3Fx", "an escaped NUL": "/v1/fine_tuning/jobs%00x", "an overlong letter": "/v1/%c1%a6ine_tuning/jobs", "an overlong slash": "/v1%c0%affine_tuning/jobs",
    "a dot at the end": "/v1/fine_tuning/jobs.", "a slash at the end": "/v1/fine_tuning/jobs/", "many slashes at the end": "/v1/fine_tuning/jobs///", "an escaped slash at the end": "/v1/fine_tuning/jobs%2f", "an escaped blank at the end": "/v1/fine_tuning/jobs%20", "an escaped tab at the end": "/v1/fine_tuning/jobs%09",
    "an escaped line end": "/v1/fine_tuning/jobs%0d%0a", "an escape that is cut": "/v1/fine_tuning/jobs%", "an escape of old browsers": "/v1/%u0066ine_tuning/jobs", "a full-width letter": "/v1/\uff46ine_tuning/jobs", "an escaped full-width letter": "/v1/%EF%BD%86ine_tuning/jobs", "a query that repeats it": "/v1/fine_tuning/jobs?/v1/models",
    "an empty query": "/v1/fine_tuning/jobs?", "a query before it": "/v1/fine_tuning/jobs?x=/../../models", "a parent behind it": "/v1/fine_tuning/jobs/x/..", "a dot behind it": "/v1/fine_tuning/jobs/.",
}  # fmt: skip


def _absolute() -> Iterator[tuple[str, bytes]]:
    path = JOBS
    for says, target, host in (
        ("of the same host is judged by its path", f"https://{OPENAI}{path}", OPENAI), ("of another host", f"https://{SECOND}{path}", OPENAI), ("with a user", f"https://ann@{OPENAI}{path}", OPENAI), ("with the host for a user", f"https://api.openai.com@{SECOND}{path}", OPENAI),
        ("in the wrong scheme", f"http://{OPENAI}{path}", OPENAI), ("in no known scheme", f"ftp://{OPENAI}{path}", OPENAI), ("without a path", f"https://{OPENAI}", SECOND), ("in upper case", f"HTTPS://API.OPENAI.COM:{TLS_PORT}{path}", OPENAI), ("without a scheme", f"//{OPENAI}{path}", OPENAI),
        ("with a backslash", f"https:\\\\{OPENAI}{path}", OPENAI), ("without slashes", f"https:{OPENAI}{path}", OPENAI), ("with three slashes", f"https:///{OPENAI}{path}", OPENAI), ("at another port", f"https://api.openai.com:1{path}", OPENAI), ("at a port that is none", f"https://api.openai.com:x{path}", OPENAI),
        ("with a blank host", f"https://{path}", OPENAI),
    ):  # fmt: skip
        yield says, json(path, JOB, host=host).replace(path.encode(), target.encode(), 1)


def _overrides() -> Iterator[tuple[str, bytes]]:
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Override-URL", "x-original-url"):
        yield name, _to(_LONG, f"{name}: {JOBS}")
    yield "X-Forwarded-Host to a training call", json(JOBS, JOB, "X-Forwarded-Host: chat.example.com")


_HOSTS = {
    "in upper case": f"API.OPENAI.COM:{TLS_PORT}", "with a root dot": f"api.openai.com.:{TLS_PORT}", "with a zero before the port": f"api.openai.com:0{TLS_PORT}", "with an ideographic full stop": f"api\u3002openai\u3002com:{TLS_PORT}", "in full-width letters": f"\uff41pi.openai.com:{TLS_PORT}",
    "with a soft hyphen": f"api.open\u00adai.com:{TLS_PORT}", "with a Kelvin sign or the like": f"api.open\u00aai.com:{TLS_PORT}",
}  # fmt: skip
_ODD_HOSTS = {
    "with two root dots": f"api.openai.com..:{TLS_PORT}", "with a user": f"ann@{OPENAI}", "with a path": f"{OPENAI}/x", "as a list": f"{SECOND}, {OPENAI}", "with a NUL": f"api.openai.com\0:{TLS_PORT}", "percent-encoded": f"api%2eopenai%2ecom:{TLS_PORT}", "with a blank": f"api.openai.com :{TLS_PORT}",
    "with an underscore port": "api.openai.com:99_999", "with a sign before the port": f"api.openai.com:+{TLS_PORT}", "with a port of letters": "api.openai.com:https", "without its port": "api.openai.com", "that is empty": "", "of 300 octets": f"{'a' * 300}:{TLS_PORT}", "with an empty label": f"api..openai.com:{TLS_PORT}",
    "with a scheme": f"https://{OPENAI}", "with a question mark": f"{OPENAI}?x", "with a backslash": f"api.openai.com\\:{TLS_PORT}", "in brackets": f"[api.openai.com]:{TLS_PORT}", "with a tab": f"api.openai.com\t:{TLS_PORT}", "in a Cyrillic letter": f"\u0430pi.openai.com:{TLS_PORT}", "with a zone": f"[fe80::1%25eth0]:{TLS_PORT}",
    "of an A-label that is none": f"xn--a.openai.com:{TLS_PORT}", "with a zero-width joiner": f"api.open\u200dai.com:{TLS_PORT}",
}  # fmt: skip


def _host(text: str) -> bytes:
    octets = json(JOBS, JOB)
    return octets.replace(b"Host: " + OPENAI.encode(), b"Host: " + text.encode(), 1)


# --- 44 to 46 ------------------------------------------------------------------------------------------------

type Pairs = list[tuple[str, str]]


def _without(name: str) -> Pairs:
    return [pair for pair in asks("/notes", authority=SECOND) if pair[0] != name]


def _with(*more: tuple[str, str]) -> Pairs:
    return asks("/notes", *more, authority=SECOND)


def _pseudo() -> Iterator[tuple[str, Pairs]]:
    yield "no method", _without(":method")
    yield "no path", _without(":path")
    yield "no scheme", _without(":scheme")
    for name, value in ((":method", "GET"), (":path", "/other"), (":authority", OPENAI), (":scheme", "http")):
        yield f"two of {name}", [(name, value), *_with()]
    yield "a pseudo-field behind the fields", [*_without(":path"), ("x", "y"), (":path", "/notes")]
    yield "an unknown pseudo-field", [(":x", "y"), *_with()]
    yield "a pseudo-field of an answer", [(":status", "200"), *_with()]
    yield "a protocol without CONNECT", [(":protocol", "websocket"), *_with()]
    yield "an empty path", [(n, "" if n == ":path" else v) for n, v in _with()]
    yield "an empty method", [(n, "" if n == ":method" else v) for n, v in _with()]
    yield "an absolute path", [(n, f"https://{SECOND}/notes" if n == ":path" else v) for n, v in _with()]
    for what, octet in {"a CR LF": "\r\nx: y", "an LF": "\nx: y", "a NUL": "\0"}.items():
        yield f"{what} in a value", _with(("x-a", f"b{octet}"))
        yield f"{what} in a name", _with((f"x-a{octet}", "b"))
        for name in (":path", ":method", ":authority", ":scheme"):
            yield f"{what} in {name}", [(n, v + octet if n == name else v) for n, v in _with()]
    yield "a blank in the path", [(n, "/no tes" if n == ":path" else v) for n, v in _with()]
    yield (
        "a request hidden in the path",
        [(n, "/ HTTP/1.1\r\nHost: x\r\n\r\nPOST /y" if n == ":path" else v) for n, v in _with()],
    )
    yield "a blank in the method", [(n, "POST /x" if n == ":method" else v) for n, v in _with()]
    yield "a name in upper case", _with(("X-Upper", "y"))
    yield "a colon in a name", _with(("x:y", "z"))
    yield "an empty name", _with(("", "z"))
    yield "chunked", _with(("transfer-encoding", "chunked"))
    yield "Connection", _with(("connection", "keep-alive"))
    yield "Keep-Alive", _with(("keep-alive", "1"))
    yield "Proxy-Connection", _with(("proxy-connection", "keep-alive"))
    yield "te: gzip", _with(("te", "gzip"))
    yield "a length that is too small", _with(("content-length", "3"))
    yield "a length that is too large", _with(("content-length", "3000"))
    yield "a length that is no number", _with(("content-length", "x"))
    yield "two lengths", _with(("content-length", "102"), ("content-length", "3"))
    yield "a scheme of its own", [(n, "ftp" if n == ":scheme" else v) for n, v in _with()]
    yield "a scheme that belies the connection", [(n, "http" if n == ":scheme" else v) for n, v in _with()]


def _authorities() -> Iterator[tuple[str, bytes]]:
    yield "`:authority` of another host", h2(headers(asks("/notes", authority=OPENAI)), data())
    yield (
        "a Host of another name beside `:authority`",
        h2(headers(asks("/notes", ("host", OPENAI), authority=SECOND)), data()),
    )
    yield (
        "two Hosts beside `:authority`",
        h2(headers(asks("/notes", ("host", SECOND), ("host", OPENAI), authority=SECOND)), data()),
    )
    yield "a Host alone, of another name", h2(headers([*_without(":authority"), ("host", OPENAI)]), data())
    yield "neither `:authority` nor Host", h2(headers(_without(":authority")), data())
    yield "a user in `:authority`", h2(headers(asks("/notes", authority=f"ann@{SECOND}")), data())
    yield "a path in `:authority`", h2(headers(asks("/notes", authority=f"{SECOND}/x")), data())
    yield "`:authority` at another port", h2(headers(asks("/notes", authority="chat.example.com:1")), data())


_JSON = ("content-type", "application/json")


def _cut() -> Iterator[tuple[str, bytes]]:
    block = packed(asks(JOBS, _JSON))
    bits = [block[at : at + 1] for at in range(len(block))]
    begun = (
        frame(1, 0, 1, bits[0])
        + b"".join(frame(9, 0, 1, bit) for bit in bits[1:-1])
        + frame(9, END_HEADERS, 1, bits[-1])
    )
    yield "a head in single octets", h2(begun, data(JOB))
    yield (
        "a head without end in continuations",
        h2(frame(1, 0, 1, block), *(frame(9, 0, 1, b"") for _ in range(20_000))),
    )
    yield (
        "a head that grows without end",
        h2(frame(1, 0, 1, block), *(frame(9, 0, 1, packed([("x", "a" * 8000)])) for _ in range(200))),
    )
    yield (
        "continuations of another stream",
        h2(frame(1, 0, 1, block), frame(9, END_HEADERS, 3, b""), data(JOB)),
    )
    yield "data within a head", h2(frame(1, 0, 1, block), data(JOB), frame(9, END_HEADERS, 1, b""))
    yield (
        "data in threes",
        h2(
            headers(asks(JOBS, _JSON)),
            *(data(JOB[at : at + 3], end=False) for at in range(0, len(JOB), 3)),
            data(b""),
        ),
    )
    yield (
        "data with padding",
        h2(headers(asks(JOBS, _JSON)), frame(0, PADDED | END_STREAM, 1, b"\xff" + JOB + bytes(255))),
    )
    yield (
        "padding that is longer than its frame",
        h2(headers(asks("/notes", authority=OPENAI)), frame(0, PADDED | END_STREAM, 1, b"\xff" + SECRET)),
    )
    yield "data after the end", h2(headers(asks(JOBS, method="GET"), end=True), data())
    yield "data on a stream that is not open", h2(data(stream=5))
    yield "data on stream 0", h2(data(stream=0))
    yield "a head on an even stream", h2(headers(asks(JOBS), stream=2), data(stream=2))
    yield "a frame that is too long", h2(frame(0, 0, 1, bytes(20_000)))
    yield (
        "a frame whose 16 MiB never come",
        h2(headers(asks("/v1/files")), frame(0, 0, 1)[3:].join([b"\xff\xff\xff", SECRET])),
    )
    yield (
        "a head of large continuations",
        h2(frame(1, 0, 1, block), *(frame(9, 0, 1, packed([("x", "a" * 100_000)])) for _ in range(60))),
    )
    yield "no settings but octets", PREFACE + SECRET * 10
    yield "a table that indexes nothing", h2(frame(1, END_HEADERS, 1, b"\xff\xff\xff\x7f"), data())
    yield (
        "a purpose in the trailers",
        h2(
            headers(asks("/v1/files", _JSON)),
            data(b"{}", end=False),
            headers([("x-data-purpose", "model-training")], end=True),
        ),
    )
    yield "trailers without an end", h2(headers(asks(JOBS)), data(end=False), headers([("x", "y")]))
    yield (
        "rapid resets",
        h2(
            *(
                headers(asks("/v1/files"), stream=at) + frame(3, 0, at, b"\0\0\0\x08")
                for at in range(1, 4001, 2)
            )
        ),
    )
    yield (
        "more streams than are allowed, none of which ends",
        h2(*(headers(asks("/v1/files"), stream=at) for at in range(1, 403, 2)), data()),
    )


# --- 47 ------------------------------------------------------------------------------------------------------


def _forward() -> Iterator[tuple[str, bytes]]:
    body = json(JOBS, JOB, host=CLEAR)
    for says, target in {
        "a training call": f"http://{CLEAR}{JOBS}", "ws for a scheme": f"ws://{CLEAR}{JOBS}", "wss for a scheme": f"wss://{CLEAR}{JOBS}", "https without a tunnel": f"https://{OPENAI}{JOBS}", "ftp for a scheme": f"ftp://{CLEAR}{JOBS}", "a path alone": JOBS,
        "a host other than Host": f"http://chat.example.com:88888{JOBS}", "a backslash in the authority": f"http://api.openai.com:88888\\@chat.example.com{JOBS}", "a user": f"http://ann:pw@{CLEAR}{JOBS}", "a host in upper case": f"http://API.OpenAI.com:88888{JOBS}", "a scheme in upper case": f"HTTP://{CLEAR}{JOBS}",
        "a fragment for a host": f"http://chat.example.com#@{CLEAR}{JOBS}", "no host": f"http://{JOBS}", "an escaped host": f"http://api%2eopenai%2ecom:88888{JOBS}", "an authority alone": CLEAR, "a star": "*", "file": "file:///etc/passwd",
        "a path that goes up": f"http://{CLEAR}/x/..{JOBS}", "a port of its own beside Host": f"http://api.openai.com:1{JOBS}",
    }.items():  # fmt: skip
        yield says, body.replace(JOBS.encode(), target.encode(), 1)
    yield (
        "a list of two Hosts",
        body.replace(JOBS.encode(), f"http://{CLEAR}{JOBS}".encode(), 1).replace(
            b"\r\n", b"\r\nHost: chat.example.com:88888\r\n", 1
        ),
    )


_BAD = (400, 403, 405, 411, 413, 414, 417, 421, 431, 501, 505)
_GONE = (0, *_BAD)


def _rows(
    threat: int,
    what: str,
    rows: Iterator[tuple[str, bytes]],
    *,
    status: tuple[int, ...] = _BAD,
    connect: str = SECOND,
    way: Way = Way.TLS,
) -> list[Row]:
    return [
        Row(threat=threat, says=f"{what}{says}", octets=octets, connect=connect, status=status, way=way)
        for says, octets in rows
    ]


ROWS: tuple[Row | Act, ...] = (
    *_rows(33, "", _lengths()),
    *_rows(34, "", _codings()),
    *_rows(35, "", ((says, in_chunks(JOBS, octets)) for says, octets in _chunks()), connect=OPENAI),
    *_rows(
        35,
        "on a held transfer, ",
        ((says, in_chunks("/v1/uploads", octets)) for says, octets in _chunks()),
        connect=OPENAI,
    ),
    *_rows(36, "trailers that ", _trailers(), connect=OPENAI),
    *_rows(37, "", _octets(), status=_GONE),
    *_rows(38, "", _lines(), status=_GONE),
    *_rows(39, "", _sizes(), status=_GONE),
    *_rows(
        40,
        "the path of a training call with ",
        ((says, json(path.encode().decode("latin-1"), JOB)) for says, path in _PATHS.items()),
        connect=OPENAI,
    ),
    *_rows(41, "a whole address in the tunnel ", _absolute(), connect=OPENAI),
    *_rows(
        42,
        "another target by ",
        ((says, octets) for says, octets in _overrides() if OPENAI.encode() not in octets),
    ),
    *_rows(
        42, "", ((says, octets) for says, octets in _overrides() if OPENAI.encode() in octets), connect=OPENAI
    ),
    *_rows(
        43,
        "the host of a training call ",
        ((says, _host(text)) for says, text in _HOSTS.items()),
        connect=OPENAI,
    ),
    *_rows(43, "a host ", ((says, _host(text)) for says, text in _ODD_HOSTS.items()), connect=OPENAI),
    *_rows(
        43,
        "",
        iter(
            [
                ("no host", json(JOBS, JOB).replace(b"Host: " + OPENAI.encode() + b"\r\n", b"")),
                ("two hosts", json(JOBS, JOB, f"Host: {OPENAI}")),
            ]
        ),
        connect=OPENAI,
    ),
    *_rows(
        44,
        "HTTP/2 with ",
        ((says, h2(headers(pairs), data())) for says, pairs in _pseudo()),
        status=_GONE,
        way=Way.H2,
    ),
    *_rows(45, "HTTP/2 with ", _authorities(), status=_GONE, way=Way.H2),
    *_rows(46, "HTTP/2 with ", _cut(), status=_GONE, connect=OPENAI, way=Way.H2),
    *_rows(47, "a forward request with ", _forward(), way=Way.CLEAR),
)
