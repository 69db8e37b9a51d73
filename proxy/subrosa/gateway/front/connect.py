"""A CONNECT read by the front itself: exactly its head is taken, the client admitted, the answer given.

A head with anything odd in it is not taken: the engine reads it again, and says why it refuses.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

from subrosa.facts.head import HeadError, HeadLimits, check_connect
from subrosa.facts.hosts import Authority
from subrosa.facts.unreadable import UnreadableError
from subrosa.gateway.arrival import Arrival
from subrosa.gateway.bodies import FramingError
from subrosa.gateway.heads import Lines, split_head, take_head
from subrosa.gateway.peek import GoneError, Patience, peek, take
from subrosa.gateway.refusal import Answer
from subrosa.gateway.transfer import Transfer

MOST = 1 << 13
"""Octets of a head that the front reads; it looks at all of them again with each that comes."""
_TRANSPORT = "http/1.1"
_VERSIONS = ("HTTP/1.1", "HTTP/1.0")
_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Opened(Enum):
    """What became of a CONNECT."""

    OPEN = "admitted and answered"
    REFUSED = "refused and answered, and the client may ask again"
    OVER = "refused and answered for good"
    ODD = "left unread"


@dataclass(frozen=True, slots=True)
class Head:
    """A CONNECT that the front answers; ``size`` is that of the whole head, ``keep`` whether more may follow it."""

    target: Authority
    lines: Lines
    size: int
    keep: bool


def read_connect(data: bytes, limits: HeadLimits) -> Head | int | None:
    """The head at the beginning of these octets, None where it is odd, or how many octets there must at least be."""
    rest = bytearray(data)
    try:
        octets = take_head(rest, limits)
        if octets is None:
            return len(data) + 1 if len(data) < MOST else None
        method, target, version, lines = split_head(octets)
        authority = check_connect(target, lines)
    except (HeadError, FramingError, UnreadableError):
        return None
    if method != b"CONNECT" or version not in _VERSIONS:
        return None
    closing = any(name.lower() == b"connection" and b"close" in value.lower() for name, value in lines)
    return Head(authority, lines, len(data) - len(rest), keep=version == "HTTP/1.1" and not closing)


async def answer_connect(arrival: Arrival, patience: Patience) -> Opened:
    """Read a CONNECT, and answer it; where it is admitted, ``caller`` has its target from then on.

    Raises:
        GoneError: where the client did not wait for the answer.
    """
    caller, sock = arrival.caller, arrival.socket
    head = await peek(sock, lambda data: read_connect(data, caller.shared.limits.head), MOST, patience)
    if head is None:
        return Opened.ODD
    take(sock, head.size)
    caller.target = head.target
    transfer = Transfer(caller.shared, _TRANSPORT)
    try:
        await transfer.admit(lambda: caller.identify_by(head.lines))
        if transfer.admitted:
            transfer.dismiss()
            caller.tunnelled = True
            await _send(arrival, _CONNECTED)
            return Opened.OPEN
        caller.target = None
        await _send(arrival, _octets(transfer.answer(), keep=head.keep))
        transfer.finish()
    finally:
        transfer.finish("client")
    return Opened.REFUSED if head.keep else Opened.OVER


async def _send(arrival: Arrival, octets: bytes) -> None:
    """Give an answer; it fits into what any socket buffers."""
    try:
        async with asyncio.timeout(arrival.caller.shared.limits.step_seconds):
            await asyncio.get_running_loop().sock_sendall(arrival.socket, octets)
    except OSError as fault:
        raise GoneError(str(fault)) from fault


def _octets(answer: Answer, *, keep: bool) -> bytes:
    """An answer as HTTP/1.1 has it."""
    lines = answer.fields if keep else (*answer.fields, (b"connection", b"close"))
    first = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n".encode("ascii")
    return first + b"".join(b"%s: %s\r\n" % line for line in lines) + b"\r\n" + answer.body
