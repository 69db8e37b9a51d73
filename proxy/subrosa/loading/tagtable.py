"""From the forms of tags.yaml to the table that reads tags; users' files add to the shipped one and change nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from subrosa.facts.tags import (
    FormCarrier,
    HeaderCarrier,
    JsonCarrier,
    QueryCarrier,
    TagFormat,
    TagTable,
    Vocabulary,
    XmlCarrier,
    canonical,
)
from subrosa.loading.faults import Fault
from subrosa.loading.shapes import Spot
from subrosa.loading.tableforms import (
    CarriersForm,
    FormTagForm,
    HeaderTagForm,
    QueryTagForm,
    TagsForm,
    VocabularyForm,
)

type NamedForm = HeaderTagForm | QueryTagForm | FormTagForm
type Named = tuple[str | None, str | None, TagFormat]
"""An exact name or a prefix, both in lower case, and the format."""

_NEGATIONS = frozenset({"no", "non", "not", "never"})
_LISTS = (
    "compound",
    "bare",
    "purpose_keys",
    "companions",
    "naming_keys",
    "protected",
    "content_keys",
    "content_values",
)


@dataclass(frozen=True, slots=True)
class TagFile:
    """One tags.yaml."""

    form: TagsForm
    builtin: bool


def build_tags(files: Iterable[TagFile], faults: list[Fault]) -> TagTable:
    """One table of all files, in the order in which they are given: the shipped one first."""
    files = tuple(files)
    names = _Names(faults)
    carriers = [(file.builtin, file.form.carriers) for file in files if file.form.carriers is not None]
    words = [file.form.vocabulary for file in files if file.form.vocabulary is not None]
    for form in words:
        _check_words(form, faults)
    _check_naming(files, faults)
    _check_protected(files, faults)
    headers = [
        row for builtin, form in carriers for row in names.take("header", form.headers, builtin=builtin)
    ]
    queries = [row for builtin, form in carriers for row in names.take("query", form.query, builtin=builtin)]
    forms = [row for builtin, form in carriers for row in names.take("form", form.forms, builtin=builtin)]
    return TagTable(
        headers=tuple(HeaderCarrier(header=name, prefix=prefix, format=how) for name, prefix, how in headers),
        queries=tuple(QueryCarrier(param=name, prefix=prefix, format=how) for name, prefix, how in queries),
        forms=tuple(FormCarrier(field=name, prefix=prefix, format=how) for name, prefix, how in forms),
        json=tuple(one for _, form in carriers for one in names.json(form)),
        xml=tuple(one for _, form in carriers for one in names.xml(form)),
        vocabulary=Vocabulary(
            **{name: frozenset(w for form in words for w in getattr(form, name)) for name in _LISTS}
        ),
    )


class _Names:
    """Which names are taken, and by what."""

    def __init__(self, faults: list[Fault]) -> None:
        self._faults = faults
        self._taken: dict[str, str] = {}
        self._shipped: list[tuple[str, str]] = []

    def take(self, place: str, forms: Iterable[NamedForm], *, builtin: bool) -> Iterator[Named]:
        """The carriers of one file at one place; what a shipped prefix covers cannot be read in another way."""
        for form in forms:
            name = (form.exact or form.prefix).lower()
            if bool(form.exact) == bool(form.prefix):
                self._faults.append(
                    form.spot.fault("write one name, or `prefix` for all names that begin so")
                )
                continue
            covering = [
                prefix for where, prefix in self._shipped if where == place and name.startswith(prefix)
            ]
            if covering and not builtin:
                message = f"`{name}` is read by the shipped `{covering[0]}*` already: it cannot be read in another way"
                self._faults.append(form.spot.fault(message))
            elif self._free(f"{place}:{name}{'*' if form.prefix else ''}", form.spot):
                if form.prefix and builtin:
                    self._shipped.append((place, name))
                yield (name, None, form.format) if form.exact else (None, name, form.format)

    def json(self, form: CarriersForm) -> Iterator[JsonCarrier]:
        """The carriers in JSON bodies."""
        for one in form.json:
            path = one.path.casefold()
            if self._free(f"json:{path}", one.spot.child("path")):
                yield JsonCarrier(path=path, key=one.tag_key or None)

    def xml(self, form: CarriersForm) -> Iterator[XmlCarrier]:
        """The carriers in XML bodies."""
        for one in form.xml:
            if self._free(f"xml:{one.root}", one.spot.child("root")):
                yield XmlCarrier(root=one.root)

    def _free(self, name: str, spot: Spot) -> bool:
        first = self._taken.get(name)
        if first is not None:
            self._faults.append(spot.fault(f"`{name}` is a carrier already, in {first}"))
            return False
        self._taken[name] = f"{spot.file}:{spot.node.line}"
        return True


def _check_words(form: VocabularyForm, faults: list[Fault]) -> None:
    """Tell terms that are nothing once they are canonical: they would match nothing, or everything."""
    for name in _LISTS:
        words: tuple[str, ...] = getattr(form, name)
        for at, word in enumerate(words):
            if not canonical(word):
                faults.append(form.spot.child(name).item(at).fault(f"`{word}` holds no letter or digit"))


def _check_naming(files: tuple[TagFile, ...], faults: list[Fault]) -> None:
    """Tell a user's naming keys: they would take the effect of every term that stands under them."""
    for file in files:
        form = file.form.vocabulary
        if not file.builtin and form is not None and form.naming_keys:
            message = "only the shipped tags.yaml may say which keys are names: leave it away"
            faults.append(form.spot.child("naming_keys").fault(message))


def _check_protected(files: tuple[TagFile, ...], faults: list[Fault]) -> None:
    """Tell a user's term of protection that is a shipped word for training: it would take that word's effect away."""
    shipped = [file.form.vocabulary for file in files if file.builtin and file.form.vocabulary is not None]
    words = {canonical(word) for form in shipped for word in (*form.compound, *form.bare, *form.companions)}
    for file in files:
        form = file.form.vocabulary
        if file.builtin or form is None:
            continue
        for at, term in enumerate(form.protected):
            value = canonical(term.partition("=")[2] or term)
            parts = value.split("-")
            if parts[0] not in _NEGATIONS and not words.isdisjoint((value, *parts)):
                message = f"`{term}` holds a shipped word for training, which it cannot take back: begin it with `no-`"
                faults.append(form.spot.child("protected").item(at).fault(message))
