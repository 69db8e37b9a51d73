"""Where a gateway's CPU goes: py-spy beside a round of its own, and its samples added up."""

import re
import subprocess
from collections import Counter
from pathlib import Path

from bench.place import Place
from bench.processes import Group

RATE = 500
_LINE = re.compile(r":[0-9]+\)$")


def record(group: Group, place: Place, seconds: float, raw: Path) -> subprocess.Popen[bytes]:
    """Sample who holds the interpreter's lock; what C does without it, such as TLS, is not seen."""
    command = [
        str(place.binary("py-spy")), "record", "--pid", str(group.processes[0].pid), "--subprocesses", "--gil",
        "--rate", str(RATE), "--duration", str(max(1, round(seconds))), "--format", "raw", "--output", str(raw),
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def top(samples: str, most: int = 40) -> str:
    """Of samples in py-spy's raw form (`frame;frame;frame count`): who ran, and who was being waited for."""
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    total = 0
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_LINE.sub(")", frame) for frame in stack.split(";")]
        total += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            below[frame] += int(count)
    parts = [f"{total} samples\n"]
    for title, counter in (("itself", own), ("with what it calls", below)):
        parts.append(f"\n{title}\n")
        parts += [f"{100 * count / total:5.1f} %  {frame}\n" for frame, count in counter.most_common(most)]
    return "".join(parts)
