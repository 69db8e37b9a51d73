"""Uploads made of several requests: what their opening said, and the name under which later ones find it."""

from dataclasses import dataclass

from subrosa.facts.tagwords import Tag


class SessionsError(Exception):
    """What is known of uploads cannot be read or kept; whoever needs it refuses."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The name of one upload.

    ``scope`` is the provider whose id it is, empty for an address, which names its own host. ``kind`` is ``id``, or
    ``url`` for host and path.
    """

    scope: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the opening of an upload said: its tags, that it is meeting content, the training operations it called.

    ``unreadable``: it had tags that have no single reading.
    """

    tags: tuple[Tag, ...] = ()
    content: bool = False
    operations: tuple[str, ...] = ()
    unreadable: bool = False

    def __bool__(self) -> bool:
        """Whether anything was said at all."""
        return bool(self.tags or self.content or self.operations or self.unreadable)

    def join(self, other: "SessionFacts") -> "SessionFacts":
        """Everything that either says; facts only grow."""
        return SessionFacts(
            tuple(dict.fromkeys((*self.tags, *other.tags))),
            self.content or other.content,
            tuple(sorted({*self.operations, *other.operations})),
            self.unreadable or other.unreadable,
        )


NOTHING_SAID = SessionFacts()
