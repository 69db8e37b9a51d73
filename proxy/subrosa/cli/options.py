"""Options that several commands share, and how the layers of settings are put together for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from subrosa.policy.policy import Profile
from subrosa.runtime.configuration import load_settings
from subrosa.settings import Settings

type Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (YAML).", metavar="F", show_default=False)
]
# No `type` statement: typer sees through it for one value, and takes a list behind it for one value, too.
Rules = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules", help="A directory of your own rules, after the shipped ones; repeatable.", metavar="D"
    ),
]
type ProfileOption = Annotated[
    Profile | None,
    typer.Option("--profile", help="What happens to unclassified destinations.", show_default=False),
]
type Admin = Annotated[
    str | None, typer.Option("--admin", help="Address of the admin port.", metavar="H:P", show_default=False)
]


def settings_of(config: Path | None, flags: Mapping[str, object]) -> Settings:
    """Settings from file, environment and the flags that were given."""
    return load_settings(
        config, {key: value for key, value in flags.items() if value not in (None, [], False)}
    )
