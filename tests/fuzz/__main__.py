"""The long run: `python -m fuzz --inputs 1000000`; a table of readers, and each fault with what repeats it."""

import argparse
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from fuzz.mutate import Mutator
from fuzz.readers import READERS, Reader

SLOW = 2.0
"""Seconds of CPU that no input may take: a hang, as far as a gateway is concerned."""
MOST_FAULTS = 5


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one reader."""

    reader: str
    inputs: int
    seconds: float
    slowest: float
    faults: tuple[tuple[bytes, str], ...]


def run(name: str, inputs: int, number: int) -> Result:
    """Feed one reader; ends early after a few faults."""
    reader = next(reader for reader in READERS if reader.name == name)
    mutator = Mutator(reader.seeds, reader.words, number)
    faults: list[tuple[bytes, str]] = []
    slowest, began = 0.0, time.process_time()
    done = 0
    while done < inputs and len(faults) < MOST_FAULTS:
        done += 1
        data = mutator.input()
        before = time.process_time()
        if told := _fault(reader, data, mutator):
            faults.append((data, told))
        took = time.process_time() - before
        slowest = max(slowest, took)
        if took > SLOW:
            faults.append((data, f"took {took:.1f} s"))
    return Result(name, done, time.process_time() - began, slowest, tuple(faults))


def _fault(reader: Reader, data: bytes, mutator: Mutator) -> str:
    try:
        reader.check(data, list(mutator.pieces(data)))
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        return traceback.format_exc(limit=-3)
    return ""


def main(arguments: Sequence[str]) -> int:
    """Run the readers side by side; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each reader")
    parser.add_argument("--number", type=int, default=int(time.time()), help="what the inputs are drawn from")
    parser.add_argument("--processes", type=int, default=None)
    parser.add_argument(
        "--finds", type=Path, default=Path("fuzz-finds"), help="where inputs with faults are put"
    )
    parser.add_argument("reader", nargs="*", help="names of readers; all of them without one")
    told = parser.parse_args(arguments)
    names = told.reader or [reader.name for reader in READERS]
    print(f"number {told.number}, {told.inputs} inputs a reader")
    print(f"{'reader':32}{'inputs':>10}{'CPU s':>8}{'inputs/s':>10}{'slowest ms':>12}{'faults':>8}")
    found = 0
    with ProcessPoolExecutor(told.processes) as pool:
        for done in as_completed(pool.submit(run, name, told.inputs, told.number) for name in names):
            found += _tell(done.result(), told.finds)
    return int(found > 0)


def _tell(result: Result, finds: Path) -> int:
    speed = result.inputs / max(result.seconds, 1e-9)
    print(
        f"{result.reader:32}{result.inputs:>10}{result.seconds:>8.0f}{speed:>10.0f}"
        f"{result.slowest * 1000:>12.1f}{len(result.faults):>8}",
        flush=True,
    )
    for at, (data, told) in enumerate(result.faults):
        finds.mkdir(exist_ok=True)
        file = finds / f"{result.reader.replace('/', '-').replace(' ', '-')}-{at}.bin"
        file.write_bytes(data)
        print(f"  {file}: {told}")
    return len(result.faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
