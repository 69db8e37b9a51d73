"""The table of metrics in `grafana/README.md`, made from the definitions that the gateway itself counts by."""

from subrosa.effects.definitions import DEFINITIONS, Definition

BEGIN, END = "<!-- metrics: written by `make dashboards` -->", "<!-- end of metrics -->"


def with_metrics(text: str) -> str:
    """The document with the table of metrics as the definitions are now.

    Raises:
        ValueError: where the document has no place for it.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        msg = f"grafana/README.md has no place for the metrics: keep the lines `{BEGIN}` and `{END}`"
        raise ValueError(msg)
    head = ["", "| metric | kind | labels | what it counts |", "|---|---|---|---|"]
    return before + begin + "\n".join([*head, *map(_row, DEFINITIONS), ""]) + end + after


def _row(one: Definition) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels) or "none"
    return f"| `{one.name}` | {one.kind} | {labels} | {one.help} |"
