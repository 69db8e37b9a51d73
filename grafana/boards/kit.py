"""Panels and boards as Grafana wants them; the only module that knows Grafana's own model."""

import json
from collections.abc import Iterator
from itertools import count

from grafana_foundation_sdk.builders import common as parts
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from boards.panels import Board, Panel, Query, Row, Step, Variable, View

RUNBOOK = "https://github.com/subrosa-proxy/subrosa/blob/main/grafana/RUNBOOK.md"
"""Where alerts and panels send whoever wants to know what to do."""
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_COLUMNS = 24
_EVENTS = (
    ("Policy reloaded", 'changes(subrosa_policy_generation{job=~"$job"}[1m]) > 0', "blue"),
    (
        "Reload failed",
        'increase(subrosa_policy_reload_total{job=~"$job", result="failed"}[1m]) > 0',
        "orange",
    ),
    ("Lockdown", 'max(subrosa_lockdown{job=~"$job"}) > 0', "red"),
    ("Not enforcing", 'min(subrosa_enforcing{job=~"$job"}) < 1', "purple"),
)
"""What the time axis shows beside every panel: a name, when it holds, and its colour."""

type AnyPanel = stat.Panel | timeseries.Panel | table.Panel


def rendered(board: Board) -> str:
    """A board as the JSON that Grafana reads, ending in a line feed; the same for the same board."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["subrosa"])
        .time(board.since, "now")
        .refresh(board.refresh)
        .timezone("browser")
        .editable()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in board.variables:
        made = made.with_variable(_variable(variable))
    for name, expr, color in _EVENTS:
        made = made.annotation(
            dashboard.AnnotationQuery()
            .name(name)
            .datasource(_SOURCE)
            .enable(True)
            .icon_color(color)
            .expr(expr)
        )
    made = made.link(_other_boards()).link(_runbook("Runbook", ""))
    at, number = 0, count(1)
    for row in board.rows:
        made, at = _with_row(made, row, at, number)
    return json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _with_row(
    made: dashboard.Dashboard, row: Row, at: int, number: Iterator[int]
) -> tuple[dashboard.Dashboard, int]:
    """Put a row's panels from left to right, as many lines as they need."""
    heading = dashboard.Row(row.title).id(next(number))
    made = made.with_row(heading.grid_pos(model.GridPos(h=1, w=_COLUMNS, x=0, y=at)))
    at, x, line = at + 1, 0, 0
    for panel in row.panels:
        if x + panel.width > _COLUMNS:
            at, x, line = at + line, 0, 0
        place = model.GridPos(h=panel.height, w=panel.width, x=x, y=at)
        made = made.with_panel(_panel(panel).id(next(number)).grid_pos(place))
        x, line = x + panel.width, max(line, panel.height)
    return made, at + line


def _panel(panel: Panel) -> AnyPanel:
    made = _VIEWS[panel.view](panel)
    made = made.title(panel.title).description(panel.about).datasource(_SOURCE).unit(panel.unit)
    for target in _targets(panel):
        made = made.with_target(target)
    if panel.steps:
        made = made.thresholds(_thresholds(panel.steps))
    if panel.words:
        made = made.mappings([_words(panel)])
    if panel.empty:
        made = made.no_value("none" if panel.view is View.STAT else panel.empty)
    if panel.runbook:
        made = made.links([_runbook("What to do", panel.runbook)])
    return made


def _stat(panel: Panel) -> AnyPanel:
    made = stat.Panel().graph_mode(models.BigValueGraphMode.NONE)
    colored = bool(panel.steps or panel.words)
    made = made.color_mode(models.BigValueColorMode.BACKGROUND if colored else models.BigValueColorMode.VALUE)
    return made.reduce_options(parts.ReduceDataOptions().calcs(["lastNotNull"]))


def _series(panel: Panel) -> AnyPanel:
    made = timeseries.Panel().min(0)
    made = made.legend(
        parts.VizLegendOptions()
        .display_mode(models.LegendDisplayMode.LIST)
        .placement(models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    made = made.tooltip(parts.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI))
    if panel.bars:
        made = made.draw_style(models.GraphDrawStyle.BARS).fill_opacity(70).interval("2m")
    if panel.stacked:
        made = made.stacking(parts.StackingConfig().mode(models.StackingMode.NORMAL)).fill_opacity(40)
    return made


def _table(_panel: Panel) -> AnyPanel:
    hidden = model.DataTransformerConfig(
        id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": {"Value": "count"}}
    )
    return table.Panel().filterable(True).with_transformation(hidden)


_VIEWS = {View.STAT: _stat, View.SERIES: _series, View.TABLE: _table}


def _targets(panel: Panel) -> Iterator[prometheus.Dataquery]:
    for at, query in enumerate(panel.queries):
        made = prometheus.Dataquery().ref_id(chr(ord("A") + at)).datasource(_SOURCE)
        yield _moment(made, panel, query)


def _moment(made: prometheus.Dataquery, panel: Panel, query: Query) -> prometheus.Dataquery:
    """Stats and tables ask for one moment, series for the range."""
    made = made.expr(query.expr).legend_format(query.legend or "__auto")
    if panel.view is View.SERIES:
        return made.range()
    made = made.instant()
    return made.format(PromQueryFormat.TABLE) if panel.view is View.TABLE else made


def _thresholds(steps: tuple[Step, ...]) -> dashboard.ThresholdsConfig:
    made = [model.Threshold(value=step.value, color=step.color) for step in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


def _words(panel: Panel) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, color=color, index=at)
            for at, (value, text, color) in enumerate(panel.words)
        }
    )


def _variable(variable: Variable) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_SOURCE)
        .query(
            {
                "qryType": 1,
                "query": f"label_values({variable.metric},{variable.of})",
                "refId": f"PrometheusVariableQueryEditor-{variable.name}",
            }
        )
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def _other_boards() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Subrosa")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags(["subrosa"])
        .include_vars(True)
        .keep_time(True)
    )


def _runbook(title: str, section: str) -> dashboard.DashboardLink:
    made = dashboard.DashboardLink(title).type(model.DashboardLinkType.LINK).icon("doc").target_blank(True)
    return made.url(f"{RUNBOOK}#{section}" if section else RUNBOOK)
