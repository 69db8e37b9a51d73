"""The admin API of a real gateway, driven by its own description; off loopback, by who has no token; and its series."""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from prometheus_client.parser import text_string_to_metric_families

from live.crowd import Crowd
from live.sdk.answers import Providers
from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import SUBROSA, Gateway
from subrosa.admin.schemas import SCHEMAS

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
TOKEN = "correct-horse-battery"
HEALTH = ("/healthz", "/readyz")
CONFIG = """\
[[operations]]
include-operation-id = "explain"
# what is a request by its form may still be one that no gateway would judge: 422
[operations.checks.positive_data_acceptance]
expected-statuses = ["200", "422"]
"""


class Api:
    """One gateway's admin port, asked with its token or without."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def ask(
        self, method: str, path: str, *, token: str = TOKEN, body: str = "", seconds: float = 60
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body:
            headers["Content-Type"] = "application/json"
        with closing(http.client.HTTPConnection(self.gateway.admin, timeout=seconds)) as asked:
            asked.request(method, path, body or None, headers)
            answer = asked.getresponse()
            return answer.status, answer.read()

    def get(self, path: str) -> Any:
        status, octets = self.ask("GET", path)
        assert status == 200, octets
        return json.loads(octets)

    def series(self) -> set[str]:
        text = self.ask("GET", "/metrics")[1].decode()
        return {
            f"{sample.name}{sorted(sample.labels.items())}"
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture(scope="module")
def api(places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    work = tmp_path_factory.mktemp("admin")
    token, users = work / "token", work / "users"
    token.write_text(TOKEN)
    made = subprocess.run(
        [SUBROSA, "user", "web"], input="secret\n", capture_output=True, text=True, check=True
    )
    users.write_text(made.stdout)
    settings = {"admin_token_file": str(token), "proxy_users": str(users)}
    with Gateway(work, places, settings=settings) as gateway:
        found = Api(gateway)
        environment = {"PATH": "/usr/bin", **gateway.environment()}
        for host, path in (("sink.example.com", "/notes"), ("api.openai.com", "/v1/fine_tuning/jobs")):
            curl("--json", '{"training_file": "file-1"}', places[host].origin + path, env=environment)
        yield found


@pytest.mark.slow
def test_what_drives_it_by_its_description_finds_nothing(api: Api, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    address = f"http://{api.gateway.admin}"
    words = [
        "--checks",
        "all",
        "--generation-deterministic",
        "--max-examples",
        "8",
        "--request-timeout",
        "60",
    ]
    words += [
        "--header",
        f"Authorization: Bearer {TOKEN}",
        "--workers",
        "1",
        "--no-color",
        "--continue-on-failure",
    ]
    done = subprocess.run(
        # of an answer without an end it could only say that; `test_events_are_as_described` reads it
        [SCHEMATHESIS, "run", f"{address}/api/v1/openapi.json", "--exclude-operation-id", "stream", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert api.ask("PUT", "/api/v1/lockdown", body='{"on": false}')[0] == 200
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
    assert "Tested: 11" in done.stdout


def test_events_are_as_described(api: Api, places: Places) -> None:
    told = {"$ref": "#/components/schemas/Decision", "components": {"schemas": dict(SCHEMAS)}}
    with closing(http.client.HTTPConnection(api.gateway.admin, timeout=30)) as asked:
        asked.request(
            "GET", "/api/v1/decisions/stream?verdict=block", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        answer = asked.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (200, "text/event-stream; charset=utf-8")
        environment = {"PATH": "/usr/bin", **api.gateway.environment()}
        curl("--json", "{}", places["api.openai.com"].origin + "/v1/fine_tuning/jobs", env=environment)
        while not (line := answer.readline()).startswith(b"data: "):
            assert line, "it ended"
    record = json.loads(line[6:])
    jsonschema_rs.validate(told, record)
    assert record["operation"] == "openai.fine_tuning.jobs.create"


def test_the_description_of_a_decision_is_complete(api: Api) -> None:
    """Each closed schema names just what the answers have: a field that nobody told of would be a fault."""
    page = api.get("/api/v1/decisions?limit=1")
    missing = {name: set(SCHEMAS[name]["properties"]) for name in ("Decision", "Status")}  # type: ignore[call-overload]
    assert set(page["decisions"][0]) | {"outcome"} == missing["Decision"]
    assert set(api.get("/api/v1/status")) == missing["Status"]


def test_three_hundred_hosts_paths_and_users_add_no_series(api: Api, places: Places) -> None:
    crowd = Crowd(api.gateway, places["plain.example.com"].authority)

    def send(number: int) -> None:
        user = f"Proxy-Authorization: Basic {'d2ViOnNlY3JldA==' if number % 2 else 'bm9ib2R5OnNlY3JldA=='}"
        crowd.status(f"/path/{number}", user, f"User-Agent: agent-{number}", f"X-Purpose: purpose-{number}")
        with closing(crowd.connect()) as client:
            host = f"host-{number}.example.com"
            client.sendall(
                f"POST http://{host}/{number} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n"
                f"Connection: close\r\n{user}{number}\r\n\r\n{{}}".encode()
            )
            while client.recv(65536):
                pass

    for number in range(4):
        send(number)
    before = api.series()
    for number in range(4, 304):
        send(number)

    assert api.series() == before
    assert not [
        name for name in before if "host-" in name or "path" in name.partition("[")[2].replace("'path'", "")
    ]


def test_off_loopback_without_a_token_nothing_but_health_answers(
    start_gateway: Callable[..., Gateway],
) -> None:
    api = Api(start_gateway("--admin", "0.0.0.0:0"))
    paths = json.loads(described())["paths"]
    found = {
        (method, path): api.ask(method.upper(), path, token=token, body="{}" if method != "get" else "")[0]
        for path, methods in paths.items()
        for method in methods
        for token in ("", "guess")
    }
    assert found == {
        (method, path): 200 if path in HEALTH else 401
        for path, methods in paths.items()
        for method in methods
    }
    assert api.ask("GET", "/unknown", token="")[0] == 401


def described() -> str:
    from subrosa.admin.openapi import OPENAPI

    return json.dumps(OPENAPI)
