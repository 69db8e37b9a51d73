"""Turns the switch that refuses everything, by whatever way it comes, and tells of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import structlog

from subrosa.runtime.lockdown import Lockdown

LOOK_SECONDS = 0.25
"""How long a switch that is turned by hand, as a file, may stay unnoticed."""


class BreakOff(Protocol):
    """Has everything that serves obey, and break off what is under way where the switch was turned on."""

    def __call__(self, *, on: bool) -> Awaitable[None]:
        """Returns when that is done everywhere."""


class Switch:
    """``told`` hears of every state, ``obey`` once something serves."""

    def __init__(self, state_dir: Path, told: Callable[[bool], None]) -> None:
        self._lockdown = Lockdown.of(state_dir)
        self._told = told
        self._logger = structlog.get_logger("subrosa")
        self.obey: BreakOff | None = None

    @property
    def on(self) -> bool:
        """Whether everything is refused."""
        return self._lockdown.on

    def read(self) -> None:
        """Take the state that an earlier run left."""
        seen = self._lockdown.read()
        if seen.on:
            self._turned("start", seen.by)

    async def turn(self, how: str, by: str, *, on: bool) -> str:
        """Turn it; gives what keeps the disk from knowing."""
        before = self.on
        fault = self._lockdown.set(on=on)
        if fault:
            self._logger.error("the switch is not on disk as it should be", fault=fault)
        if self.on != before:
            self._turned(how, by)
        if self.obey is not None:
            await self.obey(on=self.on)
        return fault

    async def watch(self) -> None:
        """For ever: take what somebody writes to disk by hand."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            seen = self._lockdown.noticed()
            if seen is None:
                continue
            self._turned("file", seen.by)
            if self.obey is not None:
                await self.obey(on=seen.on)

    def _turned(self, how: str, by: str) -> None:
        self._told(self.on)
        event = "locked down: every transfer is refused" if self.on else "the lockdown is lifted"
        self._logger.warning(event, lockdown=self.on, how=how, by=by)
