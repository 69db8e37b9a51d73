"""The command `subrosa`: one small module a command; parses, calls `runtime` or `loading`, prints, exits.

Exit codes: 0 done, 1 found faults, 2 wrong usage. A user's mistake is told in one line, without traceback.
"""

from subrosa.cli.app import main

__all__ = ["main"]
