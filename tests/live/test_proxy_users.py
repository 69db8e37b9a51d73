import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ProxyConnectionError

from live.conftest import BUCKET, S3
from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import SUBROSA, Gateway
from live.sdk.store import BUCKET as NAME
from live.sdk.store import KEY, REGION, SECRET, ObjectStore

USER, PASSWORD = "recorder", "correct horse: battery"
HOST = "api.openai.com"


@pytest.fixture
def guarded(start_gateway: Callable[..., Gateway], tmp_path: Path) -> Gateway:
    """A gateway that wants to know who asks."""
    users = tmp_path / "users"
    made = subprocess.run(
        [str(SUBROSA), "user", USER], input=f"{PASSWORD}\n", capture_output=True, text=True, check=True
    )
    users.write_text(made.stdout)
    source = {"name": "recorders", "users": [USER], "authenticate": True, "holds": "customer-content"}
    return start_gateway("--proxy-users", str(users), settings={"sources": [source]})


@pytest.fixture
def env(guarded: Gateway, environment: dict[str, str]) -> dict[str, str]:
    return {**environment, **guarded.environment()}


def test_a_client_without_a_name_is_refused(guarded: Gateway, places: Places, env: dict[str, str]) -> None:
    with guarded.watching(HOST) as trial:
        answer = curl(f"{places[HOST].origin}/v1/models", env=env)
    assert answer.facts["http_connect"] == 407
    assert (trial.connections, trial.octets) == (0, 0)
    assert guarded.metric("subrosa_transfers_total", verdict="block", reason="authentication") >= 1


def test_a_client_with_a_wrong_password_is_refused(
    guarded: Gateway, places: Places, env: dict[str, str]
) -> None:
    with guarded.watching(HOST) as trial:
        answer = curl("--proxy-user", f"{USER}:wrong", f"{places[HOST].origin}/v1/models", env=env)
    assert answer.facts["http_connect"] == 407
    assert trial.connections == 0


def test_a_known_client_passes_under_its_own_label(
    guarded: Gateway, places: Places, env: dict[str, str]
) -> None:
    with guarded.watching(HOST) as trial:
        answer = curl("--proxy-user", f"{USER}:{PASSWORD}", f"{places[HOST].origin}/v1/models", env=env)
    assert answer.status == 200
    decision = trial.decision
    assert (decision["source"], decision["user"]) == ("recorders", USER)
    assert guarded.metric("subrosa_transfers_total", verdict="allow", source="recorders") == 1


def test_a_known_client_is_refused_for_training_under_its_own_label(
    guarded: Gateway, places: Places, env: dict[str, str]
) -> None:
    url = f"{places[HOST].origin}/v1/fine_tuning/jobs"
    with guarded.watching(HOST) as trial:
        answer = curl("--proxy-user", f"{USER}:{PASSWORD}", "--json", '{"training_file": "f"}', url, env=env)
    assert answer.status == 403
    trial.refused("pledge.training-destination")
    assert (
        guarded.metric("subrosa_blocked_total", rule="pledge.training-destination", source="recorders") == 1
    )


@pytest.mark.parametrize("known", [True, False], ids=["with its password", "without one"])
def test_boto3_names_itself_in_the_proxy_s_address(
    known: bool, guarded: Gateway, places: Places, store: ObjectStore
) -> None:
    user = f"{USER}:correct%20horse%3A%20battery@" if known else ""
    proxy = f"http://{user}{guarded.listeners['explicit']}"
    origin = places[S3].origin
    config = Config(proxies={"https": proxy, "http": proxy}, retries={"total_max_attempts": 1})
    client: Any = boto3.session.Session(KEY, SECRET, region_name=REGION).client(
        "s3",
        config=config,
        verify=str(guarded.ca),
        endpoint_url=None if origin == f"https://{S3}" else origin,
    )
    with guarded.watching(BUCKET) as trial:
        if known:
            client.put_object(Bucket=NAME, Key="rec/by-name.mp4", Body=b"\0" * 1000)
            assert client.head_object(Bucket=NAME, Key="rec/by-name.mp4")["ContentLength"] == 1000
        else:
            with pytest.raises(ProxyConnectionError):
                client.put_object(Bucket=NAME, Key="rec/by-name.mp4", Body=b"\0" * 1000)
    client.close()
    assert (trial.connections > 0) is known
