"""What a service manager is told: that the gateway is ready, alive, stopping (sd_notify(3), systemd.service(5))."""

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

PATIENCE = 1.0
"""Seconds to wait for room where it does not read at once; a sign of life may be lost, these words may not."""


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Where it listens, and within how many seconds it wants to hear that we live; by default there is none."""

    address: str = ""
    watchdog: float = 0.0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "ServiceManager":
        """The one that started this process, as its environment tells."""
        whose, text = environment.get("WATCHDOG_PID", ""), environment.get("WATCHDOG_USEC", "")
        ours = text.isascii() and text.isdigit() and whose in ("", str(os.getpid()))
        return cls(environment.get("NOTIFY_SOCKET", ""), int(text) / 1e6 if ours else 0.0)

    def ready(self) -> None:
        """Everything serves."""
        self._tell("READY=1\nSTATUS=serving", PATIENCE)

    def stopping(self) -> None:
        """No more is taken, and what is in flight ends."""
        self._tell("STOPPING=1\nSTATUS=draining", PATIENCE)

    async def alive(self) -> None:
        """For ever: tell that the event loop turns, where that is waited for."""
        while self.watchdog > 0:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog / 2)

    def _tell(self, text: str, seconds: float = 0.0) -> None:
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(seconds)
                sock.sendto(text.encode(), address)
        except OSError as fault:
            why = (fault.strerror or str(fault)).lower()
            structlog.get_logger("subrosa").warning(
                "the service manager cannot be told", address=self.address, fault=why
            )
