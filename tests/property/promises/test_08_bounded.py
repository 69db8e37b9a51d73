"""Promise 8. Bounded: a large body costs no more memory than a small one, and labels come from closed sets."""

import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from property.seeds import Transfer, judge, policy_for
from property.strategies import transfers
from subrosa.effects.metrics import Metrics
from subrosa.loading.running import inspect
from subrosa.policy.decision import decision_of

MIB = 1 << 20
BOUND = 6 * MIB
"""What one inspection may ever hold: prefixes, a few values, the decoders' windows."""
PIECE = bytes(64 * 1024)
FORM = "multipart/form-data; boundary=b"
OPENING = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'


def _multipart(size: int) -> Iterator[bytes]:
    yield OPENING
    for _ in range(size // len(PIECE)):
        yield PIECE
    yield b"\r\n--b--\r\n"


def _many_fields(size: int) -> Iterator[bytes]:
    one = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nvalue\r\n'
    for _ in range(min(size // len(one), 100_000)):
        yield one
    yield b"--b--\r\n"


def _long_value(size: int) -> Iterator[bytes]:
    yield b"purpose="
    for _ in range(size // len(PIECE)):
        yield b"a" * len(PIECE)


def _long_string(size: int) -> Iterator[bytes]:
    yield b'{"metadata": {"purpose": "'
    for _ in range(size // len(PIECE)):
        yield b"a" * len(PIECE)
    yield b'"}}'


def _deep(size: int) -> Iterator[bytes]:
    for _ in range(min(size, 4 * MIB) // 5):
        yield b'{"a":'


def _bomb(size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    for _ in range(size // len(PIECE)):
        yield packer.compress(PIECE)
    yield packer.flush()


SHAPES: dict[str, tuple[Callable[[int], Iterator[bytes]], tuple[tuple[str, str], ...]]] = {
    "one long file in a form": (_multipart, (("Content-Type", FORM),)),
    "many fields": (_many_fields, (("Content-Type", FORM),)),
    "one long value": (_long_value, (("Content-Type", "application/x-www-form-urlencoded"),)),
    "one long string": (_long_string, (("Content-Type", "application/json"),)),
    "deep nesting": (_deep, (("Content-Type", "application/json"),)),
    "a bomb": (_bomb, (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_promise_08_a_large_body_costs_no_more_than_a_small_one(shape: str) -> None:
    make, lines = SHAPES[shape]
    asked = Transfer(name=shape, method="POST", url="https://api.openai.com/v1/files", lines=lines, body=b"x")
    inspection, _ = inspect(policy_for(asked), asked)
    assert inspection is not None
    tracemalloc.start()
    try:
        for piece in make(96 * MIB):
            inspection.data(piece)
        inspection.end()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < BOUND


@settings(max_examples=60)
@given(st.lists(transfers, min_size=1, max_size=6), st.text(min_size=1, max_size=20))
def test_promise_08_no_word_from_the_wire_becomes_a_label(asked: list[Transfer], word: str) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, lambda: 0.0)
    metrics.policy_swapped(policy_for(asked[0]))
    for transfer in asked:
        judged = judge(transfer)
        if judged.inspection is not None:
            wild = replace(judged.verdict, operation=word, provider=word, rules=(word,))
            for verdict in (judged.verdict, wild):
                told = replace(decision_of(judged.inspection, word, word), verdict=verdict)
                metrics.decided(told, 1e-5)
    known = metrics.words.known
    for family in registry.collect():
        for sample in family.samples:
            if sample.name.startswith(("subrosa_transfers", "subrosa_blocked", "subrosa_would_block")):
                for label, value in sample.labels.items():
                    assert value in known[label] | {"other"}
