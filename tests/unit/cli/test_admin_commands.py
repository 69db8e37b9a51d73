"""`status`, `reload`, `lockdown` and `events` against an admin port: what they print, and how they exit."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, override

import pytest
from typer.testing import CliRunner, Result

from subrosa.cli.app import app

HEALTH = {"ready": True, "reasons": [], "checks": {}}
POLICY = {"generation": 3, "digest": "3f2a" * 8, "profile": "standard", "enforcing": True, "providers": 150}
COUNTS = {"allow": 7, "block": 2, "would_block": 0, "fail_closed": 1}
STATUS = {
    "version": "0.1.0", "started": "2026-11-25T10:00:00+00:00", "lockdown": False, "workers": 2, "policy": POLICY,
    "transfers": COUNTS,
}  # fmt: skip
RECORD = {"record": "decision", "verdict": "block", "reason": "training-destination", "host": "h.example"}


class Port(ThreadingHTTPServer):
    """An admin port that answers as a test has it answer, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.answers: dict[str, tuple[int, Any]] = {
            "GET /readyz": (200, HEALTH),
            "GET /api/v1/status": (200, STATUS),
        }
        self.asked: list[tuple[str, bytes, str]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Port

    def do_GET(self) -> None:
        what = f"{self.command} {self.path}"
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked.append((what, body, self.headers.get("Authorization", "")))
        status, value = self.server.answers.get(what, (404, {"detail": "not found"}))
        text = value if isinstance(value, str) else json.dumps(value)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[Port]:
    with Port() as found:
        serving = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield found
        found.shutdown()
        serving.join()


def subrosa(port: Port, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--admin", port.address])


def test_a_ready_gateway_is_told_in_a_few_lines(port: Port) -> None:
    result = subrosa(port, "status")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ready",
        "policy     generation 3, 3f2a3f2a3f2a, profile standard, 150 providers, enforcing",
        "lockdown   off",
        "workers    2",
        "transfers  7 allowed, 2 refused, 0 would be refused, 1 failed closed",
        "version    0.1.0, since 2026-11-25T10:00:00+00:00",
    ]


def test_what_is_not_as_it_should_be_comes_first(port: Port) -> None:
    reasons = ["evidence: disk full", "lockdown: every transfer is refused"]
    port.answers["GET /readyz"] = (503, {"ready": False, "reasons": reasons})
    port.answers["GET /api/v1/status"] = (200, STATUS | {"lockdown": True, "policy": None})
    result = subrosa(port, "status")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:5] == [
        "not ready",
        "  evidence: disk full",
        "  lockdown: every transfer is refused",
        "policy     none: every transfer is refused",
        "lockdown   ON: every transfer is refused",
    ]


def test_a_warning_leaves_it_ready(port: Port) -> None:
    port.answers["GET /readyz"] = (200, HEALTH | {"reasons": ["reload: it failed"]})
    result = subrosa(port, "status")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "ready, with a warning")


def test_quiet_says_nothing_of_what_is_well_and_asks_for_health_alone(port: Port) -> None:
    result = subrosa(port, "status", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert [what for what, _, _ in port.asked] == ["GET /readyz"]
    port.answers["GET /readyz"] = (503, {"ready": False, "reasons": ["policy: none"]})
    result = subrosa(port, "status", "--quiet")
    assert (result.exit_code, result.stderr) == (1, "not ready: policy: none\n")


def test_programs_get_both_as_json(port: Port) -> None:
    told = json.loads(subrosa(port, "status", "--json").stdout)
    assert told == STATUS | HEALTH


def test_another_server_is_no_ready_gateway(port: Port) -> None:
    port.answers["GET /readyz"] = (200, "<html>")
    assert subrosa(port, "status", "--quiet").exit_code == 1


def test_a_reload_tells_the_generation_or_every_fault(port: Port) -> None:
    port.answers["POST /api/v1/reload"] = (200, {"ok": True, "generation": 4, "faults": []})
    result = subrosa(port, "reload")
    assert (result.exit_code, result.stdout) == (0, "generation 4 is in force\n")
    faults = ["rules/x.yaml:1:1 nonsense", "rules/y.yaml:2:2 worse"]
    port.answers["POST /api/v1/reload"] = (422, {"ok": False, "generation": 3, "faults": faults})
    result = subrosa(port, "reload")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [*faults, "2 faults: generation 3 stays in force"]


def test_the_switch_is_told_and_turned(port: Port) -> None:
    port.answers["GET /api/v1/lockdown"] = (200, {"on": False})
    port.answers["PUT /api/v1/lockdown"] = (200, {"on": True})
    assert subrosa(port, "lockdown").stdout == "lockdown is off\n"
    assert subrosa(port, "lockdown", "on").stdout == "lockdown is on: every transfer is refused\n"
    assert port.asked[-1][1] == b'{"on": true}'
    assert subrosa(port, "lockdown", "perhaps").exit_code == 2


def test_a_switch_that_will_not_last_is_a_fault(port: Port) -> None:
    port.answers["PUT /api/v1/lockdown"] = (200, {"on": True, "detail": "no space left"})
    result = subrosa(port, "lockdown", "on")
    assert result.exit_code == 1
    assert "lockdown is on" in result.stdout
    assert "it will not outlast the gateway: no space left" in result.stderr


def test_events_are_oldest_first_and_followed(port: Port) -> None:
    older = RECORD | {"host": "old.example"}
    port.answers["GET /api/v1/decisions?limit=20&verdict=block"] = (200, {"decisions": [RECORD, older]})
    port.answers["GET /api/v1/decisions/stream?verdict=block"] = (
        200,
        f": hello\n\nevent: decision\ndata: {json.dumps(RECORD | {'host': 'new.example'})}\n\n",
    )
    result = subrosa(port, "events", "-f", "--verdict", "block", "--json")
    hosts = [json.loads(line)["host"] for line in result.stdout.splitlines()]
    assert (result.exit_code, hosts) == (0, ["old.example", "h.example", "new.example"])


@pytest.mark.parametrize("words", [["status"], ["reload"], ["lockdown"], ["lockdown", "on"], ["events"]])
def test_a_refusal_is_told_in_one_line(port: Port, words: list[str]) -> None:
    refused = (401, {"detail": "give the admin token"})
    port.answers = {"GET /readyz": (200, HEALTH)}
    for what in ("GET /api/v1/status", "POST /api/v1/reload", "GET /api/v1/decisions?limit=20"):
        port.answers[what] = refused
    for method in ("GET", "PUT"):
        port.answers[f"{method} /api/v1/lockdown"] = refused
    result = subrosa(port, *words)
    assert result.exit_code == 1
    assert result.stderr == f"http://{port.address}/ answers 401: give the admin token\n"


@pytest.mark.parametrize(
    "words", [["status", "--quiet"], ["status"], ["reload"], ["lockdown", "off"], ["events", "-f"]]
)
def test_no_gateway_is_told_in_one_line(words: list[str]) -> None:
    result = CliRunner().invoke(app, [*words, "--admin", "127.0.0.1:1"])
    assert result.exit_code == 1
    assert result.stderr.startswith("no gateway answers on http://127.0.0.1:1/ (connection refused)")
    assert len(result.stderr.splitlines()) == 1


def test_what_speaks_no_http_is_no_gateway(port: Port) -> None:
    port.answers["GET /readyz"] = (200, HEALTH)
    Answers.protocol_version, kept = "NONSENSE", Answers.protocol_version
    try:
        result = subrosa(port, "status")
    finally:
        Answers.protocol_version = kept
    assert result.exit_code == 1
    assert "no gateway answers" in result.stderr


def test_the_token_of_the_settings_is_shown(port: Port, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("correct-horse\n")
    config = tmp_path / "s.yaml"
    config.write_text(f"admin: {port.address}\nadmin_token_file: {token}\n")
    assert CliRunner().invoke(app, ["status", "--config", str(config)]).exit_code == 0
    assert {shown for _, _, shown in port.asked} == {"Bearer correct-horse"}
    token.unlink()
    result = CliRunner().invoke(app, ["status", "--config", str(config)])
    assert (result.exit_code, result.stderr) == (
        1,
        f"admin token file `{token}` cannot be read: no such file or directory\n",
    )


def test_a_port_bound_everywhere_is_reached_from_here(port: Port) -> None:
    assert CliRunner().invoke(app, ["status", "--admin", f"0.0.0.0:{port.server_port}"]).exit_code == 0
