"""A real Prometheus on a free port, with its own data, asked over its own API."""

import contextlib
import json
import signal
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import yaml

SECONDS = 60


class Prometheus:
    """One server that scrapes some addresses every half second and evaluates some rule files as often."""

    def __init__(self, work: Path, targets: Sequence[str], rules: Sequence[Path]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._config = work / "prometheus.yml"
        self._config.write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
                    "rule_files": [str(path) for path in rules],
                    "scrape_configs": [
                        {"job_name": "subrosa", "static_configs": [{"targets": list(targets)}]}
                    ],
                }
            )
        )
        self._data = work / "data"
        self._log = ""
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [
                "prometheus", f"--config.file={self._config}", f"--storage.tsdb.path={self._data}",
                f"--web.listen-address=127.0.0.1:{self.port}", "--log.format=json",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, name="prometheus")
        self._reader.start()
        assert self._ready.wait(SECONDS), self._log[-2000:]
        return self

    def __exit__(self, *_raised: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(SECONDS)
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def ask(self, path: str, **query: str) -> Any:
        """One question to its API."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with contextlib.closing(opener.open(url, timeout=10)) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as fault:
            raise AssertionError(json.load(fault)["error"]) from fault

    def value(self, expr: str, at: str = "") -> list[dict[str, Any]]:
        """The series of an expression now, or at a moment."""
        found: list[dict[str, Any]] = self.ask("query", query=expr, **({"time": at} if at else {}))["result"]
        return found

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log += line
            if "ready to receive web requests" in line:
                self._ready.set()
        self._ready.set()
