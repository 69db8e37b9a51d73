"""What a path may mean to servers that read it differently, and whether one of the readings is a training call.

An escaped slash parts segments for who decodes before it routes, and is a character of one for who routes first: ARNs
(`/model/arn%3Aaws…%2Fabc/invoke`), branches and keys are sent so. Where it is the only doubt the readings are few, and
all are looked up; of any other doubt, on a host that trains, a call may be whatever that host offers.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final

from subrosa.facts.paths import Path
from subrosa.facts.records import RequestHead
from subrosa.policy.index import Index
from subrosa.policy.purposes import TRAINING

_SLASH: Final = "%2F"
_MOST: Final = 3
"""Escaped slashes that are read each way; of more, only all alike."""


def may_train(index: Index, head: RequestHead) -> bool:
    """Whether an ambiguous path may stand for a training call.

    Of too many escaped slashes a request that sends nothing is believed in the readings that were looked at: files of
    a revision are asked for so, ``resolve/refs%2Fpr%2F1/a%2Fb%2Fconfig.json``.
    """
    host, path = head.authority.host, head.path
    readings = tuple(_readings(path))
    if any(
        claim.operation.purpose in TRAINING
        for reading in readings
        for claim in index.claims(host, head.method, reading)
    ):
        return True
    plain = path.slashes and readings[-1].ambiguity is None
    sends = head.has_body or head.upgrade is not None
    return index.trains(host) and not (plain and (path.text.count(_SLASH) <= _MOST or not sends))


def _readings(path: Path) -> Iterator[Path]:
    """The path with each of its escaped slashes read either way, first as it stands, last all as slashes."""
    yield path
    pieces = path.text.split(_SLASH)
    slashes = len(pieces) - 1
    ways = product((_SLASH, "/"), repeat=slashes) if slashes <= _MOST else [("/",) * slashes]
    for way in ways:
        yield Path.parse("".join(piece + slash for piece, slash in zip(pieces, (*way, ""), strict=True)))
