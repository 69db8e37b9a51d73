"""Header fields in order as they were sent, with one way to ask for them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from subrosa.facts.encodedwords import decode_words
from subrosa.facts.quoting import quoted
from subrosa.facts.unreadable import Ambiguity, UnreadableError

type Lines = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """The field lines of one head: names as sent, values without the white space around them (RFC 9110 5.5).

    Asked for by lower-case name; values are decoded as latin-1, so that every octet is one character.
    """

    lines: Lines = ()
    index: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Lower-case name to its raw values in order; read only."""

    def __post_init__(self) -> None:
        index = self.index
        for name, value in self.lines:
            lower = name.lower()
            index[lower] = (*index[lower], value) if lower in index else (value,)

    @classmethod
    def of(cls, lines: Iterable[tuple[str | bytes, str | bytes]]) -> "Fields":
        """Fields from names and values as text (latin-1) or octets; white space around values is dropped."""
        return cls(tuple((_octets(name), _octets(value).strip(b" \t")) for name, value in lines))

    @classmethod
    def of_checked(cls, lines: Lines) -> "Fields":
        """The same as ``Fields(lines)`` for the hot path of the head check."""
        index = {name.lower(): (value,) for name, value in lines}
        if len(index) != len(lines):
            return cls(lines)
        made = object.__new__(cls)
        object.__setattr__(made, "lines", lines)
        object.__setattr__(made, "index", index)
        return made

    def get_all(self, name: str) -> tuple[str, ...]:
        """The values of all lines with this lower-case name, in order, one for each line."""
        return tuple([value.decode("latin-1") for value in self.index.get(name.encode("latin-1"), ())])

    def one(self, name: str) -> str | None:
        """The value of the only line with this lower-case name, or None without it.

        Raises UnreadableError for more than one line, equal ones included (RFC 9110 5.3).
        """
        values = self.index.get(name.encode("latin-1"))
        if values is None:
            return None
        if len(values) > 1:
            raise UnreadableError(Ambiguity.DUPLICATE, f"field {quoted(name)} is given {len(values)} times")
        return values[0].decode("latin-1")

    def with_prefix(self, prefix: str) -> tuple[tuple[str, str], ...]:
        """Lower-case name and value of every line whose lower-case name begins so, in order."""
        start = prefix.encode("latin-1")
        return tuple(
            (lower.decode("latin-1"), value.decode("latin-1"))
            for lower, value in ((name.lower(), value) for name, value in self.lines)
            if lower.startswith(start)
        )

    def __contains__(self, name: str) -> bool:
        return name.encode("latin-1") in self.index


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word for a word
_QUOTED = r'"(?:[\t !#-\[\]-~\x80-\U0010ffff]|\\[\t -~\x80-\U0010ffff])*"'
_LITERAL = r'"[\t !#-~\x80-\U0010ffff]*"'
_MEDIA_TYPE = re.compile(rf"({_TOKEN}/{_TOKEN})[ \t]*")
_CODING = re.compile(_TOKEN)
_KIND = re.compile(rf"({_TOKEN})[ \t]*")
_PARAMETER = re.compile(rf";[ \t]*(?:({_TOKEN})=({_TOKEN}|{_QUOTED}))?[ \t]*")
_LITERAL_PARAMETER = re.compile(rf";[ \t]*(?:({_TOKEN})=({_TOKEN}|{_LITERAL}))?[ \t]*")
_HIDING = re.compile(r'\\"[^;]*;')
"""An escaped quote with a parameter behind it: where the quotes end is then a matter of taste."""
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED_QUOTE = re.compile(r'\\(["\\])')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_SAME_CODING = {"x-gzip": "gzip", "x-compress": "compress"}
_FORM_ESCAPES = {"%22": '"', "%0d": "\r", "%0a": "\n"}
_FORM_ESCAPE = re.compile(r"%(?:22|0d|0a)", re.IGNORECASE)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_EXTENDED = re.compile(r"utf-8'[A-Za-z0-9-]*'((?:[!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-Fa-f]{2})*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type (RFC 9110 8.3.1): ``type/subtype`` in lower case, parameters by lower-case name, unquoted."""

    media_type: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_content_type(value: str) -> ContentType:
    """Read one Content-Type value.

    Exactly one type; token or quoted-string values; each parameter once and none in the pieces of RFC 2231;
    a ``boundary`` has 1 to 70 bchars (RFC 2046 5.1.1). Raises UnreadableError for anything else.
    """
    return _remembered(value) if len(value) <= _USUAL else _content_type(value)


def _content_type(value: str) -> ContentType:
    start = _MEDIA_TYPE.match(value)
    found = None if start is None else _parameters(_PARAMETER, value, start.end())
    if start is None or found is None:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"content type {quoted(value)} is not one media type")
    parameters: dict[str, str] = {}
    for name, text in found:
        if "*" in name or name in parameters:
            raise UnreadableError(
                Ambiguity.DUPLICATE, f"content type {quoted(value)} gives a parameter in pieces"
            )
        parameters[name] = _PAIR.sub(r"\1", text[1:-1]) if text.startswith('"') else text
    if "boundary" in parameters and _BOUNDARY.fullmatch(parameters["boundary"]) is None:
        raise UnreadableError(
            Ambiguity.BAD_SYNTAX, f"content type {quoted(value)} has a boundary that is none"
        )
    return ContentType(start[1].lower(), parameters)


_remembered = lru_cache(512)(_content_type)
_USUAL = 100
"""Characters of a Content-Type that is read once and remembered: clients send few different ones."""


def parse_codings(values: Iterable[str]) -> tuple[str, ...]:
    """The content codings of all Content-Encoding lines (RFC 9110 8.4), in the order in which they were applied.

    Lower case, ``x-gzip`` as ``gzip``, without ``identity``. Raises UnreadableError for an empty element or
    one that is no token (a ``;q=``).
    """
    codings: list[str] = []
    for value in values:
        for element in value.split(","):
            coding = element.strip(" \t").lower()
            if _CODING.fullmatch(coding) is None:
                raise UnreadableError(
                    Ambiguity.BAD_SYNTAX, f"content encoding {quoted(value)} is no list of codings"
                )
            codings.append(_SAME_CODING.get(coding, coding))
    return tuple(coding for coding in codings if coding != "identity")


def parse_content_disposition(value: str | bytes) -> tuple[str, str | None]:
    """Field name and file name of one part of a form (RFC 7578 4.2), ``(name, filename)``; octets are UTF-8.

    ``%22``, ``%0D`` and ``%0A`` are decoded as browsers encode them. A name must be given, once, without
    backslash, single quote before it (PHP drops it), encoded-word or other escapes; ``filename*`` (RFC 8187)
    counts alone or beside an equal ``filename``. A backslash in a file name is read only where it cannot hide a
    parameter. Raises UnreadableError otherwise.
    """
    text = _utf8(value)
    start = _KIND.match(text)
    if start is None or start[1].lower() != "form-data":
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"content disposition {quoted(value)} is no form field")
    found = _parameters(_PARAMETER, text, start.end()) or _parameters(_LITERAL_PARAMETER, text, start.end())
    if found is None or _HIDING.search(text):
        raise UnreadableError(
            Ambiguity.BAD_SYNTAX, f"content disposition {quoted(value)} has no single reading"
        )
    parameters = dict(found)
    odd = [name for name in parameters if "*" in name and name != "filename*"]
    if len(parameters) != len(found) or odd or "name" not in parameters:
        raise UnreadableError(
            Ambiguity.DUPLICATE, f"content disposition {quoted(value)} does not name one field once"
        )
    name = _unquoted(parameters["name"])
    if "\\" in name or name[:1] == "'" or "=?" in name or _ESCAPE.search(_FORM_ESCAPE.sub("", name)):
        raise UnreadableError(Ambiguity.BAD_ENCODING, f"content disposition {quoted(value)} escapes its name")
    return _form_unescaped(name), _filename(value, parameters)


def _parameters(pattern: re.Pattern[str], text: str, position: int) -> list[tuple[str, str]] | None:
    """Lower-case names and raw values of all parameters from a position to the end; None when the text is no list."""
    found: list[tuple[str, str]] = []
    while position < len(text):
        match = pattern.match(text, position)
        if match is None:
            return None
        if match[1]:
            found.append((match[1].lower(), match[2]))
        position = match.end()
    return found


def _filename(value: str | bytes, parameters: dict[str, str]) -> str | None:
    plain = parameters.get("filename")
    name = None if plain is None else _form_unescaped(_ESCAPED_QUOTE.sub(r"\1", _unquoted(plain)))
    extended = parameters.get("filename*")
    if extended is None:
        return name
    match = _EXTENDED.fullmatch(extended)
    if match is None:
        raise UnreadableError(Ambiguity.BAD_CHARSET, f"content disposition {quoted(value)} is not UTF-8")
    decoded = _utf8(unquote_to_bytes(match[1]))
    if name is not None and decoded not in (name, decode_words(name)):
        raise UnreadableError(Ambiguity.CONFLICT, f"content disposition {quoted(value)} names two files")
    return decoded


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith('"') else text


def _form_unescaped(text: str) -> str:
    return _FORM_ESCAPE.sub(lambda match: _FORM_ESCAPES[match[0].lower()], text)


def _utf8(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError(
            Ambiguity.BAD_CHARSET, f"content disposition {quoted(value)} is not UTF-8"
        ) from None
