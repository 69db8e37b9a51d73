"""The stages of a transfer, in the order in which its facts become known."""

from enum import IntEnum


class Stage(IntEnum):
    """When a fact becomes known; a later stage knows all that an earlier one knew."""

    CONNECT = 1
    TLS = 2
    HEAD = 3
    BODY = 4
    END = 5

    @property
    def label(self) -> str:
        """The word for metrics and records: ``connect``, ``tls``, ``head``, ``body`` or ``end``."""
        return self.name.lower()
