"""The one check of a request head, for every lane: bounded, framed in one way, naming one destination.

Message framing is never a matter of policy: what this refuses, no setting lets pass.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from subrosa.facts.fields import Fields
from subrosa.facts.hops import CHECKED, FRAMING, NOT_IN_TRAILERS, check_hop_fields, strip_hop_by_hop
from subrosa.facts.hosts import Authority
from subrosa.facts.paths import NO_QUERY, Path, Query
from subrosa.facts.quoting import quoted
from subrosa.facts.rawhead import DEFAULT_LIMITS, HeadError, HeadFault, HeadLimits, Index, RawHead
from subrosa.facts.records import RequestHead
from subrosa.facts.unreadable import Ambiguity, UnreadableError

__all__ = [
    "DEFAULT_LIMITS",
    "HeadError",
    "HeadFault",
    "HeadLimits",
    "RawHead",
    "check_connect",
    "check_head",
    "check_trailers",
    "strip_hop_by_hop",
]

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_NAME_OCTETS = b"!#$%&'*+.^_`|~-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE_OCTETS = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_LENGTH = re.compile(rb"[0-9]{1,18}")
REFUSED_METHODS = frozenset({b"TRACE", b"TRACK", b"CONNECT", b"PRI"})
BODILESS = frozenset({b"GET", b"HEAD"})
_OF_BODY = frozenset({b"content-length", b"transfer-encoding"})
_PORTS = {"http": 80, "https": 443}
_VERSIONS = frozenset({"HTTP/1.1", "HTTP/1.0", "HTTP/2"})
_CACHED_TARGET = 256


def check_head(raw: RawHead, limits: HeadLimits = DEFAULT_LIMITS) -> RequestHead:
    """Check one request head and give its canonical facts (RFC 9112, RFC 9113 8).

    Raises HeadError for a head over the limits, with an octet that does not belong, framed in two ways,
    with another authority than its Host, tunnel or SNI, with a field that overrides method or target, or
    with an upgrade to anything but ``websocket``. On HTTP/2 a GET without Content-Length may still send DATA:
    the lane refuses its first octet.
    """
    if raw.version not in _VERSIONS:
        raise HeadError(HeadFault.VERSION, f"version {quoted(raw.version)} is not spoken here")
    if len(raw.target) > limits.target_bytes:
        raise HeadError(HeadFault.TARGET_TOO_LONG, f"target of {len(raw.target)} octets is too long")
    method = _method(raw.method)
    fields = _fields(raw.lines, limits)
    index = fields.index
    scheme, authority, path, query = _destination(raw, index)
    upgrade = None if CHECKED.isdisjoint(index) else check_hop_fields(raw, index)
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


def check_connect(target: bytes | str, lines: Sequence[tuple[bytes, bytes]]) -> Authority:
    """The target of a CONNECT (RFC 9112 3.2.3), which its Host may repeat, with or without the port, or leave out.

    Raises UnreadableError for a target without a port, for two Host lines and for a Host of another name, and HeadError
    where a body is announced: a CONNECT has none (RFC 9110 9.3.6), so where the tunnel begins would have two readings.
    """
    authority = Authority.parse(target, None)
    hosts = [value for name, value in lines if name.lower() == b"host"]
    if len(hosts) > 1 or any(Authority.parse(host, authority.port) != authority for host in hosts):
        raise UnreadableError(Ambiguity.CONFLICT, f"the tunnel to `{authority}` has another host field")
    if [value for name, value in lines if name.lower() in _OF_BODY] not in ([], [b"0"]):
        raise HeadError(HeadFault.FRAMING, f"the tunnel to `{authority}` is asked for with a body")
    return authority


def check_trailers(lines: Sequence[tuple[bytes, bytes]], limits: HeadLimits = DEFAULT_LIMITS) -> Fields:
    """Check a trailer section (RFC 9110 6.5): bounded, well formed, nothing that frames or routes the message.

    Raises HeadError. The fields given back may carry tags like those of a head.
    """
    fields = _fields(lines, limits)
    if not NOT_IN_TRAILERS.isdisjoint(fields.index):
        raise HeadError(HeadFault.TRAILER, "a trailer frames or routes the message it ends")
    return fields


def _method(method: bytes) -> str:
    if _TOKEN.fullmatch(method) is None:
        raise HeadError(HeadFault.METHOD, f"method {quoted(method)} is no token of at most 32 octets")
    if method.upper() in REFUSED_METHODS or (method.upper() == b"HEAD" and method != b"HEAD"):
        # methods tell upper from lower case (RFC 9110 9.1), but whoever does not expects an answer without its body
        raise HeadError(HeadFault.METHOD, f"method {quoted(method)} is refused here")
    return method.decode("ascii")


def _fields(lines: Sequence[tuple[bytes, bytes]], limits: HeadLimits) -> Fields:
    """The fields of a section whose every octet belongs; all names, and all values, are looked at in one go."""
    if len(lines) > limits.fields:
        raise HeadError(HeadFault.TOO_MANY_FIELDS, f"{len(lines)} field lines are too many")
    names = [name for name, _ in lines]
    sent = [value for _, value in lines]
    values = [value.strip(b" \t") for value in sent]
    joined, content = b"".join(names), b"".join(values)
    _check_size(lines, len(joined) + len(content) + 4 * len(lines), limits)
    if joined.translate(None, _NAME_OCTETS) or b"" in names:
        raise HeadError(HeadFault.FIELD_NAME, "a field name is no token")
    if content.translate(None, _VALUE_OCTETS):
        raise HeadError(HeadFault.FIELD_VALUE, "a field value holds a control character")
    if b"_" in joined:
        _check_twins(names)
    return Fields.of_checked(tuple(lines if values == sent else zip(names, values, strict=True)))


def _check_size(lines: Sequence[tuple[bytes, bytes]], size: int, limits: HeadLimits) -> None:
    if size > limits.field_bytes and any(
        len(name) + len(value) > limits.field_bytes for name, value in lines
    ):
        raise HeadError(HeadFault.FIELD_TOO_LARGE, "a field line is too long")
    if size > limits.head_bytes:
        raise HeadError(HeadFault.HEAD_TOO_LARGE, f"a head of {size} octets is too large")


def _check_twins(names: list[bytes]) -> None:
    """``content_length`` is Content-Length to servers that know CGI's names."""
    for name in names:
        if b"_" in name and name.lower().replace(b"_", b"-") in FRAMING:
            raise HeadError(HeadFault.FIELD_NAME, f"field name {quoted(name)} is a twin of a framing field")


def _destination(raw: RawHead, index: Index) -> tuple[str, Authority, Path, Query]:
    scheme = raw.scheme or ("https" if raw.tls else "http")
    named, target = raw.authority, raw.target
    if not target.startswith(b"/"):
        absolute = None if raw.version == "HTTP/2" else _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise HeadError(
                HeadFault.TARGET,
                f"target {quoted(target.partition(b'?')[0])} is neither a path nor an http URI",
            )
        scheme, named, target = absolute[1].decode("ascii").lower(), absolute[2], absolute[3]
        target = target if target.startswith(b"/") else b"/" + target
    if scheme not in _PORTS:
        raise HeadError(HeadFault.TARGET, f"scheme {quoted(scheme)} is not spoken here")
    if (scheme == "https") is not raw.tls and (raw.tls or raw.tunnel is not None):
        raise HeadError(
            HeadFault.AUTHORITY_MISMATCH, f"scheme {quoted(scheme)} is not that of the connection"
        )
    authority = _authority(raw, named, index.get(b"host", ()), _PORTS[scheme])
    try:
        path, query = _split_short(target) if len(target) <= _CACHED_TARGET else _split(target)
    except UnreadableError as error:
        raise HeadError(HeadFault.TARGET, error.detail) from None
    return scheme, authority, path, query


def _split(target: bytes) -> tuple[Path, Query]:
    path, _, query = target.partition(b"?")
    return Path.parse(path), Query.parse(query) if query else NO_QUERY


_split_short = lru_cache(maxsize=2048)(_split)


def _authority(raw: RawHead, named: bytes | None, hosts: tuple[bytes, ...], port: int) -> Authority:
    """The one authority that target, Host, tunnel and SNI agree on."""
    if len(hosts) > 1 or (not hosts and raw.version == "HTTP/1.1"):
        raise HeadError(HeadFault.HOST, f"a head with {len(hosts)} host fields names no single host")
    try:
        claims = [Authority.parse(text, port) for text in hosts]
        if named is not None:
            claims.append(Authority.parse(named, port))
    except UnreadableError as error:
        raise HeadError(HeadFault.HOST, error.detail) from None
    if raw.tunnel is not None:
        claims.append(raw.tunnel)
    if not claims:
        raise HeadError(HeadFault.HOST, "a head without host names no destination")
    authority = claims[0]
    for claim in claims:
        if claim is not authority and claim != authority:
            raise HeadError(
                HeadFault.AUTHORITY_MISMATCH, f"target, host and tunnel differ: `{authority}` and `{claim}`"
            )
    if raw.sni is not None and raw.sni is not authority.host and raw.sni != authority.host:
        raise HeadError(HeadFault.AUTHORITY_MISMATCH, f"host `{authority.host}` is not the sni `{raw.sni}`")
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
    certain = bool(length) or codings is not None
    if certain and raw.method in BODILESS:
        raise HeadError(HeadFault.BODY_NOT_ALLOWED, f"method {quoted(raw.method)} carries no body here")
    if raw.version != "HTTP/2":
        if raw.trailers_announced and codings is None:
            raise HeadError(HeadFault.FRAMING, "trailers need a chunked body")
        return certain, length
    if certain and raw.end_of_stream:
        raise HeadError(HeadFault.FRAMING, "the stream ends before the content length")
    return not raw.end_of_stream, length
