"""Heads as they stood on the wire, with what is known of the connection; how a body is framed. For every lane.

Knows no mitmproxy.
"""

from collections.abc import Sequence

from subrosa.facts.head import HeadError, HeadFault, HeadLimits, RawHead
from subrosa.facts.hosts import Authority
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.bodies import UNTIL_CLOSE, FramingError
from subrosa.gateway.caller import Caller

type Lines = list[tuple[bytes, bytes]]

_REQUEST_LINE = 3
_MAX_BLANK = 8


def take_head(data: bytearray, limits: HeadLimits) -> bytes | None:
    """The next request head without its blank line from the front of a buffer, None while it is not whole.

    Raises:
        HeadError: for a head over the limits.
        FramingError: for lines that end in LF alone.
    """
    blank = 0
    while data.startswith(b"\r\n", blank) and blank <= _MAX_BLANK:
        blank += 2
    del data[:blank]
    bound = limits.head_bytes + limits.target_bytes
    at = data.find(b"\r\n\r\n", 0, bound)
    bare = data.find(b"\n\n", 0, bound if at < 0 else at)
    if bare >= 0 or data.startswith((b"\n", b"\r\n")):
        raise FramingError("the head has lines that end in LF alone")
    if at < 0:
        if len(data) >= bound:
            raise HeadError(HeadFault.HEAD_TOO_LARGE, f"a head of more than {bound} octets is too large")
        return None
    octets = bytes(data[:at])
    del data[: at + 4]
    return octets


def split_head(octets: bytes) -> tuple[bytes, bytes, str, Lines]:
    """Method, target, version and field lines of an HTTP/1 head without its blank line.

    Raises:
        HeadError: for a line that ends otherwise than in CRLF, has no colon, or a request line of other than
            three words.
    """
    first, *rest = octets.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != _REQUEST_LINE or b"\n" in octets.replace(b"\r\n", b""):
        raise HeadError(HeadFault.TARGET, "the request line is not method, target and version")
    lines: Lines = []
    for line in rest:
        name, colon, value = line.partition(b":")
        if not colon:
            raise HeadError(HeadFault.FIELD_NAME, "a field line has no colon")
        lines.append((name, value.strip(b" \t")))
    return words[0], words[1], words[2].decode("latin-1"), lines


def framing(version: str, lines: Sequence[tuple[bytes, bytes]]) -> int | None:
    """Octets of a request's body: None for chunked, `UNTIL_CLOSE` where it has no single reading."""
    lengths = [value for name, value in lines if name.lower() == b"content-length"]
    codings = [value for name, value in lines if name.lower() == b"transfer-encoding"]
    if not lengths and not codings:
        return 0
    if not codings and len(lengths) == 1 and lengths[0].isdigit() and len(lengths[0]) <= _DIGITS:
        return int(lengths[0])
    if not lengths and len(codings) == 1 and codings[0].lower() == b"chunked" and version == "HTTP/1.1":
        return None
    return UNTIL_CLOSE


_DIGITS = 18


def raw_head(caller: Caller, method: bytes, target: bytes, version: str, lines: Lines) -> RawHead:
    """An HTTP/1 head with what is known of the connection that it came over."""
    reverse = caller.listener.target
    if reverse is not None:
        lines = _addressed(lines, reverse[1])
    return RawHead(
        version=version,
        method=method,
        target=target,
        lines=lines,
        tunnel=caller.target or _dialled(caller, _host_of(lines)),
        tls=_in_tls(caller),
        sni=caller.tls.sni if caller.tls is not None and reverse is None else None,
    )


def raw_h2_head(caller: Caller, fields: Lines, *, end_of_stream: bool) -> RawHead:
    """An HTTP/2 head likewise.

    Raises:
        HeadError: for pseudo-fields that are not the four of a request, once each, in front.
    """
    pseudo = {name: value for name, value in fields if name.startswith(b":")}
    lines = [(name, value) for name, value in fields if not name.startswith(b":")]
    if len(pseudo) + len(lines) != len(fields) or not pseudo.keys() <= _PSEUDO or b":method" not in pseudo:
        raise HeadError(HeadFault.TARGET, "the pseudo-fields are not those of one request")
    authority, scheme = pseudo.get(b":authority"), pseudo.get(b":scheme", b"").decode("latin-1")
    reverse = caller.listener.target
    if reverse is not None:
        lines, scheme, authority = _addressed(lines, reverse[1]), reverse[0], str(reverse[1]).encode()
    return RawHead(
        version="HTTP/2",
        method=pseudo[b":method"],
        target=pseudo.get(b":path", b""),
        lines=lines,
        scheme=scheme,
        authority=authority,
        tunnel=caller.target or _dialled(caller, authority),
        tls=_in_tls(caller),
        sni=caller.tls.sni if caller.tls is not None and reverse is None else None,
        end_of_stream=end_of_stream,
    )


_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})


def _in_tls(caller: Caller) -> bool:
    """Whether the request is an https one; behind a reverse listener that is the target's matter."""
    reverse = caller.listener.target
    return caller.tls is not None if reverse is None else reverse[0] == "https"


def _addressed(lines: Lines, authority: Authority) -> Lines:
    """The lines as they are judged behind a reverse listener, which sends to its target whatever Host says."""
    return [(name, str(authority).encode() if name.lower() == b"host" else value) for name, value in lines]


def _host_of(lines: Lines) -> bytes | None:
    return next((value for name, value in lines if name.lower() == b"host"), None)


def _dialled(caller: Caller, named: bytes | None) -> Authority | None:
    """Transparent: the host that the request names, at the port that the client dialled."""
    if caller.original is None or named is None:
        return None
    try:
        return Authority(Authority.parse(named, caller.original.port).host, caller.original.port)
    except UnreadableError:
        return None
