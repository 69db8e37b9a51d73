"""A streaming reader of JSON (RFC 8259) that keeps only what is needed, and refuses what parsers read differently.

UTF-8 only, no byte order mark, at most 128 levels; one document, or one after another on lines of their own (NDJSON).
What nobody needs is still checked to the letter, but skipped in long stretches.
"""

from enum import IntEnum
from re import Pattern
from typing import Final

from subrosa.content import jsontokens as tokens
from subrosa.content.collect import MOST_VALUE
from subrosa.content.jsonpaths import Position
from subrosa.content.jsonsink import MOST_REFERENCE, JsonSink
from subrosa.content.jsonstring import JsonString, is_partial
from subrosa.content.members import enter
from subrosa.content.utf8 import Utf8
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_DEPTH: Final = 128
_STEP: Final = 64 * 1024
_MOST_RAW: Final = 6 * MOST_VALUE
_MOST_RAW_KEY: Final = 2 * 1024


class _State(IntEnum):
    ROOT = 0
    FIRST_KEY = 1
    KEY = 2
    COLON = 3
    FIRST_ELEMENT = 4
    VALUE = 5
    AFTER = 6
    STRING = 7


class _Frame:
    """An open object or array: the position of an object, of each element of an array; None when nobody needs any."""

    __slots__ = ("here", "is_object", "name", "path", "seen")

    def __init__(self, here: Position | None, path: str, name: str, *, is_object: bool) -> None:
        self.here = here
        self.path = path
        self.name = name
        self.is_object = is_object
        self.seen: set[str] | None = None  # the folded keys so far that somebody needs


class JsonReader:
    """Reads one JSON body into a ``JsonSink``.

    ``feed`` and ``end`` raise ``UnreadableError`` at the octet that has no reading: BAD_SYNTAX for anything RFC 8259
    does not allow, BAD_CHARSET for what is not UTF-8, TOO_DEEP, TOO_LARGE for a number over 1,024 characters,
    TRUNCATED. Duplicate keys, compared after unescaping and case folding, are a fault of the needed places below.
    With ``one_document`` a second document is a fault of every wanted place; tags count wherever they stand.
    """

    __slots__ = (
        "_at", "_frames", "_key", "_most_kept", "_name", "_one", "_path", "_roots", "_runs",
        "_separated", "_sink", "_state", "_string", "_text", "_utf8",
    )  # fmt: skip

    def __init__(self, sink: JsonSink, *, one_document: bool = False) -> None:
        self._sink = sink
        self._one = one_document
        self._runs = tokens.PLAIN_RUNS if sink.wants_references else tokens.ALL_RUNS
        self._utf8 = Utf8()
        self._text = ""
        self._state = _State.ROOT
        self._frames: list[_Frame] = []
        self._at: Position | None = None
        self._path = ""
        self._name = ""
        self._key = False
        self._string = JsonString()
        self._most_kept = max(6 * MOST_REFERENCE if sink.wants_references else 0, sink.most_content)
        self._roots = 0
        self._separated = True

    def feed(self, data: bytes) -> None:
        """Read on."""
        for at in range(0, len(data), _STEP):
            text, bad = self._utf8.decode(data[at : at + _STEP] if len(data) > _STEP else data)
            self._text = self._text + text if self._text else text
            self._run(final=False)
            if bad:
                raise UnreadableError(Ambiguity.BAD_CHARSET, "json that is not utf-8")

    def end(self) -> None:
        """Raise TRUNCATED inside a document or before the first."""
        if self._utf8.inside_character:
            raise UnreadableError(Ambiguity.BAD_CHARSET, "json ends inside a character")
        self._run(final=True)
        if self._state is not _State.ROOT or not self._roots:
            raise UnreadableError(Ambiguity.TRUNCATED, "json ends inside a document")

    def _run(self, *, final: bool) -> None:
        text, at = self._text, 0
        size = len(text)
        while at < size:
            state = self._state
            if state is _State.STRING:
                after = self._in_string(text, at)
            else:
                if text[at] in " \n\r\t":
                    begin, at = at, tokens.space_end(text, at)
                    if state is _State.ROOT and not self._separated:
                        self._separated = "\n" in text[begin:at]
                    if at == size:
                        break
                after = self._token(state, text, at, final=final)
            if after < 0:
                break
            at = after
        self._text = text[at:]

    def _token(self, state: _State, text: str, at: int, *, final: bool) -> int:
        """The token that begins at ``at``, where no white space is; the offset after it, or -1 for more input."""
        char = text[at]
        if state is _State.VALUE:
            return self._value(char, text, at, final=final)
        if state is _State.AFTER:
            return self._after(char, at)
        if state is _State.KEY or state is _State.FIRST_KEY:
            return self._in_object(char, text, at)
        if state is _State.FIRST_ELEMENT and char == "]":
            return self._close(at)
        if state is _State.ROOT:
            self._begin_document(char)
        elif state is _State.COLON and char != ":":
            raise tokens.fault(char)
        self._state = _State.VALUE
        return at + (state is _State.COLON)

    def _begin_document(self, char: str) -> None:
        if not self._separated:
            raise tokens.fault(char)
        self._roots += 1
        self._separated = False
        self._at, self._path, self._name = self._sink.root, "", ""
        if self._one and self._roots > 1 and self._at is not None:
            self._sink.fault(self._at, Ambiguity.DUPLICATE, tags=False)

    def _value(self, char: str, text: str, at: int, *, final: bool) -> int:
        frame = self._frames[-1] if self._frames else None
        if frame is not None and not frame.is_object:
            if frame.here is None:
                after = self._skip_run(text, at, self._runs.elements, self._runs.last_element)
                if after > at:
                    return after
                self._at = None
            else:
                self._at, self._path, self._name = frame.here, frame.path, frame.name
        if char == '"':
            needed = self._at is not None and self._at.ends
            self._begin_string(_MOST_RAW if needed else self._most_kept, key=False)
            return at + 1
        if char in "{[":
            return self._open(char, at)
        stop = tokens.scalar_end(text, at)
        if stop - at > tokens.MOST_NUMBER:
            raise UnreadableError(Ambiguity.TOO_LARGE, "json with a number over 1,024 characters")
        if stop == len(text) and not final:
            return -1
        scalar = text[at:stop]
        if not tokens.is_scalar(scalar):
            raise tokens.fault(char)
        if self._at is not None and self._at.ends:
            self._sink.value(self._at, self._path, self._name, scalar, null=scalar == "null")
        self._value_ends()
        return stop

    def _open(self, char: str, at: int) -> int:
        if len(self._frames) == MOST_DEPTH:
            raise UnreadableError(Ambiguity.TOO_DEEP, "json with more than 128 levels")
        here, path = self._at, self._path
        if here is not None and here.wanted:
            self._sink.given(here)
        is_object = char == "{"
        if here is not None and not is_object:
            here, path = here.element, path + "[]"
        elif here is not None and not here.has_members:
            here = None
        self._frames.append(_Frame(here, path, self._name, is_object=is_object))
        self._state = _State.FIRST_KEY if is_object else _State.FIRST_ELEMENT
        return at + 1

    def _close(self, at: int) -> int:
        self._frames.pop()
        self._value_ends()
        return at + 1

    def _value_ends(self) -> None:
        self._state = _State.AFTER if self._frames else _State.ROOT

    def _after(self, char: str, at: int) -> int:
        is_object = self._frames[-1].is_object
        if char == ",":
            self._state = _State.KEY if is_object else _State.VALUE
            return at + 1
        if char != ("}" if is_object else "]"):
            raise tokens.fault(char)
        return self._close(at)

    def _in_object(self, char: str, text: str, at: int) -> int:
        frame = self._frames[-1]
        if char == "}" and self._state is _State.FIRST_KEY:
            return self._close(at)
        if char != '"':
            raise tokens.fault(char)
        if frame.here is None:
            after = self._skip_run(text, at, self._runs.members, self._runs.last_member)
            if after > at:
                return after
            if key := tokens.ANY_KEY.match(text, at):
                self._state, self._at = _State.VALUE, None
                return key.end()
        elif found := tokens.SIMPLE_KEY.match(text, at):
            self._member(frame, frame.here, found[1])
            self._state = _State.VALUE
            return self._skip_small(text, found.end()) if self._at is None else found.end()
        self._begin_string(_MOST_RAW_KEY if frame.here is not None else 0, key=True)
        return at + 1

    def _skip_run(self, text: str, at: int, run: Pattern[str], last: Pattern[str]) -> int:
        """Skip the members or elements that are wholly here; ``at`` itself when there are none."""
        if len(self._frames) > MOST_DEPTH - tokens.RUN_DEPTH:
            return at
        after = found.end() if (found := run.match(text, at)) else at
        if after > at:
            self._state = _State.KEY if self._frames[-1].is_object else _State.VALUE
        if found := last.match(text, after):
            after = self._close(found.end() - 1)
        self._sink.passed_over(text, at, after)
        return after

    def _skip_small(self, text: str, at: int) -> int:
        """Skip a value that is wholly here and that nobody needs; ``at`` itself when it is not."""
        if len(self._frames) > MOST_DEPTH - tokens.RUN_DEPTH:
            return at
        found = self._runs.member_value.match(text, at)
        if found is None:
            return at
        self._sink.passed_over(text, at, found.end())
        self._state = _State.AFTER
        return self._after(text[found.end() - 1], found.end() - 1)

    def _member(self, frame: _Frame, here: Position, key: str) -> None:
        """A key of an object in which something is needed."""
        self._at, path = enter(self._sink, frame, here, key)
        if self._at is not None:
            self._name, self._path = key, path

    def _begin_string(self, most: int, *, key: bool) -> None:
        self._state = _State.STRING
        self._key = key
        self._string.begin(most)

    def _in_string(self, text: str, at: int) -> int:
        after = self._string.read(text, at)
        if self._string.ended:
            self._string_ends()
        elif after < len(text):
            if not is_partial(text, after):
                raise tokens.fault(text[after])
            return after if after > at else -1
        return after

    def _string_ends(self) -> None:
        string = self._string
        if self._key:
            frame = self._frames[-1]
            self._state, self._at = _State.COLON, None
            if frame.here is not None and string.cut:
                self._sink.fault(frame.here, Ambiguity.TOO_LARGE)
            elif frame.here is not None:
                self._member(frame, frame.here, string.text)
            return
        if self._at is not None and self._at.ends:
            if string.cut:
                self._sink.fault(self._at, Ambiguity.TOO_LARGE)
            else:
                self._sink.value(self._at, self._path, self._name, string.text)
        if self._most_kept:
            self._sink.passed_by(string.text, string.raw)
        self._value_ends()
