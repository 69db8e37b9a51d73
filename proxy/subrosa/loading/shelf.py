"""All files of the rules directories, read into forms: what stands where, before anything is built from it."""

from dataclasses import dataclass, field

from subrosa.loading.faults import Fault, instead
from subrosa.loading.files import File
from subrosa.loading.form import Form, Nested
from subrosa.loading.forms import DestinationForm, RulesForm
from subrosa.loading.nodes import Mapping, Node, kind, read
from subrosa.loading.shapes import Spot
from subrosa.loading.tableforms import ContentForm, TagsForm

_KNOWN_BY: dict[str, type[Form]] = {
    "provider": DestinationForm,
    "operations": DestinationForm,
    "kind": ContentForm,
    "recognisers": ContentForm,
    "carriers": TagsForm,
    "vocabulary": TagsForm,
    "rules": RulesForm,
    "profile": RulesForm,
    "reclassify": RulesForm,
}
"""The top-level keys that tell what a file is, in this order, wherever it stands."""


@dataclass(frozen=True, slots=True)
class Shelved[F: Form]:
    """One file as a form."""

    file: File
    form: F


@dataclass(slots=True)
class Shelf:
    """Every file that is no test, by what it is, and its plain content for the digest."""

    destinations: list[Shelved[DestinationForm]] = field(default_factory=list)
    rules: list[Shelved[RulesForm]] = field(default_factory=list)
    tags: list[Shelved[TagsForm]] = field(default_factory=list)
    contents: list[Shelved[ContentForm]] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)

    def put(self, file: File, faults: list[Fault]) -> None:
        """Read one file; faults are told, and the file is left out when it has no form."""
        node = read(file.octets, file.shown, faults)
        if node is None:
            return
        self.nodes[file.name] = node
        form = _form_of(file, node, faults)
        if form is None:
            return
        read_form: Form | None = Nested(form).read(Spot(file.shown, node), faults)
        match read_form:
            case DestinationForm():
                _check_stem(file, read_form.spot, "provider", read_form.provider, faults)
                self.destinations.append(Shelved(file, read_form))
            case RulesForm():
                if read_form.profile is not None:
                    _check_stem(file, read_form.spot, "profile", read_form.profile, faults)
                self.rules.append(Shelved(file, read_form))
            case TagsForm():
                self.tags.append(Shelved(file, read_form))
            case ContentForm():
                self.contents.append(Shelved(file, read_form))


def _form_of(file: File, node: Node, faults: list[Fault]) -> type[Form] | None:
    spot = Spot(file.shown, node)
    if not isinstance(node, Mapping):
        faults.append(
            spot.fault(
                f"is {kind(node)}: a rules file is a mapping that holds `rules`, `provider` or the like"
            )
        )
        return None
    for name, form in _KNOWN_BY.items():
        if name in node.entries:
            return form
    first = next(iter(node.entries), "")
    faults.append(
        spot.fault(f"nothing tells what this file holds, `{first}` does not: {instead(first, _KNOWN_BY)}")
    )
    return None


def _check_stem(file: File, spot: Spot, key: str, given: str, faults: list[Fault]) -> None:
    if file.stem != given:
        faults.append(
            spot.child(key).fault(
                f"`{given}` is not the file's name: write `{file.stem}`, or rename the file"
            )
        )
