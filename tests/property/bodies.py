"""Multipart bodies taken apart and put together again, octet for octet, without a line of the product."""

import re
from collections.abc import Iterable
from dataclasses import replace

from property.seeds import Transfer

type Part = tuple[bytes, bytes]
"""The header section without its blank line, and the content."""

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')


def parts_of(transfer: Transfer) -> list[Part]:
    """The parts of a well-formed multipart body; none of any other."""
    found = _BOUNDARY.search(transfer.content_type)
    if found is None or not transfer.content_type.lower().startswith("multipart/"):
        return []
    first, *parts = (b"\r\n" + transfer.body).split(b"\r\n--" + found[1].encode())
    if first or not parts or parts.pop().strip() != b"--" or not all(b"\r\n\r\n" in part for part in parts):
        return []
    split = [part.removeprefix(b"\r\n").partition(b"\r\n\r\n") for part in parts]
    return [(head, content) for head, _, content in split]


def rebuilt(transfer: Transfer, parts: Iterable[Part], boundary: str = "") -> Transfer:
    """The same request with these parts, under another boundary where one is given."""
    old = _BOUNDARY.search(transfer.content_type)
    assert old is not None
    mark = boundary or old[1]
    body = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (mark.encode(), head, content) for head, content in parts)
    label = transfer.content_type.replace(old[0], f'boundary="{mark}"')
    lines = tuple(
        (name, label if name.lower() == "content-type" else value) for name, value in transfer.lines
    )
    return replace(transfer, lines=lines, body=body + b"--%s--\r\n" % mark.encode())
