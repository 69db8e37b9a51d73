"""A request head as a lane read it, its bounds, and the closed list of what can be wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from subrosa.facts.hosts import Authority, Host

type Index = dict[bytes, tuple[bytes, ...]]
"""Lower-case field name to its values, one for each line, in order."""


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
"""The status of each fault; 400 for all others."""


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
