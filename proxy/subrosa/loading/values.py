"""The values of discriminating fields, and the canonical names of the places where they stand."""

import re
from dataclasses import dataclass

from subrosa.facts.paths import fold_name
from subrosa.loading.faults import Fault
from subrosa.loading.nodes import Node, Scalar, Sequence, kind
from subrosa.loading.shapes import JsonSchema, Spot

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_JSON_PATH = re.compile(r"(?:\[\]|[^.\[\]*]+|\*)(?:\[\])*(?:\.(?:[^.\[\]*]+|\*)(?:\[\])*)*")


@dataclass(frozen=True, slots=True)
class Values:
    """Values as spelled in the file; ``absent`` counts a field that is not given."""

    given: tuple[str, ...]
    absent: bool = False

    @property
    def folded(self) -> frozenset[str]:
        """The canonical values that a discriminator compares with."""
        return frozenset(value.strip().casefold() for value in self.given)


class _Values:
    """Text, number, boolean, `null` (absent), or a list of them."""

    def read(self, spot: Spot, faults: list[Fault]) -> Values | None:
        """The values."""
        alone = not isinstance(spot.node, Sequence)
        nodes: list[Node] = [spot.node] if isinstance(spot.node, Scalar) else []
        if isinstance(spot.node, Sequence):
            nodes = spot.node.items
        if not nodes:
            faults.append(spot.fault(f"is {kind(spot.node)}: write a value or a list of values"))
            return None
        given: list[str] = []
        absent = False
        for at, node in enumerate(nodes):
            here = spot if alone else spot.item(at)
            if not isinstance(node, Scalar):
                faults.append(here.fault(f"is {kind(node)}: write text, a number, true, false or null"))
                return None
            if node.null:
                absent = True
            elif "*" in node.text[:-1]:
                faults.append(
                    here.fault(f"`{node.text}` has a `*` inside: one `*` at the end matches by prefix")
                )
                return None
            else:
                given.append(node.text)
        return Values(tuple(given), absent)

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        one: JsonSchema = {"type": ["string", "number", "boolean", "null"]}
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


VALUES = _Values()


def header_name(name: str) -> str:
    """A header field's name in lower case."""
    folded = name.lower()
    if _TOKEN.fullmatch(folded) is None:
        raise ValueError(f"`{name}` is no header field name")
    return folded


def field_name(name: str) -> str:
    """A form field's name as the most lenient server reads it."""
    folded = fold_name(name)
    if not folded:
        raise ValueError(f"`{name}` is no form field name")
    return folded


def json_path(path: str) -> str:
    """A dotted path in lower case."""
    if _JSON_PATH.fullmatch(path) is None:
        raise ValueError(
            f"`{path}` is no path: write keys with dots between, `[]` for any index, `*` for any key"
        )
    return path.casefold()
