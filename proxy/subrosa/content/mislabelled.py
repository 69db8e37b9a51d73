"""JSON that is labelled as a form, as `curl -d '{…}'` sends it: read as both, for nobody knows how it will be taken."""

from subrosa.content.form import FormReader
from subrosa.content.jsonfields import JsonReader
from subrosa.facts.unreadable import UnreadableError


class JsonAsForm:
    """Reads JSON, and what a form parser would make of the same octets; raises for what is no JSON."""

    __slots__ = ("_form", "_json")

    def __init__(self, json: JsonReader, form: FormReader) -> None:
        self._json = json
        self._form: FormReader | None = form

    def feed(self, data: bytes, /) -> None:
        """Take the next octets."""
        self._json.feed(data)
        if self._form is not None:
            try:
                self._form.feed(data)
            except UnreadableError:
                self._form = None

    def end(self) -> None:
        """The body is complete."""
        self._json.end()
        if self._form is not None:
            try:
                self._form.end()
            except UnreadableError:
                self._form = None
