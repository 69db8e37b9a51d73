"""Where GraphQL documents stand in a body: in JSON, in a form, in the field `operations` of a multipart, or alone.

Sources: "GraphQL over HTTP" (graphql.org), the GraphQL multipart request specification, and graphql-ws' PROTOCOL.md.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from subrosa.content.collect import MOST_VALUE, Collector
from subrosa.content.jsonfields import JsonReader
from subrosa.content.jsonsink import JsonSink
from subrosa.facts.body import BodyFacts, Form, Want
from subrosa.facts.fields import parse_content_type
from subrosa.facts.tags import TagTable
from subrosa.facts.unreadable import Ambiguity, UnreadableError

MEDIA_TYPE: Final = "application/graphql"
"""A body of this type is the document itself."""
OPERATIONS: Final = "operations"
"""The form field that holds the request as JSON, beside files."""
DOCUMENTS: Final = ("query", "[].query", "payload.query")
"""The document of a request, of each request of a batch, of a message of graphql-ws."""
NAMES: Final = ("operationname", "[].operationname", "payload.operationname")
_STORED: Final = ("documentid", "doc_id", "queryid", "hash")
STORED: Final = (
    *(f"{before}{name}" for before in ("", "[].", "payload.") for name in _STORED),
    "[].id",
    "[].extensions.persistedquery.sha256hash",
)
"""What stands for a document that the server has stored; one that comes with its document is checked by the server."""
PLACES: Final = frozenset({*DOCUMENTS, *NAMES, *STORED})


@dataclass(frozen=True, slots=True)
class Given:
    """The documents of one body and the operations that it names; ``fault`` says why they have no single reading."""

    documents: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    fault: UnreadableError | None = None


NO_DOCUMENT: Final = UnreadableError(Ambiguity.BAD_SYNTAX, "a graphql request without its document")
STORED_DOCUMENT: Final = UnreadableError(Ambiguity.CONFLICT, "graphql that names a stored document")


def is_document(content_type: str | None) -> bool:
    """Whether a body of this type is a GraphQL document."""
    try:
        return content_type is not None and parse_content_type(content_type).media_type == MEDIA_TYPE
    except UnreadableError:
        return False


class DocumentReader:
    """Keeps a body that is one document."""

    __slots__ = ("_collector", "_octets")

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._octets = bytearray()

    def feed(self, data: bytes) -> None:
        """Read on; raises TOO_LARGE."""
        self._octets += data
        if len(self._octets) > MOST_VALUE:
            raise UnreadableError(Ambiguity.TOO_LARGE, "a graphql document over 64 KiB")

    def end(self) -> None:
        """Keep it whole; raises BAD_CHARSET."""
        try:
            self._collector.facts.document = self._octets.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableError(Ambiguity.BAD_CHARSET, "a graphql document that is not utf-8") from error


@lru_cache(maxsize=16)
def given_in(operations: str) -> Given:
    """What the JSON in the field `operations` says."""
    facts = BodyFacts(form=Form.JSON)
    reader = JsonReader(JsonSink(Collector(facts, Want(json=PLACES), TagTable())), one_document=True)
    try:
        reader.feed(operations.encode())
        reader.end()
    except (UnreadableError, UnicodeEncodeError) as error:
        detail = str(error) if isinstance(error, UnreadableError) else "json that is not utf-8"
        return Given(fault=UnreadableError(Ambiguity.BAD_SYNTAX, f"`{OPERATIONS}`: {detail}"))
    facts.closed = True
    return given_by(facts)


def given_by(facts: BodyFacts) -> Given:
    """What a JSON body that is closed says."""
    found: dict[tuple[str, ...], set[str]] = {DOCUMENTS: set(), NAMES: set(), STORED: set()}
    for places, values in found.items():
        for place in places:
            reading = facts.json_value(place)
            if reading.unreadable is not None:
                return Given(fault=UnreadableError(reading.unreadable, f"`{place}` has no single reading"))
            values.update(reading.values)
    if found[STORED]:
        return Given(fault=STORED_DOCUMENT)
    return Given(tuple(sorted(found[DOCUMENTS])), frozenset(found[NAMES]))
