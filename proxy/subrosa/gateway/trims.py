"""What mitmproxy spends per message that nothing of ours needs; each trim is one attribute, none changes a decision."""

from collections.abc import KeysView

import hpack.hpack
import hpack.table
import hyperframe.frame
from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context


class FrozenOptions:
    """The options as they were; mitmproxy copies the value deeply at each look, and layers look often."""

    def __init__(self, options: Options) -> None:
        self.__dict__.update({name: getattr(options, name) for name in _names(options)})

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__


def _names(options: Options) -> KeysView[str]:
    names: KeysView[str] = options.keys()  # type: ignore[no-untyped-call]
    return names


def fork(context: Context) -> Context:
    """A context for what stands inside; mitmproxy's own makes a named connection with each, to throw it away."""
    made = object.__new__(Context)
    made.__dict__.update(context.__dict__)
    made.layers = context.layers.copy()
    return made


def know_connections_by_identity() -> None:
    """Compare connections by what they are; by name, as files of flows need it, costs a call or two each time."""
    Connection.__eq__ = object.__eq__  # type: ignore[method-assign]
    Connection.__hash__ = object.__hash__  # type: ignore[method-assign]


def drop_type_checks() -> None:
    """Skip the checks of each message's fields by type, which exist for authors of addons (8 % of a request)."""
    if hasattr(http.MessageData, "__post_init__"):
        http.MessageData.__post_init__ = _nothing  # type: ignore[method-assign]


def say_nothing_of_frames() -> None:
    """Have the library of HTTP/2 put no words together for logs that nobody reads."""
    hyperframe.frame.Frame.__repr__ = object.__repr__  # type: ignore[method-assign]
    for log in (hpack.hpack.log, hpack.table.log):
        log.debug = _nothing  # type: ignore[method-assign,assignment]


def _nothing(*_: object) -> None:
    pass
