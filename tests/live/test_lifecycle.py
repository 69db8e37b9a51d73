"""A running gateway, of one process and of several: switched, asked, reloaded, stuck and ended from outside."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from live.crowd import Crowd, Upload, kill, until
from live.sdk.answers import Providers
from live.sdk.places import Places
from live.sdk.process import SUBROSA, Gateway

HOST = "plain.example.com"
RULE = "rules:\n  - {id: corp.NAME, verdict: block, when: {host: HOST, path: '/NAME/{rest...}'}, why: No.}\n"


class Manager:
    """A service manager that notes what it is told."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.heard: list[bytes] = []
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(place))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def hears(self, word: bytes, after: int = 0) -> int:
        """Wait for what begins so; gives how much was heard until then."""

        def found() -> int:
            return next(
                (at + 1 for at, said in enumerate(self.heard) if at >= after and said[: len(word)] == word), 0
            )

        return until(found, f"{word!r} is not heard")

    def close(self) -> None:
        self._sock.sendto(b"", str(self.place))
        self._reader.join()
        self._sock.close()

    def _read(self) -> None:
        while said := self._sock.recv(200):
            self.heard.append(said)


class Running:
    """One gateway, what it told a service manager, and how it is told."""

    def __init__(self, gateway: Gateway, crowd: Crowd, manager: Manager, rules: Path) -> None:
        self.gateway, self.crowd, self.manager, self.rules = gateway, crowd, manager, rules

    def subrosa(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(SUBROSA), *words, "--admin", self.gateway.admin]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def upload(self, path: str) -> Upload:
        """Half an upload that was allowed at its head."""
        client = self.crowd.connect()
        client.sendall(self.crowd.head(path, 8, kind="audio/wav") + b"RIFF")
        until(lambda: path in {each["path"] for each in self.gateway.decisions()}, f"{path} is not decided")
        return Upload(client, "")

    def locked(self) -> bool:
        found: dict[str, Any] = json.loads(self.gateway.get("/api/v1/lockdown")[1])
        return bool(found["on"])

    def changes(self) -> list[tuple[bool, str, str]]:
        """Every change of the switch that the log tells."""
        lines = [json.loads(line) for line in self.gateway.lines if '"lockdown": ' in line]
        return [(line["lockdown"], line["how"], line["by"]) for line in lines]


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two workers"])
def running(
    request: pytest.FixtureRequest,
    places: Places,
    providers: Providers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    work = tmp_path_factory.mktemp("lifecycle")
    rules = work / "rules"
    rules.mkdir()
    with (
        closing(Manager(work / "notify")) as manager,
        Gateway(
            work,
            places,
            *("--workers", str(request.param), "--rules", str(rules)),
            settings={"limits": {"silent_seconds": 6}},
            prefix=("env", f"NOTIFY_SOCKET={manager.place}", "WATCHDOG_USEC=200000"),
        ) as gateway,
    ):
        yield Running(gateway, Crowd(gateway, places[HOST].authority), manager, rules)


@contextmanager
def unlocked(running: Running) -> Iterator[None]:
    """Whatever happens, others find it serving."""
    try:
        yield
    finally:
        assert running.gateway.ask("PUT", "/api/v1/lockdown", '{"on": false}')[0] == 200
        assert running.crowd.statuses("/serves-again", 4) == {200}


def test_the_service_manager_hears_that_it_serves_and_lives(running: Running) -> None:
    running.manager.hears(b"WATCHDOG=1", running.manager.hears(b"READY=1\nSTATUS=serving"))


def test_status_tells_a_person_and_a_program(running: Running) -> None:
    told = running.subrosa("status")
    assert (told.returncode, told.stdout.splitlines()[0]) == (0, "ready")
    assert json.loads(running.subrosa("status", "--json").stdout)["ready"] is True
    quiet = running.subrosa("status", "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def by_command(running: Running, *, on: bool) -> None:
    told = running.subrosa("lockdown", "on" if on else "off")
    assert told.returncode == 0, told.stderr


def by_signal(running: Running, *, on: bool) -> None:
    running.gateway.signal(signal.SIGUSR1 if on else signal.SIGUSR2)


def by_file(running: Running, *, on: bool) -> None:
    file = running.gateway.state_dir / "lockdown"
    if on:
        file.touch()
    else:
        file.unlink()


@pytest.mark.parametrize(
    ("turn", "how", "by"),
    [
        pytest.param(by_command, "api", ("127.0.0.1", "127.0.0.1"), id="by the admin port"),
        pytest.param(by_signal, "signal", ("SIGUSR1", "SIGUSR2"), id="by signal"),
        pytest.param(by_file, "file", (f"uid {os.getuid()}", ""), id="by file"),
    ],
)
def test_a_lockdown_breaks_off_what_is_under_way_and_refuses_all_else_until_it_is_lifted(
    running: Running, turn: Callable[..., None], how: str, by: tuple[str, str]
) -> None:
    gateway, crowd, before = running.gateway, running.crowd, len(running.changes())
    uploads = [running.upload(f"/under-way/{how}/{at}") for at in range(6)]
    kept = crowd.connect()
    with unlocked(running), kept:
        started = time.monotonic()
        turn(running, on=True)
        assert {upload.finish_after_end() for upload in map(Ending, uploads)} == {0}
        if turn is not by_command:  # which takes its own time to start
            assert time.monotonic() - started < 2.0
        until(running.locked, "it is not locked")
        assert gateway.metric("subrosa_lockdown") == 1
        with closing(crowd.connect()) as client:
            client.sendall(crowd.head(f"/refused/{how}", 2, "Connection: close") + b"{}")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"lockdown" in answer
        refused = gateway.decisions()[-1]
        assert (refused["reason"], refused["host"], refused["path"]) == ("lockdown", HOST, f"/refused/{how}")
        assert crowd.statuses(f"/all/{how}") == {403}
        assert gateway.get("/readyz")[0] == 200
        assert "lockdown: locked down" in gateway.get("/readyz")[1]

        turn(running, on=False)
        until(lambda: not running.locked(), "it is still locked")
        assert crowd.statuses(f"/after/{how}") == {200}
        assert gateway.metric("subrosa_lockdown") == 0
    assert running.changes()[before:] == [(True, how, by[0]), (False, how, by[1])]
    assert not (gateway.state_dir / "lockdown").exists()


class Ending:
    """An upload of which nothing more is sent until its connection ended."""

    def __init__(self, upload: Upload) -> None:
        self._client = upload.client

    def finish_after_end(self) -> int:
        """Octets that came before the end; a connection that is reset ends, too."""
        with self._client:
            try:
                return len(self._client.recv(65536))
            except ConnectionError:
                return 0


def test_a_state_directory_that_cannot_be_read_counts_as_locked(running: Running) -> None:
    state = running.gateway.state_dir
    hidden = state.with_name("hidden")
    with unlocked(running):
        state.rename(hidden)
        try:
            until(running.locked, "it serves without knowing whether it may")
        finally:
            hidden.rename(state)
        until(lambda: not running.locked(), "it stays locked")
    assert running.changes()[-2:] == [
        (True, "file", "the state directory cannot be read"),
        (False, "file", ""),
    ]


def test_a_reload_is_asked_for_by_command_and_by_signal(running: Running) -> None:
    gateway, crowd = running.gateway, running.crowd
    place = running.rules / "corp.yaml"
    place.write_text(RULE.replace("NAME", "one").replace("HOST", HOST))
    told = running.subrosa("reload")
    assert told.returncode == 0, told.stderr
    assert re.fullmatch(r"generation \d+ is in force\n", told.stdout)
    assert crowd.statuses("/one", 8) == {403}

    place.write_text("rules: [\n")
    told = running.subrosa("reload")
    assert told.returncode == 1
    assert "corp.yaml:" in told.stderr
    assert "Traceback" not in told.stderr
    assert crowd.statuses("/one", 8) == {403}
    assert "reload: the last reload failed" in gateway.get("/readyz")[1]

    before = gateway.metric("subrosa_policy_reload_total", result="ok")
    place.unlink()
    gateway.signal(signal.SIGHUP)
    until(
        lambda: gateway.metric("subrosa_policy_reload_total", result="ok") > before, "the signal is not heard"
    )
    until(lambda: crowd.statuses("/one", 8) == {200}, "the rule is still in force")
    assert json.loads(gateway.get("/readyz")[1])["reasons"] == []


def test_a_worker_that_is_stuck_is_named_and_a_gateway_that_is_stuck_does_not_answer(
    running: Running,
) -> None:
    gateway, crowd = running.gateway, running.crowd
    assert gateway.get("/healthz") == (200, "ok\n")
    several = bool(crowd.processes())
    pid = crowd.whole()["w0"] if several else gateway.pid
    kill(pid, signal.SIGSTOP)
    try:
        if several:
            until(lambda: gateway.get("/healthz")[0] == 503, "nobody notices")
            assert re.fullmatch(
                rf"stuck: worker w0 \(pid {pid}\) has said nothing for [\d.]+ s\n", gateway.get("/healthz")[1]
            )
            assert "stuck: worker w0" in gateway.get("/readyz")[1]
        else:
            with pytest.raises(TimeoutError):
                asked_within(gateway, 1.0)
    finally:
        kill(pid, signal.SIGCONT)
    until(lambda: gateway.get("/healthz") == (200, "ok\n"), "it stays stuck")
    if several:
        assert crowd.whole()["w0"] == pid, "it was replaced"


def asked_within(gateway: Gateway, seconds: float) -> int:
    with closing(http.client.HTTPConnection(gateway.admin, timeout=seconds)) as asked:
        asked.request("GET", "/healthz")
        return asked.getresponse().status


def test_the_end_is_told_before_it_comes(running: Running) -> None:
    """The last test of its gateway."""
    gateway = running.gateway
    upload = running.upload("/the-last")
    gateway.signal(signal.SIGTERM)
    until(lambda: gateway.get("/readyz")[0] == 503, "it is still ready")
    assert "stopping: asked to stop" in gateway.get("/readyz")[1]
    assert running.subrosa("status", "--quiet").returncode == 1
    running.manager.hears(b"WATCHDOG=1", running.manager.hears(b"STOPPING=1"))
    upload.client.sendall(b"WAVE")
    answer = upload.client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert gateway._process.wait(30) == 0
    upload.client.close()


def test_probes_of_the_metrics_port_hear_a_word(start_gateway: Callable[..., Gateway]) -> None:
    gateway = start_gateway("--metrics", "127.0.0.1:0", settings={"log_format": "json"})
    host, port = metrics_port(gateway)

    def word(path: str) -> tuple[int, str]:
        with closing(http.client.HTTPConnection(host, port, timeout=10)) as asked:
            asked.request("GET", path)
            answer = asked.getresponse()
            return answer.status, answer.read().decode()

    assert word("/readyz") == (200, "ready\n")
    assert word("/healthz") == (200, "ok\n")
    assert word("/metrics")[0] == 200
    assert [word(path)[0] for path in ("/", "/api/v1/status", "/api/v1/lockdown")] == [404] * 3


def metrics_port(gateway: Gateway) -> tuple[str, int]:
    """Where it listens beside the admin port and the proxy."""
    known = {int(address.rpartition(":")[2]) for address in (gateway.admin, *gateway.listeners.values())}
    inodes = {
        match[1]
        for each in Path(f"/proc/{gateway.pid}/fd").iterdir()
        if (match := re.fullmatch(r"socket:\[(\d+)\]", str(each.readlink())))
    }
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        port = int(words[1].partition(":")[2], 16)
        if words[3] == "0A" and words[9] in inodes and port not in known:
            return "127.0.0.1", port
    raise AssertionError("there is no metrics port")
