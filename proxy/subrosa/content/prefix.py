"""The first octets of a body or part, kept until recognisers have looked at them."""

from collections.abc import Iterable, Iterator

from subrosa.content.archives import Archive, Member
from subrosa.content.collect import Collector
from subrosa.content.kinds import PREFIX, KindTable
from subrosa.content.marks import is_sealed, marks_in
from subrosa.content.shapes import PREFIX as SHAPE_PREFIX
from subrosa.content.shapes import find_shapes
from subrosa.content.unwrap import layers
from subrosa.facts.body import KindFound


class Prefix:
    """Feeds recognisers once enough has come: kinds after 4 KiB, dataset shapes after 64 KiB, both at ``end``.

    In an archive kinds stay open to its end: each member may be one.
    """

    __slots__ = ("_archive", "_buffer", "_collector", "_kinds", "_name", "kinds_open", "shapes_open")

    def __init__(self, collector: Collector, kinds: KindTable, name: str | None = None) -> None:
        self._collector = collector
        self._kinds = kinds
        self._name = name
        self._buffer = bytearray()
        self._archive: Archive | None = None
        self.kinds_open = collector.want.kinds
        self.shapes_open = collector.want.shapes
        if name is not None and self.kinds_open:
            add_kinds(collector, kinds.by_name(name))

    def feed(self, data: bytes) -> None:
        """Take what is still missing of the prefix, and all of an archive."""
        if not (self.kinds_open or self.shapes_open):
            return
        room = max(0, (SHAPE_PREFIX if self.shapes_open else PREFIX) - len(self._buffer))
        self._buffer += data[:room]
        if self._archive is not None:
            self._look_into(self._archive, data)
        elif self.kinds_open and len(self._buffer) >= PREFIX:
            self._look_for_kinds(data[room:])
        if self.shapes_open and len(self._buffer) >= SHAPE_PREFIX:
            self._look_for_shapes()
        self._let_go()

    def end(self) -> None:
        """Nothing more comes; look at what is there."""
        if self.kinds_open and self._archive is None:
            self._look_for_kinds(b"")
        if self._archive is not None:
            self._take(self._archive.end())
        self.kinds_open = False
        if self.shapes_open:
            self._look_for_shapes()
        self._let_go()

    def _look_for_kinds(self, rest: bytes) -> None:
        """Look at the prefix, and begin to look into the archive that it opens; ``rest`` comes after the buffer."""
        beginning = bytes(self._buffer[:PREFIX])
        self._look_at(beginning, self._name)
        self._archive = Archive(beginning, PREFIX)
        self._look_into(self._archive, bytes(self._buffer) + rest)

    def _look_into(self, archive: Archive, data: bytes) -> None:
        self._take(archive.feed(data))
        self.kinds_open = not archive.done

    def _take(self, members: Iterator[Member]) -> None:
        for name, head in members:
            add_kinds(self._collector, self._kinds.by_name(name))
            self._look_at(head, name)

    def _look_at(self, beginning: bytes, name: str | None) -> None:
        facts, sealed = self._collector.facts, False
        for depth, (inside, inner) in enumerate(layers(beginning, name, PREFIX)):
            if depth and inside is not None:
                add_kinds(self._collector, self._kinds.by_name(inside))
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


def add_kinds(collector: Collector, found: Iterable[KindFound]) -> None:
    """Record recognitions, each once."""
    kinds = collector.facts.kinds
    kinds.extend(kind for kind in found if kind not in kinds)
