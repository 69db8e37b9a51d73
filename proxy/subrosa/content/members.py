"""The members of objects: where a key leads, and which key was there already; the same for JSON and CBOR."""

from typing import Final, Protocol

from subrosa.content import jsontokens as tokens
from subrosa.content.jsonpaths import Position
from subrosa.content.jsonsink import JsonSink
from subrosa.facts.unreadable import Ambiguity

_MOST_SEEN: Final = 4_000  # keys of one object that are told apart


class Opened(Protocol):
    """An open object: its path in the document, and the folded keys so far that somebody needs."""

    path: str
    seen: set[str] | None


def enter(sink: JsonSink, frame: Opened, here: Position, key: str) -> tuple[Position | None, str]:
    """The position and path of a member, None where nobody needs it; a key in two spellings is a fault of its place."""
    whole = tokens.is_whole(key)
    folded = (key if whole else tokens.broken_at(key)).casefold()
    child = here.child(folded)
    if child is None:
        return None, ""
    seen = frame.seen = set() if frame.seen is None else frame.seen
    if folded in seen:
        sink.fault(child, Ambiguity.DUPLICATE)
    elif len(seen) < _MOST_SEEN:
        seen.add(folded)
    else:
        sink.fault(child, Ambiguity.TOO_LARGE)
    if not whole:
        sink.fault(child, Ambiguity.BAD_CHARSET)
    return child, f"{frame.path}.{folded}" if frame.path else folded
