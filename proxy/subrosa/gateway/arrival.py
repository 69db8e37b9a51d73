"""A client connection on its way from the accept loop to a lane: its socket, who is on it, and what was seen unread.

Knows no mitmproxy.
"""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from subrosa.facts.records import TlsFacts
from subrosa.gateway.caller import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One accepted connection.

    ``socket`` does not block; a lane that takes the arrival owns it to its end. ``hello`` is what a peek saw of the
    ClientHello, which is still unread; None where what comes next is not TLS or was not looked at.
    """

    socket: socket.socket
    caller: Caller
    hello: TlsFacts | None = None


type Lane = Callable[[Arrival], Awaitable[None]]
"""Serves one connection to its end, and closes it."""
