"""What a connection that is no TLS begins with. For every lane; pure."""

import re

_METHOD = re.compile(rb"(?:\r\n){0,4}[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}( ?)")
_PREFACE = b"PRI "
"""How HTTP/2 begins where it is known beforehand; no method of HTTP/1.1 is called so (RFC 9113 3.4)."""
_BLANK = tuple((b"\r\n" * 4)[:size] for size in range(1, 9))


def begins_request(data: bytes) -> bool | None:
    """Whether octets begin a request of HTTP/1; None while that cannot be told."""
    if data.startswith(_PREFACE[: len(data)]):
        return False if len(data) >= len(_PREFACE) else None
    match = _METHOD.match(data)
    if match is not None and match[1]:
        return True
    if (match is not None and match.end() == len(data)) or data in _BLANK:
        return None
    return False
