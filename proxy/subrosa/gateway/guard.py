"""What stands around mitmproxy's own parts so that a failure in one of them closes, rather than being logged."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, override

from mitmproxy import hooks
from mitmproxy.addonmanager import AddonManager, traverse
from mitmproxy.master import Master
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer, NextLayer

from subrosa.gateway.keeping import CALLED, Called, Rest
from subrosa.gateway.spool import SpoolError

log = logging.getLogger("subrosa.gateway")


class HookFailedError(Exception):
    """A hook failed, and what had to be closed is closed."""


class StrictManager(AddonManager):
    """Calls each addon's hook and lets whatever it raises through; no addon can skip the ones after it."""

    def __init__(self, master: Master) -> None:
        super().__init__(master)  # type: ignore[no-untyped-call]
        self._table: dict[str, list[Callable[..., Any]]] = {}

    @override
    def register(self, addon: object) -> object:
        self._table = {}
        return super().register(addon)  # type: ignore[no-untyped-call]

    @override
    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        rest = self.begin(event)
        if rest is not None and rest is not CALLED:
            await rest

    def begin(self, event: hooks.Hook) -> Rest | Called | None:
        """Call what waits for nothing; what to await for the rest, None where that is all."""
        calls = self._called(event)
        if not calls:
            return None
        args = event.args()
        for at, call in enumerate(calls):
            found: Awaitable[object] | Called | None = call(*args)
            if isinstance(found, Called):
                return found  # which only one that is alone gives
            if found is not None:
                return _rest(found, calls[at + 1 :], args)
        return None

    def alone(self, event: hooks.Hook) -> bool:
        """Whether one addon has this hook, and no other."""
        return len(self._called(event)) == 1

    def _called(self, event: hooks.Hook) -> list[Callable[..., Any]]:
        calls = self._table.get(event.name)
        if calls is None:
            calls = self._table[event.name] = list(self._calls(event.name))
        return calls

    def _calls(self, name: str) -> Iterator[Callable[..., Any]]:
        for addon in traverse(self.chain):  # type: ignore[no-untyped-call]
            call = getattr(addon, name, None)
            if callable(call):
                yield call


async def _rest(found: Awaitable[object], calls: Sequence[Callable[..., Any]], args: Sequence[Any]) -> None:
    """Wait for what one addon began, then call those after it."""
    await found
    for call in calls:
        later = call(*args)
        if later is not None:
            await later


class Guard:
    """Stands above all layers of a connection: whatever one raises closes the connection, for good."""

    def __init__(self, inner: Layer, abort: Callable[[str], None]) -> None:
        self.inner = inner
        self.abort = abort
        self.context: Context = inner.context
        self._dead = False

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        """Pass an event on."""
        if self._dead:
            return
        try:
            yield from self.inner.handle_event(event)
        except Exception as fault:
            self._dead = True
            log.exception("a layer failed")
            self.abort("spool" if isinstance(fault, SpoolError) else "engine")
        else:
            self.inner = _inside(self.inner)


def _inside(around: Layer) -> Layer:
    """What stands inside a layer that only chose it, once it is chosen: nobody has to ask the way each time."""
    chooser = around if isinstance(around, NextLayer) else getattr(around, "chooser", None)
    if isinstance(chooser, NextLayer) and chooser.layer is not None and not chooser.events:
        return chooser.layer
    return around
