"""The real command, started as a user starts it: `subrosa run` in a process of its own, ready when it says so."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml
from prometheus_client.parser import text_string_to_metric_families

from live.sdk.places import Arrived, Places

type Decision = dict[str, Any]

SUBROSA = Path(sys.executable).with_name("subrosa")
SECONDS = 60
also: dict[str, object] = {}
"""Settings of every gateway that has none of its own in their place: see the options `--workers` and `--lane`."""
_LISTENER = re.compile(r"subrosa: (\S+) proxy on (\S+:\d+)")
_ADMIN = re.compile(r"subrosa: admin and metrics on http://(\S+:\d+)/")
_CA = re.compile(r"subrosa: clients must trust (\S+)")
_STATE = re.compile(r"subrosa: (?:enforcing|observing).*profile")


class NotStartedError(RuntimeError):
    """The command ended, or said nothing in time."""


@dataclass(slots=True)
class Trial:
    """What one piece of a client's work caused: the gateway's decisions, and what reached the places watched."""

    decisions: list[Decision] = field(default_factory=list)
    arrived: dict[str, Arrived] = field(default_factory=dict)

    @property
    def decision(self) -> Decision:
        """The only decision: one attempt, one decision."""
        told = [(each["method"], each["host"], each["path"], each["verdict"]) for each in self.decisions]
        assert len(self.decisions) == 1, told
        return self.decisions[0]

    @property
    def connections(self) -> int:
        return sum(place.connections for place in self.arrived.values())

    @property
    def octets(self) -> int:
        return sum(place.octets for place in self.arrived.values())

    def refused(self, rule: str, operation: str = "") -> Decision:
        """The one decision, a refusal by this rule; nothing reached the places watched."""
        decision = self.decision
        assert decision["verdict"] == "block", decision
        assert decision["rules"][:1] == [rule], decision
        assert not operation or decision["operation"] == operation, decision
        assert self.arrived, "a refusal is counted at its destination"
        assert (self.connections, self.octets) == (0, 0), self.arrived
        return decision

    def allowed(self) -> list[Decision]:
        """All decisions, each of them to allow."""
        assert self.decisions
        assert [each for each in self.decisions if each["verdict"] != "allow"] == []
        return self.decisions


class Gateway:
    """One running gateway. ``inside`` is put before every command that must run in its namespaces."""

    def __init__(
        self,
        work: Path,
        places: Places,
        *arguments: str,
        settings: Mapping[str, object] | None = None,
        prefix: Sequence[str] = (),
        state_dir: Path | None = None,
    ) -> None:
        self.places = places
        self.state_dir = state_dir or work / "state"
        self.lines: list[str] = []
        self.listeners: dict[str, str] = {}
        self.admin = ""
        self.ca = Path()
        self._said = threading.Event()
        self._told = threading.Condition()
        self._command = [*prefix, *command(work, places, self.state_dir, settings or {}, arguments)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name="gateway")
        self._reader.start()
        if not self._said.wait(SECONDS) or not self.admin:
            self.kill()
            raise NotStartedError("\n".join(self.lines[-40:]) or "the gateway said nothing")
        return self

    def __exit__(self, raised: type[BaseException] | None, *_rest: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            if raised is None:
                raise
            return
        self._end()
        if raised is None:
            assert code == 0, self.lines[-40:]
            assert "Traceback" not in self.log, self.log[-20_000:]

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def proxy(self) -> str:
        """The explicit proxy as clients want it told."""
        return f"http://{self.listeners['explicit']}"

    def processes(self) -> list[int]:
        """Its own process and those that it started: its workers, where it has some."""
        found = [self.pid]
        for pid in found:  # grows while it is walked
            with contextlib.suppress(OSError):
                found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """User and system time so far, of all its processes."""
        stats = [Path(f"/proc/{pid}/stat").read_text() for pid in self.processes()]
        ticks = [sum(map(int, stat.rpartition(")")[2].split()[11:13])) for stat in stats]
        return sum(ticks) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End all of it at once, as the kernel does where memory is short."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end()

    # --- what it tells -------------------------------------------------------------------------------------

    def get(self, path: str) -> tuple[int, str]:
        """Ask the admin port."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        """Tell the admin port."""
        connection = http.client.HTTPConnection(self.admin, timeout=10)
        with contextlib.closing(connection):
            connection.request(
                method, path, body or None, {"Content-Type": "application/json"} if body else {}
            )
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def decisions(self) -> list[Decision]:
        """The last thousand decisions, oldest first."""
        status, text = self.get("/api/v1/decisions?limit=1000")
        assert status == 200, text
        found: list[Decision] = json.loads(text)["decisions"]
        return [each for each in reversed(found) if each.get("record", "decision") == "decision"]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of one metric's series that carry these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics")[1])
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @contextlib.contextmanager
    def watching(self, *names: str) -> Iterator[Trial]:
        """Note what happens meanwhile, here and at these places; whole once the block is left."""
        known = {each["id"] for each in self.decisions()}
        trial = Trial()
        with self.places.watching(*names) as arrived:
            yield trial
        trial.arrived = arrived
        trial.decisions = [each for each in self.decisions() if each["id"] not in known]

    def waits_for(self, pattern: str) -> str:
        """The first line of its log, from its start on, in which this is found."""
        with self._told:
            told = self._told.wait_for(lambda: any(re.search(pattern, line) for line in self.lines), SECONDS)
            assert told, f"no line matches {pattern}:\n" + "\n".join(self.lines[-20:])
            return next(line for line in self.lines if re.search(pattern, line))

    def environment(self) -> dict[str, str]:
        """What a client's environment needs, and nothing else: the proxy and the CA, in every usual spelling."""
        ca = str(self.ca)
        names = [name for word in ("HTTP_PROXY", "HTTPS_PROXY") for name in (word, word.lower())]
        proxies = dict.fromkeys(names, self.proxy) if "explicit" in self.listeners else {}
        trust = (
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "AWS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
        )
        tools = ("GIT_SSL_CAINFO", "PIP_CERT", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
        return proxies | dict.fromkeys((*trust, *tools), ca) | {"NO_PROXY": "", "no_proxy": ""}

    # --- how it runs ---------------------------------------------------------------------------------------

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._told:
                self.lines.append(line.rstrip("\n"))
                self._told.notify_all()
            self._hear(line)
        self._said.set()

    def _hear(self, line: str) -> None:
        if found := _LISTENER.match(line):
            self.listeners.setdefault(found[1], found[2])
        elif found := _ADMIN.match(line):
            self.admin = found[1]
        elif found := _CA.match(line):
            self.ca = Path(found[1])
        elif _STATE.match(line):
            self._said.set()

    def _end(self) -> None:
        self._process.wait()
        self._reader.join()
        if self._process.stderr is not None:
            self._process.stderr.close()


def command(
    work: Path,
    places: Places,
    state_dir: Path,
    settings: Mapping[str, object],
    arguments: Sequence[str] = (),
) -> list[str]:
    """`subrosa run` on random ports, with the places as its whole world."""
    found = [
        str(SUBROSA), "run", "--admin", "127.0.0.1:0", "--state-dir", str(state_dir),
        "--hosts-file", str(places.hosts_file), "--allow-private", "127.0.0.0/8", "--upstream-ca", str(places.ca_file),
        *arguments,
    ]  # fmt: skip
    if "--mode" not in arguments and "--listen" not in arguments and "listeners" not in settings:
        found += ["--listen", "127.0.0.1:0"]
    named = {argument.removeprefix("--") for argument in arguments}
    if settings := {key: value for key, value in also.items() if key not in named} | dict(settings):
        file = work / "subrosa.yaml"
        file.write_text(yaml.safe_dump(dict(settings)))
        found += ["--config", str(file)]
    return found
