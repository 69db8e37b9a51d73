import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live.sdk import grpc_server
from live.sdk.answers import Providers
from live.sdk.grpc_client import MESSAGES
from live.sdk.places import Places
from live.sdk.process import Gateway

SERVICE, VERTEX = "grpc.example.com", "us-central1-aiplatform.googleapis.com"
SCRIPT = Path(__file__).parent / "sdk/grpc_client.py"


@pytest.fixture(scope="module")
def echo(places: Places, providers: Providers) -> Iterator[grpc_server.Echo]:
    server, found = grpc_server.start(places, SERVICE, VERTEX)
    yield found
    server.stop(None).wait()


def call(kind: str, target: str, method: str, environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), kind, target, method]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("kind", "method", "lengths"),
    [
        pytest.param("unary", "/acme.Notes/Summarise", [len(MESSAGES[1])], id="one message each way"),
        pytest.param("bidi", "/acme.Notes/Talk", [len(each) for each in MESSAGES], id="a stream each way"),
    ],
)
def test_a_call_to_an_ordinary_service_passes(
    kind: str,
    method: str,
    lengths: list[int],
    echo: grpc_server.Echo,
    gateway: Gateway,
    places: Places,
    environment: dict[str, str],
) -> None:
    with gateway.watching(SERVICE) as trial:
        answer = call(kind, places[SERVICE].authority, method, environment)
    assert answer == {"code": "OK", "messages": lengths}
    assert trial.decision["verdict"] == "allow"
    assert echo.calls[-1] == method


def test_a_training_job_is_refused_with_the_reason_in_its_details(
    echo: grpc_server.Echo, gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    method = "/google.cloud.aiplatform.v1.JobService/CreateCustomJob"
    with gateway.watching(VERTEX) as trial:
        answer = call("unary", places[VERTEX].authority, method, environment)
    decision = trial.refused("pledge.training-destination")
    assert answer["code"] == "PERMISSION_DENIED"
    assert "Blocked by Subrosa: meeting content may not be sent to model training" in answer["details"]
    assert decision["id"] in answer["details"]
    assert method not in echo.calls


def test_a_prediction_passes(
    echo: grpc_server.Echo, gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    method = "/google.cloud.aiplatform.v1.PredictionService/Predict"
    with gateway.watching(VERTEX) as trial:
        answer = call("unary", places[VERTEX].authority, method, environment)
    assert answer["code"] == "OK"
    assert trial.decision["verdict"] == "allow"
