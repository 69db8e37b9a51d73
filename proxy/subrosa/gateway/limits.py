"""Every bound of the data plane, with defaults that hold on a laptop; all in octets, counts and seconds."""

from dataclasses import dataclass, field

from subrosa.facts.head import HeadLimits
from subrosa.gateway.spool import SpoolLimits

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one engine.

    ``streams`` and ``resets`` are of one HTTP/2 client; ``resets`` may come at once, ``resets_per_second`` for
    ever. ``stream_window`` and ``connection_window`` bound what an HTTP/2 peer may send before it is taken.
    ``discarded`` octets, or ``discard_seconds``, of a refused HTTP/1.1 upload are read so that the client sees
    why; where no more than ``rest`` of it are still to come, its connection goes on behind them. ``backlog`` is what
    may wait for a slow peer before its source is no longer read.
    """

    head: HeadLimits = field(default_factory=HeadLimits)
    spool: SpoolLimits = field(default_factory=SpoolLimits)
    connections: int = 10_000
    streams: int = 100
    resets: int = 200
    resets_per_second: float = 20.0
    stream_window: int = MIB
    connection_window: int = 8 * MIB
    backlog: int = 256 * KIB
    chunk: int = 256 * KIB
    pipelined: int = 64 * KIB
    response_head: int = 256 * KIB
    client_hello: int = 16 * KIB
    message: int = 16 * MIB
    rest: int = 64 * KIB
    discarded: int = 64 * MIB
    discard_seconds: float = 10.0
    head_seconds: float = 10.0
    idle_seconds: float = 120.0
    """How long a connection with nothing in flight stays open."""
    stalled_seconds: float = 1800.0
    """How long one with something in flight may be silent: some models think for many minutes."""
    tunnel_seconds: float = 86_400.0
    """How long a tunnel that nobody reads stays open, whatever goes through it."""
    step_seconds: float = 30.0
    """The longest that any one step of the gateway's own (a hook, a decision, its record) may take."""
    connect_seconds: float = 10.0
