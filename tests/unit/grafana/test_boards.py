import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from boards.__main__ import BOARDS, README, file_of
from boards.document import BEGIN, END, with_metrics
from boards.kit import RUNBOOK, rendered
from boards.panels import Board, Panel, View
from subrosa.effects.definitions import DEFINITIONS

FOLDER = README.parent
RULES = FOLDER / "alerts" / "alerts.yaml"
RECORDING = FOLDER / "alerts" / "recording.yaml"
CASES = FOLDER / "alerts" / "alerts.test.yaml"

EXPORTED = {
    name
    for one in DEFINITIONS
    for name in (
        [f"{one.name}_{part}" for part in ("bucket", "sum", "count")]
        if one.kind == "histogram"
        else [one.name]
    )
}
LABELS = {label for one in DEFINITIONS for label in one.labels} | {"job", "instance", "le"}
OF_PROMETHEUS = {"up", "ALERTS"}


def rules_of(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules_of(RULES)}
RECORDED = {rule["record"] for rule in rules_of(RECORDING)}


def expressions() -> Iterator[tuple[str, str]]:
    """Every PromQL expression of the project, with where it stands."""
    for board in BOARDS:
        for panel in board.panels:
            yield from ((f"{board.uid}: {panel.title}", query.expr) for query in panel.queries)
    for rule in (*rules_of(RULES), *rules_of(RECORDING)):
        yield rule.get("alert") or rule["record"], rule["expr"]


def metrics_in(expr: str) -> set[str]:
    return set(re.findall(r"(?<![\w$])(?:job:)?subrosa_\w+(?::\w+)?", re.sub(r'"[^"]*"', '""', expr)))


def labels_in(expr: str) -> set[str]:
    grouped = re.findall(r"(?:by|without)\s*\(([^)]*)\)", expr)
    matched = re.findall(r"\{([^}]*)\}", expr)
    found = {name.strip() for group in grouped for name in group.split(",")}
    return found | {name for group in matched for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", group)}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_board_is_what_the_code_says(board: Board) -> None:
    assert file_of(board).read_text() == rendered(board), "run `make dashboards`"


def test_the_table_of_metrics_is_what_the_gateway_counts() -> None:
    text = README.read_text()

    assert text == with_metrics(text), "run `make dashboards`"
    assert text.count("| `subrosa_") == len(DEFINITIONS)


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}"])
def test_a_document_without_a_place_for_the_table_is_a_fault(text: str) -> None:
    with pytest.raises(ValueError, match="no place for the metrics"):
        with_metrics(text)


@pytest.mark.parametrize(("where", "expr"), list(expressions()), ids=[where for where, _ in expressions()])
def test_a_query_names_only_what_is_exported(where: str, expr: str) -> None:
    found = metrics_in(expr)

    assert found or "up{" in expr, where
    assert found <= EXPORTED | RECORDED | OF_PROMETHEUS
    assert labels_in(expr) <= LABELS


def test_every_metric_is_shown_on_a_board() -> None:
    shown = {
        name
        for board in BOARDS
        for panel in board.panels
        for query in panel.queries
        for name in metrics_in(query.expr)
    }
    missing = [
        one.name
        for one in DEFINITIONS
        if not any(name == one.name or name.startswith(f"{one.name}_") for name in shown)
    ]

    assert missing == []


PANELS = [(f"{board.uid}: {panel.title}", board, panel) for board in BOARDS for panel in board.panels]


@pytest.mark.parametrize(("board", "panel"), [row[1:] for row in PANELS], ids=[row[0] for row in PANELS])
def test_a_panel_says_what_it_shows_and_obeys_the_choices(board: Board, panel: Panel) -> None:
    choices = {variable.name for variable in board.variables}
    used = {name for query in panel.queries for name in re.findall(r"\$(\w+)", query.expr)}

    assert panel.about.endswith(".")
    assert "job" in used
    assert used <= choices | {"__range", "__interval", "__rate_interval"}
    assert not (panel.view is View.STAT and "__interval" in used), "a stat is over the whole time shown"


def anchors() -> set[str]:
    return {
        line[3:].strip().lower()
        for line in (FOLDER / "RUNBOOK.md").read_text().splitlines()
        if line.startswith("## ")
    }


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]

    assert rule["annotations"]["runbook_url"] == f"{RUNBOOK}#{alert.lower()}"
    assert alert.lower() in anchors()
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["description"].endswith(".")


def test_no_section_of_the_runbook_is_about_nothing() -> None:
    assert anchors() == {alert.lower() for alert in ALERTS}


def test_what_a_panel_sends_to_stands_in_the_runbook() -> None:
    assert {panel.runbook for board in BOARDS for panel in board.panels if panel.runbook} <= anchors()


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(alert: str) -> None:
    cases = [case for case in yaml.safe_load(CASES.read_text())["tests"] if case["name"].split()[0] == alert]
    expected = [bool(check["exp_samples"]) for case in cases for check in case["promql_expr_test"]]

    assert all(f'alertname="{alert}"' in case["promql_expr_test"][0]["expr"] for case in cases)
    assert sorted(expected) == [False, True]


def test_every_case_is_about_an_alert_that_exists() -> None:
    named = {case["name"].split()[0] for case in yaml.safe_load(CASES.read_text())["tests"]}

    assert named == set(ALERTS)
