"""How the metrics of `DEFINITIONS` are made, and how their label values are kept to closed lists."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from subrosa.effects.definitions import DEFINITIONS, Definition, Scope
from subrosa.effects.words import OTHER, Words

MOST_SERIES = 10_000
"""Of one metric; further combinations are counted under ``other``, whatever a policy's size."""

_OPEN = frozenset({"rule", "provider", "operation", "source"})
"""The labels whose lists are as long as policy and settings make them."""

type Instrument = Counter | Gauge | Histogram


class Family[M: (Counter, Gauge, Histogram)]:
    """One metric's children by raw label values; a value outside its list never gets a child of its own."""

    __slots__ = ("_children", "_metric", "_names", "_words")

    def __init__(self, metric: M, names: tuple[str, ...], words: Words) -> None:
        self._metric: M = metric
        self._names = names
        self._words = words
        self._children: dict[tuple[str, ...], M] = {}

    def child(self, *values: str) -> M:
        """The series with these label values, in the order of the definition."""
        found = self._children.get(values)
        return found if found is not None else self._resolve(values)

    def _resolve(self, values: tuple[str, ...]) -> M:
        closed = tuple(
            self._words.closed(name, value) for name, value in zip(self._names, values, strict=True)
        )
        if closed not in self._children and len(self._children) >= MOST_SERIES:
            pairs = zip(self._names, closed, strict=True)
            closed = tuple(OTHER if name in _OPEN else value for name, value in pairs)
        found = self._children.get(closed)
        if found is None:
            found = self._children[closed] = self._metric.labels(*closed)
        return found


class Instruments:
    """The metrics of one scope, by name."""

    def __init__(self, scope: Scope, registry: CollectorRegistry, words: Words) -> None:
        self._made = {one.name: _make(one, registry) for one in _of(scope)}
        self._words = words

    def counters(self, name: str) -> Family[Counter]:
        """A counter with labels."""
        return Family(self.counter(name), _LABELS[name], self._words)

    def histograms(self, name: str) -> Family[Histogram]:
        """A histogram with labels."""
        return Family(self.histogram(name), _LABELS[name], self._words)

    def counter(self, name: str) -> Counter:
        """A counter."""
        return _as(Counter, self._made[name])

    def gauge(self, name: str) -> Gauge:
        """A gauge."""
        return _as(Gauge, self._made[name])

    def histogram(self, name: str) -> Histogram:
        """A histogram."""
        return _as(Histogram, self._made[name])


_LABELS = {definition.name: definition.labels for definition in DEFINITIONS}


def _of(scope: Scope) -> Iterable[Definition]:
    return (definition for definition in DEFINITIONS if definition.scope == scope)


def _make(definition: Definition, registry: CollectorRegistry) -> Instrument:
    name, text, labels = definition.name, definition.help, definition.labels
    if definition.kind == "counter":
        return Counter(name, text, labels, registry=registry)
    if definition.kind == "histogram":
        return Histogram(name, text, labels, registry=registry, buckets=definition.buckets)
    return Gauge(name, text, labels, registry=registry, multiprocess_mode="livesum")


def _as[M](kind: type[M], metric: Instrument) -> M:
    if not isinstance(metric, kind):
        msg = f"{metric} is defined as another kind of metric"
        raise TypeError(msg)
    return metric
