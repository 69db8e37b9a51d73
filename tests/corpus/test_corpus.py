"""Ordinary days: what a source of meeting content sends all day long, none of which may be refused."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from property.seeds import SAMPLES_BY_NAME, Transfer, judge, multipart

BOUNDARY = "0123456789abcdef"
LEAST = 400
LINES = [
    (file.stem, number, line)
    for file in sorted(Path(__file__).parent.glob("*.txt"))
    for number, line in enumerate(file.read_text().splitlines(), 1)
    if line and not line.startswith("#")
]


def _octets(name: str) -> bytes:
    """A sample by its file's name, a few words for another."""
    found = SAMPLES_BY_NAME.get(name)
    return found.read_bytes() if found else b'{"custom_id": "1", "method": "POST"}\n'


def _parts(text: str) -> Iterator[tuple[str, str, bytes]]:
    for part in text.split(";"):
        name, _, value = part.partition("=")
        yield (name, value[1:], _octets(value[1:])) if value.startswith("@") else (name, "", value.encode())


def _file(text: str) -> tuple[str, bytes]:
    name, _, label = text.partition(" ")
    return label, _octets(name)


BODIES: dict[str, Callable[[str], tuple[str, bytes]]] = {
    "json": lambda text: ("application/json", json.dumps(json.loads(text)).encode()),
    "awsjson": lambda text: ("application/x-amz-json-1.1", json.dumps(json.loads(text)).encode()),
    "form": lambda text: ("application/x-www-form-urlencoded", text.encode()),
    "multipart": lambda text: (
        f"multipart/form-data; boundary={BOUNDARY}",
        multipart(_parts(text), BOUNDARY),
    ),
    "file": _file,
    "base64": lambda text: ("", base64.b64decode(text)),
    "text": lambda text: ("text/plain", text.encode()),
}
"""Content type and octets of each kind of body."""


def transfer(line: str) -> Transfer:
    """A request from one line of the corpus: `METHOD URL`, then `| header NAME: VALUE` and one `| KIND BODY`."""
    request, *more = line.split(" | ")
    method, url = request.split(" ")
    made = Transfer(name=request, method=method, url=url)
    for part in more:
        kind, _, text = part.partition(" ")
        if kind == "header":
            name, _, value = text.partition(": ")
            made = replace(made, lines=(*made.lines, (name, value)))
        elif kind == "assert":
            made = replace(made, asserted=frozenset({text}))
        else:
            label, body = BODIES[kind](text)
            known = {name.lower() for name, _ in made.lines}
            labels = (("Content-Type", label),) if label and "content-type" not in known else ()
            made = replace(made, lines=(*made.lines, *labels), body=body)
    return made


@pytest.mark.parametrize(
    "line", [pytest.param(line, id=f"{file}:{number} {line[:60]}") for file, number, line in LINES]
)
def test_an_ordinary_request_of_a_source_of_meetings_passes(line: str) -> None:
    judged = judge(transfer(line))
    assert judged.verdict.allows, (judged.verdict.rules, judged.verdict.operation, judged.verdict.detail)


def test_the_corpus_is_large_and_no_request_stands_in_it_twice() -> None:
    lines = [line for _, _, line in LINES]
    assert len(lines) >= LEAST
    assert len(set(lines)) == len(lines)
    hosts = {line.split(" ")[1].partition("://")[2].partition("/")[0] for line in lines}
    assert len(hosts) > LEAST / 2
    assert {"json", "form", "multipart", "file", "text"} <= set(
        chain.from_iterable([part.split(" ")[0] for part in line.split(" | ")[1:]] for line in lines)
    )
