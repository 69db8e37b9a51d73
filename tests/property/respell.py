"""Other spellings of the same request: every server that is no fool takes them for one and the same."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import override

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from property.bodies import Part, parts_of, rebuilt
from property.seeds import Transfer, head_of, raw_of, shipped
from subrosa.facts.head import RawHead

# --- letters ---------------------------------------------------------------------------------------------------


def flipped(draw: DrawFn, text: str) -> str:
    """Other case, letter by letter."""
    how = draw(st.integers(0, 3))
    return (text, text.upper(), text.title(), text.swapcase())[how] if text.isascii() else text


def escaped(draw: DrawFn, text: str) -> str:
    """Letters, digits and dashes percent-encoded without need; the hex digits of what is encoded in either case."""
    step, lower = draw(st.integers(1, 7)), draw(st.booleans())

    def spelled(found: re.Match[str]) -> str:
        token = found[0]
        if token[0] == "%" or found.start() % step:
            return token.lower() if lower and token[0] == "%" else token
        code = f"%{ord(token):02x}"
        return code if lower else code.upper()

    return re.sub(r"%[0-9A-Fa-f]{2}|[A-Za-z0-9_-]", spelled, text) if draw(st.booleans()) else text


def wide(draw: DrawFn, text: str) -> str:
    """Full-width forms, which UTS 46 maps to the plain ones."""
    step = draw(st.integers(2, 5))
    dots = draw(st.sampled_from("\u3002\uff0e\uff61."))
    letters = (chr(ord(c) + 0xFEE0) if c.isalnum() and at % step == 0 else c for at, c in enumerate(text))
    return "".join(letters).replace(".", dots)


# --- the head --------------------------------------------------------------------------------------------------


def authority(draw: DrawFn, text: str, port: int) -> str:
    """A host as a client may write it: case, root dot, full width, the default port said."""
    host, colon, digits = text.partition(":")
    host = wide(draw, host) if draw(st.integers(0, 3)) == 0 else flipped(draw, host)
    if host.isascii() and not host[-1].isdigit() and draw(st.booleans()):
        host += "."
    default = draw(st.sampled_from(["", "", f":{port}", f":0{port}", ":"]))
    return host + (colon + digits if colon else default)


def path(draw: DrawFn, text: str, literals: frozenset[str]) -> str:
    """A path with empty and dot segments, needless escapes, and the catalogue's own words in other case."""
    segments = text[1:].split("/")
    spelled = [flipped(draw, one) if one.casefold() in literals else one for one in segments]
    joints = [draw(st.sampled_from(["/"] * 6 + ["//", "/./", "/x/../"])) for _ in spelled[1:]]
    if "//" in joints and any(".." in joint for joint in joints):
        joints = [joint.replace("//", "/") for joint in joints]
    words = [escaped(draw, one) for one in spelled]
    return "/" + "".join(word + joint for word, joint in zip(words, [*joints, ""], strict=True))


def query(draw: DrawFn, text: str) -> str:
    """A query with needless escapes, blanks either way, and empty pairs."""
    blank = draw(st.sampled_from(["+", "%20"]))
    pieces = [escaped(draw, piece).replace("+", blank) for piece in text.split("&")]
    return draw(st.sampled_from(["&", "&&"])).join(pieces)


def lines(draw: DrawFn, found: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Field lines with names in other case, white space around values, and names in any order."""
    blanks = st.sampled_from([b"", b" ", b"\t", b" \t "])
    names = list(dict.fromkeys(name.lower() for name, _ in found))
    order = draw(st.permutations(names))
    ordered = [line for name in order for line in found if line[0].lower() == name]
    return [
        (flipped(draw, name.decode()).encode(), draw(blanks) + tagged(draw, name, value) + draw(blanks))
        for name, value in ordered
    ]


_TAGS = re.compile(rb"(?i)x-(?:amz|goog|ms|object)-meta-.*|x-(?:data-)?purpose|x-intended-use")
_TAG_SETS = frozenset({b"x-amz-tagging", b"x-ms-tags"})


def tagged(draw: DrawFn, name: bytes, value: bytes) -> bytes:
    """A tag in other case, with other separators or escaped; any other value as it is."""
    if name.lower() in _TAG_SETS and value.isascii():
        return query(draw, value.decode()).encode()
    if _TAGS.fullmatch(name) is None or not value.isascii():
        return value
    text = value.decode().replace("-", draw(st.sampled_from(["-", "_", " ", "--"])))
    return flipped(draw, text).encode()


@st.composite
def heads(draw: DrawFn, transfer: Transfer) -> RawHead:
    """The transfer's head in another spelling."""
    raw = raw_of(transfer)
    known = head_of(transfer)
    claims = shipped().index.claims(known.authority.host, known.method, known.path)
    words = frozenset(
        one.casefold() for claim in claims[:1] for one in claim.pattern.path.split("/") if "{" not in one
    )
    port = 443 if raw.tls else 80
    target = raw.target.decode()
    front = ""
    if not target.startswith("/"):
        scheme, mark, rest = target.partition("://")
        named, _, target = rest.partition("/")
        front = flipped(draw, scheme) + mark + authority(draw, named, port)
        target = "/" + target
    where, question, asked = target.partition("?")
    target = front + path(draw, where, words) + question + query(draw, asked)
    sent = [
        (name, authority(draw, value.decode(), port).encode() if name.lower() == b"host" else value)
        for name, value in raw.lines
    ]
    return replace(raw, target=target.encode(), lines=lines(draw, sent))


# --- the body --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it stood in the document."""

    text: str

    @override
    def __str__(self) -> str:
        return self.text


def text_of(draw: DrawFn, text: str) -> str:
    """A JSON string with needless escapes."""
    step = draw(st.integers(1, 9))
    plain = json.dumps(text, ensure_ascii=draw(st.booleans()))
    if step > 6 or "\\" in plain:
        return plain
    code = draw(st.sampled_from(["\\u{:04x}", "\\u{:04X}"]))
    inner = (
        code.format(ord(c)) if at % step == 0 and c < "\uffff" else c for at, c in enumerate(plain[1:-1])
    )
    return '"' + "".join(inner).replace("/", draw(st.sampled_from(["/", "\\/"]))) + '"'


def document(draw: DrawFn, value: object, blanks: tuple[str, ...]) -> str:
    """A JSON value with members in any order, other white space and needless escapes."""

    def gap() -> str:
        return draw(st.sampled_from(blanks))

    if isinstance(value, Pairs):
        members = [
            f"{gap()}{text_of(draw, key)}{gap()}:{gap()}{document(draw, one, blanks)}{gap()}"
            for key, one in draw(st.permutations(value.pairs))
        ]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(gap() + document(draw, one, blanks) + gap() for one in value) + "]"
    return text_of(draw, value) if isinstance(value, str) else _WORDS.get(value, "") or str(value)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The members of an object."""

    pairs: list[tuple[str, object]]


_WORDS: dict[object, str] = {True: "true", False: "false", None: "null"}


def json_body(draw: DrawFn, body: bytes) -> bytes:
    """One document, or one on each line."""
    whole = body.decode()
    rows = [whole] if _parsed(whole) is not None else whole.split("\n")
    blanks = ("", " ", "\n", "\t") if len(rows) == 1 else ("", " ")
    read = [_parsed(row) if row.strip() else ("",) for row in rows]
    if any(one is None for one in read):
        return body
    return "\n".join(document(draw, one[0], blanks) if one != ("",) else "" for one in read if one).encode()


def _parsed(text: str) -> tuple[object] | None:
    def pairs(found: list[tuple[str, object]]) -> Pairs:
        if len({key.casefold() for key, _ in found}) < len(found):
            raise ValueError
        return Pairs(found)

    try:
        return (json.loads(text, object_pairs_hook=pairs, parse_int=Number, parse_float=Number),)
    except ValueError:
        return None


def form_body(draw: DrawFn, body: bytes) -> bytes:
    """A urlencoded form with names in other case and needless escapes; what is none stays as it is."""
    if body[:1] in b"{[<":
        return body
    pieces = []
    for piece in body.decode("latin-1").split("&"):
        name, mark, value = piece.partition("=")
        pieces.append(flipped(draw, name) + mark + value if "%" not in name else piece)
    return query(draw, "&".join(pieces)).encode("latin-1")


def part(draw: DrawFn, found: Part) -> Part:
    """A part with its headers in another order and spelling, and a field said to be the text that it is."""
    section, content = found
    rows = [row.partition(b":")[::2] for row in section.split(b"\r\n")]
    spelled = []
    for name, value in draw(st.permutations(rows)):
        told = value.strip()
        if name.lower() == b"content-disposition":
            told = disposition(draw, told)
        spelled.append(flipped(draw, name.decode()).encode() + draw(st.sampled_from([b":", b": "])) + told)
    plain = b"filename" not in section.lower() and b"content-type" not in section.lower()
    if plain and b"form-data" in section.lower() and _is_utf8(content) and draw(st.booleans()):
        spelled.append(
            draw(st.sampled_from([b"Content-Type: text/plain", b"content-type:text/plain;charset=UTF-8"]))
        )
    return b"\r\n".join(spelled), content


def disposition(draw: DrawFn, value: bytes) -> bytes:
    """``form-data; name="x"; filename="y"`` in any order of its parameters, the field's name in other case."""
    kind, *parameters = re.findall(rb'[^;"]+(?:"[^"]*")?', value)
    pairs = [parameter.strip().partition(b"=")[::2] for parameter in parameters]
    if any(b'"' not in quoted or b"\\" in quoted for _, quoted in pairs):
        return value
    told = []
    for name, quoted in draw(st.permutations(pairs)):
        text = flipped(draw, quoted.decode()).encode() if name == b"name" else quoted
        if name == b"name" and re.fullmatch(rb'"[A-Za-z0-9_]+"', text) and draw(st.booleans()):
            text = text.strip(b'"')
        told.append(flipped(draw, name.decode()).encode() + b"=" + text)
    joint = draw(st.sampled_from([b"; ", b";", b" ;  "]))
    return joint.join([flipped(draw, kind.strip().decode()).encode(), *told])


def _is_utf8(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def label(draw: DrawFn, transfer: Transfer) -> Transfer:
    """The Content-Type with its words in other case and other white space."""

    def spelled(value: str) -> str:
        media, *parameters = value.split(";")
        pairs = [one.strip().partition("=") for one in parameters]
        told = [flipped(draw, name) + mark + text for name, mark, text in pairs]
        return draw(st.sampled_from(["; ", ";", " ; "])).join([flipped(draw, media.strip()), *told])

    kept = tuple(
        (name, spelled(value) if name.lower() == "content-type" else value) for name, value in transfer.lines
    )
    return replace(transfer, lines=kept)


@st.composite
def bodies(draw: DrawFn, transfer: Transfer) -> Transfer:
    """The transfer with its body in another spelling; a body without structure, or coded, stays what it is."""
    coded = any(name.lower() == "content-encoding" for name, _ in transfer.lines)
    kind = "" if coded else transfer.content_type.partition(";")[0].strip().lower()
    told = transfer
    if kind.startswith("multipart/") and (parts := parts_of(transfer)):
        mark = draw(st.sampled_from(["", "b", "X-'()+_,-./:=?", "----WebKitFormBoundary7MA4YWxkTrZu0gW"]))
        told = rebuilt(transfer, [part(draw, one) for one in parts], mark)
    elif kind in _BODIES and transfer.body:
        told = replace(transfer, body=_BODIES[kind](draw, transfer.body))
    return label(draw, told)


_BODIES: dict[str, Callable[[DrawFn, bytes], bytes]] = {
    "application/json": json_body,
    "application/x-ndjson": json_body,
    "application/x-amz-json-1.1": json_body,
    "application/x-www-form-urlencoded": form_body,
}
