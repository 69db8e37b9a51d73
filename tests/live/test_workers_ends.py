"""How a gateway of several processes ends, and how it lives on when one of them hangs."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from live.conftest import S3
from live.crowd import Crowd, alive, kill, until
from live.sdk.answers import Providers
from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import Gateway
from live.sdk.store import BUCKET as NAME
from live.sdk.store import ObjectStore
from live.test_sdk_s3 import make_client
from live.test_start_faults import started

HOST = "plain.example.com"


def test_a_worker_that_hangs_is_replaced_and_a_drain_lets_what_is_in_flight_end(
    start_gateway: Callable[..., Gateway], places: Places
) -> None:
    gateway = start_gateway("--workers", "2", settings={"limits": {"silent_seconds": 2}})
    crowd = Crowd(gateway, places[HOST].authority)
    workers = crowd.whole()
    kill(workers["w0"], signal.SIGSTOP)
    gateway.waits_for("says nothing and is replaced")
    workers = crowd.whole(workers["w0"])
    assert crowd.statuses("/hung") == {200}

    uploads = [crowd.upload(f"/drained/{at}") for at in range(8)]
    assert {upload.worker for upload in uploads} == {"w0", "w1"}
    gateway.signal(signal.SIGTERM)
    until(lambda: gateway.get("/readyz")[0] == 503, "it is still ready")
    assert "asked to stop" in gateway.get("/readyz")[1]
    until(lambda: crowd.status("/too-late") == 0, "it still takes connections")
    assert [upload.finish() for upload in uploads] == [200] * 8
    assert gateway._process.wait(30) == 0
    assert not [pid for pid in workers.values() if alive(pid)]
    outcomes = [entry.record for entry in crowd.entries() if entry.record["record"] == "outcome"]
    assert not [record for record in outcomes if record["aborted"] == "gateway"]


def test_who_insists_is_obeyed_at_once(
    start_gateway: Callable[..., Gateway], places: Places, tmp_path: Path
) -> None:
    gateway = start_gateway("--workers", "2")
    (line,) = started(tmp_path, places, "--workers", "2", state=gateway.state_dir)
    assert "another gateway uses" in line
    crowd = Crowd(gateway, places[HOST].authority)
    upload, processes = crowd.upload("/never-ends"), crowd.processes()
    gateway.signal(signal.SIGTERM)
    until(lambda: gateway.get("/readyz")[0] == 503, "it is still ready")
    gateway.signal(signal.SIGINT)

    assert gateway._process.wait(10) == 0
    assert upload.finish() == 0
    assert not [pid for pid in processes if alive(pid)]


def test_workers_without_a_supervisor_end_what_is_in_flight_and_then_themselves(
    places: Places, providers: Providers, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, places, "--workers", "2").__enter__()
    crowd = Crowd(gateway, places[HOST].authority)
    crowd.whole()
    uploads, processes = [crowd.upload(f"/orphan/{at}") for at in range(8)], crowd.processes()
    gateway.signal(signal.SIGKILL)
    until(lambda: crowd.status("/too-late") == 0, "they still take connections")

    assert [upload.finish() for upload in uploads] == [200] * 8
    until(lambda: not [pid for pid in processes if alive(pid)], "they live on")
    gateway.kill()


def test_what_the_opening_of_an_upload_said_is_known_to_every_worker(
    start_gateway: Callable[..., Gateway],
    places: Places,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = {"name": "tools", "networks": ["127.0.0.0/8"], "holds": "nothing"}
    gateway = start_gateway("--workers", "2", settings={"sources": [source]})
    crowd = Crowd(gateway, places[HOST].authority)
    for name, value in gateway.environment().items():
        monkeypatch.setenv(name, value)
    origin = places[S3].origin
    s3 = make_client(None if origin == f"https://{S3}" else origin)
    opened = s3.create_multipart_upload(Bucket=NAME, Key="kept.bin", Metadata={"data-class": "meeting"})
    query = f"partNumber=1&uploadId={opened['UploadId']}"
    environment = {"PATH": os.environ["PATH"], **gateway.environment()}
    for at in range(10):
        url = f"{places[f'{NAME}.{S3}'].origin}/kept.bin?{query}"
        curl("--data", f"part {at}", "--request", "PUT", url, env=environment)
    s3.abort_multipart_upload(Bucket=NAME, Key="kept.bin", UploadId=opened["UploadId"])
    s3.close()

    parts: list[tuple[str, Any]] = [
        (entry.segment.split("-")[1], entry.record["customer_content"])
        for entry in crowd.entries()
        if entry.record.get("method") == "PUT"
    ]
    assert {worker for worker, _ in parts} == {"w0", "w1"}
    assert [content for _, content in parts] == [True] * 10


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("--workers", "0"), "greater than or equal to 1", id="no worker"),
        pytest.param(("--workers", "two"), "valid integer", id="no number"),
        pytest.param(("--workers", "2", "--upstream-ca", "/nowhere.pem"), "/nowhere.pem", id="no roots"),
        pytest.param(("--workers", "2", "--admin", "192.0.2.1:0"), "192.0.2.1:0", id="no admin port"),
    ],
)
def test_what_is_wrong_at_the_start_is_told_and_nothing_listens(
    arguments: tuple[str, ...], told: str, places: Places, tmp_path: Path
) -> None:
    assert told in "\n".join(started(tmp_path, places, *arguments))


def test_what_keeps_a_worker_from_serving_is_told_at_the_start(places: Places, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "evidence").write_text("in the way")
    lines = started(tmp_path, places, "--workers", "2", state=state)
    assert len(lines) == 1, lines
    assert "evidence cannot be written" in lines[0]
