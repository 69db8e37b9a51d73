import json
from pathlib import Path

import pytest

from live.sdk.answers import Providers
from live.sdk.curl import Answer, curl
from live.sdk.namespace import ALONE, entering, inside, needs_namespace
from live.sdk.places import Places
from live.sdk.process import Gateway, Trial

HOST = "api.openai.com"
JOB = json.dumps({"model": "gpt-4o-mini", "training_file": "file-1"})
VERSIONS = [
    pytest.param("--http1.1", "1.1", id="over HTTP/1.1"),
    pytest.param("--http2", "2", id="over HTTP/2"),
]
MIB = 1 << 20


def json_body(text: str) -> tuple[str, ...]:
    return ("--header", "Content-Type: application/json", "--data", text)


def reads_the_reason(answer: Answer, trial: Trial) -> None:
    decision = trial.refused("pledge.training-destination", "openai.fine_tuning.jobs.create")
    assert (answer.code, answer.status) == (0, 403), answer.said
    problem = answer.problem
    assert problem["status"] == 403
    assert problem["reason"] == "training-destination"
    assert problem["rule"] == "pledge.training-destination"
    assert problem["operation"] == "openai.fine_tuning.jobs.create"
    assert problem["decision"] == decision["id"]
    assert problem["error"]["message"] == problem["detail"]
    head = answer.head.lower()
    assert 'proxy-status: subrosa; error=http_request_denied; details="' in head
    assert "cache-control: no-store" in head
    assert "x-should-retry: false" in head


@pytest.mark.parametrize(("option", "version"), VERSIONS)
def test_a_training_job_is_refused_with_a_problem_to_read(
    option: str, version: str, gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    url = f"{places[HOST].origin}/v1/fine_tuning/jobs"
    with gateway.watching(HOST) as trial:
        answer = curl(option, *json_body(JOB), url, env=environment)
    reads_the_reason(answer, trial)
    assert answer.version == version


@pytest.mark.parametrize(("option", "version"), VERSIONS)
def test_a_chat_passes_with_its_octets_and_fields_as_they_were(
    option: str,
    version: str,
    gateway: Gateway,
    places: Places,
    providers: Providers,
    environment: dict[str, str],
) -> None:
    text = '{"model": "gpt-4o-mini",  "messages": [{"role":"user","content":"h\\u00e9llo"}]}'
    fields = ("--header", "X-Odd-Case: Kept", "--header", "X-Twice: 1", "--header", "X-Twice: 2")
    with gateway.watching(HOST) as trial:
        answer = curl(
            option,
            *fields,
            *json_body(text),
            f"{places[HOST].origin}/v1/chat/completions?x=%7e",
            env=environment,
        )
    assert (answer.status, answer.version) == (200, version)
    assert trial.decision["verdict"] == "allow"
    note = providers.last(HOST)
    assert bytes(note.body) == text.encode()
    assert note.target == "/v1/chat/completions?x=%7e"
    odd = b"X-Odd-Case" if version == "1.1" else b"x-odd-case"
    assert (odd, b"Kept") in note.headers
    assert [v for n, v in note.headers if n.lower() == b"x-twice"] == [b"1", b"2"]
    assert not [n for n, _ in note.headers if n.lower().startswith((b"proxy-", b"via", b"x-forwarded"))]


def test_a_training_job_is_refused_through_socks(
    gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    socks = ("--proxy", f"socks5h://{gateway.listeners['socks5']}")
    with gateway.watching(HOST) as trial:
        refused = curl(*socks, *json_body(JOB), f"{places[HOST].origin}/v1/fine_tuning/jobs", env=environment)
    reads_the_reason(refused, trial)
    with gateway.watching(HOST) as trial:
        allowed = curl(*socks, *json_body("{}"), f"{places[HOST].origin}/v1/embeddings", env=environment)
    assert allowed.status == 200
    assert trial.decision["verdict"] == "allow"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recording") / "rec.mp4"
    with file.open("wb") as opened:
        opened.truncate(64 * MIB)
    return file


@pytest.mark.parametrize(("option", "version"), VERSIONS)
@pytest.mark.parametrize(
    "expect",
    [
        pytest.param("Expect: 100-continue", id="asked before"),
        pytest.param("Expect:", id="in the middle of it"),
    ],
)
def test_a_large_upload_tagged_for_training_reads_its_refusal(
    expect: str,
    option: str,
    version: str,
    recording: Path,
    gateway: Gateway,
    places: Places,
    environment: dict[str, str],
) -> None:
    url = f"{places['sink.example.com'].origin}/rec.mp4"
    fields = ("--header", expect, "--header", "X-Data-Purpose: model-training")
    with gateway.watching("sink.example.com") as trial:
        answer = curl(option, *fields, "--upload-file", str(recording), url, env=environment)
    trial.refused("pledge.training-tag")
    assert (answer.status, answer.version) == (403, version), answer.said
    assert answer.problem["reason"] == "training-tag"
    assert answer.uploaded < 64 * MIB
    if expect.endswith("continue") and version == "1.1":
        assert answer.uploaded == 0


@needs_namespace
def test_a_training_job_is_refused_without_any_network(
    places: Places, tmp_path: Path, environment: dict[str, str]
) -> None:
    places_file = places.hosts_file
    empty = tmp_path / "hosts"
    empty.write_text("")
    with Gateway(tmp_path, places, "--hosts-file", str(empty), prefix=ALONE) as gateway:
        assert places_file.exists()
        env = {**environment, **gateway.environment()}
        there = entering(gateway.pid)
        answer = curl(*json_body(JOB), f"https://{HOST}/v1/fine_tuning/jobs", env=env, prefix=there)
        assert answer.status == 403, answer.said
        assert answer.problem["rule"] == "pledge.training-destination"
        allowed = curl(*json_body("{}"), f"https://{HOST}/v1/embeddings", env=env, prefix=there)
        assert allowed.status == 502
        assert allowed.problem["reason"] == "upstream"
        metrics = inside(gateway.pid, lambda: gateway.metric("subrosa_blocked_total"))
        assert metrics >= 1
