import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from botocore.client import Config
from botocore.exceptions import ProxyConnectionError
from cryptography import x509

from live.conftest import BUCKET, S3
from live.sdk.answers import Providers
from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import SUBROSA, Gateway
from live.sdk.store import BUCKET as NAME
from live.sdk.store import KEY, REGION, SECRET, ObjectStore

USER, PASSWORD = "recorder", "correct horse: battery"
HOST = "api.openai.com"


@pytest.fixture(scope="module")
def guarded(
    places: Places, providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that wants to know who asks."""
    work = tmp_path_factory.mktemp("guarded")
    users = work / "users"
    made = subprocess.run(
        [str(SUBROSA), "user", USER], input=f"{PASSWORD}\n", capture_output=True, text=True, check=True
    )
    users.write_text(made.stdout)
    source = {"name": "recorders", "users": [USER], "authenticate": True, "holds": "customer-content"}
    modes = [part for mode in ("explicit", "socks5") for part in ("--mode", f"{mode}@127.0.0.1:0")]
    arguments = ("--proxy-users", str(users), *modes)
    with Gateway(work, places, *arguments, settings={"sources": [source]}) as found:
        yield found


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
    assert guarded.metric("subrosa_transfers_total", verdict="allow", source="recorders") >= 1


@pytest.mark.parametrize("password", [PASSWORD, "wrong"], ids=["with its password", "with a wrong one"])
def test_a_client_names_itself_through_socks(
    password: str, guarded: Gateway, places: Places, env: dict[str, str]
) -> None:
    socks = ("--proxy", f"socks5h://{guarded.listeners['socks5']}", "--proxy-user", f"{USER}:{password}")
    with guarded.watching(HOST) as trial:
        answer = curl(*socks, f"{places[HOST].origin}/v1/models", env=env)
    if password == PASSWORD:
        assert answer.status == 200
        assert (trial.decision["source"], trial.decision["user"]) == ("recorders", USER)
    else:
        assert (answer.code, answer.status) == (97, 0), answer.said
        assert trial.connections == 0


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


def test_a_client_names_itself_by_its_certificate(
    places: Places, providers: Providers, environment: dict[str, str], tmp_path: Path
) -> None:
    clients, files = trustme.CA(), {}
    server = places.ca.issue_cert("gateway.example.com")
    shown = clients.issue_cert("recorder-7.example.com", common_name="recorder-7")
    for name, certificate in (("server", server), ("client", shown)):
        files[name] = (tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(files[name][0])
        certificate.private_key_pem.write_to_path(files[name][1])
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    subject = x509.load_pem_x509_certificate(files["client"][0].read_bytes()).subject.rfc4514_string()
    listener = {
        "listen": "127.0.0.1:0",
        "tls_cert": str(files["server"][0]),
        "tls_key": str(files["server"][1]),
        "client_ca": str(tmp_path / "clients.pem"),
    }
    source = {"name": "recorders", "subjects": [subject], "authenticate": True}
    with Gateway(tmp_path, places, settings={"listeners": [listener], "sources": [source]}) as gateway:
        env = {**environment, **gateway.environment()}
        port = gateway.listeners["explicit"].rpartition(":")[2]
        proxy = (
            "--proxy", f"https://gateway.example.com:{port}", "--resolve", f"gateway.example.com:{port}:127.0.0.1",
            "--proxy-cacert", str(places.ca_file),
        )  # fmt: skip
        named = ("--proxy-cert", str(files["client"][0]), "--proxy-key", str(files["client"][1]))
        url = f"{places[HOST].origin}/v1/models"
        with gateway.watching(HOST) as trial:
            assert curl(*proxy, *named, url, env=env).status == 200
        assert (trial.decision["source"], trial.decision["subject"]) == ("recorders", subject)
        with gateway.watching(HOST) as trial:
            nameless = curl(*proxy, url, env=env)
        assert (nameless.status, trial.connections) == (0, 0)
        assert nameless.code in (35, 56), nameless.said


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
    with guarded.watching(BUCKET, S3) as trial:
        if known:
            client.put_object(Bucket=NAME, Key="rec/by-name.mp4", Body=b"\0" * 1000)
            assert client.head_object(Bucket=NAME, Key="rec/by-name.mp4")["ContentLength"] == 1000
        else:
            with pytest.raises(ProxyConnectionError):
                client.put_object(Bucket=NAME, Key="rec/by-name.mp4", Body=b"\0" * 1000)
    client.close()
    assert (trial.connections > 0) is known
