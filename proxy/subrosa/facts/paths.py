"""The one way to a path and to a query: canonical segments and pairs, and whether they are the only reading.

An ambiguous path is not an error: object keys hold ``%2F``, ``//`` and ``;`` with good reason. It is marked,
and policy refuses marked ones where a rule has to know which operation a path means.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import override
from urllib.parse import quote, unquote_to_bytes

from subrosa.facts.quoting import quoted
from subrosa.facts.unreadable import Ambiguity, UnreadableError

_PLAIN = re.compile(r"(?:/(?!\.)[A-Za-z0-9._~:@!$&'()*+,=-]++(?<!\.))++/?")
"""A path that is its own canonical form: no empty, hidden or dot-ended segment, no escape, no parameter."""
_KEPT = "~:@!$&'()*+,;=-._"
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f?]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TWICE = re.compile(r"%25[0-9A-Fa-f]{2}")
_DELIMITER = re.compile(r"%(?:2f|5c|3f|23|[01][0-9a-f]|7f)", re.IGNORECASE)

_SLASH = re.compile("%2f", re.IGNORECASE)

_DOUBTS = (
    (re.compile("#"), Ambiguity.BAD_SYNTAX, "holds a fragment"),
    (re.compile(r"\\"), Ambiguity.BAD_SYNTAX, "holds a backslash"),
    (re.compile(";"), Ambiguity.BAD_SYNTAX, "holds path parameters"),
    (_DELIMITER, Ambiguity.BAD_ENCODING, "holds an encoded delimiter or control character"),
    (_BAD_ESCAPE, Ambiguity.BAD_ENCODING, "holds a percent sign that encodes nothing"),
    (_TWICE, Ambiguity.BAD_ENCODING, "is percent-encoded twice"),
)
"""What gives a path more than one reading among servers, in the order in which it is told."""

_VANISHING = frozenset({"", ".", ".."})
_FORBIDDEN_IN_QUERY = re.compile(r"[\x00-\x20\x7f]")
_PLAIN_PIECE = re.compile(r"[^%+;#]*")
_SIGNED_LISTS = frozenset({"x-amz-signedheaders", "x-goog-signedheaders"})
"""Presigned parameters that are lists with semicolons, which some clients leave unencoded."""

type _Doubt = tuple[Ambiguity, str, str]
"""Why, how, and about which parameter."""


@dataclass(frozen=True, slots=True)
class Path:
    """A request path (RFC 3986 3.3) in canonical form.

    ``segments`` are percent-decoded once, dot segments resolved and empty ones dropped; a last ``""`` stands
    for a trailing slash, and ``("",)`` is the root. ``text`` is the same as one path, reserved octets encoded.
    ``matching`` is ``segments`` as a lenient server reads them: no trailing slash, no ``;parameters``, no dots or
    blanks at a segment's end. What stands behind ``#`` is in none of them. ``folded`` is ``matching`` without case and
    without compatibility forms.
    ``ambiguity`` says that servers differ about this path, ``detail`` in which way; ``slashes`` that they differ about
    nothing but its escaped slashes.
    """

    segments: tuple[str, ...]
    text: str
    matching: tuple[str, ...]
    folded: tuple[str, ...]
    ambiguity: Ambiguity | None = None
    detail: str = ""
    slashes: bool = False

    @classmethod
    def parse(cls, raw: bytes | str) -> "Path":
        """Read the path of an origin-form target (RFC 9112 3.2.1), without its query.

        Raises UnreadableError for a text that does not begin with ``/`` and for a raw control character,
        blank or ``?``; whatever is merely ambiguous is marked in the result.
        """
        text, broken = (raw, False) if isinstance(raw, str) else _decode(raw)
        if _PLAIN.fullmatch(text):
            segments = tuple(text[1:].split("/"))
            matching = segments[:-1] if segments[-1] == "" else segments
            folded = tuple(text[1:].lower().split("/"))[: len(matching)]
            return cls(segments, text, matching, matching if folded == matching else folded)
        return _parse_path(raw, text, broken=broken)

    @override
    def __str__(self) -> str:
        return self.text


def _decode(raw: bytes) -> tuple[str, bool]:
    """The text of raw octets, and whether they are not UTF-8."""
    try:
        return raw.decode("utf-8"), False
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), True


def _unescape(text: str) -> tuple[str, bool]:
    """The text with each escape decoded once, and whether the octets are not UTF-8 (overlong forms are not)."""
    if "%" not in text:
        return text, False
    return _decode(unquote_to_bytes(text))


def _parse_path(raw: bytes | str, text: str, *, broken: bool) -> Path:
    if not text.startswith("/") or _FORBIDDEN.search(text):
        raise UnreadableError(Ambiguity.BAD_SYNTAX, f"path {quoted(raw)} is not in origin form")
    ambiguity, detail = _doubt(text)
    slashes = ambiguity is Ambiguity.BAD_ENCODING and _doubt(_SLASH.sub("_", text)) == (None, "")
    pieces = [_unescape(piece) for piece in text[1:].partition("#")[0].split("/")]
    resolved: list[str] = []
    before = "/"
    for piece, bad in pieces:
        if piece == "..":
            del resolved[-1:]
        elif piece not in _VANISHING:
            resolved.append(piece)
        if bad or broken:
            slashes = False
            if ambiguity is None:
                ambiguity, detail = Ambiguity.BAD_CHARSET, "is not UTF-8"
        if piece == ".." and not before:
            slashes = False
            if ambiguity is None:
                ambiguity, detail = Ambiguity.CONFLICT, "goes up from an empty segment"
        before = piece
    ends_open = before in _VANISHING
    segments = (*resolved, "") if ends_open else tuple(resolved)
    matching = tuple([lenient for lenient in map(_lenient, resolved) if lenient])
    return Path(
        segments,
        "/" + "/".join([quote(piece, safe=_KEPT) for piece in segments]),
        matching,
        tuple(unicodedata.normalize("NFKC", piece).casefold() for piece in matching),
        ambiguity,
        f"path {quoted(raw)} {detail}" if ambiguity else "",
        slashes,
    )


def _doubt(text: str) -> tuple[Ambiguity | None, str]:
    for pattern, ambiguity, detail in _DOUBTS:
        if pattern.search(text):
            return ambiguity, detail
    return None, ""


def _lenient(segment: str) -> str:
    """A segment as servers read it that drop parameters, and dots and blanks at its end."""
    plain = segment.partition(";")[0]
    return plain.rstrip(". ") or plain


@dataclass(frozen=True, slots=True)
class Query:
    """A query (RFC 3986 3.4) as the pairs of application/x-www-form-urlencoded, in order, decoded once.

    ``ambiguity`` says that servers differ about it; ``detail`` says how, without its text, which may hold secrets.
    ``doubtful`` are the folded names of the parameters whose values servers differ about, ``""`` for all.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    ambiguity: Ambiguity | None = None
    detail: str = ""
    doubtful: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, raw: bytes | str | None) -> "Query":
        """Read what stands behind ``?``; None and the empty text have no pairs.

        ``+`` is a blank; empty pieces are dropped. A raw ``;`` or ``#``, a NUL, a percent sign that encodes
        nothing and octets that are not UTF-8 make the query ambiguous. Raises UnreadableError for a raw
        control character or blank.
        """
        if not raw:
            return NO_QUERY
        text, broken = (raw, False) if isinstance(raw, str) else _decode(raw)
        if _FORBIDDEN_IN_QUERY.search(text):
            raise UnreadableError(Ambiguity.BAD_SYNTAX, "the query holds a raw control character")
        return _parse_query(text, broken=broken)

    def get_all(self, name: str) -> tuple[str, ...]:
        """The values of every parameter with exactly this name.

        Raises UnreadableError when a twin is there, a name that some servers take for this one (other
        case, blanks around it, ``[]`` behind it), and when the query is ambiguous about this parameter.
        """
        values: list[str] = []
        folded = fold_name(name) if self.pairs else ""
        doubt = self.doubt(name)
        if doubt is not None:
            raise UnreadableError(doubt, self.detail)
        for key, value in self.pairs:
            if key == name:
                values.append(value)
            elif fold_name(key) == folded:
                raise UnreadableError(Ambiguity.CONFLICT, f"query parameter {quoted(name)} has a twin")
        return tuple(values)

    def doubt(self, name: str) -> Ambiguity | None:
        """Why the values of this parameter have no single reading, or None."""
        if self.ambiguity is None or ("" not in self.doubtful and fold_name(name) not in self.doubtful):
            return None
        return self.ambiguity

    def one(self, name: str) -> str | None:
        """The only value of this parameter, or None without it; raises UnreadableError for two, or for a twin."""
        if not self.pairs and self.ambiguity is None:
            return None
        values = self.get_all(name)
        if len(values) > 1:
            raise UnreadableError(Ambiguity.DUPLICATE, f"query parameter {quoted(name)} is given twice")
        return values[0] if values else None


def fold_name(name: str) -> str:
    """What a parameter or field name is to the most lenient server: no case, no blanks around, no ``[]`` or NUL.

    URLSearchParams drops a question mark before the first name.
    """
    if name.isalnum() and name.isascii():
        return name.lower()
    plain = name.partition("\0")[0].strip().removeprefix("?")
    return (plain.partition("[")[0].rstrip() or plain).casefold()


def _parse_query(text: str, *, broken: bool) -> Query:
    pairs: list[tuple[str, str]] = []
    doubts: list[_Doubt] = [(Ambiguity.BAD_CHARSET, "is not UTF-8", "")] if broken else []
    for piece in text.split("&"):
        if not piece:
            continue
        raw_name, _, raw_value = piece.partition("=")
        if _PLAIN_PIECE.fullmatch(piece):
            pairs.append((raw_name, raw_value))
            continue
        name, name_doubt = _decoded_part(raw_name)
        value, value_doubt = _decoded_part(raw_value)
        pairs.append((name, value))
        if "#" in piece or (";" in piece and name.lower() not in _SIGNED_LISTS):
            doubts.append((Ambiguity.BAD_SYNTAX, "holds a second kind of separator", ""))
        if name_doubt is not None:
            doubts.append((*name_doubt, ""))
        if value_doubt is not None:
            doubts.append((*value_doubt, fold_name(name)))
    if not doubts:
        return Query(tuple(pairs))
    ambiguity, detail, _ = doubts[0]
    return Query(tuple(pairs), ambiguity, f"the query {detail}", frozenset(name for _, _, name in doubts))


def _decoded_part(raw: str) -> tuple[str, tuple[Ambiguity, str] | None]:
    """A name or a value without its escapes, and why it has no single reading."""
    text, bad = _unescape(raw.replace("+", " "))
    if bad:
        return text, (Ambiguity.BAD_CHARSET, "is not UTF-8")
    if _BAD_ESCAPE.search(raw) or "\0" in text:
        return text, (Ambiguity.BAD_ENCODING, "holds an escape that servers read differently")
    return text, None


NO_QUERY = Query()
"""The query of a target without one."""
