"""Small bodies of JSON in which there is nothing that anybody wants, told at one look at the whole of it.

What `BodyReader` would say of them, for a tenth of what it costs; of every other body this says nothing at all.
"""

import json
from typing import Final, NoReturn

from subrosa.content.embedded import has_run
from subrosa.content.jsonfields import MOST_DEPTH
from subrosa.content.jsonpaths import ANY_KEY, compile_paths
from subrosa.content.jsontokens import is_whole
from subrosa.content.kinds import PREFIX, KindTable, any_of
from subrosa.content.marks import marks_in
from subrosa.content.rows import never_a_request
from subrosa.content.shapes import COCO, ROW_FILES
from subrosa.facts.body import BodyFacts, Form, Want
from subrosa.facts.tags import TagTable

MOST_QUIET: Final = 64 * 1024 - 1
"""Octets of a body that is looked at so: of a longer one the beginning alone may say something."""
_MOST_KEY: Final = 170
"""Characters of a key: spelled in escapes, twelve octets each, it is still one that the reader takes whole."""
_BLANK: Final = b" \t\n\r"
_COCO: Final = tuple(key.encode() for key in COCO)
_SIGNS: Final = (
    r"\.training-mining", "useplus", "(?i:reservation)", ";base64,", COCO[0], r"\\u(?:0000|[dD][89a-fA-F])", "\r\n"
)  # fmt: skip
"""Without one of these no mark, no data URL, no key with a NUL or half a character, no lines to be read otherwise."""
_CONTINUES, _GOES_ON = 0xC0, 0x80
_TAR: Final = b"ustar"
_TAR_AT: Final = slice(257, 262)

NOTHING: Final = BodyFacts(
    form=Form.JSON, closed=True, tags_closed=True, kinds_closed=True, shapes_closed=True
)
"""The facts of all of them; shared, and only ever read."""


class Quiet:
    """What is asked of one sort of bodies labelled as JSON, without content coding; make it by `of`."""

    __slots__ = ("_keys", "_kinds", "_shapes", "_signs")

    def __init__(self, keys: frozenset[str], kinds: KindTable, *, shapes: bool) -> None:
        self._keys = keys
        self._kinds = kinds
        self._shapes = shapes
        self._signs = any_of((*kinds.texts, *_SIGNS))

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
        if has_run(body) or body.count(b"{") + body.count(b"[") > MOST_DEPTH or self._kinds.by_name(name):
            return None
        document = _document(body)
        if document is None or not self._keys.isdisjoint(map(str.casefold, document)):
            return None
        if max(map(len, document), default=0) > _MOST_KEY:
            return None
        if self._shapes and (never_a_request(document) or name.lower().endswith(ROW_FILES)):
            return None
        return None if self._shows_signs(body) and self._says_more(document, body) else NOTHING

    def _shows_signs(self, body: bytes) -> bool:
        """Whether anything is there of what each of the other finds has; most bodies show nothing of it."""
        return (
            self._signs is None
            or bool(self._signs.search(body))
            or self._kinds.has_magic(body)
            or body[_TAR_AT] == _TAR
            or (
                len(body) > PREFIX and body[PREFIX] & _CONTINUES == _GOES_ON
            )  # the beginning ends in a character
        )

    def _says_more(self, document: dict[str, object], body: bytes) -> bool:
        """Whether the signs are of anything."""
        beginning = body[:PREFIX]
        return (
            body[_TAR_AT] == _TAR
            or b";base64," in body
            or not is_whole("".join(document))
            or bool(self._kinds.by_prefix(beginning) or marks_in(beginning))
            or (self._shapes and all(key in body for key in _COCO))
        )


def _document(body: bytes) -> dict[str, object] | None:
    """The one object that the body is; of NaN, of a mark, of more than one document there is none."""
    try:
        text = body.strip(_BLANK).decode("utf-8")
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if end == len(text) and isinstance(found, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)
