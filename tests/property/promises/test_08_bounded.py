"""Promise 8. Bounded.

Here: the memory of one inspection, and the labels of metrics. The whole process under large uploads is measured in
``tests/live/test_memory.py``, the spool in ``tests/unit/gateway/test_spool.py``.
"""

import gzip
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, repeat
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from property.seeds import SEEDS, Transfer, judge, policy_for, shipped
from property.strategies import transfers
from subrosa.loading.running import inspect
from subrosa.policy.decision import decision_of
from subrosa.policy.verdict import Verdict
from telling import metrics

MIB = 1 << 20
MOST = 2 * MIB
"""What inspecting an ordinary body may take, however long it is."""
MOST_HOSTILE = 12 * MIB
"""What a body made to fill memory may make it take."""
PIECE = 65_536
URL = "https://api.openai.com/v1/files"
UNKNOWN = "https://files.corp.example/in/a"
PULL = "https://acme.openai.azure.com/openai/files/import?api-version=2024-10-21"
MULTIPART, FORM, JSON = (
    "multipart/form-data; boundary=b",
    "application/x-www-form-urlencoded",
    "application/json",
)


def peak(content_type: str, pieces: Iterable[bytes], coding: str = "", url: str = URL) -> tuple[int, Verdict]:
    """How many octets inspecting a body took at most, and what became of it."""
    lines = (("Content-Type", content_type), *((("Content-Encoding", coding),) if coding else ()))
    transfer = Transfer(name="large", method="POST", url=url, lines=lines, body=b"x")
    inspection, _ = inspect(policy_for(transfer), transfer)
    assert inspection is not None
    tracemalloc.start()
    try:
        for piece in pieces:
            inspection.data(piece)
        verdict = inspection.end()
        return tracemalloc.get_traced_memory()[1], verdict
    finally:
        tracemalloc.stop()


@dataclass(frozen=True, slots=True)
class Shape:
    """A body of any length; ``most`` in MiB is what can be read in a second or so."""

    content_type: str
    lead: bytes
    block: bytes
    tail: bytes
    most: int
    allowed: bool = True
    url: str = URL

    def pieces(self, mebibytes: int) -> Iterator[bytes]:
        """The body."""
        return chain((self.lead,), repeat(self.block, mebibytes * MIB // len(self.block)), (self.tail,))


_FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
SHAPES = {
    "one file of a multipart": Shape(MULTIPART, _FILE, bytes(PIECE), b"\r\n--b--\r\n", 200),
    "many files of a multipart": Shape(MULTIPART, b"", _FILE + bytes(PIECE * 4) + b"\r\n", b"--b--\r\n", 200),
    "one long value of a form": Shape(FORM, b"a=", b"y" * PIECE, b"", 200),
    "one long value of the purpose": Shape(FORM, b"purpose=", b"y" * PIECE, b"", 200, allowed=False),
    "one long string of JSON": Shape(JSON, b'{"a":"', b"y" * PIECE, b'"}', 200),
    "many fields of a form": Shape(FORM, b"", b"aaaaaaa=bbbbbbb&" * 4096, b"", 1),
    "many members of JSON": Shape(JSON, b"{", b'"aaaa":"bbbbbb",' * 4096, b'"x":1}', 1),
    "many rows of JSON": Shape(JSON, b"[", b'{"a":{"b":[1,2]}},' * 3641, b"1]", 20),
    "deep JSON": Shape(JSON, b"", b"[" * PIECE, b"", 20, allowed=False),
    "XML": Shape("application/xml", b"<a>", b"<b>x</b>" * 8192, b"</a>", 20),
    "octets without a label": Shape("application/octet-stream", b"\0", bytes(PIECE), b"", 200, url=UNKNOWN),
}


@pytest.mark.parametrize("shape", [pytest.param(shape, id=name) for name, shape in SHAPES.items()])
def test_promise_08_bounded(shape: Shape) -> None:
    """The largest body costs what a small one does."""

    @settings(max_examples=1)
    @example(shape.most)
    @given(st.integers(1, shape.most))
    def takes_no_more(mebibytes: int) -> None:
        taken, verdict = peak(shape.content_type, shape.pieces(mebibytes), url=shape.url)

        assert taken < MOST
        assert verdict.allows is shape.allowed

    takes_no_more()


@cache
def bombs() -> dict[str, bytes]:
    """64 MiB that travel as a few KiB."""
    plain = bytes(64 * MIB)
    packed = gzip.compress(plain)
    return {
        "gzip": packed,
        "br": brotli.compress(plain, quality=1),
        "zstd": zstandard.ZstdCompressor().compress(plain),
        "gzip, gzip": gzip.compress(packed),
        "zstd, br": brotli.compress(zstandard.ZstdCompressor().compress(plain)),
    }


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "gzip, gzip", "zstd, br"])
@pytest.mark.parametrize("content_type", [JSON, MULTIPART])
def test_promise_08_a_bomb_is_refused_without_going_off(coding: str, content_type: str) -> None:
    body = bombs()[coding]
    taken, verdict = peak(content_type, (body[at : at + PIECE] for at in range(0, len(body), PIECE)), coding)

    assert taken < MOST_HOSTILE
    assert not verdict.allows


def _parts(disposition: bytes, content: bytes) -> Iterator[bytes]:
    for at in range(990):
        number = b"%06d" % at
        head = b"--b\r\nContent-Disposition: form-data; " + disposition.replace(b"#", number) + b"\r\n\r\n"
        yield head + content.replace(b"#", number) + b"\r\n"
    yield b"--b--\r\n"


def _form(pair: bytes) -> Iterator[bytes]:
    return (pair.replace(b"#", b"%06d" % at) for at in range(2000))


HOSTILE: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    "tags of 64 KiB": (MULTIPART, lambda: _parts(b'name="x-amz-meta-#"', b"#" * 10_000)),
    "one tag field, again and again": (MULTIPART, lambda: _parts(b'name="tags"', b"#" * 10_000)),
    "file names of 7 KiB": (MULTIPART, lambda: _parts(b'name="file"; filename="' + b"#" * 1200 + b'"', b"x")),
    "the purpose, again and again": (MULTIPART, lambda: _parts(b'name="purpose"', b"#" * 10_000)),
    "tags of 60 kB in a form": (FORM, lambda: _form(b"x-amz-meta-#=" + b"#" * 10_000 + b"&")),
    "names of 7 KiB in a form": (FORM, lambda: _form(b"#" * 1200 + b"=1&")),
    "keys of metadata": (JSON, lambda: chain([b'{"metadata":{'], _form(b'"' + b"#" * 150 + b'":"v",'))),
    "values of metadata": (JSON, lambda: chain([b'{"metadata":{'], _form(b'"#":"' + b"#" * 10_000 + b'",'))),
    "references": (JSON, lambda: chain([b'{"a":['], _form(b'"s3://' + b"#" * 600 + b'",'))),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_promise_08_a_hostile_body_fills_no_memory(name: str) -> None:
    content_type, pieces = HOSTILE[name]
    taken, _ = peak(content_type, pieces(), url=PULL if name == "references" else URL)

    assert taken < MOST_HOSTILE


METRICS, REGISTRY = metrics()
METRICS.learn(shipped())
OPEN = frozenset({"le", "digest", "profile", "version", "python"})
words = st.text(max_size=8) | st.sampled_from(["default", "other", "openai", "openai.files.create", "audio"])


@settings(max_examples=200)
@given(
    transfers, words, words, st.sampled_from(["source", "provider", "operation", "purpose", "rules", "kinds"])
)
def test_promise_08_labels_come_from_closed_lists(
    transfer: Transfer, wire: str, other: str, field: str
) -> None:
    judged = judge(transfer)
    if judged.inspection is None:
        return
    told = decision_of(judged.inspection, wire, other)
    changed: Any = replace(told, host=wire, path=other, client=wire, user=other, source="default")
    verdict: Any = changed.verdict
    if field in ("source", "kinds"):
        changed = replace(changed, **{field: wire if field == "source" else (wire,)})
    else:
        verdict = replace(verdict, **{field: (wire,) if field == "rules" else wire})
    METRICS.decided(replace(changed, verdict=verdict), 1e-5)
    METRICS.failed_closed(wire)
    METRICS.egress_denied(other)

    known = METRICS.words.known
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            for label, value in sample.labels.items():
                assert label in OPEN or value in known[label] | {"other"}


def test_promise_08_the_number_of_series_stands_still() -> None:
    made, registry = metrics()
    made.learn(shipped())
    sizes = []
    for number in range(2):
        for seed in SEEDS:
            judged = judge(seed)
            if judged.inspection is not None:
                told = decision_of(judged.inspection, f"{number}", "h2")
                made.decided(
                    replace(told, host=f"{number}.example", path=f"/{number}", user=f"u{number}"), 1e-5
                )
        sizes.append(sum(len(metric.samples) for metric in registry.collect()))

    assert sizes[0] == sizes[1]
