"""The Prometheus exposition of a registry, text or OpenMetrics as the scraper asks."""

import asyncio
from collections.abc import Iterable
from typing import Protocol, override

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector


class Collects(Protocol):
    """A registry, or what joins several."""

    def collect(self) -> Iterable[Metric]:
        """All metrics with their samples."""


class Exposed(Collector):
    """Registries as one, without the ``_created`` series that would double the count of counters."""

    def __init__(self, *registries: Collects) -> None:
        self._registries = registries

    @override
    def collect(self) -> Iterable[Metric]:
        for registry in self._registries:
            for metric in registry.collect():
                kept = [sample for sample in metric.samples if not sample.name.endswith("_created")]
                if len(kept) != len(metric.samples):
                    metric.samples = kept
                yield metric


async def exposition(collector: Collector, request: web.Request) -> web.Response:
    """The answer of ``/metrics``; encoded in a thread, so that a large page does not hold up transfers."""
    encode, content_type = choose_encoder(",".join(request.headers.getall("Accept", [])))
    octets = await asyncio.get_running_loop().run_in_executor(None, encode, collector)
    answer = web.Response(body=octets, headers={"Content-Type": content_type})
    answer.enable_compression()
    return answer


def totals(registries: Iterable[Collects], name: str, label: str) -> dict[str, float]:
    """The sum of a counter by one label; asks registries that can for this counter alone."""
    found: dict[str, float] = {}
    for registry in registries:
        one = registry.restricted_registry([name]) if isinstance(registry, CollectorRegistry) else registry
        for metric in one.collect():
            for sample in metric.samples:
                if sample.name == name:
                    key = sample.labels.get(label, "")
                    found[key] = found.get(key, 0.0) + sample.value
    return found
