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
from subrosa.gateway.judged import Rest
from subrosa.gateway.judging import Heard, Shared
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
        transfer = TunnelTransfer(self._shared, TRANSPORT)
        aborted = "client"
        try:
            aborted = await self._serve(arrival, transfer)
        finally:
            transfer.finish(aborted)
            arrival.socket.close()

    async def _serve(self, arrival: Arrival, transfer: TunnelTransfer) -> str:
        """Judge, dial and relay; who broke it off, or empty."""
        caller = arrival.caller
        await transfer.open(Heard(tls=arrival.hello), caller.identify)
        if not transfer.may_pass or caller.target is None:
            _tell(arrival, _ACCESS_DENIED)
            return "gateway"
        try:
            upstream = await dial(self._shared, caller.target, self._parent)
        except DialFailed as fault:
            transfer.deny(fault.error.verdict, fault.error.fault)
            ours = fault.error.verdict.reason is not Reason.UPSTREAM
            _tell(arrival, _ACCESS_DENIED if ours else _INTERNAL_ERROR)
            return "gateway" if ours else "upstream"
        with upstream:
            arrival.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tunnel = Tunnel(self._shared, transfer, self._relays.relay(arrival.socket, upstream))
            with self._connections.serving(tunnel):
                return await tunnel.run()


class Tunnel:
    """One open tunnel; judged again when the policy is swapped, by what is known of it."""

    def __init__(self, shared: Shared, transfer: TunnelTransfer, relay: Relay) -> None:
        self._shared = shared
        self._transfer = transfer
        self._relay = relay
        self._policy: Policy | None = shared.ports.policy()
        self._opened = self._moved_at = asyncio.get_running_loop().time()
        self._moved = 0

    async def run(self) -> str:
        """Relay to the end; who broke it off, or empty."""
        recorder = self._shared.ports.recorder
        recorder.tunnels(1)
        try:
            return await self._relay.run()
        finally:
            recorder.tunnels(-1)
            self._transfer.sent, self._transfer.received = self._relay.sent, self._relay.received

    @property
    def busy(self) -> bool:
        """Nobody knows what is under way in it, so a drain lets it end."""
        return True

    def overdue(self, now: float) -> bool:
        """Whether it was silent for too long, is too old, or would not be opened any more."""
        moved = self._relay.sent + self._relay.received
        if moved != self._moved:
            self._moved, self._moved_at = moved, now
        limits = self._shared.limits
        silent = now - self._moved_at > limits.stalled_seconds
        return silent or now - self._opened > limits.tunnel_seconds or self._refused_now()

    def leave(self) -> None:
        """Nothing was answered that could leave first."""
        self.cut()

    def cut(self) -> None:
        """Close it now."""
        self._relay.cut()

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
    if arrival.hello is not None:
        with suppress(OSError):
            arrival.socket.send(bytes((0x15, 3, 1, 0, 2, 2, alert)))
