"""One field of a small answer, JSON or XML, read whole; every value that some reader could take, in order."""

import json
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from subrosa.content.coding import CodingLimits, Decoder
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_ANSWER: Final = 64 * 1024
"""Octets of an answer in which an id is looked for, as sent and as decoded."""

_MOST_DEPTH: Final = 32


def decoded(codings: tuple[str, ...], octets: bytes) -> bytes:
    """The octets without their content codings; raises UnreadableError for what is too large, cut off or unknown."""
    if len(octets) > MOST_ANSWER:
        raise UnreadableError(Ambiguity.TOO_LARGE, "the answer is larger than 64 KiB")
    decoder = Decoder(codings, CodingLimits(output=MOST_ANSWER))
    return b"".join((*decoder.feed(octets), *decoder.end()))


def json_values(document: bytes, path: str) -> tuple[str, ...]:
    """The texts and numbers at a lower-case dotted path, those of duplicate keys too; raises UnreadableError."""
    try:
        tree = json.loads(document, object_pairs_hook=tuple, parse_int=str, parse_float=str)
    except ValueError:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, "the answer is no JSON") from None
    except RecursionError:
        raise UnreadableError(Ambiguity.TOO_DEEP, "the answer is nested too deep") from None
    return tuple(_at(tree, tuple(path.replace("[]", ".[]").lstrip(".").split("."))))


def _at(node: object, steps: tuple[str, ...]) -> Iterator[str]:
    if not steps:
        if isinstance(node, str):
            yield node
    elif steps[0] == "[]":
        for item in node if isinstance(node, list) else ():
            yield from _at(item, steps[1:])
    elif isinstance(node, tuple):
        for name, value in node:
            if steps[0] in ("*", name.casefold()):
                yield from _at(value, steps[1:])


def xml_values(document: bytes, name: str) -> tuple[str, ...]:
    """The texts of all elements of this local name; raises UnreadableError for what is not well-formed."""
    found: list[str] = []
    texts: list[list[str] | None] = []

    def start(element: str, _attributes: dict[str, str]) -> None:
        if len(texts) >= _MOST_DEPTH:
            raise UnreadableError(Ambiguity.TOO_DEEP, "the answer is nested too deep")
        texts.append([] if element.rpartition(" ")[2] == name else None)

    def text(data: str) -> None:
        if texts and (open_text := texts[-1]) is not None:
            open_text.append(data)

    def end(_element: str) -> None:
        if (closed := texts.pop()) is not None:
            found.append("".join(closed).strip())

    def doctype(*_declaration: object) -> None:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, "the answer has a document type")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, doctype
    try:
        parser.Parse(document, True)
    except expat.ExpatError:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, "the answer is no XML") from None
    return tuple(found)
