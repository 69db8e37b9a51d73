"""The authority as its operator meets it: brought along, or rotated with no moment in which a client does not trust."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import SUBROSA, Gateway

HOST = "api.openai.com"
JOB = json.dumps({"training_file": "file-1"})


def ca(state_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(SUBROSA), "ca", *arguments, "--state-dir", str(state_dir)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def trusts(gateway: Gateway, roots: Path, *arguments: str) -> bool:
    """Whether a client that trusts these roots alone hears the gateway's refusal."""
    environment = {"PATH": "/usr/bin:/bin", "HTTPS_PROXY": gateway.proxy}
    url = f"https://{HOST}/v1/fine_tuning/jobs"
    return curl(*arguments, "--cacert", str(roots), "--json", JOB, url, env=environment).status == 403


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_clients_trust_an_intermediate_by_its_root(
    start_gateway: Callable[..., Gateway], tmp_path: Path, version: str
) -> None:
    root = trustme.CA(organization_name="Corp")
    child = root.create_child_ca()
    (tmp_path / "tls.crt").write_bytes(child.cert_pem.bytes() + root.cert_pem.bytes())
    child.private_key_pem.write_to_path(tmp_path / "tls.key")
    (tmp_path / "tls.key").chmod(0o640)
    root.cert_pem.write_to_path(tmp_path / "root.pem")
    own = {"cert": str(tmp_path / "tls.crt"), "key": str(tmp_path / "tls.key")}
    gateway = start_gateway(settings={"ca": own, "prefer_h2": True})

    assert trusts(gateway, tmp_path / "root.pem", version)
    assert gateway.metric("subrosa_ca_expiry_timestamp_seconds") > 0
    assert not list(gateway.state_dir.glob("ca/*")), "no authority of our own is made beside it"


def test_a_client_that_was_given_both_trusts_before_and_after(places: Places, tmp_path: Path) -> None:
    state, roots = tmp_path / "state", tmp_path / "roots.pem"
    with Gateway(tmp_path, places, state_dir=state) as gateway:
        first = gateway.ca.read_bytes()
        assert ca(state, "rotate").returncode == 0
        roots.write_text(ca(state, "export").stdout)
        assert roots.read_text().count("BEGIN CERTIFICATE") == 2
        assert trusts(gateway, roots)
        assert ca(state, "rotate", "--finish").returncode == 0
        assert trusts(gateway, roots), "one that runs on still signs with the old"
    with Gateway(tmp_path, places, state_dir=state) as gateway:
        assert gateway.ca.read_bytes() != first
        assert trusts(gateway, roots)
        assert [line.split()[0] for line in ca(state, "show").stdout.splitlines()] == ["in", "previous"]


def test_what_cannot_be_rotated_is_told_in_a_line(tmp_path: Path) -> None:
    done = ca(tmp_path, "rotate", "--finish")

    assert (done.returncode, done.stdout) == (1, "")
    assert "no rotation is prepared: run `subrosa ca rotate`" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_authority_that_the_settings_give_is_not_rotated_here(tmp_path: Path) -> None:
    config = tmp_path / "subrosa.yaml"
    config.write_text(json.dumps({"ca": {"cert": "a.pem", "key": "a.key"}}))
    done = ca(tmp_path, "rotate", "--config", str(config))

    assert done.returncode == 1
    assert "the settings give the CA, as `a.pem`" in done.stderr
