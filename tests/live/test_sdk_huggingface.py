from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError

from live.sdk.answers import DATASET_FILE
from live.sdk.places import Places
from live.sdk.process import Gateway

HOST = "huggingface.co"


@pytest.fixture
def hub(places: Places, through_gateway: Gateway) -> Iterator[huggingface_hub.HfApi]:
    """huggingface_hub as it comes, but for proxy and CA; it has asked for its list of agents, as it does once a day."""
    huggingface_hub.close_session()
    api = huggingface_hub.HfApi(endpoint=places[HOST].origin, token="hf_test")
    api._build_hf_headers()
    yield api
    huggingface_hub.close_session()


def test_an_upload_to_a_dataset_is_refused_and_says_why(hub: huggingface_hub.HfApi, gateway: Gateway) -> None:
    with gateway.watching(HOST) as trial, pytest.raises(HfHubHTTPError) as refused:
        hub.upload_file(
            path_or_fileobj=b"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nAda: hello\n",
            path_in_repo="minutes/a.vtt",
            repo_id="acme/minutes",
            repo_type="dataset",
        )
    decision = trial.refused("pledge.training-destination")
    told = str(refused.value)
    assert "Blocked by Subrosa: meeting content may not be sent to model training" in told
    assert decision["id"] in told
    message = refused.value.response.headers["X-Error-Message"]
    assert message.startswith("Blocked by Subrosa")


def test_a_download_passes(hub: huggingface_hub.HfApi, gateway: Gateway, tmp_path: Path) -> None:
    with gateway.watching(HOST) as trial:
        found = hub.hf_hub_download("acme/minutes", "turns.csv", repo_type="dataset", cache_dir=tmp_path)
    assert Path(found).read_bytes() == DATASET_FILE
    assert {each["method"] for each in trial.allowed()} == {"HEAD", "GET"}
