"""A streaming reader of ``application/x-www-form-urlencoded`` (WHATWG URL section 5), strict where servers differ."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from subrosa.content.collect import MOST_VALUE, Collector, FormPlace
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_NAME: Final = 8 * 1024
"""Octets of a name as sent; a longer one cannot be told apart from a needed one."""

_MOST_RAW_VALUE: Final = 3 * MOST_VALUE
_BAD_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_LEGACY_ESCAPE: Final = re.compile(rb"%u00([0-9A-Fa-f]{2})", re.IGNORECASE)
_NAME_END: Final = re.compile(rb"[=&;]")
_VALUE_END: Final = re.compile(rb"[&;]")
_UNENCODED: Final = re.compile(rb"[^!-~]")


class FormReader:
    """Gives a ``Collector`` the values of needed fields.

    What servers read differently makes the one field ambiguous: ``;`` before or in it, an invalid ``%`` sequence, bad
    UTF-8, a name that only some trim. A name over 8 KiB or not UTF-8 has no reading at all: ``UnreadableError``; what
    follows a ``;`` is judged only if it is a needed name.
    With ``strict`` (a body without a label) octets that no encoder emits are BAD_SYNTAX too.
    """

    __slots__ = ("_after_semicolon", "_collector", "_name", "_place", "_strict", "_value")

    def __init__(self, collector: Collector, *, strict: bool = False) -> None:
        self._collector = collector
        self._strict = strict
        self._name: bytes | None = b""
        self._place: FormPlace | None = None
        self._value = bytearray()
        self._after_semicolon = False

    def feed(self, data: bytes) -> None:
        """Read on; raises ``UnreadableError`` at the octet that has no reading."""
        stop = len(data)
        if self._strict and (bad := _UNENCODED.search(data)):
            stop = bad.start()
        at = 0
        while at < stop:
            at = self._in_name(data, at, stop) if self._name is not None else self._in_value(data, at, stop)
        if stop < len(data):
            raise UnreadableError(Ambiguity.BAD_SYNTAX, "a form holds an octet that no encoder emits")

    def end(self) -> None:
        """The last field ends with the body."""
        if self._name is not None:
            self._name_ends()
        self._value_ends(b"&")

    def _in_name(self, data: bytes, at: int, stop: int) -> int:
        found = _NAME_END.search(data, at, stop)
        upto = found.start() if found else stop
        if len(self._name or b"") + upto - at > MOST_NAME:
            if not self._after_semicolon:
                raise UnreadableError(Ambiguity.TOO_LARGE, "a form has a name over 8 KiB")
            self._name, self._place = None, None
            return at
        self._name = (self._name or b"") + data[at:upto]
        if found is None:
            return stop
        self._name_ends()
        if found[0] != b"=":
            self._value_ends(found[0])
        return upto + 1

    def _in_value(self, data: bytes, at: int, stop: int) -> int:
        found = _VALUE_END.search(data, at, stop)
        upto = found.start() if found else stop
        if self._place is not None and len(self._value) <= _MOST_RAW_VALUE:
            self._value += data[at : min(upto, at + _MOST_RAW_VALUE + 1)]
        if found is None:
            return stop
        self._value_ends(found[0])
        return upto + 1

    def _name_ends(self) -> None:
        name, self._name = self._name or b"", None
        self._value.clear()
        decoded = _LEGACY_ESCAPE.sub(rb"%\1", name)
        legacy = decoded != name
        try:
            text = unquote_to_bytes(decoded.replace(b"+", b" ")).decode("utf-8")
        except UnicodeDecodeError:
            if self._after_semicolon:
                self._place = None
                return
            raise UnreadableError(Ambiguity.BAD_CHARSET, "a form has a name that is not utf-8") from None
        self._place = self._collector.form_place(text) if text else None
        if self._place is not None and (legacy or _BAD_PERCENT.search(name)):
            self._collector.form_fault(self._place, Ambiguity.BAD_ENCODING)
            self._place = None

    def _value_ends(self, by: bytes) -> None:
        if self._place is not None:
            self._collector.form_value(self._place, *self._read_value(by))
        self._place, self._name = None, b""
        self._after_semicolon = by == b";"

    def _read_value(self, by: bytes) -> tuple[bytes, Ambiguity | None]:
        if self._after_semicolon or by == b";":
            return b"", Ambiguity.BAD_SYNTAX
        if _BAD_PERCENT.search(self._value):
            return b"", Ambiguity.BAD_ENCODING
        value = unquote_to_bytes(bytes(self._value).replace(b"+", b" "))
        if len(value) > MOST_VALUE:
            return b"", Ambiguity.TOO_LARGE
        return value, None
