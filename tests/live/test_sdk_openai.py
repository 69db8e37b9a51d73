import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest

from live.sdk.answers import SUMMARY, Providers, parsed
from live.sdk.places import Places
from live.sdk.process import Gateway

HOST = "api.openai.com"
SAMPLES = Path(__file__).parents[1] / "samples"
TRANSCRIPT = SAMPLES / "text/GMT20260108-120125_Recording.transcript.vtt"
WAV = SAMPLES / "media/voice.wav"


@pytest.fixture
def client(places: Places, through_gateway: Gateway) -> Iterator[openai.OpenAI]:
    """The openai package as it comes, but for proxy and CA (and the port, where 443 could not be had)."""
    origin = places[HOST].origin
    with openai.OpenAI(
        api_key="sk-test", base_url=None if origin == f"https://{HOST}" else f"{origin}/v1"
    ) as found:
        yield found


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(TRANSCRIPT, id="a transcript"),
        pytest.param(SAMPLES / "training/openai_chat.jsonl", id="a chat data set"),
    ],
)
def test_a_file_for_fine_tuning_is_refused_at_once_and_says_why(
    file: Path, client: openai.OpenAI, gateway: Gateway
) -> None:
    with gateway.watching(HOST) as trial, pytest.raises(openai.PermissionDeniedError) as refused:
        client.files.create(file=file, purpose="fine-tune")
    decision = trial.refused("pledge.training-destination", "openai.files.create.fine_tune")
    told = str(refused.value)
    assert "Blocked by Subrosa: meeting content may not be sent to model training" in told
    assert decision["id"] in told
    assert refused.value.status_code == 403


def test_a_fine_tuning_job_is_refused_at_its_head(client: openai.OpenAI, gateway: Gateway) -> None:
    with (
        gateway.watching(HOST) as trial,
        pytest.raises(openai.PermissionDeniedError, match="Blocked by Subrosa"),
    ):
        client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-1")
    assert trial.refused("pledge.training-destination", "openai.fine_tuning.jobs.create")["stage"] == "head"


def test_a_large_upload_for_fine_tuning_is_refused(client: openai.OpenAI, gateway: Gateway) -> None:
    with (
        gateway.watching(HOST) as trial,
        pytest.raises(openai.PermissionDeniedError, match="Blocked by Subrosa"),
    ):
        client.uploads.create(bytes=10, filename="a.jsonl", mime_type="text/jsonl", purpose="fine-tune")
    trial.refused("pledge.training-destination", "openai.uploads.create.fine_tune")


@pytest.mark.parametrize("purpose", ["assistants", "user_data", "batch"])
def test_a_file_for_another_purpose_arrives_whole(
    purpose: Literal["assistants", "user_data", "batch"],
    client: openai.OpenAI,
    gateway: Gateway,
    providers: Providers,
) -> None:
    with gateway.watching(HOST) as trial:
        client.files.create(file=TRANSCRIPT, purpose=purpose)
    assert trial.decision["verdict"] == "allow"
    note = providers.last(HOST)
    assert TRANSCRIPT.read_bytes() in note.body
    assert str(note.octets) == note.header("content-length")


@pytest.mark.parametrize(
    "kept", [pytest.param({}, id="not stored"), pytest.param({"store": True}, id="stored")]
)
def test_a_summary_of_a_transcript_passes(
    kept: dict[str, Any], client: openai.OpenAI, gateway: Gateway, providers: Providers
) -> None:
    asked = f"Summarise:\n{TRANSCRIPT.read_text()}"
    with gateway.watching(HOST) as trial:
        answer = client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": asked}], **kept
        )
    assert answer.choices[0].message.content == SUMMARY
    assert trial.decision["verdict"] == "allow"
    sent = parsed(providers.last(HOST))
    assert isinstance(sent, dict)
    assert sent["messages"][0]["content"] == asked


def test_a_transcription_passes(client: openai.OpenAI, gateway: Gateway, providers: Providers) -> None:
    with gateway.watching(HOST) as trial:
        answer = client.audio.transcriptions.create(file=WAV, model="whisper-1")
    assert answer.text == "Good morning."
    assert trial.decision["verdict"] == "allow"
    assert WAV.read_bytes() in providers.last(HOST).body


def test_fine_tuning_jobs_may_be_listed(client: openai.OpenAI, gateway: Gateway) -> None:
    with gateway.watching(HOST) as trial:
        assert list(client.fine_tuning.jobs.list()) == []
    assert trial.decision["verdict"] == "allow"


def test_embeddings_of_a_transcript_pass(client: openai.OpenAI, gateway: Gateway) -> None:
    with gateway.watching(HOST) as trial:
        client.embeddings.create(model="text-embedding-3-small", input=[TRANSCRIPT.read_text()])
    assert trial.decision["verdict"] == "allow"


def test_consent_beside_it_does_not_lift_the_refusal(client: openai.OpenAI, gateway: Gateway) -> None:
    consent = {"X-Consent": "granted", "X-Data-Consent": "model-training=granted"}
    extra = {"consent": "granted", "metadata": json.dumps({"consent": "granted"})}
    with (
        gateway.watching(HOST) as trial,
        pytest.raises(openai.PermissionDeniedError, match="Consent does not lift"),
    ):
        client.files.create(file=TRANSCRIPT, purpose="fine-tune", extra_headers=consent, extra_body=extra)
    trial.refused("pledge.training-destination", "openai.files.create.fine_tune")
