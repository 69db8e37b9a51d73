"""What a panel is, as plain data; knows nothing of Grafana's own model."""

from dataclasses import dataclass
from enum import StrEnum


class View(StrEnum):
    """How a panel shows its queries."""

    STAT = "stat"
    SERIES = "series"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; ``legend`` is Grafana's pattern for the name of each series."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on, this colour."""

    value: float | None
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    ``about`` is read when somebody asks what it shows. ``empty`` says why no data is nothing to worry about; a panel
    without it always has data. ``words`` are texts for values of a stat. ``width`` is of 24 columns, ``height`` in
    rows. ``over`` : the value is over the whole time range shown, not of its last moment.
    """

    title: str
    about: str
    queries: tuple[Query, ...]
    view: View = View.SERIES
    unit: str = "short"
    width: int = 8
    height: int = 8
    steps: tuple[Step, ...] = ()
    words: tuple[tuple[str, str, str], ...] = ()
    empty: str = ""
    stacked: bool = False
    bars: bool = False
    runbook: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels under it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice at the top of a board: the values of one label of one metric."""

    name: str
    label: str
    metric: str
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard; ``uid`` is a contract: links in alerts and bookmarks name it."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]
    since: str
    refresh: str

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, from the top."""
        return tuple(panel for row in self.rows for panel in row.panels)
