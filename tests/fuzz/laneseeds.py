"""What the inputs of both lanes begin with: requests, the words of their grammar, and answers."""

PORT = b"18080"
"""Stands for the sink's port, which is another each time, with as many digits."""
HOST, BY_PATH = b"api.openai.com:" + PORT, b"api.example.com:" + PORT
"""What goes to one is judged by the shipped rules, what goes to the other by its path."""


def _tunnel(*requests: bytes) -> bytes:
    return b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (HOST, HOST) + b"".join(requests)


def _request(line: bytes, *lines: bytes, body: bytes = b"", host: bytes = HOST) -> bytes:
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: " + host, *lines, b"", body])


_GET = _request(b"GET /v1/models", b"Accept: */*")
_HEAD = _request(b"HEAD /v1/models")
_OLD = _GET.replace(b"HTTP/1.1", b"HTTP/1.0")
_FINE = _request(
    b"POST /v1/embeddings",
    b"Content-Type: application/json",
    b"Content-Length: 13",
    body=b'{"input":"x"}',
)
_CHUNKED = _request(
    b"POST /v1/embeddings",
    b"Content-Type: application/json",
    b"Transfer-Encoding: chunked",
    body=b'8;a="b"\r\n{"input"\r\n005\r\n:"x"}\r\n0\r\nX-Checksum: abc\r\n\r\n',
)
_JOB = _request(
    b"POST /v1/fine_tuning/jobs",
    b"Content-Type: application/json",
    b"Content-Length: 44",
    body=b'{"model":"gpt-4o-mini","training_file":"f1"}',
)
_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n%b\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{"messages":[]}\r\n--b--\r\n'
)


def _upload(purpose: bytes, *lines: bytes) -> bytes:
    body = _FORM % purpose
    length = b"Content-Length: %d" % len(body)
    return _request(
        b"POST /v1/files",
        b"Content-Type: multipart/form-data; boundary=b",
        length,
        *lines,
        body=body,
    )


_ABSOLUTE = _GET.replace(b"GET ", b"GET http://" + HOST)
_EXPECTS = _upload(b"assistants", b"Expect: 100-continue")
_LENGTH, _CHUNKS = b"Content-Length: 5", b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nx-a: b\r\n\r\n"
_DIALOGUES = (
    (_GET,),
    (_HEAD, _GET),
    (_OLD,),
    (_FINE, _FINE),
    (_CHUNKED, _GET),
    (_JOB, _GET),
    (_upload(b"fine-tune"), _FINE),
    (_upload(b"assistants"), _JOB),
    (_EXPECTS, _CHUNKED),
    (b"\r\n", _GET, _CHUNKED, _FINE),
    (_request(b"OPTIONS *"),),
    (_request(b"DELETE /v1/files/a"),),
)
_BY_PATH = tuple(
    request.replace(HOST, BY_PATH)
    for request in (
        _request(b"GET /head/allow?a=b", b"Connection: keep-alive, x-hop", b"X-Hop: 1"),
        _request(b"POST /head/allow", _LENGTH, body=b"hello"),
        _request(b"POST /end/allow", _LENGTH, b"Expect: 100-continue", body=b"hello"),
        _request(b"POST /end/block", _LENGTH, body=b"hello"),
        _request(b"POST /head/block", _LENGTH, body=b"hello"),
        _request(b"HEAD /head/block"),
        _request(b"PUT /head/allow", b"Transfer-Encoding: chunked", body=_CHUNKS),
        _request(b"PUT /end/allow", b"Transfer-Encoding: chunked", b"Trailer: x-a", body=_CHUNKS),
    )
)
SEEDS = (
    *(_tunnel(*said) for said in _DIALOGUES),
    *(_tunnel(request, request).replace(HOST, BY_PATH) for request in _BY_PATH),
    _ABSOLUTE + _ABSOLUTE,
    _ABSOLUTE,
    _FINE.replace(b"POST ", b"POST http://" + HOST),
    _JOB.replace(b"POST ", b"POST http://" + HOST),
    _CHUNKED.replace(b"POST ", b"POST http://" + HOST) + _ABSOLUTE,
)
"""From the first octet of a connection on."""
INSIDE = (
    *(b"".join(said) for said in _DIALOGUES),
    *(request * 2 for request in _BY_PATH),
    _GET.replace(b"GET ", b"GET https://" + HOST) + _GET,
)
"""Within TLS."""
WORDS = (
    b"Content-Length: 0\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: +13\r\n",
    b"Content-Length: 13, 13\r\n",
    b"Content-Length : 13\r\n",
    b"content-length:\t13\r\n",
    b"Content-Length: 0x0d\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"transfer-encoding: CHUNKED\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Host: other.example.com\r\n",
    b"Host: " + HOST + b"\r\n",
    b"Host:\r\n",
    b" folded\r\n",
    b"\tfolded\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"0\r\n\r\n",
    b"0\r\n",
    b"5\r\nhello\r\n",
    b"ffffffffffffffff\r\n",
    b"0x5\r\n",
    b"-1\r\n",
    b"5 ;a\r\n",
    b"00000000000000000005\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: Host\r\n",
    b"Connection: Content-Length\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: x\r\n",
    b"Trailer: Host\r\n",
    b"TE: trailers\r\n",
    b"Upgrade: h2c\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
    b"Keep-Alive: 1\r\n",
    b"Proxy-Connection: close\r\n",
    b"Proxy-Authorization: Basic YTpi\r\n",
    b"X-HTTP-Method-Override: PUT\r\n",
    b"Content-Encoding: gzip\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"http/1.1",
    b"GET ",
    b"get ",
    b"HEAD ",
    b"PUT ",
    b"CONNECT ",
    b"TRACE ",
    b"PRI * ",
    b"http://" + HOST,
    b"https://" + HOST,
    b"http://other.example.com",
    b"//",
    b"/../",
    b"%2e%2e/",
    b"#",
    b"?",
    b"@",
    b";",
    b" ",
    b"\t",
    b"\x80",
    b"\xff",
    b"\x85",
    b"\xa0",
    b"Content-Length",
    b"Transfer-Encoding",
    b"Host",
    b":",
    b"chunked",
    _GET,
    _FINE,
    _CHUNKED,
    _JOB,
    b"/head/allow",
    b"/head/block",
    b"/end/allow",
    b"/end/block",
    b" HTTP/1.1\r\n",
    b"\r\n\r\n",
    b"Connection: content-length\r\n",
)

_OK = b"HTTP/1.1 200 OK\r\n"
_JSON = b"Content-Type: application/json\r\nContent-Length: 13\r\n\r\n" + b'{"id": "a-1"}'
ASKING = (
    (_GET, _GET),
    (_HEAD, _GET),
    (_FINE, _GET),
    (_CHUNKED, _GET),
    (_OLD,),
    (_GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),),
    (_upload(b"assistants"), _GET),
    (_FINE.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), _GET),
)
"""What is answered: the first octet of an input tells which, and how."""
CLOSES, EARLY, IN_TLS = 0x40, 0x20, 0x10
ANSWERS = tuple(
    bytes((how | over,)) + said
    for over in (0, IN_TLS)
    for how, said in (
        (0, _OK + _JSON),
        (0, _OK + b"Content-Length: 2\r\nX-A: b\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nok"),
        (1, _OK + b"Content-Length: 2\r\n\r\n"),
        (2, _OK + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"),
        (3, b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + _OK + b"Content-Length: 2\r\n\r\nok"),
        (7, b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + b"Content-Length: 2\r\n\r\nok"),
        (4, _OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        (5, b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"),
        (CLOSES, _OK + b"\r\nuntil its end"),
        (CLOSES | 4, b"HTTP/1.0 200 OK\r\n\r\nuntil its end"),
        (CLOSES, _OK + b"Content-Length: 9\r\n\r\ncut"),
        (0, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (1, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: a\r\n\r\n"),
        (0, _OK + b"Connection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok"),
        (EARLY | 3, b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno"),
        (6, b"HTTP/1.1 307 Over There\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n"),
        (0, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    )
)
OF_ANSWERS = (
    *(word for word in WORDS if word not in (_GET, _FINE, _CHUNKED, _JOB)),
    b"HTTP/1.1 ",
    b" 200 ",
    b" 204 ",
    b" 205 ",
    b" 304 ",
    b" 100 ",
    b" 101 ",
    b" 199 ",
    b" 000 ",
    b" 999 ",
    b" 2000 ",
    b"HTTP/1.1 200\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"Alt-Svc: h3\r\n",
    b"Proxy-Authenticate: Basic\r\n",
    b"WWW-Authenticate: Negotiate\r\n",
    b"Trailer: X-Sum\r\n",
    b"0\r\nX-Sum: 1\r\n\r\n",
)
