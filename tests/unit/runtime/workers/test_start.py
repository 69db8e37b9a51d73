"""What a worker is told at its start: the settings whole, whatever they are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from subrosa.settings import Layer, Settings, parse

README = Path(__file__).parents[4] / "README.md"


def shown() -> dict[str, Any]:
    """The README's settings, in which every key is set."""
    (block,) = re.findall(r"```yaml\n(listeners:.*?)```", README.read_text(), re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(block)
    return found


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"state_dir": "/s"}, id="the defaults"),
        pytest.param({"state_dir": "/s", "limits": {"silent_seconds": 2}}, id="one limit"),
        pytest.param(
            {"state_dir": "/s", "listeners": [{"listen": "[::]:8080"}], "admin": "[::1]:0"},
            id="addresses of IPv6",
        ),
        pytest.param(shown(), id="every setting"),
    ],
)
def test_settings_survive_the_way_to_a_worker(values: dict[str, Any]) -> None:
    settings = parse([Layer(values, lambda _: "")])
    text = settings.model_dump_json(by_alias=True, exclude_unset=True)

    assert Settings.model_validate_json(text) == settings
