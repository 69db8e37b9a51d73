"""The addon in a stock mitmproxy: same verdicts and words as the gateway's, written beside the flow."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from live.clients import trusting
from live.sdk.answers import Providers
from live.sdk.places import Places
from live.sdk.process import SUBROSA

HOST = "api.openai.com"
STOCK = Path(sys.executable).with_name("mitmdump")


@pytest.fixture(scope="module")
def stock(
    places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a stock mitmdump that runs our script, with every name led to its place."""
    script = subprocess.run(
        [SUBROSA, "addon-path"], capture_output=True, text=True, check=True
    ).stdout.strip()
    folder = tmp_path_factory.mktemp("stock")
    place = places[HOST]
    redirect = folder / "places.py"
    redirect.write_text(
        "def server_connect(data):\n"
        f"    if data.server.address[0] == {HOST!r}: data.server.address = {place.address!r}\n"
    )
    command = [
        str(STOCK), "--listen-host", "127.0.0.1", "--listen-port", "0", "--set", f"confdir={folder}",
        "--set", f"ssl_verify_upstream_trusted_ca={places.ca_file}", "--set", "flow_detail=0",
        "--set", "connection_strategy=lazy", "-s", script, "-s", str(redirect),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    lines: list[str] = []
    port = ""
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"listening at 127\.0\.0\.1:(\d+)", line):
            port = found[1]
            break
    assert port, "".join(lines)
    rest = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
    rest.start()
    try:
        context = trusting(folder / "mitmproxy-ca-cert.pem")
        with httpx.Client(proxy=f"http://127.0.0.1:{port}", verify=context, timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)
        rest.join()
        process.stdout.close()
    assert any("for looking, not for enforcing" in line for line in lines)
    assert not any("Traceback" in line for line in lines), "".join(lines)


def test_the_addon_refuses_as_the_gateway_does(
    stock: httpx.Client, places: Places, providers: Providers
) -> None:
    before = len(providers.of(HOST))
    answer = stock.post(f"{places[HOST].origin}/v1/fine_tuning/jobs", json={"training_file": "file-1"})

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["operation"] == "openai.fine_tuning.jobs.create"
    assert len(providers.of(HOST)) == before


def test_the_addon_reads_the_body_where_that_decides(stock: httpx.Client, places: Places) -> None:
    def upload(purpose: str) -> httpx.Response:
        files = {"file": ("a.jsonl", json.dumps({"messages": []}).encode())}
        return stock.post(f"{places[HOST].origin}/v1/files", data={"purpose": purpose}, files=files)

    assert upload("fine-tune").status_code == 403
    assert upload("assistants").status_code == 200


def test_the_addon_lets_ordinary_work_pass(stock: httpx.Client, places: Places) -> None:
    assert stock.post(f"{places[HOST].origin}/v1/embeddings", json={}).status_code == 200
    assert stock.get(f"{places[HOST].origin}/v1/models").status_code == 200
