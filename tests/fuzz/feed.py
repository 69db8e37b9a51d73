"""Feeding one reader: what it says of each input, how long it took, and what a fault needs to be repeated."""

import json
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from fuzz.mutate import Mutator
from fuzz.readers import READERS, Reader
from property.seeds import shipped

SLOW = 2.0
"""Seconds of CPU that no input may take: a hang, as far as a gateway is concerned."""
MOST_FAULTS = 5


class HangError(BaseException):
    """Past what any reader may catch."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An input in the pieces in which it was read, and what went wrong."""

    reader: str
    pieces: tuple[bytes, ...]
    told: str

    def save(self, file: Path) -> None:
        """Readable by `load`, and by people who know some hex."""
        told = {"reader": self.reader, "told": self.told, "pieces": [piece.hex() for piece in self.pieces]}
        file.write_text(json.dumps(told, indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one reader."""

    reader: str
    inputs: int
    seconds: float
    slowest: float
    faults: tuple[Fault, ...]


def named(name: str) -> Reader:
    """One of the readers."""
    return next(reader for reader in READERS if reader.name == name)


def load(file: Path) -> tuple[Reader, tuple[bytes, ...]]:
    """What `save` wrote."""
    told = json.loads(file.read_text())
    return named(told["reader"]), tuple(map(bytes.fromhex, told["pieces"]))


def feed(reader: Reader, inputs: int, number: int, slow: float = SLOW) -> Result:
    """Feed one reader; ends early after a few faults."""
    shipped()  # loaded here, so that its time and its faults are no input's
    mutator = Mutator(reader.seeds, reader.words, number)
    faults: list[Fault] = []
    slowest, began = 0.0, time.thread_time()
    done = 0
    with _watched():
        while done < inputs and len(faults) < MOST_FAULTS:
            done += 1
            data = mutator.input()
            before = time.thread_time()
            if told := fault(reader, data, pieces := tuple(mutator.pieces(data)), slow):
                faults.append(Fault(reader.name, pieces, told))
            slowest = max(slowest, time.thread_time() - before)
    return Result(reader.name, done, time.thread_time() - began, slowest, tuple(faults))


def fault(reader: Reader, data: bytes, pieces: Sequence[bytes], slow: float = SLOW) -> str:
    """What is wrong with how the input is read; nothing where all is well."""
    signal.setitimer(signal.ITIMER_VIRTUAL, slow)
    try:
        reader.check(data, pieces)
    except (Exception, HangError):  # noqa: BLE001 - whatever it is, it is what is looked for
        return traceback.format_exc(limit=-3)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return ""


@contextmanager
def _watched() -> Iterator[None]:
    """An input that takes too much CPU is broken off, wherever it is."""

    def hang(_signal: int, _frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGVTALRM, hang)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


def repeat(file: Path) -> str:
    """Read a saved input again."""
    reader, pieces = load(file)
    with _watched():
        return fault(reader, b"".join(pieces), pieces)
