"""Forms: a mapping of a rules file as a dataclass, whose fields say how each key is read.

The same fields give the reader, the JSON schema and the table of keys in rules/README.md.
"""

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, dataclass_transform

from subrosa.loading.faults import Fault, instead
from subrosa.loading.nodes import Mapping, kind
from subrosa.loading.shapes import JsonSchema, Shape, Spot


def key(shape: Shape[Any], about: str, *, default: object = MISSING, name: str = "") -> Any:  # noqa: ANN401
    """A field of a form: how its value is read and what it is for; required without a default."""
    metadata = {"shape": shape, "about": about, "name": name}
    if default is MISSING:
        return field(metadata=metadata)
    return (
        field(default_factory=dict, metadata=metadata)
        if default == {}
        else field(default=default, metadata=metadata)
    )


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(key,))
def form[F](cls: type[F]) -> type[F]:
    """Make a class a form: a frozen dataclass whose fields are made by `key`."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A mapping with known keys, and where it stands."""

    spot: Spot = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a form, as the table in the documentation shows it."""

    name: str
    attribute: str
    shape: Shape[Any]
    about: str
    required: bool


def keys(of: type[Form]) -> Iterator[Key]:
    """The keys of a form, in order."""
    for one in fields(of):
        if "shape" in one.metadata:
            yield _key(one)


def _key(one: Field[Any]) -> Key:
    name = one.metadata["name"] or one.name
    required = one.default is MISSING and one.default_factory is MISSING
    return Key(name, one.name, one.metadata["shape"], one.metadata["about"], required)


@dataclass(frozen=True, slots=True)
class Nested[F: Form]:
    """A mapping that is a form."""

    form: type[F]

    def read(self, spot: Spot, faults: list[Fault]) -> F | None:
        """The form, or None after telling every fault in it."""
        if not isinstance(spot.node, Mapping):
            faults.append(
                spot.fault(f"is {kind(spot.node)}: write a mapping with the keys {_names(self.form)}")
            )
            return None
        sound = True
        known = {one.name: one for one in keys(self.form)}
        given: dict[str, Any] = {}
        for name, at in spot.node.keys.items():
            if name not in known:
                message = f"unknown key `{name}`: {instead(name, known)}"
                faults.append(Fault(spot.file, at.line, at.column, spot.where, message))
                sound = False
                continue
            value = known[name].shape.read(spot.child(name), faults)
            sound = sound and value is not None
            given[known[name].attribute] = value
        missing = [one.name for one in known.values() if one.required and one.name not in spot.node.entries]
        faults += [spot.fault(f"`{name}` is missing: {known[name].about}") for name in missing]
        return self.form(spot=spot, **given) if sound and not missing else None

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        known = list(keys(self.form))
        properties = {one.name: {"description": one.about, **one.shape.schema()} for one in known}
        required = [one.name for one in known if one.required]
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


def _names(of: type[Form]) -> str:
    return ", ".join(one.name for one in keys(of))
