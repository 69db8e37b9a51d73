"""wrk asks a proxy in absolute form, h2load asks a reverse listener: neither can speak through a CONNECT."""

import json
import re
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.load import Destination, LoadError, Told
from bench.peers import found
from bench.place import HOST

LUA = """\
init = function()
  asked = wrk.format("GET", "{url}", {{["Host"] = "{host}"}})
end
request = function()
  return asked
end
done = function(summary, latency)
  local wrong = summary.errors
  io.write(string.format('told {{"requests": %d, "errors": %d, "seconds": %f, "p50": %f, "p99": %f}}\\n',
    summary.requests, wrong.connect + wrong.read + wrong.write + wrong.status + wrong.timeout,
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99)))
end
"""


def _run(command: Sequence[str], seconds: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode != 0:
        raise LoadError(f"`{Path(command[0]).name}`: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


class Wrk:
    """Small GETs through a proxy that is asked in absolute form, without TLS."""

    def __init__(self, directory: Path, proxy: int, to: Destination, path: str, seconds: float) -> None:
        script = directory / "wrk.lua"
        script.write_text(LUA.format(url=to.url(path, plain=True), host=f"{HOST}:{to.plain}"))
        self._seconds = max(1, round(seconds))
        whole = str(self._seconds)
        command = [found("wrk") or "wrk", "-t1", "-c32", f"-d{whole}s", "-s", str(script)]
        self._command = [*command, f"http://127.0.0.1:{proxy}"]

    def round(self) -> Told:
        """One run of it."""
        line = next(
            (line for line in _run(self._command, self._seconds).splitlines() if line[:4] == "told"), ""
        )
        told = json.loads(line.removeprefix("told ") or "{}")
        if not told.get("requests"):
            raise LoadError("`wrk` had no answer at all")
        errors = int(told["errors"])
        return Told(
            requests=int(told["requests"]),
            errors=errors,
            first_error="wrk counts errors, and does not tell them" if errors else "",
            octets=0,
            seconds=float(told["seconds"]),
            p50_us=float(told["p50"]),
            p99_us=float(told["p99"]),
            statuses={},
        )

    def close(self) -> None:
        """Nothing stays open between rounds."""


class H2load:
    """Small GETs over HTTP/2 at a reverse listener."""

    def __init__(self, directory: Path, reverse: int, to: Destination, path: str, seconds: float) -> None:
        self._seconds = max(1, round(seconds))
        self._log = directory / "h2load.log"
        whole = str(self._seconds)
        command = [found("h2load") or "h2load", "-t1", "-c32", "-m1", f"-D{whole}", f"--log-file={self._log}"]
        self._command = [*command, f"--connect-to=127.0.0.1:{reverse}", to.url(path)]

    def round(self) -> Told:
        """One run of it; each line of its log is start, status and microseconds of one request."""
        self._log.unlink(missing_ok=True)
        told = _run(self._command, self._seconds)
        took = re.search(r"finished in ([0-9.]+)(ms|s)", told)
        if took is None or not self._log.exists():
            raise LoadError("`h2load` had no answer at all")
        rows = [line.split("\t") for line in self._log.read_text().splitlines()]
        times = sorted(float(row[2]) for row in rows)
        wrong = [row[1] for row in rows if row[1] != "200"]
        if not times:
            raise LoadError("`h2load` had no answer at all")
        return Told(
            requests=len(rows),
            errors=len(wrong),
            first_error=f"status {wrong[0]}" if wrong else "",
            octets=0,
            seconds=float(took[1]) / (1000 if took[2] == "ms" else 1),
            p50_us=statistics.median(times),
            p99_us=times[int(0.99 * (len(times) - 1))],
            statuses={"200": len(rows) - len(wrong)},
        )

    def close(self) -> None:
        """Nothing stays open between rounds."""
