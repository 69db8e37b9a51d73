"""Dotted paths as one automaton: where in a document something is needed, and what is needed below."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

ANY_KEY: Final = "*"
ANY_INDEX: Final = "[]"
_WILD: Final = frozenset({ANY_KEY, ANY_INDEX})


class _Node:
    """One segment of the tree of patterns."""

    __slots__ = ("carrier", "children", "wanted")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.wanted: str | None = None
        self.carrier = False

    def walk(self) -> "Iterable[_Node]":
        yield self
        for child in self.children.values():
            yield from child.walk()


class Position:
    """A place in a document that patterns still follow.

    ``wanted`` are the patterns that end here, ``carrier`` says that a tag may stand here, ``wanted_below`` and
    ``carrier_below`` count what ends here or deeper. A place that no pattern reaches is None instead.
    """

    __slots__ = (
        "_children",
        "_nodes",
        "_others",
        "carrier",
        "carrier_below",
        "ends",
        "wanted",
        "wanted_below",
    )

    def __init__(self, nodes: tuple[_Node, ...]) -> None:
        below = [node for top in nodes for node in top.walk()]
        self._nodes = nodes
        self._children: dict[str, Position | None] = {}
        self._others: tuple[Position | None] | None = None
        self.wanted = tuple(node.wanted for node in nodes if node.wanted is not None)
        self.carrier = any(node.carrier for node in nodes)
        self.ends = bool(self.wanted) or self.carrier
        self.wanted_below = tuple(node.wanted for node in below if node.wanted is not None)
        self.carrier_below = any(node.carrier for node in below)

    def child(self, key: str) -> "Position | None":
        """The place of the member with this folded key."""
        if key not in _WILD and any(key in node.children for node in self._nodes):
            if key not in self._children:
                self._children[key] = self._step(key, ANY_KEY)
            return self._children[key]
        if self._others is None:
            self._others = (self._step(ANY_KEY),)
        return self._others[0]

    @property
    def names(self) -> frozenset[str]:
        """The folded keys of members that a pattern follows, `ANY_KEY` among them."""
        return frozenset(name for node in self._nodes for name in node.children) - {ANY_INDEX}

    @property
    def has_members(self) -> bool:
        """Whether a pattern goes on below as an object."""
        return any(node.children.keys() - {ANY_INDEX} for node in self._nodes)

    @property
    def element(self) -> "Position | None":
        """The place of every element of an array."""
        if ANY_INDEX not in self._children:
            self._children[ANY_INDEX] = self._step(ANY_INDEX)
        return self._children[ANY_INDEX]

    def _step(self, *segments: str) -> "Position | None":
        nodes = tuple(
            node.children[segment] for node in self._nodes for segment in segments if segment in node.children
        )
        return Position(nodes) if nodes else None


@lru_cache(maxsize=256)
def compile_paths(wanted: frozenset[str], carriers: tuple[str, ...] = ()) -> Position | None:
    """The position of the root of a document, or None when nothing is needed.

    A path is keys joined by dots, in lower case; ``*`` stands for any one key, a ``[]`` after a key for any index:
    ``messages[].role``, ``metadata.*``, ``[].id``.
    """
    root = _Node()
    for path in sorted(wanted):
        _grow(root, path).wanted = path
    for path in carriers:
        _grow(root, path).carrier = True
    return Position((root,)) if root.children or root.wanted or root.carrier else None


def _grow(node: _Node, path: str) -> _Node:
    for part in path.split("."):
        key = part.removesuffix(ANY_INDEX)
        while key.endswith(ANY_INDEX):
            key = key.removesuffix(ANY_INDEX)
        if key:
            node = node.children.setdefault(key, _Node())
        for _ in range((len(part) - len(key)) // len(ANY_INDEX)):
            node = node.children.setdefault(ANY_INDEX, _Node())
    return node
