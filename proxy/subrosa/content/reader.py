"""One body, from its octets on the wire to its facts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from subrosa.content.cbor import CborReader
from subrosa.content.coding import CodingLimits, Decoder
from subrosa.content.collect import Collector
from subrosa.content.embedded import Embedded
from subrosa.content.form import FormReader
from subrosa.content.graphqlbody import DocumentReader, is_document
from subrosa.content.jsonfields import JsonReader
from subrosa.content.jsonsink import JsonSink
from subrosa.content.kinds import KindTable
from subrosa.content.labels import SNIFFED, Doubt, Label, disagree, read_label, sniff
from subrosa.content.mislabelled import JsonAsForm
from subrosa.content.multipart import MOST_PARTS
from subrosa.content.parts import PartsReader
from subrosa.content.prefix import Prefix
from subrosa.content.xmlfields import XmlReader
from subrosa.facts.body import BodyFacts, Form, Want
from subrosa.facts.tags import TagTable
from subrosa.facts.unreadable import Ambiguity, UnreadableError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderLimits:
    """The bounds of one body that a deployment may change."""

    coding: CodingLimits = field(default_factory=CodingLimits)
    parts: int = MOST_PARTS


DEFAULT_LIMITS: Final = ReaderLimits()
_LONGEST_STRETCH: Final = 64 * 1024


class _Reader(Protocol):
    def feed(self, data: bytes, /) -> None: ...

    def end(self) -> None: ...


class BodyReader:
    """Reads one body: undoes its codings, settles its form, collects what ``want`` asks for into ``facts``.

    ``content_type`` is the one Content-Type line, or None; ``codings`` are the content codings in the order in
    which they were applied. ``object_name`` is the name under which a store will keep the body; ``object_body`` says
    that the body is that object itself, so that nothing in it is a field or a tag. ``doubt`` says which labels are
    not believed where they hide what is in the body. ``enough`` is asked at fixed
    offsets of the decoded body whether to read on: what is known by then, like all that is found, does not depend
    on how the octets are cut into ``feed`` calls or were coded. Never raises for what is in a body: that is
    ``facts.unreadable``.
    """

    __slots__ = (
        "_collector", "_decoder", "_embedded", "_enough", "_head", "_kinds", "_label", "_most_parts", "_parts",
        "_prefix", "_reader", "_settled", "_sniffed", "_stopped", "_taken", "_until", "done", "facts",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - each is a fact of its own; the policy names them
        self,
        content_type: str | None,
        codings: Iterable[str],
        want: Want,
        tags: TagTable,
        kinds: KindTable,
        limits: ReaderLimits = DEFAULT_LIMITS,
        *,
        object_name: str | None = None,
        object_body: bool = False,
        doubt: Doubt = Doubt.NONE,
        enough: Callable[[], bool] | None = None,
    ) -> None:
        self.facts = BodyFacts()
        self.done = not want
        """Nothing of what is wanted can still come; ``feed`` then drops what it gets."""
        self._collector = Collector(self.facts, want, tags)
        self._kinds = kinds
        self._most_parts = limits.parts
        self._embedded = Embedded(self._collector, kinds)
        self._prefix = Prefix(self._collector, kinds, object_name)
        self._head = bytearray()
        self._label = Label(Form.OPAQUE)
        self._settled = True
        self._sniffed = False
        self._enough = enough
        self._stopped = False
        self._taken, self._until = 0, SNIFFED
        self._reader: _Reader | None = None
        self._parts: PartsReader | None = None
        self._decoder: Decoder | None = None
        try:
            if not object_body:
                whole = want.document and is_document(content_type)
                self._label = Label(Form.GRAPHQL) if whole else read_label(content_type, doubt)
                self._settled = self._label.form is Form.OPAQUE
            if self._settled:
                self.facts.form = Form.OPAQUE
            self._decoder = Decoder(codings, limits.coding)
        except UnreadableError as error:
            self._unreadable(error)
            if self._decoder is None:
                self._prefix.end()
        self._update()

    def feed(self, data: bytes) -> None:
        """Take the next octets of the body as sent, in any amount."""
        if not self.done and self._decoder is not None:
            self._drain(self._decoder.feed(data))
            self._ask_once_done()

    def end(self) -> None:
        """The body is complete: every fact is closed, and a body that is not complete is unreadable."""
        if not self.done and self._decoder is not None:
            self._drain(self._decoder.end())
        self._ask_if_enough()
        if self._stopped:
            return
        if not self.done and not self._settled:
            self._settle(bytes(self._head))
        if self._reader is not None:
            self._ask(self._reader.end)
        if self._parts is None:
            self._prefix.end()
        self._embedded.hand_over()
        if self._reader is not None and self._sniffed:
            self.facts.form = self._label.form
        self.done = True
        facts = self.facts
        facts.closed = facts.tags_closed = facts.kinds_closed = facts.shapes_closed = True

    def _drain(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                at = 0
                while at < len(piece) and not self.done:
                    stretch = piece[at : at + self._until - self._taken]
                    at += len(stretch)
                    self._take_in(stretch)
                if self.done:
                    return
        except UnreadableError as error:
            self._lose_reader()
            self._decoder = None
            self._unreadable(error)
            if not self._settled:
                self._prefix.feed(bytes(self._head))
            self._prefix.end()
            self._update()

    def _take_in(self, stretch: bytes) -> None:
        """Decoded octets up to the next offset at which there may be enough: 1 KiB, each doubling, each 64 KiB."""
        if self._settled:
            self._take(stretch)
        else:
            self._head += stretch
            if len(self._head) >= SNIFFED:
                self._settle(bytes(self._head))
        self._taken += len(stretch)
        if self._taken == self._until:
            self._until += min(self._until, _LONGEST_STRETCH)
            self._ask_if_enough()

    def _ask_once_done(self) -> None:
        if self.done:
            self._ask_if_enough()

    def _ask_if_enough(self) -> None:
        self._embedded.hand_over()
        if self._enough is not None and self._settled and not self._stopped:
            self._stopped = self._enough()
            self.done = self.done or self._stopped

    def _settle(self, head: bytes) -> None:
        """Label and first octets decide how the body is read."""
        self._settled = True
        self._head.clear()
        looks = sniff(head[:SNIFFED])
        label = self._label.form
        if not head:
            self.facts.form = Form.NONE
        elif label is None:
            self._sniffed = True
            self.facts.looks = None if self._label.parts else looks
            if looks is Form.MULTIPART and self._collector.want.form:
                self._unreadable(UnreadableError(Ambiguity.LABEL_MISMATCH, "a multipart without its label"))
            else:
                self._label = Label(looks, lines=True)
                self._reader = self._new_reader(looks)
                if self._reader is None:
                    self.facts.form = Form.OPAQUE
        elif (
            label is Form.URLENCODED
            and looks is Form.JSON
            and not (self._collector.want.form or self._collector.want.json)
        ):
            self.facts.form = Form.JSON
            json = JsonReader(JsonSink(self._collector, embedded=self._embedded), one_document=False)
            self._reader = JsonAsForm(json, FormReader(self._collector, strict=False))
        elif disagree(label, looks):
            self._unreadable(
                UnreadableError(Ambiguity.LABEL_MISMATCH, f"labelled {label}, but it looks like {looks}")
            )
        else:
            self.facts.form = label
            self._reader = self._new_reader(label)
        self._take(head)

    def _new_reader(self, form: Form) -> _Reader | None:
        """The reader of a form, or None where nothing that is wanted can be in it."""
        want, tags = self._collector.want, self._collector.tags
        if form in {Form.MULTIPART, Form.RELATED} and self._label.boundary:
            self._parts = PartsReader(
                self._collector,
                self._kinds,
                self._label.boundary,
                related=form is Form.RELATED,
                most=self._most_parts,
            )
            return self._parts
        if form is Form.URLENCODED and (want.form or (want.tags and tags.forms)):
            return FormReader(self._collector, strict=self._sniffed)
        if form is Form.GRAPHQL:
            return DocumentReader(self._collector)
        if form is Form.XML and want.tags and tags.xml:
            return XmlReader(self._collector)
        return self._new_tree_reader(form)

    def _new_tree_reader(self, form: Form) -> _Reader | None:
        want, tags = self._collector.want, self._collector.tags
        if not (want.json or want.references or (want.tags and tags.json)):
            return None
        if form is Form.JSON:
            sink = JsonSink(self._collector, embedded=self._embedded)
            return JsonReader(sink, one_document=not self._label.lines)
        return CborReader(JsonSink(self._collector), self._embedded) if form is Form.CBOR else None

    def _take(self, piece: bytes) -> None:
        """One decoded piece, once the form is settled."""
        if self._parts is None:
            self._prefix.feed(piece)
        if self._reader is not None:
            self._ask(partial(self._reader.feed, piece))
        if isinstance(self._reader, XmlReader) and self._reader.done:
            self.facts.form = Form.XML
            self._reader = None
        self._update()

    @property
    def _holds_content(self) -> bool:
        """Whether fields of the body may be content themselves."""
        return isinstance(self._reader, JsonReader | JsonAsForm | CborReader)

    def _ask(self, step: Callable[[], None]) -> None:
        """Let the reader go on; what it cannot read makes a labelled body unreadable and an unlabelled one opaque."""
        try:
            step()
        except UnreadableError as error:
            self._lose_reader()
            if self._sniffed:
                self.facts.form = Form.OPAQUE
            else:
                self._unreadable(error)

    def _lose_reader(self) -> None:
        if self._parts is not None:
            self._parts.give_up()
        self._reader = None

    def _unreadable(self, error: UnreadableError) -> None:
        if self.facts.unreadable is None:
            self.facts.unreadable, self.facts.detail = error.ambiguity, error.detail

    def _update(self) -> None:
        """Close what can no longer grow."""
        facts = self.facts
        reading = self._decoder is not None and (not self._settled or self._reader is not None)
        files = reading and (not self._settled or self._parts is not None or self._holds_content)
        beginning = self._prefix if self._parts is None else None
        facts.tags_closed = not (reading and self._collector.want.tags)
        facts.kinds_closed = not (files or (beginning is not None and beginning.kinds_open))
        facts.shapes_closed = not (files or (beginning is not None and beginning.shapes_open))
        self.done = self.done or (not reading and facts.kinds_closed and facts.shapes_closed)
