"""The long run: `make fuzz`; a table of readers, and each fault with what repeats it."""

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from fuzz.feed import Result, feed, named, repeat
from fuzz.readers import READERS
from property.seeds import shipped


def main(arguments: Sequence[str]) -> int:
    """Run the readers side by side; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument(
        "--inputs", type=int, default=1_000_000, help="for each reader; the lanes get a tenth"
    )
    parser.add_argument("--number", type=int, default=int(time.time()), help="what the inputs are drawn from")
    parser.add_argument("--processes", type=int, default=None, help="as many as there are cores without it")
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"), help="where faults are put")
    parser.add_argument(
        "--repeat", type=Path, metavar="FILE", help="read one saved input again, nothing else"
    )
    parser.add_argument("reader", nargs="*", help="names of readers; all of them without one")
    told = parser.parse_args(arguments)
    if told.repeat:
        found = repeat(told.repeat)
        print(found or "no fault any more")
        return int(bool(found))
    every = [reader.name for reader in READERS]
    if unknown := set(told.reader) - set(every):
        parser.error(f"`{min(unknown)}` is no reader: write one of {', '.join(every)}")
    names = told.reader or every
    print(f"number {told.number}, {told.inputs} inputs a reader")
    print(
        f"{'reader':32}{'inputs':>10}{'CPU s':>8}{'inputs/s':>10}{'slowest ms':>12}{'faults':>8}", flush=True
    )
    faults = 0
    with ProcessPoolExecutor(told.processes) as pool:
        for done in as_completed(pool.submit(run, name, told.inputs, told.number) for name in names):
            faults += _tell(done.result(), told.finds)
    return int(faults > 0)


def run(name: str, inputs: int, number: int) -> Result:
    """By name, since a reader cannot be sent to another process."""
    shipped()
    gc.freeze()  # what is loaded is not looked through again and again, which would count as an input's time
    reader = named(name)
    return feed(reader, -(-inputs // reader.dear), number)


def _tell(result: Result, finds: Path) -> int:
    speed = result.inputs / max(result.seconds, 1e-9)
    print(
        f"{result.reader:32}{result.inputs:>10}{result.seconds:>8.0f}{speed:>10.0f}"
        f"{result.slowest * 1000:>12.1f}{len(result.faults):>8}",
        flush=True,
    )
    for at, fault in enumerate(result.faults):
        finds.mkdir(exist_ok=True)
        file = finds / f"{result.reader.replace('/', '-').replace(' ', '-')}-{at}.json"
        fault.save(file)
        print(f"{fault.told}  repeat it with: make fuzz ARGS='--repeat {file}'", flush=True)
    return len(result.faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
