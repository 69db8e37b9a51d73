"""The data plane of one process: evidence, recorder, uploads, the way out, and the engine on its sockets."""

import contextlib
import socket
from collections.abc import Callable
from dataclasses import replace

from subrosa.effects.evidence import Evidence
from subrosa.effects.recorder import Recorder
from subrosa.effects.segments import Segments
from subrosa.gateway.ca import CaPaths
from subrosa.gateway.front.front import Front
from subrosa.gateway.ports import EvidenceError, Ports
from subrosa.policy.policy import Policy
from subrosa.runtime.configuration import CLOCK, StartError
from subrosa.runtime.dataplane import egress_of, engine_settings, users_of
from subrosa.runtime.ids import new_id
from subrosa.runtime.uploads import Uploads
from subrosa.settings import Settings

type Address = tuple[str, int]


class DataPlane:
    """Serves from `open` on, until the stack that it was opened on is closed.

    ``policy`` gives the generation in force, ``locked`` the switch that refuses everything; ``own`` are the addresses
    at which the gateway itself listens, which no transfer may go to.
    """

    def __init__(
        self,
        settings: Settings,
        authority: CaPaths,
        *,
        policy: Callable[[], Policy | None],
        locked: Callable[[], bool],
        recorder: Recorder,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._locked = locked
        self._recorder = recorder
        self.own: set[Address] = set()
        self._users = users_of(settings)
        self._egress = egress_of(settings, lambda: self.own)
        self._engine_settings = engine_settings(settings, authority)
        self._evidence: Evidence | None = None
        self._front: Front | None = None

    async def open(
        self, stack: contextlib.AsyncExitStack, sockets: tuple[socket.socket, ...] = (), writer: str = ""
    ) -> list[tuple[str, str, int]]:
        """Serve, and give mode, host and port of each listener.

        ``sockets`` listen already, one for each listener; without any they are made. ``writer`` is part of the names
        of evidence segments, where several processes write into one directory.

        Raises:
            StartError: what keeps it from serving; nothing listens then.
        """
        segments = Segments(self._settings.state_dir / "evidence", CLOCK, writer=writer)
        try:
            segments.open()
            self._evidence = Evidence(segments, self._recorder.evidence_told)
        except EvidenceError as fault:
            raise StartError([str(fault)]) from None
        stack.push_async_callback(self._evidence.close)
        self._recorder.keep_in(self._evidence)
        uploads = Uploads(self._settings.state_dir / "sessions.sqlite", CLOCK)
        stack.push_async_callback(uploads.close)
        ports = Ports(
            policy=self._policy,
            recorder=self._recorder,
            lockdown=self._locked,
            authenticate=self._users.verify,
            resolve=self._egress.resolve,
            recall=uploads.recall,
            remember=uploads.remember,
            new_id=new_id,
        )
        self._front = Front(replace(self._engine_settings, sockets=sockets), ports, self._egress, CLOCK)
        try:
            listening = await self._front.start()
        except OSError as fault:
            raise StartError([told_taken(fault)]) from None
        stack.push_async_callback(self._front.stop)
        self.own |= {(host, port) for _, host, port in listening}
        return [(listener.mode, host, port) for listener, host, port in listening]

    @property
    def evidence_fault(self) -> str:
        """What evidence fails with; empty while it is written."""
        return self._evidence.fault if self._evidence is not None else "no evidence store is open"

    def abort_all(self) -> None:
        """Break off everything that is under way."""
        if self._front is not None:
            self._front.abort_all()

    async def drain(self) -> None:
        """Take no more connections, and let what is in flight end."""
        if self._front is not None:
            await self._front.drain(self._settings.limits.drain_seconds)


def told_taken(fault: OSError) -> str:
    """Why an address cannot be listened on, and what to do."""
    return f"{fault.strerror}: stop what listens there, or give another address with --listen H:P"
