"""What mitmproxy spends per message that nothing of ours needs; each trim is one attribute, none changes a decision."""

from collections.abc import KeysView

from mitmproxy import http
from mitmproxy.options import Options


class FrozenOptions:
    """The options as they were; mitmproxy copies the value deeply at each look, and layers look often."""

    def __init__(self, options: Options) -> None:
        self.__dict__.update({name: getattr(options, name) for name in _names(options)})

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__


def _names(options: Options) -> KeysView[str]:
    names: KeysView[str] = options.keys()  # type: ignore[no-untyped-call]
    return names


def drop_type_checks() -> None:
    """Skip the checks of each message's fields by type, which exist for authors of addons (8 % of a request)."""
    if hasattr(http.MessageData, "__post_init__"):
        http.MessageData.__post_init__ = _nothing  # type: ignore[method-assign]


def _nothing(_message: object) -> None:
    pass
