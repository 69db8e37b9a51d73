"""The shipped gateway with a destination left unread: curl sees the destination's own certificate, all else is told."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import Gateway, NotStartedError

SINK, OPENAI = "sink.example.com", "api.openai.com"
STATED = {"owner": "platform", "why": "its client pins a certificate", "expires": "2028-01-01"}


def unread(host: str) -> dict[str, object]:
    return {"destinations": [{"host": host, "inspect": "never", **STATED}], "profile": "strict"}


@pytest.mark.parametrize("option", ["--http1.1", "--http2"])
def test_curl_speaks_with_the_destination_itself(
    start_gateway: Callable[..., Gateway],
    places: Places,
    environment: dict[str, str],
    tmp_path: Path,
    option: str,
) -> None:
    gateway = start_gateway(settings=unread(SINK))
    env = {**environment, **gateway.environment(), "CURL_CA_BUNDLE": str(places.ca_file)}
    body = tmp_path / "recording.bin"
    body.write_bytes(bytes(2_000_000))

    with gateway.watching(SINK) as trial:
        answer = curl(
            option, "--data-binary", f"@{body}", "-H", "X-Data-Purpose: model-training",
            f"{places[SINK].origin}/upload", env=env,
        )  # fmt: skip

    assert answer.status == 200, answer.said
    assert trial.connections == 1
    decision = trial.decision
    assert (decision["verdict"], decision["reason"], decision["stage"]) == ("allow", "tunnel", "tls")
    assert (decision["transport"], decision["method"], decision["host"]) == ("tunnel", "CONNECT", SINK)
    assert decision["asserted"] == [f"inspect-never={SINK}"]
    until = time.monotonic() + 10
    while gateway.metric("subrosa_inflight_transfers"):
        assert time.monotonic() < until
    assert gateway.metric("subrosa_bytes_total", path="tunnel", direction="upstream") > 2_000_000
    assert gateway.metric("subrosa_bytes_total", path="inspected") == 0
    assert gateway.metric("subrosa_transfers_total", reason="tunnel", verdict="allow") == 1
    assert gateway.metric("subrosa_tunnels") == 0


def test_a_host_that_trains_cannot_be_left_unread(places: Places, tmp_path: Path) -> None:
    with (
        pytest.raises(
            NotStartedError, match=r"destinations\[0\]\.inspect: `api\.openai\.com` cannot be left"
        ),
        Gateway(tmp_path, places, settings=unread(OPENAI)),
    ):
        pass
