import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from live.sdk.places import Places
from live.sdk.process import Gateway

HOST = "api.openai.com"
SCRIPT = Path(__file__).parent / "sdk/client.mjs"
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
KINDS = [pytest.param("fetch", id="fetch"), pytest.param("http2", id="http2, which offers h2 only")]


def node(kind: str, url: str, body: str, environment: dict[str, str]) -> dict[str, Any]:
    command = ["node", str(SCRIPT), kind, "POST", url, body]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_job_is_refused_and_says_why(
    kind: str, gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    url = f"{places[HOST].origin}/v1/fine_tuning/jobs"
    with gateway.watching(HOST) as trial:
        answer = node(kind, url, '{"model": "m", "training_file": "file-1"}', environment)
    decision = trial.refused("pledge.training-destination", "openai.fine_tuning.jobs.create")
    assert (answer["status"], answer["type"]) == (403, "application/problem+json")
    assert json.loads(answer["body"])["decision"] == decision["id"]
    assert answer.get("alpn", "h2") == "h2"


@pytest.mark.parametrize("kind", KINDS)
def test_a_chat_passes(kind: str, gateway: Gateway, places: Places, environment: dict[str, str]) -> None:
    url = f"{places[HOST].origin}/v1/chat/completions"
    with gateway.watching(HOST) as trial:
        answer = node(kind, url, '{"model": "m", "messages": []}', environment)
    assert trial.decision["verdict"] == "allow"
    assert answer["status"] == 200
    assert json.loads(answer["body"])["object"] == "chat.completion"
