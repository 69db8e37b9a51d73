"""One request head as a client said it, with all that follows from it: said again, none of that is worked out anew.

Clients that keep a connection tend to say the same again (polls, small calls), as HPACK knows. What is kept is one
head for each connection, and only what depends on nothing but the head and the connection.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from subrosa.facts.head import RawHead
from subrosa.facts.hops import elements
from subrosa.facts.hosts import Authority
from subrosa.facts.records import ConnectFacts
from subrosa.gateway.bodies import UNTIL_CLOSE
from subrosa.gateway.caller import Caller
from subrosa.gateway.heads import framing, raw_head, split_head
from subrosa.gateway.judging import Heard, Known
from subrosa.gateway.lean.upstream import Key
from subrosa.gateway.looks import begins_request
from subrosa.gateway.onward import Lines

_LOOK = 64
"""Octets of a head that tell whether it begins a request."""


@dataclass(slots=True)
class Said:
    """One head; ``raw`` is None of one that cannot be read."""

    whole: bytes = b""
    """Its octets, with the blank line."""
    raw: RawHead | None = None
    lines: Lines = ()
    size: int | None = UNTIL_CLOSE
    """Octets of the body, as `framing` gives them."""
    keep: bool = False
    """Whether the client may send another request afterwards (RFC 9112 9.3)."""
    old: bool = False
    """HTTP/1.0."""
    to_head: bool = False
    shows_user: bool = False
    upgrades: bool = False
    """Whether the connection may become another with it, which is the engine's: an upgrade, a late CONNECT."""
    heard: Heard = field(default_factory=Heard)
    connect: ConnectFacts | None = None
    """Who sends it, as of the last time."""
    place: tuple[Key, Authority] | None = None
    """Where it goes to, once that was asked."""
    onward: bytes = b""
    """What goes to the destination for it, once that was made."""
    logs_in: bool = False
    """It logs in its connection, not itself (RFC 4559)."""

    def sent_by(self, caller: Caller) -> ConnectFacts:
        """Who sends it now."""
        connect = self.connect
        if connect is None or connect.client is not caller.client:
            connect = self.connect = caller.connect_facts()
        return connect

    @classmethod
    def of(cls, octets: bytes, caller: Caller) -> "Said":
        """A head without its blank line.

        Raises:
            HeadError: as `split_head` does.
        """
        method, target, version, lines = split_head(octets)
        names = {name.lower() for name, _ in lines}
        raw, known = raw_head(caller, method, target, version, lines), Known()
        return cls(
            whole=octets + b"\r\n\r\n",
            raw=raw,
            heard=Heard(raw=raw, tls=caller.tls, known=known),
            logs_in=b"authorization" in names and asks_for_login(lines, b"authorization"),
            lines=tuple(lines),
            size=framing(version, lines),
            keep=_persistent(version, lines) if b"connection" in names else version == "HTTP/1.1",
            old=version == "HTTP/1.0",
            to_head=method == b"HEAD",
            shows_user=b"proxy-authorization" in names,
            upgrades=(b"upgrade" in names or (method == b"CONNECT" and not caller.tunnelled))
            and begins_request(octets[:_LOOK]) is True,  # the engine looks at what it is handed anew
        )


def asks_for_login(lines: Sequence[tuple[bytes, bytes]], field_name: bytes) -> bool:
    """Whether a field is of a scheme that logs in a connection, not a request (RFC 4559)."""
    return any(name.lower() == field_name and value[:9].lower().startswith(_LOGINS) for name, value in lines)


_LOGINS = (b"ntlm", b"negotiate")


def _persistent(version: str, lines: list[tuple[bytes, bytes]]) -> bool:
    options = elements(tuple([value for name, value in lines if name.lower() == b"connection"]))
    return b"close" not in options and (version == "HTTP/1.1" or b"keep-alive" in options)
