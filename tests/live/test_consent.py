"""Consent has no switch: whatever a request, a tag or a user's rule says, a sealed block stays one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import Gateway

HOST = "api.openai.com"
JOB = {"model": "gpt-4o-mini", "training_file": "file-1"}


def header(value: str) -> tuple[str, ...]:
    return ("--header", value)


@pytest.mark.parametrize(
    "consent",
    [
        pytest.param(header("X-Consent: granted"), id="a consent header"),
        pytest.param(header("X-Data-Purpose: inference"), id="another purpose"),
        pytest.param(header("Content-Usage: train-ai=y"), id="a preference that allows"),
        pytest.param(header("X-Amz-Tagging: consent=granted"), id="a tag"),
        pytest.param(header("Baggage: consent=granted,training-consent=true"), id="baggage"),
        pytest.param(header("Subrosa-Verdict: allow"), id="a header of the gateway's own name"),
    ],
)
def test_consent_in_a_header_does_not_lift_the_refusal_of_a_job(
    consent: tuple[str, ...], gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    url = f"{places[HOST].origin}/v1/fine_tuning/jobs?consent=granted"
    body = json.dumps({**JOB, "consent": "granted", "metadata": {"consent": "granted"}})
    with gateway.watching(HOST) as trial:
        answer = curl(
            "--header", "Content-Type: application/json", "--data", body, *consent, url, env=environment
        )
    assert trial.refused("pledge.training-destination")["reason"] != "allowed"
    assert answer.status == 403
    assert "Consent does not lift this." in answer.problem["detail"]


@pytest.mark.parametrize("order", [pytest.param(1, id="before"), pytest.param(-1, id="after")])
def test_consent_in_a_form_field_does_not_lift_the_refusal_of_a_file(
    order: int, gateway: Gateway, places: Places, environment: dict[str, str]
) -> None:
    fields = ["consent=granted", "metadata=consent:granted", "purpose=fine-tune"][::order]
    form = [part for field in fields for part in ("--form", field)]
    file = ("--form", "file=WEBVTT;filename=a.vtt")
    with gateway.watching(HOST) as trial:
        answer = curl(*form, *file, f"{places[HOST].origin}/v1/files", env=environment)
    trial.refused("pledge.training-destination", "openai.files.create.fine_tune")
    assert answer.status == 403


def test_a_user_s_allow_does_not_lift_a_sealed_refusal(
    start_gateway: Callable[..., Gateway], places: Places, environment: dict[str, str], tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "allow.yaml").write_text(
        "rules:\n"
        "  - id: corp.customers-agreed\n"
        "    verdict: allow\n"
        "    when: {host: api.openai.com}\n"
        "    why: Our customers agreed to it.\n"
        "    owner: legal\n"
        "    expires: 2027-06-30\n"
    )
    own = start_gateway("--rules", str(rules))
    env = {**environment, **own.environment()}
    with own.watching(HOST) as trial:
        answer = curl("--json", json.dumps(JOB), f"{places[HOST].origin}/v1/fine_tuning/jobs", env=env)
    trial.refused("pledge.training-destination")
    assert answer.status == 403
    with own.watching(HOST) as trial:
        curl("--json", "{}", f"{places[HOST].origin}/v1/embeddings", env=env)
    assert trial.decision["rules"] == ["corp.customers-agreed"]
