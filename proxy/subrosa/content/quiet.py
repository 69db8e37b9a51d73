"""Small bodies of JSON in which there is nothing that anybody wants, told at one look at the whole of it.

What `BodyReader` would say of them, for a tenth of what it costs; of every other body this says nothing at all.
"""

import json
from typing import Final, NoReturn

from subrosa.content.embedded import may_hide
from subrosa.content.jsonfields import MOST_DEPTH
from subrosa.content.jsonpaths import ANY_KEY, compile_paths
from subrosa.content.jsontokens import is_whole
from subrosa.content.kinds import PREFIX, KindTable
from subrosa.content.marks import marks_in
from subrosa.content.rows import never_a_request
from subrosa.content.shapes import COCO, ROW_FILES
from subrosa.content.unwrap import layers
from subrosa.facts.body import BodyFacts, Form, Want
from subrosa.facts.tags import TagTable

MOST_QUIET: Final = 64 * 1024 - 1
"""Octets of a body that is looked at so: of a longer one the beginning alone may say something."""
_MOST_KEY: Final = 170
"""Characters of a key: spelled in escapes, twelve octets each, it is still one that the reader takes whole."""
_BLANK: Final = b" \t\n\r"
_COCO: Final = tuple(key.encode() for key in COCO)

NOTHING: Final = BodyFacts(
    form=Form.JSON, closed=True, tags_closed=True, kinds_closed=True, shapes_closed=True
)
"""The facts of all of them; shared, and only ever read."""


class Quiet:
    """What is asked of one sort of bodies labelled as JSON, without content coding; make it by `of`."""

    __slots__ = ("_keys", "_kinds", "_shapes")

    def __init__(self, keys: frozenset[str], kinds: KindTable, *, shapes: bool) -> None:
        self._keys = keys
        self._kinds = kinds
        self._shapes = shapes

    @classmethod
    def of(cls, want: Want, tags: TagTable, kinds: KindTable) -> "Quiet | None":
        """None where what is wanted may stand anywhere, and where no reader is needed at all."""
        root = compile_paths(want.json, tuple(one.path for one in tags.json) if want.tags else ())
        if root is None or ANY_KEY in root.names or want.references or want.document:
            return None
        return cls(root.names, kinds, shapes=want.shapes)

    def facts(self, body: bytes, name: str) -> BodyFacts | None:
        """The facts of a whole body, ``name`` as a store would call it; None where only reading it can tell.

        Every parser agrees on what passes here: it is RFC 8259 to the letter, of one reading wherever a key matters.
        """
        if len(body) > MOST_QUIET or not body.lstrip(_BLANK).startswith(b"{"):
            return None
        if may_hide(body) or body.count(b"{") + body.count(b"[") > MOST_DEPTH or self._kinds.by_name(name):
            return None
        document = _document(body)
        if document is None or not self._is_nobodys(document, body):
            return None
        return None if self._looks_like_content(document, body, name) else NOTHING

    def _is_nobodys(self, document: dict[str, object], body: bytes) -> bool:
        """Whether no key of the outermost object leads to anything that is wanted, however it is spelled."""
        if not self._keys.isdisjoint(map(str.casefold, document)):
            return False
        escaped = b"\\u" in body and not is_whole("".join(document))
        return not escaped and max(map(len, document), default=0) <= _MOST_KEY

    def _looks_like_content(self, document: dict[str, object], body: bytes, name: str) -> bool:
        beginning = body[:PREFIX]
        if self._kinds.by_prefix(beginning) or marks_in(beginning) or _is_wrapped(beginning):
            return True
        if not self._shapes:
            return False
        in_rows = never_a_request(document) or name.lower().endswith(ROW_FILES)
        return in_rows or all(key in body for key in _COCO)


def _is_wrapped(beginning: bytes) -> bool:
    return sum(1 for _ in layers(beginning, None, PREFIX)) > 1


def _document(body: bytes) -> dict[str, object] | None:
    """The one object that the body is; of NaN, of a mark, of more than one document there is none."""
    try:
        found = _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)
