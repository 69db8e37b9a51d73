"""A gateway behind a parent proxy, here another gateway."""

import json
from collections.abc import Callable
from pathlib import Path

from live.sdk.curl import curl
from live.sdk.places import Places
from live.sdk.process import Gateway

HOST = "api.openai.com"


def test_what_passes_goes_through_the_parent_and_what_is_refused_does_not(
    start_gateway: Callable[..., Gateway], places: Places, environment: dict[str, str], tmp_path: Path
) -> None:
    parent = start_gateway()
    roots = tmp_path / "roots.pem"
    roots.write_bytes(parent.ca.read_bytes() + places.ca_file.read_bytes())
    nowhere = tmp_path / "hosts"
    nowhere.write_text("# the parent resolves\n")
    child = start_gateway(
        "--upstream-proxy", parent.proxy, "--upstream-ca", str(roots), "--hosts-file", str(nowhere)
    )
    env = {**environment, **child.environment()}
    origin = places[HOST].origin

    with parent.watching(HOST) as above, child.watching(HOST) as trial:
        answer = curl("--json", json.dumps({"training_file": "f"}), f"{origin}/v1/fine_tuning/jobs", env=env)
    assert answer.status == 403
    trial.refused("pledge.training-destination")
    assert above.decisions == []

    with parent.watching(HOST) as above, child.watching(HOST) as trial:
        answer = curl("--json", "{}", f"{origin}/v1/embeddings", env=env)
    assert answer.status == 200, answer.said
    assert (trial.decision["verdict"], above.decision["verdict"]) == ("allow", "allow")
    assert above.connections == 1
