"""The tunnel lane: judged by its connection, recorded before it opens, relayed unread, told of when it ends."""

import asyncio
import os
import select
import socket
from contextlib import suppress
from typing import override

from subrosa.facts.hosts import Authority
from subrosa.facts.records import ConnectFacts
from subrosa.gateway.arrival import Arrival
from subrosa.gateway.connections import Connections
from subrosa.gateway.judging import Heard, Shared
from subrosa.gateway.keeping import Rest
from subrosa.gateway.narrow import known
from subrosa.gateway.transfer import Transfer
from subrosa.gateway.tunnel.copying import Copying
from subrosa.gateway.tunnel.dialing import dial
from subrosa.gateway.tunnel.relay import Relay, Relays, Splicing
from subrosa.gateway.vetting import DialFailed
from subrosa.policy.inspection import Inspection
from subrosa.policy.policy import Policy
from subrosa.policy.tunnels import judge_tunnel
from subrosa.policy.verdict import Reason

TRANSPORT = "tunnel"
_HELLO = 1 << 16
_ACCESS_DENIED, _INTERNAL_ERROR = 49, 80
"""TLS alerts (RFC 8446 6): where nobody reads, nothing else can be said."""


class TunnelTransfer(Transfer):
    """A transfer without a head."""

    @override
    def _judge(self, heard: Heard, connect: ConnectFacts) -> Rest | None:
        self._caused("inspection", lambda: self._think(judge_tunnel))
        return None


class Tunnels:
    """Serves connections whose CONNECT was answered, to destinations that the policy leaves unread."""

    def __init__(
        self,
        shared: Shared,
        connections: Connections,
        parent: Authority | None = None,
        relays: Relays | None = None,
    ) -> None:
        self._shared = shared
        self._connections = connections
        self._parent = parent
        self._relays = relays or (Splicing() if can_splice() else Copying())

    def close(self) -> None:
        """After the last tunnel."""
        self._relays.close()

    async def serve(self, arrival: Arrival) -> None:
        """Serve one connection to its end."""
        tunnel = Tunnel(self._shared, arrival)
        try:
            with self._connections.serving(tunnel):
                await self._serve(arrival, tunnel)
        finally:
            tunnel.finish()
            arrival.socket.close()

    async def _serve(self, arrival: Arrival, tunnel: "Tunnel") -> None:
        """Judge, dial and relay."""
        if not await tunnel.may_open():
            _tell(arrival, _ACCESS_DENIED)
            return
        try:
            upstream = await dial(self._shared, known(arrival.caller.target), self._parent)
        except DialFailed as fault:
            ours = tunnel.undialled(fault)
            _tell(arrival, _ACCESS_DENIED if ours else _INTERNAL_ERROR)
            return
        with upstream:
            arrival.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await tunnel.run(self._relays.relay(arrival.socket, upstream))


class Tunnel:
    """One tunnel from its judgement to its end; judged again when the policy is swapped, by what is known of it."""

    def __init__(self, shared: Shared, arrival: Arrival) -> None:
        self._shared = shared
        self._arrival = arrival
        self._transfer = TunnelTransfer(shared, TRANSPORT)
        self._task = known(asyncio.current_task())
        self._relay: Relay | None = None
        self._policy: Policy | None = None
        self._opened = self._moved_at = asyncio.get_running_loop().time()
        self._moved = 0
        self._aborted = "client"

    # --- what the lane does ----------------------------------------------------------------------------------

    async def may_open(self) -> bool:
        """Whether it is allowed, and that is recorded."""
        transfer = self._transfer
        await transfer.open(Heard(tls=self._arrival.hello), self._arrival.caller.identify)
        if not transfer.may_pass:
            self._aborted = "gateway"
        if transfer.inspection is not None:
            self._policy = transfer.inspection.policy
        return transfer.may_pass

    def undialled(self, fault: DialFailed) -> bool:
        """The destination cannot be dialled; whether that is the gateway's own will."""
        ours = fault.error.verdict.reason is not Reason.UPSTREAM
        self._transfer.deny(fault.error.verdict, fault.error.fault)
        self._aborted = "gateway" if ours else "upstream"
        return ours

    async def run(self, relay: Relay) -> None:
        """Relay to the end."""
        recorder = self._shared.ports.recorder
        self._relay = relay
        recorder.tunnels(1)
        try:
            self._aborted = await relay.run()
        finally:
            recorder.tunnels(-1)
            self._transfer.sent, self._transfer.received = relay.sent, relay.received

    def finish(self) -> None:
        """It is over."""
        self._transfer.finish(self._aborted)

    # --- what the gateway does to it -------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Nobody knows what is under way in it, so a drain lets it end."""
        return True

    def overdue(self, now: float) -> bool:
        """Whether it was silent for too long, is too old, or would not be opened any more."""
        relay, limits = self._relay, self._shared.limits
        if relay is None:
            return False  # each step of opening has its own time
        moved = relay.sent + relay.received
        if moved != self._moved:
            self._moved, self._moved_at = moved, now
        silent = now - self._moved_at > limits.stalled_seconds
        return silent or now - self._opened > limits.tunnel_seconds or self._refused_now()

    def wind_down(self) -> None:
        """Nobody can be told anything in it."""

    def leave(self) -> None:
        """Nothing was answered that could leave first."""
        self.cut()

    def cut(self) -> None:
        """Close it now, or do not open it."""
        if self._relay is not None:
            self._relay.cut()
        else:
            self._aborted = "gateway"
            self._task.cancel()

    def _refused_now(self) -> bool:
        policy, before = self._shared.ports.policy(), self._transfer.inspection
        if policy is None or policy is self._policy or before is None:
            return False
        self._policy = policy
        facts = before.subject.facts
        verdict = judge_tunnel(Inspection(policy, facts.connect, facts.tls))
        if not verdict.allows:
            self._transfer.deny(verdict)
        return not verdict.allows


def can_splice() -> bool:
    """Whether the kernel moves octets between sockets by itself."""
    return hasattr(os, "splice") and hasattr(select, "epoll")


def _tell(arrival: Arrival, alert: int) -> None:
    """Say in TLS that it is over, so that the client does not take it for a broken network."""
    if arrival.hello is None:
        return
    sock = arrival.socket
    with suppress(OSError):
        sock.recv(_HELLO)  # what is left unread would make the close a reset, which may overtake the alert
        sock.send(bytes((0x15, 3, 1, 0, 2, 2, alert)))
        sock.shutdown(socket.SHUT_WR)
