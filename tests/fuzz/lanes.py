"""The engine lane and the lean lane side by side: raw octets to both, and a sink behind them that reads strictly.

What becomes of them is equal in both: what is let through and refused, and why, what is recorded, what the client
hears, and what the sink gets, which it can read.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from live.doubles import by_path, policy
from live.twins import TURNS, Became, twins
from property.seeds import shipped
from subrosa.policy.policy import Policy

PORT = b"18080"
"""Stands for the sink's port, which is another each time, with as many digits."""
HOST, BY_PATH = b"api.openai.com:" + PORT, b"api.example.com:" + PORT
"""What goes to one is judged by the shipped rules, what goes to the other by its path."""
PATIENT = 150
"""Turns to wait where the lanes seem to differ, in case one of them was only late."""
MOST_PIECES = 8


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
_BY_PATH = tuple(
    _tunnel(request, request).replace(HOST, BY_PATH)
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
    _tunnel(_GET),
    _tunnel(_HEAD, _GET),
    _tunnel(_OLD),
    _tunnel(_FINE, _FINE),
    _tunnel(_CHUNKED, _GET),
    _tunnel(_JOB, _GET),
    _tunnel(_upload(b"fine-tune"), _FINE),
    _tunnel(_upload(b"assistants"), _JOB),
    _tunnel(_EXPECTS, _CHUNKED),
    _tunnel(b"\r\n", _GET, _CHUNKED, _FINE),
    _ABSOLUTE + _ABSOLUTE,
    _ABSOLUTE,
    _FINE.replace(b"POST ", b"POST http://" + HOST),
    _JOB.replace(b"POST ", b"POST http://" + HOST),
    _CHUNKED.replace(b"POST ", b"POST http://" + HOST) + _ABSOLUTE,
    _tunnel(_request(b"OPTIONS *")),
    _tunnel(_request(b"DELETE /v1/files/a")),
    *_BY_PATH,
)
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


class Lanes:
    """Both lanes in a loop of their own, for as long as the process lives."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = contextlib.AsyncExitStack()
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="subrosa-fuzz-")))
        self._ground = self._loop.run_until_complete(self._stack.enter_async_context(twins(directory)))

    def check(self, _: bytes, pieces: Iterable[bytes]) -> None:
        """Raises AssertionError where the lanes differ."""
        cut = few(tuple(pieces))
        judged_by = shipped() if HOST[:14] in b"".join(cut) else policy(by_path())
        if self._differences(cut, judged_by, TURNS):
            assert not (told := self._differences(cut, judged_by, PATIENT)), "\n".join(told)

    def _differences(self, pieces: Sequence[bytes], judged_by: Policy, turns: int) -> list[str]:
        return differences(self._loop.run_until_complete(self._both(pieces, judged_by, turns)))

    async def _both(self, pieces: Sequence[bytes], judged_by: Policy, turns: int) -> dict[str, Became]:
        placed = [piece.replace(PORT, b"%d" % self._ground.port) for piece in pieces]
        became = {}
        for lane, setup in self._ground.gateways.items():
            setup.current[0] = judged_by
            became[lane] = await self._ground.say(lane, placed, turns=turns)
        return became


def few(pieces: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """No more than a few pieces, the last one with all the rest: each is waited for."""
    return pieces if len(pieces) <= MOST_PIECES else (*pieces[:MOST_PIECES], b"".join(pieces[MOST_PIECES:]))


def differences(became: dict[str, Became]) -> list[str]:
    """How two lanes differ; and what the sink cannot read of what either sent on."""
    told = [
        f"the sink cannot read what {lane} sent on: {one.broken}"
        for lane, one in became.items()
        if one.broken
    ]
    engine, lean = became.values()
    for name in engine.__dataclass_fields__:
        one, other = getattr(engine, name), getattr(lean, name)
        if one != other:
            told.append(f"{name}: {one!r} in the engine lane, {other!r} in the lean lane")
    return told


@cache
def lanes() -> Lanes:
    """Made when the first input comes."""
    return Lanes()


def check(data: bytes, pieces: Iterable[bytes]) -> None:
    """The law of both lanes."""
    lanes().check(data, pieces)
