"""Multipart bodies read into facts: form fields, the metadata of a ``multipart/related``, files by their prefix."""

from typing import Final

from subrosa.content.collect import MOST_VALUE, Collector, FormPlace
from subrosa.content.jsonfields import JsonReader
from subrosa.content.jsonsink import JsonSink
from subrosa.content.kinds import KindTable
from subrosa.content.multipart import MOST_PARTS, MultipartParser, PartBegin, PartData
from subrosa.content.prefix import Prefix
from subrosa.facts.fields import parse_content_disposition, parse_content_type
from subrosa.facts.unreadable import Ambiguity, UnreadableError

_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_BLANK: Final = b" \t\r\n"
_NAMING: Final = frozenset({"name", "title"})
"""What Google Cloud Storage and Google Drive call an object in its metadata."""


class PartsReader:
    """Reads one multipart body; ``related`` says that part one is metadata, and a field only what says so itself.

    Raises ``UnreadableError`` as ``MultipartParser`` does, for a form part without a single name, and for metadata
    that is no JSON document.
    """

    __slots__ = (
        "_collector", "_kinds", "_metadata", "_name", "_parser", "_parts", "_place", "_prefix", "_related", "_sink",
        "_value",
    )  # fmt: skip

    def __init__(
        self,
        collector: Collector,
        kinds: KindTable,
        boundary: str,
        *,
        related: bool = False,
        most: int = MOST_PARTS,
    ) -> None:
        self._collector = collector
        self._kinds = kinds
        self._related = related
        self._parser = MultipartParser(boundary, lf=related, most=most)
        self._parts = 0
        self._name: str | None = None
        self._place: FormPlace | None = None
        self._value = bytearray()
        self._prefix: Prefix | None = None
        self._sink: JsonSink | None = None
        self._metadata: JsonReader | None = None

    def feed(self, data: bytes) -> None:
        """Read on."""
        for event in self._parser.feed(data):
            if isinstance(event, PartData):
                self._data(event.data)
            elif isinstance(event, PartBegin):
                self._begin(event.headers)
            else:
                self._end_part()

    def end(self) -> None:
        """The body is complete; raises TRUNCATED when the multipart is not."""
        self._parser.end()

    def give_up(self) -> None:
        """The body has no reading from here on; look at the prefix of the part that was open."""
        if self._prefix is not None:
            self._prefix.end()

    def _begin(self, headers: dict[str, bytes]) -> None:
        self._parts += 1
        self._value.clear()
        if not self._related or _is_field(headers.get("content-disposition", b"")):
            self._name = self._begin_field(headers)
        if self._related and self._parts == 1 and _is_json(headers.get("content-type", b"")):
            self._begin_metadata()
        self._prefix = Prefix(self._collector, self._kinds, self._name)

    def _begin_metadata(self) -> None:
        self._sink = JsonSink(self._collector, _NAMING)
        self._metadata = JsonReader(self._sink, one_document=True)

    def _begin_field(self, headers: dict[str, bytes]) -> str | None:
        disposition = headers.get("content-disposition")
        if disposition is None:
            raise UnreadableError(Ambiguity.BAD_SYNTAX, "a part of a form has no content disposition")
        field, filename = parse_content_disposition(disposition)
        place = self._collector.form_place(field)
        self._place = place
        if filename is not None:
            self._collector.facts.filenames.append(filename)
        if place is not None:
            fault = (
                Ambiguity.CONFLICT if filename is not None else _charset_fault(headers.get("content-type"))
            )
            if fault is not None:
                self._collector.form_fault(place, fault)
                self._place = None
        return filename

    def _data(self, data: bytes) -> None:
        if self._related and self._parts == 1:
            self._metadata_data(data)
        if self._place is not None and len(self._value) <= MOST_VALUE:
            self._value += data[: MOST_VALUE + 1]
        if self._prefix is not None:
            self._prefix.feed(data)

    def _metadata_data(self, data: bytes) -> None:
        """Metadata is JSON, whether it says so or not."""
        start = data.lstrip(_BLANK)[:1]
        if self._sink is None and start == b"{":
            self._begin_metadata()
        elif self._sink is None and start:
            self._sink = JsonSink(self._collector)
        if self._metadata is not None:
            self._metadata.feed(data)

    def _end_part(self) -> None:
        if self._metadata is not None:
            self._metadata.end()
            self._metadata = None
        if self._sink is not None and self._sink.names:
            self._name = self._sink.names.pop()
            self._collector.facts.filenames.append(self._name)
        if self._place is not None:
            if len(self._value) > MOST_VALUE:
                self._collector.form_fault(self._place, Ambiguity.TOO_LARGE)
            else:
                self._collector.form_value(self._place, bytes(self._value))
            self._place = None
        if self._prefix is not None:
            self._prefix.end()
            self._prefix = None


def _is_json(content_type: bytes) -> bool:
    try:
        kind = parse_content_type(content_type.decode("latin-1")).media_type
    except UnreadableError:
        return False
    return kind == "application/json" or kind.endswith("+json")


def _is_field(disposition: bytes) -> bool:
    """Some form parsers (multiparty) take any multipart for a form."""
    return disposition[:9].lower() == b"form-data"


def _charset_fault(content_type: bytes | None) -> Ambiguity | None:
    if content_type is None:
        return None
    try:
        parameters = parse_content_type(content_type.decode("latin-1")).parameters
    except UnreadableError as error:
        return error.ambiguity
    return None if parameters.get("charset", "utf-8").lower() in _UTF8 else Ambiguity.BAD_CHARSET
