"""curl as a user runs it, with what it told."""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer of one curl; ``facts`` is what `--write-out '%{json}'` tells."""

    code: int
    facts: dict[str, Any]
    head: str
    body: bytes
    said: str

    @property
    def status(self) -> int:
        return int(self.facts["response_code"])

    @property
    def seconds(self) -> float:
        return float(self.facts["time_total"])

    @property
    def version(self) -> str:
        return str(self.facts["http_version"])

    @property
    def uploaded(self) -> int:
        return int(self.facts["size_upload"])

    @property
    def problem(self) -> dict[str, Any]:
        assert "content-type: application/problem+json" in self.head.lower(), self.head
        found: dict[str, Any] = json.loads(self.body)
        return found


def curl(
    *arguments: str, env: Mapping[str, str], prefix: Sequence[str] = (), cwd: Path | None = None
) -> Answer:
    """Run curl; ``prefix`` puts it into a namespace, ``cwd`` is where it finds its files."""
    with tempfile.TemporaryDirectory() as directory:
        head, body = Path(directory, "head"), Path(directory, "body")
        command = [
            *prefix, "curl", "--silent", "--show-error", "--max-time", "60", "--dump-header", str(head),
            "--output", str(body), "--write-out", "%{json}", *arguments,
        ]  # fmt: skip
        done = subprocess.run(
            command, env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=270, check=False
        )
        found = body.read_bytes() if body.exists() else b""
        return Answer(done.returncode, json.loads(done.stdout), head.read_text(), found, done.stderr)
