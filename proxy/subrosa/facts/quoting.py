"""How a reader's error shows the input it could not read: short, printable, in backticks."""

_SHOWN = 80


def quoted(text: str | bytes) -> str:
    """The input in backticks: at most 80 characters, with every control and non-ASCII character escaped."""
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    shown = plain[:_SHOWN].encode("unicode_escape").decode("ascii").replace("`", "\\x60")
    return f"`{shown}{'…' if len(plain) > _SHOWN else ''}`"
