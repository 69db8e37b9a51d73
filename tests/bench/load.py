"""The Go client and the Go destination, from Python's side."""

import contextlib
import json
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from bench.place import HOST, Place, free_port

type Body = Literal["none", "octets", "json", "multipart"]
PATIENCE = 900.0
WARMUP = 0.5
"""Seconds before the first round: what a proxy does once, such as a certificate, is not what is measured."""


class LoadError(RuntimeError):
    """The client could not do its work, or the work failed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the client asks for, in one round."""

    method: str = "GET"
    path: str = "/v1/models"
    body: Body = "none"
    size: int = 0
    connections: int = 32
    idle: int = 0
    requests: int = 0
    """How many in a round; 0 goes by the round's seconds."""
    fresh: bool = False
    named: bool = False
    """Whether each request has an id in its head, as those of many SDKs have: no head comes twice then."""
    protocol: Literal["http/1.1", "h2"] = "http/1.1"
    expect: int = 200
    purpose: str = "assistants"
    halt: bool = False
    host: str = HOST
    """Whom it asks: `TUNNELLED` is never inspected, in any setting of Subrosa."""
    tool: Literal["go", "wrk", "h2load"] = "go"
    warm: int = 3

    def flags(self, seconds: float) -> list[str]:
        """The client's command line, but for who and where."""
        given = {
            "method": self.method, "body": self.body, "size": self.size, "c": self.connections, "idle": self.idle,
            "n": self.requests, "d": seconds, "protocol": self.protocol, "expect": self.expect,
            "purpose": self.purpose, "warm": self.warm,
        }  # fmt: skip
        flags = [word for key, value in given.items() for word in (f"-{key}", str(value))]
        if not self.requests:
            flags += ["-warmup", str(min(WARMUP, seconds / 2))]
        return flags + ["-fresh"] * self.fresh + ["-name"] * self.named + ["-halt"] * self.halt


@dataclass(frozen=True, slots=True)
class Told:
    """What the client measured in one round."""

    requests: int
    errors: int
    first_error: str
    octets: int
    seconds: float
    p50_us: float
    p99_us: float
    statuses: dict[str, int]

    @property
    def failed(self) -> bool:
        """Whether so much went wrong that its cost says nothing: one in a hundred."""
        return self.errors * 100 > self.requests

    @classmethod
    def of(cls, line: dict[str, Any]) -> Self:
        """The client's line of JSON."""
        return cls(
            requests=line["requests"],
            errors=line["errors"],
            first_error=line["first_error"],
            octets=line["octets_up"] + line["octets_down"],
            seconds=line["seconds"],
            p50_us=line["p50_us"],
            p99_us=line["p99_us"],
            statuses=line["statuses"],
        )


@dataclass(frozen=True, slots=True)
class Destination:
    """The sink while it runs."""

    tls: int
    plain: int
    counting: int

    def url(self, path: str, *, host: str = HOST, plain: bool = False) -> str:
        """Where a path of it is."""
        return f"http://{host}:{self.plain}{path}" if plain else f"https://{host}:{self.tls}{path}"

    def count(self) -> dict[str, int]:
        """Connections, requests and octets of body that have reached it."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.counting}/", timeout=10) as answer:
            counts: dict[str, int] = json.load(answer)
            return counts


@contextlib.contextmanager
def destination(place: Place) -> Iterator[Destination]:
    """The sink, until the block ends."""
    ports = Destination(free_port(), free_port(), free_port())
    command = [place.binary("sink"), "-tls", ports.tls, "-plain", ports.plain, "-count", ports.counting]
    command += ["-cert", place.destination_cert, "-key", place.destination_key]
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise LoadError("the sink did not start")
        yield ports
    finally:
        process.kill()
        process.wait()


class Client:
    """One client process: its connections stay open from round to round."""

    def __init__(
        self, place: Place, load: Load, *, url: str, proxy: int | None, ca: Path, seconds: float
    ) -> None:
        command = [str(place.binary("client")), "-url", url, "-ca", str(ca), *load.flags(seconds)]
        if proxy is not None:
            command += ["-proxy", f"127.0.0.1:{proxy}"]
        self._faults = (place.work / "client-errors").open("w+")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._faults,
            text=True,
            start_new_session=True,  # who breaks a run off does not mean the client, which has to tell what it did
        )
        self.expect("ready")

    def expect(self, word: str) -> None:
        """Read one line that must be this word."""
        if (line := self._read()) != word:
            self.close()
            raise LoadError(f"the client said `{line[:200]}` instead of `{word}`")

    def say(self, word: str = "go") -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """Let the round end early; it is told all the same."""
        self._process.send_signal(signal.SIGINT)

    def told(self) -> Told:
        """The result of the round that is under way."""
        line = self._read()
        try:
            return Told.of(json.loads(line))
        except ValueError:
            self.close()
            raise LoadError(f"the client said `{line[:200]}` instead of a result") from None

    def round(self) -> Told:
        """Say go, and wait for the result."""
        self.say()
        return self.told()

    def _read(self) -> str:
        assert self._process.stdout is not None
        watch = threading.Timer(PATIENCE, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline().strip()
        finally:
            watch.cancel()
        if not line:
            self._faults.seek(0)
            raise LoadError(self._faults.read().strip()[-400:] or "the client ended without a word")
        return line

    def close(self) -> None:
        """Hang up."""
        self._process.kill()
        self._process.wait()
        self._faults.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
