"""A map from host patterns to values, looked up by reversed labels; knows nothing of what the values are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from subrosa.facts.hosts import Host

EXACT, LABEL, SUFFIX, ANY = 3, 2, 1, 0
_MOST_KNOWN = 4096
_PLACEHOLDER = re.compile(r"\{[a-z0-9_]+\}")


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A host as rules write it: ``api.openai.com``, ``*.openai.azure.com``, ``bedrock.{region}.amazonaws.com``.

    ``labels`` are reversed and canonical; a label holding ``{name}`` stands for one label with that prefix and
    suffix around it. ``suffix`` is a leading ``*.``: one or more labels more. Text ``*`` alone is any host.
    """

    text: str
    labels: tuple[str, ...]
    suffix: bool

    @property
    def rank(self) -> int:
        """How specific: an exact name above a label pattern above a suffix above any host."""
        if not self.labels:
            return ANY
        if self.suffix:
            return SUFFIX
        return LABEL if any("{" in label for label in self.labels) else EXACT

    @classmethod
    def parse(cls, text: str) -> "HostPattern":
        """Read a pattern in canonical form.

        Raises:
            ValueError: with what to write instead, where the text is no canonical pattern.
        """
        if text == "*":
            return cls(text, (), suffix=True)
        suffix = text.startswith("*.")
        body = text[2:] if suffix else text
        if "*" in body or body.count("{") != body.count("}"):
            msg = f"host `{text}`: write one leading `*.` at most, and `{{name}}` for one label"
            raise ValueError(msg)
        canonical = Host.parse(_PLACEHOLDER.sub("x", body))
        if "{" not in body and canonical.name != body:
            msg = f"host `{text}` is not canonical: write `{'*.' if suffix else ''}{canonical.name}`"
            raise ValueError(msg)
        if body != body.lower():
            msg = f"host `{text}` is not canonical: write it in lower case"
            raise ValueError(msg)
        labels = tuple(reversed(body.split("."))) if canonical.address is None else (canonical.name,)
        return cls(text, labels, suffix)

    def covers(self, host: Host) -> bool:
        """Whether the pattern matches one host; for single patterns, a `HostMap` is for many."""
        probe: HostMap[bool] = HostMap()
        probe.set(self, value=True)
        return bool(probe.get(host))


@dataclass(slots=True)
class _Node[T]:
    literal: "dict[str, _Node[T]]" = field(default_factory=dict)
    affixed: "dict[tuple[str, str], _Node[T]]" = field(default_factory=dict)
    exact: T | None = None
    below: T | None = None


@dataclass(slots=True)
class HostMap[T]:
    """Filled once by `set`, then only read; at most one value a pattern."""

    _root: _Node[T] = field(default_factory=_Node)
    _known: dict[str, tuple[T, ...]] = field(default_factory=dict, repr=False, compare=False)
    """What was found for the hosts asked so far: gateways talk to few."""

    def set(self, pattern: HostPattern, value: T) -> T:
        """Put ``value`` at a pattern unless one stands there already; return the one that stands."""
        self._known.clear()
        node = self._root
        for label in pattern.labels:
            node = _child(node, label)
        if pattern.suffix:
            node.below = value if node.below is None else node.below
            return node.below
        node.exact = value if node.exact is None else node.exact
        return node.exact

    def get(self, host: Host) -> tuple[T, ...]:
        """The values of all patterns that match, in no order."""
        known = self._known.get(host.name)
        if known is None:
            known = self._find(host)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[host.name] = known
        return known

    def _find(self, host: Host) -> tuple[T, ...]:
        found: list[T] = []
        if self._root.below is not None:
            found.append(self._root.below)
        nodes = [self._root]
        labels = host.labels or (host.name,)
        last = len(labels) - 1
        for depth, label in enumerate(labels):
            nodes = [child for node in nodes for child in _children(node, label)]
            if not nodes:
                break
            values = (node.exact if depth == last else node.below for node in nodes)
            found += (value for value in values if value is not None)
        return tuple(found)

    def values(self) -> Iterator[T]:
        """Every value, in no order."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            yield from (value for value in (node.exact, node.below) if value is not None)
            nodes += (*node.literal.values(), *node.affixed.values())

    @property
    def anywhere(self) -> T | None:
        """The value of the pattern ``*``."""
        return self._root.below


def _child[T](node: _Node[T], label: str) -> _Node[T]:
    if "{" not in label:
        return node.literal.setdefault(label, _Node())
    before, _, rest = label.partition("{")
    return node.affixed.setdefault((before, rest.partition("}")[2]), _Node())


def _children[T](node: _Node[T], label: str) -> list[_Node[T]]:
    children = [child for (before, after), child in node.affixed.items() if fits(label, before, after)]
    literal = node.literal.get(label)
    if literal is not None:
        children.append(literal)
    return children


def fits(text: str, before: str, after: str) -> bool:
    """Whether ``text`` has at least one character between the prefix and the suffix."""
    return len(text) > len(before) + len(after) and text.startswith(before) and text.endswith(after)
