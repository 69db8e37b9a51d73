"""The one check of a request head, for every lane: bounded, framed in one way, naming one destination.

Message framing is never a matter of policy: what this refuses, no setting lets pass.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from subrosa.facts.fields import Fields, Lines
from subrosa.facts.hosts import Authority, Host
from subrosa.facts.paths import NO_QUERY, Path, Query
from subrosa.facts.quoting import quoted
from subrosa.facts.records import RequestHead
from subrosa.facts.unreadable import UnreadableError

type Index = dict[bytes, tuple[bytes, ...]]


class HeadFault(StrEnum):
    """Why a head is refused; a closed list, because metrics carry it."""

    VERSION = "version"
    METHOD = "method"
    METHOD_OVERRIDE = "method-override"
    TARGET = "target"
    TARGET_TOO_LONG = "target-too-long"
    TARGET_OVERRIDE = "target-override"
    TOO_MANY_FIELDS = "too-many-fields"
    FIELD_TOO_LARGE = "field-too-large"
    HEAD_TOO_LARGE = "head-too-large"
    FIELD_NAME = "field-name"
    FIELD_VALUE = "field-value"
    CONNECTION = "connection"
    HOST = "host"
    AUTHORITY_MISMATCH = "authority-mismatch"
    FRAMING = "framing"
    BODY_NOT_ALLOWED = "body-not-allowed"
    UPGRADE = "upgrade"
    EXPECTATION = "expectation"
    TRAILER = "trailer"


_STATUS = {
    HeadFault.VERSION: 505,
    HeadFault.METHOD: 405,
    HeadFault.METHOD_OVERRIDE: 403,
    HeadFault.TARGET_TOO_LONG: 414,
    HeadFault.TARGET_OVERRIDE: 403,
    HeadFault.TOO_MANY_FIELDS: 431,
    HeadFault.FIELD_TOO_LARGE: 431,
    HeadFault.HEAD_TOO_LARGE: 431,
    HeadFault.AUTHORITY_MISMATCH: 403,
    HeadFault.BODY_NOT_ALLOWED: 403,
    HeadFault.UPGRADE: 403,
    HeadFault.EXPECTATION: 417,
}
"""The status of each fault; 400 for all others. None of them is one that clients send again."""


class HeadError(ValueError):
    """A head that is refused: ``status`` for the answer, ``reason_code`` for metrics, ``detail`` for people."""

    def __init__(self, reason_code: HeadFault, detail: str) -> None:
        super().__init__(detail)
        self.status = _STATUS.get(reason_code, 400)
        self.reason_code = reason_code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLimits:
    """The bounds of one head: field lines, octets of one line, of all lines together, and of the target."""

    fields: int = 128
    field_bytes: int = 32768
    head_bytes: int = 65536
    target_bytes: int = 16384


DEFAULT_LIMITS = HeadLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawHead:
    """One request head as a lane read it, octets unchanged.

    ``version`` is ``HTTP/1.1``, ``HTTP/1.0`` or ``HTTP/2``; ``target`` is the request target or ``:path``;
    ``authority`` is ``:authority`` and ``scheme`` is ``:scheme`` (HTTP/2 only; HTTP/1 has them from ``tls``).
    ``tunnel`` is the CONNECT or SOCKS target, ``tls`` says that the request came inside TLS, under ``sni``.
    ``end_of_stream``: HTTP/2 HEADERS with END_STREAM. ``trailers_announced``: the lane knows that trailers follow.
    """

    version: str
    method: bytes
    target: bytes
    lines: Sequence[tuple[bytes, bytes]]
    scheme: str | None = None
    authority: bytes | None = None
    tunnel: Authority | None = None
    tls: bool = False
    sni: Host | None = None
    end_of_stream: bool = False
    trailers_announced: bool = False


_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_NAME_OCTETS = b"!#$%&'*+.^_`|~-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE_OCTETS = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_REFUSED_METHODS = frozenset({b"TRACE", b"TRACK", b"CONNECT", b"PRI"})
_BODILESS = frozenset({b"GET", b"HEAD"})
_PORTS = {"http": 80, "https": 443}

_METHOD_OVERRIDES = frozenset({b"x-http-method-override", b"x-method-override", b"x-http-method"})
_TARGET_OVERRIDES = frozenset({b"x-original-url", b"x-rewrite-url", b"x-original-uri", b"x-override-url"})
_ONE_HOP_ONLY = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_END_TO_END = frozenset(
    b"authorization cache-control content-encoding content-length content-range content-type host".split()
)
"""Fields that a Connection option must not take away: what is left would be another message."""
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"host", b"connection", b"content-encoding"})
_NOT_IN_TRAILERS = _FRAMING | _END_TO_END | frozenset({b"te", b"trailer", b"expect", b"upgrade"})
_SPECIAL = _METHOD_OVERRIDES | _TARGET_OVERRIDES | _ONE_HOP_ONLY | {b"expect", b"trailer", b"te"}


def check_head(raw: RawHead, limits: HeadLimits = DEFAULT_LIMITS) -> RequestHead:
    """Check one request head and give its canonical facts (RFC 9112, RFC 9113 8).

    Raises HeadError for a head over the limits, with an octet that does not belong, framed in two ways,
    with another authority than its Host, tunnel or SNI, with a field that overrides method or target, or
    with an upgrade to anything but ``websocket``. On HTTP/2 a GET without Content-Length may still send DATA:
    the lane refuses its first octet.
    """
    fields = _checked_fields(raw, limits)
    index = fields.index
    method = _method(raw.method)
    scheme, authority, path, query = _destination(raw, index)
    upgrade = None
    if not _SPECIAL.isdisjoint(index):
        _check_special(raw, index)
        upgrade = _upgrade(raw, index)
    has_body, length = _framing(raw, index)
    return RequestHead(
        method=method,
        scheme=scheme,
        authority=authority,
        path=path,
        query=query,
        fields=fields,
        has_body=has_body,
        length=length,
        upgrade=upgrade,
    )


def check_trailers(lines: Sequence[tuple[bytes, bytes]], limits: HeadLimits = DEFAULT_LIMITS) -> Fields:
    """Check a trailer section (RFC 9110 6.5): bounded, well formed, nothing that frames or routes the message.

    Raises HeadError. The fields given back may carry tags like those of a head.
    """
    fields = _fields(lines, limits)
    if not _NOT_IN_TRAILERS.isdisjoint(fields.index):
        raise HeadError(HeadFault.TRAILER, "a trailer frames or routes the message it ends")
    return fields


def _checked_fields(raw: RawHead, limits: HeadLimits) -> Fields:
    if raw.version not in _VERSIONS:
        raise HeadError(HeadFault.VERSION, f"version {quoted(raw.version)} is not spoken here")
    if len(raw.target) > limits.target_bytes:
        raise HeadError(HeadFault.TARGET_TOO_LONG, f"target of {len(raw.target)} octets is too long")
    return _fields(raw.lines, limits)


_VERSIONS = frozenset({"HTTP/1.1", "HTTP/1.0", "HTTP/2"})


def _fields(lines: Sequence[tuple[bytes, bytes]], limits: HeadLimits) -> Fields:
    if len(lines) > limits.fields:
        raise HeadError(HeadFault.TOO_MANY_FIELDS, f"{len(lines)} field lines are too many")
    names = [name for name, _ in lines]
    values = [value.strip(b" \t") for _, value in lines]
    joined, content = b"".join(names), b"".join(values)
    size = len(joined) + len(content)
    if size > limits.field_bytes and any(
        len(name) + len(value) > limits.field_bytes for name, value in zip(names, values, strict=True)
    ):
        raise HeadError(HeadFault.FIELD_TOO_LARGE, "a field line is too long")
    if size + 4 * len(lines) > limits.head_bytes:
        raise HeadError(HeadFault.HEAD_TOO_LARGE, f"a head of {size} octets is too large")
    if b"" in names or joined.translate(None, _NAME_OCTETS):
        raise HeadError(HeadFault.FIELD_NAME, "a field name is no token")
    if content.translate(None, _VALUE_OCTETS):
        raise HeadError(HeadFault.FIELD_VALUE, "a field value holds a control character")
    if b"_" in joined and any(name.lower().replace(b"_", b"-") in _FRAMING for name in names if b"_" in name):
        raise HeadError(
            HeadFault.FIELD_NAME, "a field name is an underscore twin of one that frames the message"
        )
    return Fields(tuple(zip(names, values, strict=True)))


def _method(method: bytes) -> str:
    if _TOKEN.fullmatch(method) is None:
        raise HeadError(HeadFault.METHOD, f"method {quoted(method)} is no token of at most 32 octets")
    if method in _REFUSED_METHODS or method.upper() in _REFUSED_METHODS:
        raise HeadError(HeadFault.METHOD, f"method {quoted(method)} is refused here")
    return method.decode("ascii")


def _destination(raw: RawHead, index: Index) -> tuple[str, Authority, Path, Query]:
    scheme = raw.scheme or ("https" if raw.tls else "http")
    named, target = raw.authority, raw.target
    if not target.startswith(b"/"):
        absolute = None if raw.version == "HTTP/2" else _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise HeadError(HeadFault.TARGET, f"target {quoted(target)} is neither a path nor an http URI")
        scheme, named, target = absolute[1].decode("ascii").lower(), absolute[2], absolute[3]
        target = target if target.startswith(b"/") else b"/" + target
    if scheme not in _PORTS:
        raise HeadError(HeadFault.TARGET, f"scheme {quoted(scheme)} is not spoken here")
    if (scheme == "https") != raw.tls and (raw.tls or raw.tunnel is not None):
        raise HeadError(
            HeadFault.AUTHORITY_MISMATCH, f"scheme {quoted(scheme)} is not that of the connection"
        )
    authority = _authority(raw, named, index.get(b"host", ()), _PORTS[scheme])
    path, mark, query = target.partition(b"?")
    try:
        return scheme, authority, Path.parse(path), Query.parse(query) if mark else NO_QUERY
    except UnreadableError as error:
        raise HeadError(HeadFault.TARGET, error.detail) from None


def _authority(raw: RawHead, named: bytes | None, hosts: tuple[bytes, ...], port: int) -> Authority:
    """The one authority that target, Host, tunnel and SNI agree on."""
    if len(hosts) > 1 or (not hosts and raw.version == "HTTP/1.1"):
        raise HeadError(HeadFault.HOST, f"a head with {len(hosts)} host fields names no single host")
    try:
        claims = [Authority.parse(text, port) for text in (named, *hosts) if text is not None]
    except UnreadableError as error:
        raise HeadError(HeadFault.HOST, error.detail) from None
    if raw.tunnel is not None:
        claims.append(raw.tunnel)
    if not claims:
        raise HeadError(HeadFault.HOST, "a head without host names no destination")
    authority = claims[0]
    if any(claim != authority for claim in claims[1:]) or (raw.sni is not None and raw.sni != authority.host):
        told = ", ".join(f"`{claim}`" for claim in (*claims, *([raw.sni] if raw.sni else [])))
        raise HeadError(HeadFault.AUTHORITY_MISMATCH, f"target, host, tunnel and sni differ: {told}")
    return authority


def _framing(raw: RawHead, index: Index) -> tuple[bool, int | None]:
    """Whether a body follows, and its length in octets (RFC 9112 6.3, RFC 9113 8.1.1)."""
    lengths, codings = index.get(b"content-length"), index.get(b"transfer-encoding")
    length: int | None = None
    if codings is not None and (
        lengths is not None
        or raw.version != "HTTP/1.1"
        or len(codings) > 1
        or codings[0].lower() != b"chunked"
    ):
        raise HeadError(HeadFault.FRAMING, "the transfer encoding is not exactly one `chunked`, alone")
    if lengths is not None:
        if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
            raise HeadError(HeadFault.FRAMING, "the content length is not one decimal number")
        length = int(lengths[0])
    if raw.version == "HTTP/2":
        has_body = not raw.end_of_stream
        if length and not has_body:
            raise HeadError(HeadFault.FRAMING, "the stream ends before the content length")
        refused = bool(length)
    else:
        has_body = refused = bool(length) or codings is not None
        if raw.trailers_announced and codings is None:
            raise HeadError(HeadFault.FRAMING, "trailers need a chunked body")
    if refused and raw.method in _BODILESS:
        raise HeadError(HeadFault.BODY_NOT_ALLOWED, f"method {quoted(raw.method)} carries no body here")
    return has_body, length


def _check_special(raw: RawHead, index: Index) -> None:
    for refused, fault, detail in _OVERRIDES:
        if not refused.isdisjoint(index):
            raise HeadError(fault, detail)
    if raw.version == "HTTP/2" and (
        not _ONE_HOP_ONLY.isdisjoint(index) or any(v.lower() != b"trailers" for v in index.get(b"te", ()))
    ):
        raise HeadError(HeadFault.CONNECTION, "a connection field has no place in HTTP/2")
    if not _END_TO_END.isdisjoint(_elements(index.get(b"connection", ()))):
        raise HeadError(HeadFault.CONNECTION, "connection nominates a field that belongs to the message")
    if not _NOT_IN_TRAILERS.isdisjoint(_elements(index.get(b"trailer", ()))):
        raise HeadError(HeadFault.TRAILER, "trailer announces a field that frames or routes the message")
    if [value.lower() for value in index.get(b"expect", _CONTINUE)] != [*_CONTINUE]:
        raise HeadError(HeadFault.EXPECTATION, "only `100-continue` can be expected")


def _upgrade(raw: RawHead, index: Index) -> str | None:
    """``websocket`` where exactly that is asked for (RFC 6455 4.1), None where nothing is."""
    asked = index.get(b"upgrade")
    if asked is None:
        return None
    if (
        [value.lower() for value in asked] != [b"websocket"]
        or raw.method != b"GET"
        or raw.version != "HTTP/1.1"
        or b"upgrade" not in _elements(index.get(b"connection", ()))
    ):
        raise HeadError(HeadFault.UPGRADE, f"upgrade {quoted(b', '.join(asked))} is refused here")
    return "websocket"


def _elements(values: tuple[bytes, ...]) -> set[bytes]:
    """The elements of a list field in lower case (RFC 9110 5.6.1)."""
    return {element.strip(b" \t").lower() for value in values for element in value.split(b",")}


def strip_hop_by_hop(lines: Lines, *, http2: bool = False) -> Lines:
    """The field lines that go on to the next hop, in order and unchanged (RFC 9110 7.6.1).

    Dropped: Connection and what it nominates, Keep-Alive, ``Proxy-*``, TE (but ``te: trailers`` on HTTP/2),
    Transfer-Encoding, HTTP2-Settings, Upgrade. Trailer stays. A WebSocket handshake keeps its Upgrade line
    and a ``Connection: Upgrade`` in the place of its own.
    """
    connection = tuple([value for name, value in lines if name.lower() == b"connection"])
    nominated = _elements(connection)
    websocket = any(name.lower() == b"upgrade" and value.lower() == b"websocket" for name, value in lines)
    kept: list[tuple[bytes, bytes]] = []
    for name, value in lines:
        lower = name.lower()
        if websocket and lower == b"upgrade":
            kept.append((name, value))
        elif websocket and lower == b"connection":
            kept.append((name, b"Upgrade"))
        elif (http2 and lower == b"te" and value.lower() == b"trailers") or (
            lower not in _HOP_BY_HOP and lower not in nominated and not lower.startswith(b"proxy-")
        ):
            kept.append((name, value))
    return tuple(kept)


_CONTINUE = (b"100-continue",)
_HOP_BY_HOP = frozenset(b"connection keep-alive te transfer-encoding upgrade http2-settings".split())
_OVERRIDES = (
    (_METHOD_OVERRIDES, HeadFault.METHOD_OVERRIDE, "a field names another method than the request line"),
    (_TARGET_OVERRIDES, HeadFault.TARGET_OVERRIDE, "a field names another target than the request line"),
)
