"""The first octets of a body or part, kept until recognisers have looked at them."""

from subrosa.content.collect import Collector
from subrosa.content.kinds import PREFIX, KindTable
from subrosa.content.marks import is_sealed, marks_in
from subrosa.content.shapes import PREFIX as SHAPE_PREFIX
from subrosa.content.shapes import find_shapes
from subrosa.content.unwrap import layers
from subrosa.facts.body import KindFound


class Prefix:
    """Feeds recognisers once enough has come: kinds after 4 KiB, dataset shapes after 64 KiB, both at ``end``."""

    __slots__ = ("_buffer", "_collector", "_kinds", "_name", "kinds_open", "shapes_open")

    def __init__(self, collector: Collector, kinds: KindTable, name: str | None = None) -> None:
        self._collector = collector
        self._kinds = kinds
        self._name = name
        self._buffer = bytearray()
        self.kinds_open = collector.want.kinds
        self.shapes_open = collector.want.shapes
        if name is not None and self.kinds_open:
            add_kinds(collector, kinds.by_name(name))

    def feed(self, data: bytes) -> None:
        """Take what is still missing of the prefix."""
        if not (self.kinds_open or self.shapes_open):
            return
        most = SHAPE_PREFIX if self.shapes_open else PREFIX
        self._buffer += data[: most - len(self._buffer)]
        if self.kinds_open and len(self._buffer) >= PREFIX:
            self._look_for_kinds()
        if self.shapes_open and len(self._buffer) >= SHAPE_PREFIX:
            self._look_for_shapes()
        self._let_go()

    def end(self) -> None:
        """Nothing more comes; look at what is there."""
        if self.kinds_open:
            self._look_for_kinds()
        if self.shapes_open:
            self._look_for_shapes()
        self._let_go()

    def _look_for_kinds(self) -> None:
        self.kinds_open = False
        facts, sealed = self._collector.facts, False
        for depth, (name, inner) in enumerate(layers(bytes(self._buffer[:PREFIX]), self._name, PREFIX)):
            if depth and name is not None:
                add_kinds(self._collector, self._kinds.by_name(name))
            found = self._kinds.by_prefix(inner)
            add_kinds(self._collector, found)
            facts.marks.extend(mark for mark in marks_in(inner) if mark not in facts.marks)
            sealed = not found and is_sealed(inner)
        facts.opaque = facts.opaque or sealed

    def _look_for_shapes(self) -> None:
        self.shapes_open = False
        shapes = self._collector.facts.shapes
        shapes.extend(shape for shape in find_shapes(bytes(self._buffer), self._name) if shape not in shapes)

    def _let_go(self) -> None:
        if not (self.kinds_open or self.shapes_open):
            self._buffer.clear()


def add_kinds(collector: Collector, found: list[KindFound]) -> None:
    """Record recognitions, each once."""
    kinds = collector.facts.kinds
    kinds.extend(kind for kind in found if kind not in kinds)
