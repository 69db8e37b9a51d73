"""XML bodies, of which only tag sets matter: S3's ``<Tagging>`` and Azure's ``<Tags>``."""

from typing import Final
from xml.parsers import expat

from subrosa.content.collect import Collector
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MOST_TAG_SET: Final = 64 * 1024
"""Octets of a document that holds tags; ten tags of S3 take a twentieth of it."""


class XmlReader:
    """Reads the root element, and the whole document only when that is one of the table's tag sets.

    Raises ``UnreadableError`` for a document whose root cannot be read, and for a tag set that has no single reading;
    TRUNCATED by ``end`` when no root came. ``done`` is set once no tag can come.
    """

    __slots__ = ("_collector", "_document", "_parser", "_roots", "done")

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._roots = {carrier.root for carrier in collector.tags.xml} if collector.want.tags else set()
        self._document = bytearray()
        self.done = not self._roots
        self._parser: expat.XMLParserType | None = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._root

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self.done:
            return
        data = data[: MOST_TAG_SET + 1 - len(self._document)]
        self._document += data
        if self._parser is not None:
            self._look_for_root(data, final=False)
        if len(self._document) > MOST_TAG_SET and not self.done:
            raise UnreadableError(Ambiguity.TOO_LARGE, "xml that may hold tags is over 64 KiB")

    def end(self) -> None:
        """Read the tags of the whole document."""
        if self.done:
            return
        if self._parser is not None:
            self._look_for_root(b"", final=True)
        if not self.done:
            self._collector.add_tags(self._collector.tags.xml_tags(bytes(self._document)))

    def _look_for_root(self, data: bytes, *, final: bool) -> None:
        parser = self._parser
        fault: Exception | None = None
        try:
            if parser is not None:
                parser.Parse(data, final)
        except (
            expat.ExpatError,
            ValueError,
            LookupError,
        ) as error:  # the last two for charsets it cannot map
            fault = error
        if fault is not None and self._parser is not None:
            raise UnreadableError(Ambiguity.BAD_SYNTAX, "xml without a readable root element") from fault

    def _root(self, name: str, _attributes: dict[str, str]) -> None:
        """The first element; what follows it is read only when it is the root of a tag set."""
        if self._parser is not None:
            self._parser.StartElementHandler = None
            self._parser = None
            self.done = name.rpartition(" ")[2] not in self._roots
            if self.done:
                self._document.clear()
