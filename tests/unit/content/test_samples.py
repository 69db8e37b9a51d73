"""Every sample is recognised as its index says, in every form in which it travels; the controls never are."""

import base64
import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import pytest

from content_kit import MULTIPART, SAMPLES, aws_chunked, field, file, multipart, read
from subrosa.content.embedded import LEAST_TEXT
from subrosa.facts.body import BodyFacts

RECOGNISED = frozenset({"meeting", "meeting-media(container only)", "training-shape"})
SILENT = frozenset({"text/playback1000000001.m3u", "media/unconverted.zoom.README.txt"})
"""A list of file names, and a note about a container that nobody has described: nothing in them to know them by."""
STEPS = 4096
"""Each octet is cut at up to here, and each hundredth after it."""


@dataclass(frozen=True)
class Sample:
    """One row of the index."""

    path: str
    kind: str

    @cached_property
    def octets(self) -> bytes:
        return (SAMPLES / self.path).read_bytes()

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @cached_property
    def whole(self) -> BodyFacts:
        """Under its name, as a store is sent it."""
        return read(self.octets, object_name=self.path, object_body=True)

    @cached_property
    def nameless(self) -> BodyFacts:
        return read(self.octets, object_body=True)


def indexed(*kinds: str) -> Iterator[Sample]:
    with (SAMPLES / "INDEX.tsv").open() as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if row["class"] in kinds:
                yield Sample(row["path"], row["class"])


KNOWN = [sample for sample in indexed(*RECOGNISED) if sample.path not in SILENT]
CONTROLS = [*indexed("control"), *(sample for sample in indexed(*RECOGNISED) if sample.path in SILENT)]
CARRIERS = list(indexed("tag-carrier"))
EACH = [*KNOWN, *CONTROLS, *CARRIERS]
ELSEWHERE = frozenset({"refusal/audit-shape", "captured-request"})
"""What the gateway answers with, and whole requests: heads and bodies, read by the tests of those."""


def found(facts: BodyFacts) -> tuple[frozenset[object], frozenset[str], frozenset[str]]:
    """Kinds, shapes and marks; in which order they were found means nothing."""
    return frozenset(facts.kinds), frozenset(facts.shapes), frozenset(facts.marks)


def carried(sample: Sample) -> Iterator[tuple[str, BodyFacts]]:
    """The sample in everything that carries a file under its name."""
    data, form = sample.octets, multipart(field("purpose", b"x"), file("file", sample.path, sample.octets))
    zipped = gzip.compress(data, mtime=0)
    named = {"object_name": sample.path, "object_body": True}
    yield "in gzip", read(zipped, None, ["gzip"], **named)  # type: ignore[arg-type]
    yield "in aws-chunked", read(aws_chunked(data), None, ["aws-chunked"], **named)  # type: ignore[arg-type]
    yield "in gzip in aws-chunked", read(aws_chunked(zipped), None, ["gzip", "aws-chunked"], **named)  # type: ignore[arg-type]
    yield "in multipart", read(form, MULTIPART)
    yield "in multipart in gzip", read(gzip.compress(form, mtime=0), MULTIPART, ["gzip"])


def test_every_sample_is_looked_at() -> None:
    indexed_paths = {sample.path for sample in EACH} | {sample.path for sample in indexed(*ELSEWHERE)}
    there = {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*") if path.is_file()}
    assert there - indexed_paths == {"INDEX.tsv"}
    assert indexed_paths <= there


@pytest.mark.parametrize("sample", KNOWN, ids=lambda sample: sample.path)
def test_a_sample_is_recognised_as_its_index_says(sample: Sample) -> None:
    kinds, shapes, _ = found(sample.whole)
    assert shapes if sample.kind == "training-shape" else kinds


@pytest.mark.parametrize("sample", EACH, ids=lambda sample: sample.path)
def test_a_sample_is_the_same_wherever_it_is_cut(sample: Sample) -> None:
    data, whole = sample.octets, found(sample.whole)
    for at in chain(range(min(len(data), STEPS)), range(STEPS, len(data), 100)):
        cut = read((data[:at], data[at:]), object_name=sample.path, object_body=True)
        assert found(cut) == whole, at


@pytest.mark.parametrize("sample", EACH, ids=lambda sample: sample.path)
def test_a_sample_is_the_same_in_whatever_carries_it(sample: Sample) -> None:
    for carrier, facts in carried(sample):
        assert found(facts) == found(sample.whole), carrier


@pytest.mark.parametrize("sample", EACH, ids=lambda sample: sample.path)
def test_a_sample_in_base64_is_what_its_octets_say(sample: Sample) -> None:
    """What is too short to be a file is not looked into: a real one never is."""
    text = base64.b64encode(sample.octets).decode()
    url = f"data:application/octet-stream;base64,{text}"
    for value, least in ((text, LEAST_TEXT), (url, 0)):
        looked = sample.nameless if len(text) >= least else BodyFacts()
        body = json.dumps({"model": "m", "input": [{"file_data": value}]}).encode()
        facts = read(body, "application/json")
        assert found(facts)[:2] == found(looked)[:2]


@pytest.mark.parametrize("sample", CONTROLS, ids=lambda sample: sample.path)
def test_a_control_is_never_meeting_content(sample: Sample) -> None:
    text = base64.b64encode(sample.octets).decode()
    forms = [facts for _, facts in carried(sample)]
    forms += [sample.whole, read(json.dumps({"file": text}).encode(), "application/json")]
    assert not any(kind.meeting for facts in forms for kind in facts.kinds)
