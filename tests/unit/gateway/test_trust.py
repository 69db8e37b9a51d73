"""Sessions towards destinations: one for each, read as seldom as will do."""

import ssl
from typing import cast

from subrosa.facts.hosts import Host
from subrosa.gateway.lean.trust import Trust
from subrosa.gateway.lean.upstream import Key


class Session:
    has_ticket = True


class Connection:
    """Counts how often its session is read, which costs memory each time."""

    def __init__(self) -> None:
        self.reads = 0
        self.own = Session()

    @property
    def session(self) -> Session:
        self.reads += 1
        return self.own


def key(name: str) -> Key:
    return cast("Key", (Host.parse(name), 443, True))


def test_a_session_is_read_once_in_five_minutes_for_each_destination() -> None:
    trust, connections = Trust(None, ()), [Connection() for _ in range(4)]
    for now, connection in zip((0.0, 1.0, 299.0, 301.0), connections, strict=True):
        trust.keep(key("a.example"), cast("ssl.SSLObject", connection), now)

    assert [each.reads for each in connections] == [1, 0, 0, 1]
    assert trust.session(key("a.example")) is cast("object", connections[3].own)
    assert trust.session(key("b.example")) is None
