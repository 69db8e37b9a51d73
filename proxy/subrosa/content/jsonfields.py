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
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_DEPTH: Final = 128
_STEP: Final = 64 * 1024
_MOST_RAW: Final = 6 * MOST_VALUE
_MOST_RAW_KEY: Final = 6 * 1024
_MOST_SEEN: Final = 20_000


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

    __slots__ = ("here", "is_object", "path", "seen")

    def __init__(self, here: Position | None, path: str, *, is_object: bool) -> None:
        self.here = here
        self.path = path
        self.is_object = is_object
        self.seen: set[str] = set()


class JsonReader:
    """Reads one JSON body into a ``JsonSink``.

    ``feed`` and ``end`` raise ``UnreadableError`` at the octet that has no reading: BAD_SYNTAX for anything RFC 8259
    does not allow, BAD_CHARSET for what is not UTF-8, TOO_DEEP, TOO_LARGE for a number over 1,024 characters,
    TRUNCATED. Duplicate keys, compared after unescaping and case folding, are a fault of the needed places below.
    With ``one_document`` a second document is a fault of every needed place; without, it is one more line.
    """

    __slots__ = (
        "_at", "_frames", "_kept", "_key", "_most", "_most_reference", "_name", "_octets", "_one", "_path", "_raw", "_roots",
        "_runs", "_separated", "_sink", "_state", "_text",
    )  # fmt: skip

    def __init__(self, sink: JsonSink, *, one_document: bool = False) -> None:
        self._sink = sink
        self._one = one_document
        self._runs = tokens.PLAIN_RUNS if sink.wants_references else tokens.ALL_RUNS
        self._octets = b""
        self._text = ""
        self._state = _State.ROOT
        self._frames: list[_Frame] = []
        self._at: Position | None = None
        self._path = ""
        self._name = ""
        self._key = False
        self._kept: list[str] = []
        self._most = 0
        self._most_reference = 6 * MOST_REFERENCE if sink.wants_references else 0
        self._raw = 0
        self._roots = 0
        self._separated = True

    def feed(self, data: bytes) -> None:
        """Read on."""
        for at in range(0, len(data), _STEP):
            self._feed(data[at : at + _STEP] if len(data) > _STEP else data)

    def end(self) -> None:
        """Raise TRUNCATED inside a document or before the first."""
        if self._octets:
            raise UnreadableError(Ambiguity.BAD_CHARSET, "json ends inside a character")
        self._run(final=True)
        if self._state is not _State.ROOT or not self._roots:
            raise UnreadableError(Ambiguity.TRUNCATED, "json ends inside a document")

    def _feed(self, data: bytes) -> None:
        """Decode first, so that what is not UTF-8 is refused in its turn: after whatever stands before it."""
        octets = self._octets + data if self._octets else data
        self._octets = b""
        bad: UnicodeDecodeError | None = None
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError as error:
            text = octets[: error.start].decode("utf-8")
            if error.end == len(octets) and error.reason == "unexpected end of data":
                self._octets = octets[error.start :]
            else:
                bad = error
        self._text = self._text + text if self._text else text
        self._run(final=False)
        if bad is not None:
            raise UnreadableError(Ambiguity.BAD_CHARSET, "json that is not utf-8") from bad

    def _run(self, *, final: bool) -> None:
        text, at = self._text, 0
        size = len(text)
        while at < size:
            state = self._state
            if state is _State.STRING:
                after = self._in_string(text, at)
            else:
                if text[at] in " \n\r\t":
                    begin, at = at, _space_end(text, at)
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
            raise _bad(char)
        self._state = _State.VALUE
        return at + (state is _State.COLON)

    def _begin_document(self, char: str) -> None:
        if not self._separated:
            raise _bad(char)
        self._roots += 1
        self._separated = False
        self._at, self._path = self._sink.root, ""
        if self._one and self._roots > 1 and self._at is not None:
            self._sink.fault(self._at, Ambiguity.DUPLICATE)

    def _value(self, char: str, text: str, at: int, *, final: bool) -> int:
        frame = self._frames[-1] if self._frames else None
        if frame is not None and not frame.is_object:
            if frame.here is None:
                after = self._skip_run(text, at, self._runs.elements, self._runs.last_element)
                if after > at:
                    return after
                self._at = None
            else:
                self._at, self._path = frame.here, frame.path
        if char == '"':
            needed = self._at is not None and self._at.ends
            self._begin_string(most=_MOST_RAW if needed else self._most_reference)
            return at + 1
        if char in "{[":
            return self._open(char, at)
        pattern = tokens.WORD if char.isalpha() else tokens.NUMERIC
        stop = pattern.match(text, at).end()  # type: ignore[union-attr]
        if stop - at > tokens.MOST_NUMBER:
            raise UnreadableError(Ambiguity.TOO_LARGE, "json with a number over 1,024 characters")
        if stop == len(text) and not final:
            return -1
        scalar = text[at:stop]
        if scalar not in tokens.WORDS and tokens.NUMBER.fullmatch(scalar) is None:
            raise _bad(char)
        if self._at is not None and self._at.ends:
            self._sink.value(self._at, self._path, self._name, scalar)
        self._value_ends()
        return stop

    def _open(self, char: str, at: int) -> int:
        if len(self._frames) == MOST_DEPTH:
            raise UnreadableError(Ambiguity.TOO_DEEP, "json with more than 128 levels")
        here, path = self._at, self._path
        is_object = char == "{"
        if here is not None and not is_object:
            here, path = here.element, path + "[]"
        elif here is not None and not here.has_members:
            here = None
        self._frames.append(_Frame(here, path, is_object=is_object))
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
            raise _bad(char)
        return self._close(at)

    def _in_object(self, char: str, text: str, at: int) -> int:
        frame = self._frames[-1]
        if char == "}" and self._state is _State.FIRST_KEY:
            return self._close(at)
        if char != '"':
            raise _bad(char)
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
        self._begin_string(most=_MOST_RAW_KEY if frame.here is not None else 0, key=True)
        return at + 1

    def _skip_run(self, text: str, at: int, run: Pattern[str], last: Pattern[str]) -> int:
        """Skip the members or elements that are wholly here; ``at`` itself when there are none."""
        if len(self._frames) > MOST_DEPTH - tokens.RUN_DEPTH:
            return at
        after = run.match(text, at).end()  # type: ignore[union-attr]
        if after > at:
            self._state = _State.KEY if self._frames[-1].is_object else _State.VALUE
        if found := last.match(text, after):
            after = self._close(found.end() - 1)
        if self._sink.wants_references:
            self._sink.references_in(text, at, after)
        return after

    def _skip_small(self, text: str, at: int) -> int:
        """Skip a value that is wholly here and that nobody needs; ``at`` itself when it is not."""
        if len(self._frames) > MOST_DEPTH - tokens.RUN_DEPTH:
            return at
        found = self._runs.member_value.match(text, at)
        if found is None:
            return at
        if self._sink.wants_references:
            self._sink.references_in(text, at, found.end())
        self._state = _State.AFTER
        return self._after(text[found.end() - 1], found.end() - 1)

    def _member(self, frame: _Frame, here: Position, key: str) -> None:
        """A key of an object in which something is needed."""
        whole = tokens.is_whole(key)
        folded = (key if whole else tokens.broken_at(key)).casefold()
        child = here.child(folded)
        self._at = child
        if child is None:
            return
        self._name = key
        self._path = f"{frame.path}.{folded}" if frame.path else folded
        if folded in frame.seen:
            self._sink.fault(child, Ambiguity.DUPLICATE)
        elif len(frame.seen) < _MOST_SEEN:
            frame.seen.add(folded)
        else:
            self._sink.fault(child, Ambiguity.TOO_LARGE)
        if not whole:
            self._sink.fault(child, Ambiguity.BAD_CHARSET)

    def _begin_string(self, *, most: int, key: bool = False) -> None:
        """A string of which the first ``most`` characters are kept as they stand."""
        self._state = _State.STRING
        self._key = key
        self._kept = []
        self._most = most
        self._raw = 0

    def _in_string(self, text: str, at: int) -> int:
        stop = tokens.INNER.match(text, at).end()  # type: ignore[union-attr]
        if self._raw < self._most:
            self._kept.append(text[at : min(stop, at + self._most - self._raw)])
        self._raw += stop - at
        if stop == len(text):
            return stop
        if text[stop] == '"':
            self._string_ends()
            return stop + 1
        if tokens.PARTIAL_ESCAPE.fullmatch(text, stop) is None:
            raise _bad(text[stop])
        return stop if stop > at else -1

    def _string_ends(self) -> None:
        text = tokens.unescape("".join(self._kept))
        cut = self._raw > self._most > 0
        if self._key:
            frame = self._frames[-1]
            self._state, self._at = _State.COLON, None
            if cut and frame.here is not None:
                self._sink.fault(frame.here, Ambiguity.TOO_LARGE)
            elif frame.here is not None:
                self._member(frame, frame.here, text)
            return
        if self._at is not None and self._at.ends:
            if cut:
                self._sink.fault(self._at, Ambiguity.TOO_LARGE)
            else:
                self._sink.value(self._at, self._path, self._name, text)
        if self._sink.wants_references:
            self._sink.reference(text)
        self._value_ends()


def _space_end(text: str, at: int) -> int:
    found = tokens.SPACE.match(text, at)
    return found.end() if found else at


def _bad(char: str) -> UnreadableError:
    if char in "\0\ufeff":
        return UnreadableError(
            Ambiguity.BAD_CHARSET, "json in another encoding than utf-8 without a byte order mark"
        )
    return UnreadableError(Ambiguity.BAD_SYNTAX, "json that RFC 8259 does not allow")
