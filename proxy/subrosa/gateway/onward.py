"""What of a message goes on to the next hop: request lines, field lines, response lines. For every lane; pure.

End-to-end field lines go on as they came; what speaks to one hop only is the gateway's own.
"""

from dataclasses import dataclass
from http import HTTPStatus

from subrosa.facts.head import strip_hop_by_hop
from subrosa.facts.records import RequestHead

type Lines = tuple[tuple[bytes, bytes], ...]

PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
"""What stands behind the status of the gateway's own answers."""
BODILESS = frozenset({"GET", "HEAD"})
"""Methods that carry no body here; on HTTP/2 the first octet of one is refused."""
_NO_CONTENT = frozenset({101, 204, 304})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request as it came in. ``named`` is its own spelling of the authority where HTTP/2 gave one."""

    lines: Lines
    from_h2: bool = False
    named: bytes = b""


def named_authority(incoming: Incoming, head: RequestHead) -> bytes:
    """The authority as the client spelled it."""
    host = next((value for name, value in incoming.lines if name.lower() == b"host"), None)
    return (incoming.named if incoming.from_h2 else host) or str(head.authority).encode()


def request_lines(incoming: Incoming, head: RequestHead, *, http2: bool, whole: int | None) -> Lines:
    """The field lines for an upstream that speaks HTTP/2 or not.

    ``whole`` is the size of a body that is held to its end, None where octets may still come.
    """
    lines = strip_hop_by_hop(incoming.lines, http2=http2)
    if _has(lines, b"expect"):
        lines = tuple(line for line in lines if line[0].lower() != b"expect")
    if http2:
        return tuple((name.lower(), value) for name, value in lines if name.lower() != b"host")
    if not _has(lines, b"host"):
        lines = ((b"Host", named_authority(incoming, head)), *lines)
    if incoming.from_h2:
        lines = _one_cookie(lines)
    if not head.has_body or head.length is not None or head.method in BODILESS:
        return lines
    if whole is not None and incoming.from_h2:
        return (*lines, (b"content-length", str(whole).encode()))
    return (*lines, (b"Transfer-Encoding", b"chunked"))


def _one_cookie(lines: Lines) -> Lines:
    """RFC 9113 8.2.3: split for compression there, one line here."""
    cookies = [value for name, value in lines if name.lower() == b"cookie"]
    if len(cookies) <= 1:
        return lines
    return (*(line for line in lines if line[0].lower() != b"cookie"), (b"cookie", b"; ".join(cookies)))


def origin_form(target: bytes) -> bytes:
    """Path and query as the client wrote them (RFC 9112 3.2)."""
    if target.startswith(b"/"):
        return target
    rest = target.partition(b"://")[2]
    at = min((found for found in (rest.find(b"/"), rest.find(b"?")) if found >= 0), default=len(rest))
    path = rest[at:].partition(b"#")[0]
    return path if path.startswith(b"/") else b"/" + path


def response_lines(incoming: Lines, status: int, *, to_h2: bool, bodiless: bool, old_client: bool) -> Lines:
    """The field lines of a response for the client; Alt-Svc would lead it past the gateway.

    ``bodiless``: no body follows, whatever the status; ``old_client`` knows no chunks.
    """
    lines = tuple([line for line in strip_hop_by_hop(incoming) if line[0].lower() != b"alt-svc"])
    if to_h2:
        return tuple((name.lower(), value) for name, value in lines)
    if bodiless or status in _NO_CONTENT or _has(lines, b"content-length"):
        return lines
    # a body without a length: chunked where the client knows that, else to the end of the connection
    return (*lines, (b"Connection", b"close")) if old_client else (*lines, (b"Transfer-Encoding", b"chunked"))


def _has(lines: Lines, name: bytes) -> bool:
    return name in [found.lower() for found, _ in lines]
