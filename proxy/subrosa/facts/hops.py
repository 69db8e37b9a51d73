"""The fields that speak to the next hop only (RFC 9110 7.6.1): what a request may say in them, what goes on."""

from collections.abc import Callable, Mapping

from subrosa.facts.fields import Lines
from subrosa.facts.rawhead import HeadError, HeadFault, Index, RawHead

END_TO_END = frozenset(
    b"authorization cache-control content-encoding content-length content-range content-type host".split()
)
"""Fields that a Connection option must not take away: what is left would be another message."""
FRAMING = frozenset(b"content-length transfer-encoding host connection content-encoding".split())
NOT_IN_TRAILERS = FRAMING | END_TO_END | frozenset(b"te trailer expect upgrade".split())

_FRAMES = frozenset({b"content-length"})
_DROPPED = frozenset(b"connection keep-alive te transfer-encoding upgrade http2-settings".split())
_COMMON_OPTIONS = frozenset({(b"keep-alive",), (b"close",), (b"Keep-Alive",), (b"Upgrade",), (b"upgrade",)})


def elements(values: tuple[bytes, ...]) -> set[bytes]:
    """The elements of a list field in lower case (RFC 9110 5.6.1)."""
    return {element.strip(b" \t").lower() for value in values for element in value.split(b",")}


def check_hop_fields(raw: RawHead, index: Index) -> str | None:
    """Check every field that speaks to this hop or overrides the request line; gives the upgrade, if any.

    Raises HeadError for an override of method or target, a connection field on HTTP/2, a Connection that
    nominates a field of the message, an Expect or Upgrade that is not served, a Trailer that cannot be.
    """
    for name in index.keys() & CHECKED:
        _CHECKS[name](raw, index)
    return "websocket" if b"upgrade" in index else None


def _method_override(_raw: RawHead, _index: Index) -> None:
    raise HeadError(HeadFault.METHOD_OVERRIDE, "a field names another method than the request line")


def _target_override(_raw: RawHead, _index: Index) -> None:
    raise HeadError(HeadFault.TARGET_OVERRIDE, "a field names another target than the request line")


def _http1_only(raw: RawHead, _index: Index) -> None:
    """RFC 9113 8.2.2."""
    if raw.version == "HTTP/2":
        raise HeadError(HeadFault.CONNECTION, "a connection field has no place in HTTP/2")


def _connection(raw: RawHead, index: Index) -> None:
    _http1_only(raw, index)
    values = index[b"connection"]
    if values not in _COMMON_OPTIONS and not END_TO_END.isdisjoint(elements(values)):
        raise HeadError(HeadFault.CONNECTION, "connection nominates a field that belongs to the message")


def _te(raw: RawHead, index: Index) -> None:
    if raw.version == "HTTP/2" and any(value.lower() != b"trailers" for value in index[b"te"]):
        raise HeadError(HeadFault.CONNECTION, "only `te: trailers` has a place in HTTP/2")


def _trailer(_raw: RawHead, index: Index) -> None:
    if not NOT_IN_TRAILERS.isdisjoint(elements(index[b"trailer"])):
        raise HeadError(HeadFault.TRAILER, "trailer announces a field that frames or routes the message")


def _expect(_raw: RawHead, index: Index) -> None:
    """RFC 9110 10.1.1."""
    if [value.lower() for value in index[b"expect"]] != [b"100-continue"]:
        raise HeadError(HeadFault.EXPECTATION, "only `100-continue` can be expected")


def _upgrade(raw: RawHead, index: Index) -> None:
    """RFC 6455 4.1: a GET of HTTP/1.1 that asks for ``websocket`` and for nothing else."""
    _http1_only(raw, index)
    if (
        [value.lower() for value in index[b"upgrade"]] != [b"websocket"]
        or raw.method != b"GET"
        or raw.version != "HTTP/1.1"
        or b"upgrade" not in elements(index.get(b"connection", ()))
    ):
        raise HeadError(HeadFault.UPGRADE, "only a `websocket` handshake may upgrade the connection")


_CHECKS: Mapping[bytes, Callable[[RawHead, Index], None]] = {
    b"x-http-method-override": _method_override,
    b"x-method-override": _method_override,
    b"x-http-method": _method_override,
    b"x-original-url": _target_override,
    b"x-original-uri": _target_override,
    b"x-rewrite-url": _target_override,
    b"x-override-url": _target_override,
    b"connection": _connection,
    b"keep-alive": _http1_only,
    b"proxy-connection": _http1_only,
    b"transfer-encoding": _http1_only,
    b"te": _te,
    b"trailer": _trailer,
    b"expect": _expect,
    b"upgrade": _upgrade,
}
CHECKED = frozenset(_CHECKS)
"""The fields that ``check_hop_fields`` looks at; a head without any of them needs no call."""


def strip_hop_by_hop(lines: Lines, *, http2: bool = False) -> Lines:
    """The field lines that go on to the next hop, in order and unchanged (RFC 9110 7.6.1).

    Dropped: Connection and what it nominates, Keep-Alive, ``Proxy-*``, TE (but ``te: trailers`` on HTTP/2),
    Transfer-Encoding, HTTP2-Settings, Upgrade. Trailer stays, and Content-Length, whoever nominates it: without it
    a client would not know where an empty answer ends. A WebSocket handshake keeps its Upgrade line, and
    its Connection line as ``Upgrade``.
    """
    names = [name.lower() for name, _ in lines]
    dropped = _DROPPED
    if b"connection" in names:
        options = tuple([line[1] for name, line in zip(names, lines, strict=True) if name == b"connection"])
        dropped = _DROPPED if options in _COMMON_OPTIONS else _DROPPED | (elements(options) - _FRAMES)
    websocket = b"upgrade" in names and (b"upgrade", b"websocket") in {
        (name, line[1].lower()) for name, line in zip(names, lines, strict=True)
    }
    kept: list[tuple[bytes, bytes]] = []
    for name, line in zip(names, lines, strict=True):
        if name not in dropped:
            if not name.startswith(b"proxy-"):
                kept.append(line)
        elif websocket and name == b"connection":
            kept.append((line[0], b"Upgrade"))
        elif (websocket and name == b"upgrade") or (
            http2 and name == b"te" and line[1].lower() == b"trailers"
        ):
            kept.append(line)
    return tuple(kept)
