"""Tag sets in XML, S3's ``<Tagging>`` and Azure's ``<Tags>``: UTF-8, no DTD, text joined across nodes."""

from dataclasses import dataclass, field
from xml.parsers import expat

from subrosa.facts.unreadable import Ambiguity, UnreadableError

_MAX_BYTES = 1 << 18
_MAX_DEPTH = 16
_ENCODINGS = frozenset({"utf-8", "us-ascii"})
_PARTS = frozenset({"Key", "Value"})


@dataclass(slots=True)
class _TagSet:
    """The growing reading of one document; names are local, without namespace or prefix."""

    open: list[str] = field(default_factory=list)
    root: str = ""
    pairs: list[tuple[str, str]] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self.root = self.root or local
        inside = self.open[-1] if self.open else ""
        if len(self.open) >= _MAX_DEPTH:
            raise UnreadableError(Ambiguity.TOO_DEEP, "xml tags are nested too deep")
        if inside in _PARTS and "Tag" in self.open[-2:-1]:
            raise UnreadableError(Ambiguity.BAD_SYNTAX, "xml tag holds an element where text belongs")
        if local == "Tag":
            self.parts = {}
        elif inside == "Tag" and local in _PARTS:
            if local in self.parts:
                raise UnreadableError(Ambiguity.DUPLICATE, f"xml tag holds two `{local}`")
            self.parts[local] = []
        self.open.append(local)

    def text(self, data: str) -> None:
        if self.open[-2:-1] == ["Tag"] and self.open[-1] in _PARTS:
            self.parts[self.open[-1]].append(data)

    def end(self, name: str) -> None:
        self.open.pop()
        if name.rpartition(" ")[2] == "Tag" and self.parts:
            self.pairs.append(("".join(self.parts.get("Key", ())), "".join(self.parts.get("Value", ()))))
            self.parts = {}

    def doctype(self, *_declaration: object) -> None:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, "xml tags come with a document type")

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise UnreadableError(Ambiguity.BAD_CHARSET, "xml tags are not UTF-8")


def read_tag_set(document: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The root's local name, and key and value of every ``Tag`` in the document.

    Text is joined across CDATA sections, comments and the five entities. Raises UnreadableError for more than
    256 KiB, another charset than UTF-8, a document type, bad syntax, a tag with two keys or two values.
    """
    if len(document) > _MAX_BYTES:
        raise UnreadableError(Ambiguity.TOO_LARGE, "xml tags are larger than 256 KiB")
    if b"\0" in document or document[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise UnreadableError(Ambiguity.BAD_CHARSET, "xml tags are not UTF-8")
    found = _TagSet()
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text
    parser.StartDoctypeDeclHandler = found.doctype
    parser.XmlDeclHandler = found.declaration
    try:
        parser.Parse(document, True)
    except expat.ExpatError:
        raise UnreadableError(Ambiguity.BAD_SYNTAX, "xml tags are not well-formed") from None
    return found.root, tuple(found.pairs)
