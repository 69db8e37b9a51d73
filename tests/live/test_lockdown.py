"""The switch that refuses everything: at once, loudly, and across a restart."""

import json
from collections.abc import Callable
from pathlib import Path

from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import Gateway

HOST = "sink.example.com"


def test_a_lockdown_refuses_everything_until_it_is_lifted(
    start_gateway: Callable[..., Gateway], places: Places, environment: dict[str, str], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    url = f"{places[HOST].origin}/notes"

    def status(gateway: Gateway) -> int:
        return curl("--json", "{}", url, env={**environment, **gateway.environment()}).status

    with Gateway(tmp_path, places, state_dir=state) as gateway:
        assert status(gateway) == 200
        assert gateway.ask("PUT", "/api/v1/lockdown", '{"on": true}') == (
            200,
            gateway.get("/api/v1/lockdown")[1],
        )
        with gateway.watching(HOST) as trial:
            assert status(gateway) == 403
        assert trial.decision["reason"] == "lockdown"
        assert trial.connections == 0
        assert gateway.metric("subrosa_lockdown") == 1

    again = start_gateway(state_dir=state)
    assert status(again) == 403
    assert again.metric("subrosa_lockdown") == 1
    assert json.loads(again.ask("PUT", "/api/v1/lockdown", '{"on": false}')[1]) == {"on": False}
    assert status(again) == 200
    assert again.metric("subrosa_lockdown") == 0
