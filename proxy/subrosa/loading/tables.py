"""From the forms of tags.yaml and content/ to the tables that read tags and recognise kinds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import re2

from subrosa.content.kinds import KindTable, Recogniser
from subrosa.facts.body import Kind
from subrosa.facts.tags import (
    FormCarrier,
    HeaderCarrier,
    JsonCarrier,
    QueryCarrier,
    TagTable,
    Vocabulary,
    XmlCarrier,
    canonical,
)
from subrosa.loading.faults import Fault
from subrosa.loading.forms import (
    ContentForm,
    FormTagForm,
    HeaderTagForm,
    QueryTagForm,
    RecogniserForm,
    TagsForm,
    VocabularyForm,
)
from subrosa.loading.shapes import Spot

type NamedForm = HeaderTagForm | QueryTagForm | FormTagForm


@dataclass(frozen=True, slots=True)
class TagFile:
    """One tags.yaml."""

    form: TagsForm
    builtin: bool


def build_tags(files: Iterable[TagFile], faults: list[Fault]) -> TagTable:
    """One table of all files, the shipped one first; a user's file adds carriers and terms and changes none."""
    merged = _Merged(faults)
    for file in files:
        merged.add(file)
    words = {
        "compound": _words(merged.vocabularies, lambda form: form.compound),
        "bare": _words(merged.vocabularies, lambda form: form.bare),
        "purpose_keys": _words(merged.vocabularies, lambda form: form.purpose_keys),
        "companions": _words(merged.vocabularies, lambda form: form.companions),
        "protected": _words(merged.vocabularies, lambda form: form.protected),
        "content_keys": _words(merged.vocabularies, lambda form: form.content_keys),
        "content_values": _words(merged.vocabularies, lambda form: form.content_values),
    }
    return TagTable(
        headers=tuple(merged.headers),
        queries=tuple(merged.queries),
        forms=tuple(merged.forms),
        json=tuple(merged.json),
        xml=tuple(merged.xml),
        vocabulary=Vocabulary(**words),
    )


class _Merged:
    """The carriers of all files so far, and which names are taken."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.headers: list[HeaderCarrier] = []
        self.queries: list[QueryCarrier] = []
        self.forms: list[FormCarrier] = []
        self.json: list[JsonCarrier] = []
        self.xml: list[XmlCarrier] = []
        self.vocabularies: list[VocabularyForm] = []
        self._taken: dict[str, str] = {}
        self._shipped: list[tuple[str, str]] = []

    def add(self, file: TagFile) -> None:
        """Add one file's carriers and words."""
        shipped = () if file.builtin else tuple(self._shipped)
        if file.form.vocabulary is not None:
            _check_words(file.form.vocabulary, self.faults)
            self.vocabularies.append(file.form.vocabulary)
        carriers = file.form.carriers
        if carriers is None:
            return
        for header in carriers.headers:
            if self._sound("header", header, shipped, file):
                self.headers.append(HeaderCarrier(**_named("header", header)))
        for query in carriers.query:
            if self._sound("query", query, shipped, file):
                self.queries.append(QueryCarrier(**_named("param", query)))
        for form in carriers.forms:
            if self._sound("form", form, shipped, file):
                self.forms.append(FormCarrier(**_named("field", form)))
        for place in carriers.json:
            if self._free(f"json:{place.path.casefold()}", place.spot.child("path")):
                self.json.append(JsonCarrier(path=place.path.casefold(), key=place.tag_key or None))
        for document in carriers.xml:
            if self._free(f"xml:{document.root}", document.spot.child("root")):
                self.xml.append(XmlCarrier(root=document.root))

    def _sound(self, place: str, form: NamedForm, shipped: tuple[tuple[str, str], ...], file: TagFile) -> bool:
        if bool(form.exact) == bool(form.prefix):
            self.faults.append(form.spot.fault("write one name, or `prefix` for all names that begin so"))
            return False
        name = (form.exact or form.prefix).lower()
        for other_place, prefix in shipped:
            if other_place == place and name.startswith(prefix):
                message = f"`{name}` is a shipped carrier already (`{prefix}`): it cannot be read in another way"
                self.faults.append(form.spot.fault(message))
                return False
        if form.prefix and file.builtin:
            self._shipped.append((place, name))
        return self._free(f"{place}:{name}{'*' if form.prefix else ''}", form.spot)

    def _free(self, name: str, spot: Spot) -> bool:
        first = self._taken.get(name)
        if first is not None:
            self.faults.append(spot.fault(f"`{name}` is a carrier already, in {first}"))
            return False
        self._taken[name] = f"{spot.file}:{spot.node.line}"
        return True


def _named(key: str, form: NamedForm) -> dict[str, object]:
    name = {key: form.exact.lower()} if form.exact else {"prefix": form.prefix.lower()}
    return {**name, "format": form.format}


def _words(forms: Iterable[VocabularyForm], of: Callable[[VocabularyForm], tuple[str, ...]]) -> frozenset[str]:
    return frozenset(word for form in forms for word in of(form))


def _check_words(form: VocabularyForm, faults: list[Fault]) -> None:
    """Tell terms that are nothing once they are canonical."""
    for name in ("compound", "bare", "purpose_keys", "companions", "protected", "content_keys", "content_values"):
        spot = form.spot.child(name)
        words: tuple[str, ...] = getattr(form, name)
        faults += (spot.item(at).fault(f"`{word}` holds no letter or digit") for at, word in enumerate(words) if not canonical(word))


def build_kinds(files: Iterable[ContentForm], faults: list[Fault]) -> KindTable:
    """One table of all recognisers."""
    first: dict[str, str] = {}
    sound: list[Recogniser] = []
    for form in files:
        for one in form.recognisers:
            before = len(faults)
            if one.id in first:
                faults.append(one.spot.child("id").fault(f"recogniser `{one.id}` stands in {first[one.id]} already"))
            first.setdefault(one.id, f"{one.spot.file}:{one.spot.node.line}")
            if not (one.names or one.magic or one.text):
                faults.append(one.spot.fault("recognises nothing: write names, magic or text"))
            for at, pattern in enumerate(one.names):
                _check_pattern(pattern, one.spot.child("names").item(at), faults)
            if one.text:
                _check_pattern(one.text, one.spot.child("text"), faults)
            if len(faults) == before:
                sound.append(_recogniser(one, form.kind))
    return KindTable(sound)


def _recogniser(form: RecogniserForm, kind: Kind) -> Recogniser:
    return Recogniser(
        id=form.id,
        kind=kind,
        meeting=form.says == "meeting",
        names=form.names,
        magic=tuple((magic.at, bytes.fromhex(magic.hex)) for magic in form.magic),
        text=form.text or None,
    )


def _check_pattern(pattern: str, spot: Spot, faults: list[Fault]) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        told = error.args[0]
        reason = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        faults.append(spot.fault(f"`{pattern}` is no RE2 expression: {reason}"))
