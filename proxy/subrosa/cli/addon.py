"""`subrosa addon-path`: where the script stands that a stock mitmproxy runs to show verdicts beside flows."""

from pathlib import Path

import subrosa
from subrosa.cli.output import out


def addon_path() -> None:
    """Print the path of a script for a stock mitmproxy: mitmweb -s "$(subrosa addon-path)"; for debugging only."""
    out.print(str(Path(subrosa.__file__).parent / "runtime" / "stockscript.py"), markup=False, soft_wrap=True)
