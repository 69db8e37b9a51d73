import asyncio
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from subrosa.effects.logs import configure
from subrosa.effects.patience import PatientStream
from subrosa.effects.records import decision_record, encode
from telling import NOW, decision

SOON = 5.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def line(number: int, size: int = 900) -> str:
    return json.dumps({"number": number, "pad": "x" * size}) + "\n"


def drained(end: int) -> list[dict[str, object]]:
    """Every line in the pipe, which has to be whole."""
    os.set_blocking(end, False)
    octets = b""
    try:
        while piece := os.read(end, 1 << 20):
            octets += piece
    except BlockingIOError:
        pass
    return [json.loads(text) for text in octets.decode().splitlines()]


def test_lines_go_through_as_they_come(pipe: tuple[int, int]) -> None:
    stream = PatientStream(pipe[1])
    stream.write(line(1))
    stream.write(line(2, size=20_000))

    assert [told["number"] for told in drained(pipe[0])] == [1, 2]


def test_nobody_who_reads_holds_nobody_up_and_no_line_is_cut(pipe: tuple[int, int]) -> None:
    stream = PatientStream(pipe[1], most_waiting=200_000)
    began = time.perf_counter()
    for number in range(1_000):
        stream.write(line(number, size=number * 7))
    took = time.perf_counter() - began
    found: list[dict[str, object]] = []
    while more := drained(pipe[0]):
        found += more
        stream.flush()
    lost = [told["lost"] for told in found if "lost" in told]
    numbers = [int(str(told["number"])) for told in found if "number" in told]

    assert took < SOON
    assert numbers == sorted(numbers)
    assert len(lost) == 1
    assert len(numbers) + int(str(lost[0])) == 1_000


@pytest.mark.asyncio
async def test_what_waits_is_written_without_another_line(pipe: tuple[int, int]) -> None:
    stream = PatientStream(pipe[1])
    for number in range(100):
        stream.write(line(number))
    found: list[dict[str, object]] = []
    async with asyncio.timeout(SOON):
        while len(found) < 100:
            found += drained(pipe[0])
            await asyncio.sleep(0.01)

    assert [told["number"] for told in found] == list(range(100))


def test_lines_never_go_to_a_file_that_got_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    number = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    other = os.open(tmp_path / "evidence", os.O_WRONLY | os.O_CREAT)
    stream = PatientStream(number)
    os.dup2(other, number)
    stream.write("a line\n")
    for descriptor in (number, other):
        os.close(descriptor)

    assert (tmp_path / "evidence").read_text() == ""
    assert (tmp_path / "log").read_text() == "a line\n"


def test_a_reader_who_is_gone_is_no_error(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    stream = PatientStream(pipe[1])
    stream.write(line(1))
    stream.flush()

    assert not stream.isatty()


def test_a_stream_with_a_descriptor_is_never_waited_for(pipe: tuple[int, int]) -> None:
    with io.TextIOWrapper(io.FileIO(pipe[1], "w", closefd=False)) as stream:
        write = configure(stream)
        record = decision_record(decision(), NOW, 1e-5)
        for _ in range(1_000):
            write(encode(record), "block")

    assert {told["event"] for told in drained(pipe[0])} == {"decision"}
