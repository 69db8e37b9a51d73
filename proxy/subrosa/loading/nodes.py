"""YAML text as nodes that know their line and column; stricter than YAML.

Refused: duplicate keys, anchors and aliases, tags, keys that are no plain text, a second document, a byte
order mark in the middle, depth beyond `MOST_DEPTH`. Plain `true`, `false`, `null` and JSON's numbers have
their JSON meaning; every other scalar is text (`no` and `2026-11-23` too).
"""

import re
from dataclasses import dataclass, field

import yaml

from subrosa.facts.quoting import quoted
from subrosa.loading.faults import Fault

MOST_DEPTH = 32
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NULL = frozenset({"", "~", "null"})


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, number, boolean or null; ``text`` is the spelling in the file."""

    line: int
    column: int
    text: str
    quoted: bool = True

    @property
    def null(self) -> bool:
        """Whether it is YAML's null."""
        return not self.quoted and self.text in _NULL

    @property
    def value(self) -> str | int | float | bool | None:
        """The JSON value that it stands for."""
        if self.quoted:
            return self.text
        if self.text in _NULL:
            return None
        if self.text in ("true", "false"):
            return self.text == "true"
        if _NUMBER.fullmatch(self.text):
            return int(self.text) if self.text.lstrip("-").isdigit() else float(self.text)
        return self.text


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: "list[Node]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping from text; ``keys`` holds the scalars that name the entries."""

    line: int
    column: int
    entries: "dict[str, Node]" = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)


type Node = Scalar | Sequence | Mapping


def kind(node: Node) -> str:
    """What a node is, for people."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.null else f"`{node.text}`"


def plain(node: Node) -> object:
    """The node as JSON's plain data."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def read(octets: bytes, file: str, faults: list[Fault]) -> Node | None:
    """The one document of a file, or None after telling what is wrong with it."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        faults.append(Fault(file, line, 1, "", "is not UTF-8: write the file in UTF-8"))
        return None
    builder = _Builder(file, faults)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        faults.append(Fault(file, line, column, "", f"is not YAML: {error.problem or error.context}"))
        return None
    except yaml.YAMLError as error:
        line, column = _counted(text, getattr(error, "position", 0))
        faults.append(Fault(file, line, column, "", f"is not YAML: {str(error).splitlines()[0]}"))
        return None
    if builder.root is None and not builder.broken:
        faults.append(Fault(file, 1, 1, "", "is empty: write at least one entry, or remove the file"))
    return None if builder.broken else builder.root


@dataclass(slots=True)
class _Open:
    """A collection that is being filled; ``key`` waits for its value."""

    node: Sequence | Mapping
    key: Scalar | None = None
    drop: bool = False


@dataclass(slots=True)
class _Builder:
    file: str
    faults: list[Fault]
    root: Node | None = None
    broken: bool = False
    stack: list[_Open] = field(default_factory=list)
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take one event of the parser."""
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self._tell(event, "holds a second document: one file is one document")
                    self.broken = True
            case yaml.AliasEvent():
                self._tell(event, "uses an alias: write the value out, so that each entry can be read alone")
                self._place(Scalar(*_at(event), f"*{event.anchor}"))
            case yaml.ScalarEvent():
                self._check(event)
                self._place(Scalar(*_at(event), event.value, bool(event.style)))
            case yaml.SequenceStartEvent():
                self._check(event)
                self._open(Sequence(*_at(event)))
            case yaml.MappingStartEvent():
                self._check(event)
                self._open(Mapping(*_at(event)))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self.stack.pop()

    def _check(self, event: yaml.NodeEvent | yaml.CollectionStartEvent | yaml.ScalarEvent) -> None:
        if event.anchor is not None:
            self._tell(event, f"sets an anchor `&{event.anchor}`: write the value out where it is needed")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._tell(event, f"has a tag {quoted(tag)}: leave it away, the key says what the value is")

    def _open(self, node: Sequence | Mapping) -> None:
        self._place(node)
        self.stack.append(_Open(node))
        if len(self.stack) == MOST_DEPTH + 1:
            self.faults.append(
                Fault(self.file, node.line, node.column, "", f"is nested deeper than {MOST_DEPTH}")
            )
            self.broken = True

    def _place(self, node: Node) -> None:
        if not self.stack:
            self.root = node if self.root is None else self.root
            return
        top = self.stack[-1]
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
        elif top.key is None and not top.drop:
            self._take_key(top, node)
        else:
            if top.key is not None:
                top.node.entries[top.key.text] = node
                top.node.keys[top.key.text] = top.key
            top.key, top.drop = None, False

    def _take_key(self, top: _Open, node: Node) -> None:
        if not isinstance(top.node, Mapping):
            return
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.text:
            message = f"{kind(node)} is no key: a key is text; put quotes around it"
            self.faults.append(Fault(self.file, node.line, node.column, "", message))
            top.drop = True
            return
        first = top.node.keys.get(node.text)
        if first is not None:
            message = f"key `{node.text}` is given twice: it stands in line {first.line} already"
            self.faults.append(Fault(self.file, node.line, node.column, "", message))
            top.drop = True
            return
        top.key = node

    def _tell(self, event: yaml.Event, message: str) -> None:
        self.faults.append(Fault(self.file, *_at(event), "", message))


def _at(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _counted(text: str, position: int) -> tuple[int, int]:
    """Line and column of a character, for the errors of YAML that name only its position."""
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")
