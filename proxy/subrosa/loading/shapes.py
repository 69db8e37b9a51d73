"""What a value in a rules file may look like: each shape reads a node and tells its JSON schema.

A shape that cannot read a node tells why and gives None; its siblings are read all the same.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from subrosa.loading.faults import Fault, instead
from subrosa.loading.nodes import Mapping, Node, Scalar, Sequence, kind

type JsonSchema = dict[str, object]


@dataclass(frozen=True, slots=True)
class Spot:
    """One node and its place in its file."""

    file: str
    node: Node
    where: str = ""

    def child(self, key: str) -> "Spot":
        """The value under a key; the mapping itself where it has no such key."""
        node = self.node.entries.get(key) if isinstance(self.node, Mapping) else None
        return self if node is None else Spot(self.file, node, f"{self.where}.{key}" if self.where else key)

    def item(self, at: int) -> "Spot":
        """One item of a list, or the value itself where it stands alone."""
        if not isinstance(self.node, Sequence) or at >= len(self.node.items):
            return self
        return Spot(self.file, self.node.items[at], f"{self.where}[{at}]")

    def follow(self, path: Iterable[str | int]) -> "Spot":
        """The node at the end of a path of keys and positions."""
        spot = self
        for part in path:
            spot = spot.item(part) if isinstance(part, int) else spot.child(part)
        return spot

    def fault(self, message: str, *, warning: bool = False) -> Fault:
        """A fault of this node."""
        return Fault(self.file, self.node.line, self.node.column, self.where, message, warning)


class Shape[T](Protocol):
    """Reads one node."""

    def read(self, spot: Spot, faults: list[Fault]) -> T | None:
        """The value, or None after telling why there is none."""
        ...

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """Text, perhaps of a pattern; ``what`` says in words what to write."""

    what: str = "text"
    pattern: str = ""

    def read(self, spot: Spot, faults: list[Fault]) -> str | None:
        """The text without white space around it."""
        node = spot.node
        if not isinstance(node, Scalar) or node.null or not node.text.strip():
            faults.append(spot.fault(f"is {kind(node)}: write {self.what}"))
            return None
        if not isinstance(node.value, str):
            faults.append(spot.fault(f"`{node.text}` is no text: put quotes around it"))
            return None
        text = node.text.strip()
        if self.pattern and re.fullmatch(self.pattern, text) is None:
            faults.append(spot.fault(f"`{text}` does not fit: write {self.what}"))
            return None
        return text

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {
            "type": "string",
            **({"pattern": f"^(?:{self.pattern})$"} if self.pattern else {"minLength": 1}),
        }


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""

    def read(self, spot: Spot, faults: list[Fault]) -> bool | None:
        """The boolean."""
        value = spot.node.value if isinstance(spot.node, Scalar) else None
        if not isinstance(value, bool):
            faults.append(spot.fault(f"is {kind(spot.node)}: write true or false"))
            return None
        return value

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number, not negative."""

    most: int

    def read(self, spot: Spot, faults: list[Fault]) -> int | None:
        """The number."""
        value = spot.node.value if isinstance(spot.node, Scalar) else None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= self.most:
            faults.append(spot.fault(f"is {kind(spot.node)}: write a whole number from 0 to {self.most}"))
            return None
        return value

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {"type": "integer", "minimum": 0, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Word[T: str]:
    """One word of a closed list."""

    what: str
    parse: Callable[[str], T]
    words: tuple[str, ...]

    def read(self, spot: Spot, faults: list[Fault]) -> T | None:
        """The word."""
        node = spot.node
        if not isinstance(node, Scalar) or node.text not in self.words:
            given = node.text if isinstance(node, Scalar) else ""
            faults.append(spot.fault(f"{_shown(node)} is no {self.what}: {instead(given, self.words)}"))
            return None
        return self.parse(node.text)

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Day:
    """A date."""

    def read(self, spot: Spot, faults: list[Fault]) -> str | None:
        """The date as ISO text."""
        text = spot.node.text if isinstance(spot.node, Scalar) else ""
        try:
            date.fromisoformat(text)
        except ValueError:
            text = ""
        if len(text) != len("2026-11-23"):
            faults.append(spot.fault(f"{_shown(spot.node)} is no date: write it as 2026-11-23"))
            return None
        return text

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {"type": "string", "format": "date"}


@dataclass(frozen=True, slots=True)
class ListOf[T]:
    """A list; ``partial`` leaves out the items that cannot be read, so that the others are still looked at."""

    of: Shape[T]
    what: str
    least: int = 1
    partial: bool = False

    def read(self, spot: Spot, faults: list[Fault]) -> tuple[T, ...] | None:
        """The items."""
        if not isinstance(spot.node, Sequence):
            faults.append(spot.fault(f"is {kind(spot.node)}: write a list of {self.what}"))
            return None
        if len(spot.node.items) < self.least:
            faults.append(
                spot.fault(f"is an empty list: write at least one of {self.what}, or leave the key away")
            )
            return None
        read = [self.of.read(spot.item(at), faults) for at in range(len(spot.node.items))]
        items = tuple(item for item in read if item is not None)
        return items if self.partial or len(items) == len(read) else None

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {
            "type": "array",
            "items": self.of.schema(),
            **({"minItems": self.least} if self.least else {}),
        }


@dataclass(frozen=True, slots=True)
class Some[T]:
    """One value or a list of them."""

    of: Shape[T]
    what: str

    def read(self, spot: Spot, faults: list[Fault]) -> tuple[T, ...] | None:
        """The values."""
        if isinstance(spot.node, Sequence):
            return ListOf(self.of, self.what).read(spot, faults)
        one = self.of.read(spot, faults)
        return None if one is None else (one,)

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        one = self.of.schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


@dataclass(frozen=True, slots=True)
class MapOf[T]:
    """A mapping from names to values; ``name`` gives the canonical form of a name, or raises what to write."""

    of: Shape[T]
    what: str
    name: Callable[[str], str] = str

    def read(self, spot: Spot, faults: list[Fault]) -> dict[str, T] | None:
        """The values by name; names that cannot be read are told and left out."""
        if not isinstance(spot.node, Mapping) or not spot.node.entries:
            faults.append(spot.fault(f"is {kind(spot.node)}: write a mapping from {self.what}"))
            return None
        found: dict[str, T] = {}
        whole = True
        for name, key in spot.node.keys.items():
            value = self.of.read(spot.child(name), faults)
            try:
                canonical = self.name(name)
            except ValueError as error:
                faults.append(Fault(spot.file, key.line, key.column, spot.where, str(error)))
                whole = False
                continue
            whole = whole and value is not None
            if value is not None:
                found[canonical] = value
        return found if whole else None

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {"type": "object", "additionalProperties": self.of.schema(), "minProperties": 1}


@dataclass(frozen=True, slots=True)
class Tree:
    """Any value, read later: a condition, a JSON body; ``ref`` names its schema among the file's `$defs`."""

    ref: str = ""

    def read(self, spot: Spot, _faults: list[Fault]) -> Spot | None:
        """The node itself."""
        return spot

    def schema(self) -> JsonSchema:
        """Its JSON schema."""
        return {"$ref": f"#/$defs/{self.ref}"} if self.ref else {}


def _shown(node: Node) -> str:
    return f"`{node.text}`" if isinstance(node, Scalar) and not node.null else kind(node)
