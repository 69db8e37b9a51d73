"""Ordinary work of a recorder's machine, in the default profile: nothing of it is refused."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from live.origins import pattern
from live.sdk.answers import Providers, build_wheel
from live.sdk.places import Places
from live.sdk.process import Gateway

SAMPLES = Path(__file__).parents[1] / "samples"
RECORDING = SAMPLES / "media/zoom_like.mp4"
TRANSCRIPT = SAMPLES / "text/GMT20260108-120125_Recording.transcript.vtt"


@pytest.fixture
def web(through_gateway: Gateway) -> Iterator[httpx.Client]:
    """An ordinary HTTP client, with proxy and CA from its environment."""
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def nothing_refused(gateway: Gateway) -> Iterator[None]:
    """After the whole day the gateway's own counters say the same."""
    before = gateway.metric("subrosa_blocked_total"), gateway.metric("subrosa_fail_closed_total")
    yield
    assert (gateway.metric("subrosa_blocked_total"), gateway.metric("subrosa_fail_closed_total")) == before
    assert gateway.metric("subrosa_held_transfers") == 0


def ran(command: list[str], environment: dict[str, str], directory: Path) -> None:
    done = subprocess.run(
        command, env=environment, cwd=directory, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_recording_and_a_summary_go_to_slack(
    web: httpx.Client, gateway: Gateway, places: Places, providers: Providers
) -> None:
    api, files = places["slack.com"].origin, places["files.slack.com"].origin
    bearer = {"Authorization": "Bearer xoxb-1"}
    with gateway.watching("slack.com", "files.slack.com") as trial:
        asked = {"filename": "rec.mp4", "length": str(RECORDING.stat().st_size)}
        assert web.post(f"{api}/api/files.getUploadURLExternal", data=asked, headers=bearer).is_success
        with RECORDING.open("rb") as opened:
            sent = web.post(
                f"{files}/upload/v1/CwABAAAAXAoAAVnX", files={"file": ("rec.mp4", opened, "video/mp4")}
            )
        assert sent.is_success
        done = {"files": [{"id": "F1", "title": "Weekly training"}], "channel_id": "C1"}
        assert web.post(f"{api}/api/files.completeUploadExternal", json=done, headers=bearer).is_success
        text = {"channel": "C1", "text": f"Notes of the model training sync:\n{TRANSCRIPT.read_text()}"}
        assert web.post(f"{api}/api/chat.postMessage", json=text, headers=bearer).is_success
    assert len(trial.allowed()) == 4
    assert RECORDING.read_bytes() in providers.last("files.slack.com").body


def test_a_recording_is_transcribed_by_a_vendor_that_is_told_not_to_train(
    web: httpx.Client, gateway: Gateway, places: Places, providers: Providers
) -> None:
    url = f"{places['api.deepgram.com'].origin}/v1/listen?model=nova-3&mip_opt_out=true"
    with gateway.watching("api.deepgram.com") as trial:
        sent = web.post(url, content=RECORDING.read_bytes(), headers={"Content-Type": "video/mp4"})
    assert sent.is_success
    assert trial.allowed()[0]["operation"].startswith("deepgram.")


def test_an_error_report_goes_to_sentry(
    web: httpx.Client, gateway: Gateway, places: Places, providers: Providers
) -> None:
    lines = [
        {"event_id": "9ec79c33ec9942ab8353589fcb2e04dc"},
        {"type": "event", "content_type": "application/json"},
        {"message": "no space left", "breadcrumbs": [{"message": "GET rec/2026-01-08.mp4"}]},
    ]
    body = gzip.compress(b"\n".join(json.dumps(line).encode() for line in lines))
    fields = {"Content-Type": "application/x-sentry-envelope", "Content-Encoding": "gzip"}
    with gateway.watching("o1.ingest.sentry.io") as trial:
        url = f"{places['o1.ingest.sentry.io'].origin}/api/1/envelope/?sentry_key=0123456789abcdef"
        assert web.post(url, content=body, headers=fields).is_success
    trial.allowed()
    assert providers.last("o1.ingest.sentry.io").sha256 == hashlib.sha256(body).hexdigest()


def test_pip_downloads_a_wheel(
    gateway: Gateway, places: Places, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [
        sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-cache-dir", "--no-deps",
        "--index-url", f"{places['packages.corp.example'].origin}/simple/", "minutes-helper",
    ]  # fmt: skip
    with gateway.watching("packages.corp.example") as trial:
        ran(command, environment, tmp_path)
    assert len(trial.allowed()) == 2
    build_wheel(tmp_path / "same.whl")
    assert (tmp_path / "minutes_helper-1.0-py3-none-any.whl").exists()


def test_git_pushes_over_https(
    gateway: Gateway, places: Places, providers: Providers, environment: dict[str, str], tmp_path: Path
) -> None:
    server = providers.directory / "git/notes.git"
    bare = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(server)]
    ran(bare, {"PATH": os.environ["PATH"]}, tmp_path)
    ran(["git", "--git-dir", str(server), "config", "http.receivepack", "true"], environment, tmp_path)
    who = {
        f"GIT_{role}_{part}": "r@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    env = {**environment, **who, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    (tmp_path / "notes.txt").write_bytes(TRANSCRIPT.read_bytes())
    (tmp_path / "large.bin").write_bytes(os.urandom(1_500_000))
    for command in (
        ["git", "init", "--quiet", "--initial-branch=main", "."],
        ["git", "add", "notes.txt", "large.bin"],
        ["git", "commit", "--quiet", "-m", "notes"],
    ):
        ran(command, env, tmp_path)
    with gateway.watching("github.com") as trial:
        ran(["git", "push", "--quiet", f"{places['github.com'].origin}/notes.git", "main"], env, tmp_path)
    assert {each["method"] for each in trial.allowed()} == {"GET", "POST"}
    there, here = (
        subprocess.run(
            ["git", "-C", str(place), "rev-parse", "main"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for place in (server, tmp_path)
    )
    assert there == here


def test_a_run_s_metrics_go_to_weights_and_biases(
    web: httpx.Client, gateway: Gateway, places: Places
) -> None:
    lines = {"files": {"wandb-history.jsonl": {"offset": 0, "content": ['{"wer": 0.1, "_step": 1}']}}}
    with gateway.watching("api.wandb.ai") as trial:
        url = f"{places['api.wandb.ai'].origin}/files/acme/asr/run1/file_stream"
        assert web.post(url, json=lines, headers={"Authorization": "Basic YXBpOmtleQ=="}).is_success
    trial.allowed()


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("api.openai.com", "/v1/fine_tuning/jobs/ftjob-1/events?limit=10"),
        ("api.together.xyz", "/v1/fine-tunes/ft-1"),
        ("api.mistral.ai", "/v1/fine_tuning/jobs/1"),
        ("europe-west4-aiplatform.googleapis.com", "/v1/projects/p/locations/europe-west4/tuningJobs/1"),
    ],
)
def test_the_status_of_a_training_job_may_be_asked(
    host: str, target: str, web: httpx.Client, gateway: Gateway, places: Places, providers: Providers
) -> None:
    with gateway.watching(host) as trial:
        assert web.get(places[host].origin + target, headers={"Authorization": "Bearer t"}).is_success
    trial.allowed()


def test_a_recording_goes_to_a_service_that_nobody_catalogued(
    web: httpx.Client, gateway: Gateway, places: Places, providers: Providers
) -> None:
    content = RECORDING.read_bytes() + pattern(1 << 20)
    with gateway.watching("sink.example.com") as trial:
        assert web.put(f"{places['sink.example.com'].origin}/archive/rec.mp4", content=content).is_success
    trial.allowed()
    assert providers.last("sink.example.com").sha256 == hashlib.sha256(content).hexdigest()
