"""The report of the benchmarks, from readings that were made up."""

from dataclasses import replace
from typing import Any

import pytest

from bench.checks import decided
from bench.load import Told
from bench.measure import REQUEST, Goal, Outcome, Reading
from bench.profile import top
from bench.report import BEGIN, END, as_json, inserted, markdown, number, outcomes
from bench.rounds import Measured, narrowed
from bench.works import POST, REFUSED, WORKS, Cell, Work

WORK = Work(
    "small",
    "small requests",
    REQUEST,
    (
        Cell("subrosa-engine", "subrosa-engine", POST),
        Cell("subrosa-engine refused", "subrosa-engine", REFUSED),
        Cell("squid", "squid", POST),
        Cell("tinyproxy", "tinyproxy", POST),
    ),
    (Goal("subrosa-engine", 0.5, ("squid",)),),
)


def readings(*costs: float, errors: int = 0) -> list[Reading]:
    told = Told(1000, errors, "status 502" if errors else "", 0, 1.0, 2000.0, 9000.0, {})
    return [Reading(cost / 1000, told, 3 << 20) for cost in costs]


MEASURED = Measured(
    WORK,
    {
        "subrosa-engine": readings(50, 60, 70),
        "subrosa-engine refused": readings(80, 80, 80),
        "squid": readings(100, 100, 100, errors=3),
    },
    {"tinyproxy": "`tinyproxy` is not installed"},
)


def test_a_line_tells_cost_rate_latency_memory_and_the_ratio_to_each_peer_under_the_same_load() -> None:
    text = markdown({"kernel": "6"}, [MEASURED], [])

    assert "| subrosa-engine | 60.0 (50.0–70.0) | 1,000 | 2.00 | 9.00 | 3.00 | 0.60 × squid |" in text
    assert "| subrosa-engine refused | 80.0 (80.0–80.0) | 1,000 | 2.00 | 9.00 | 3.00 |  |" in text
    assert "| squid | 100 (100–100) | 1,000 | 2.00 | 9.00 | 3.00 |  |" in text
    assert "- tinyproxy: `tinyproxy` is not installed" in text
    assert "- squid: 9 errors, the first: status 502" in text


def test_goals_stand_first_with_what_was_measured() -> None:
    checks = [Outcome("memory", "≤ 1", "2", met=False), Outcome("peer", "≤ 1", "3", met=None)]
    text = markdown({}, [MEASURED], checks)

    assert (
        "| small requests: subrosa-engine | ≤ 0.5 × squid | 0.60 × squid (0.50–0.70) | **not met** |" in text
    )
    assert "| memory | ≤ 1 | 2 | **not met** |" in text
    assert "| peer | ≤ 1 | 3 | – |" in text


def test_what_fails_misses_its_goal_and_what_is_missing_is_not_judged() -> None:
    failed = replace(MEASURED, readings={}, absent={"subrosa-engine": "fails: status 502"})
    missing = replace(MEASURED, readings={}, absent={"subrosa-engine": "is not there"})

    assert [one.met for one in outcomes(failed)] == [False]
    assert [one.met for one in outcomes(missing)] == [None]


@pytest.mark.parametrize(
    ("requests", "errors", "failed"), [(100, 1, False), (100, 2, True), (1, 1, True), (0, 0, False)]
)
def test_a_round_has_failed_when_more_than_one_request_in_a_hundred_did(
    requests: int, errors: int, failed: bool
) -> None:
    assert Told(requests, errors, "", 0, 1.0, 0.0, 0.0, {}).failed is failed


def test_the_json_holds_every_round() -> None:
    told = as_json({"kernel": "6"}, [MEASURED], [])

    assert told["works"][0]["costs"]["subrosa-engine"] == pytest.approx([50.0, 60.0, 70.0])
    assert told["works"][0]["goals"][0]["met"] is False


def test_a_report_goes_between_its_marks() -> None:
    assert inserted(f"a\n{BEGIN}\nold\n{END}\nb\n", "new\n") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb\n"
    with pytest.raises(ValueError, match="the page lacks"):
        inserted("a", "new")


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234"), (56.78, "56.8"), (1.234, "1.23"), (0.0, "0.00")]
)
def test_a_number_has_three_figures(value: float, text: str) -> None:
    assert number(value) == text


def test_a_run_can_be_narrowed_to_subjects_by_how_their_names_begin() -> None:
    assert [cell.label for cell in narrowed(WORK, ["squid", "tiny"]).cells] == ["squid", "tinyproxy"]
    assert narrowed(WORK, []) == WORK


def test_every_goal_speaks_of_cells_that_its_work_has() -> None:
    labels = {work.name: {cell.label for cell in work.cells} for work in WORKS}
    strange = [
        (work.name, goal)
        for work in WORKS
        for goal in work.goals
        if goal.of not in labels[work.name] or (goal.against and not labels[work.name] & set(goal.against))
    ]

    assert strange == []


def test_no_two_cells_of_a_work_share_a_label() -> None:
    assert [work.name for work in WORKS if len({cell.label for cell in work.cells}) != len(work.cells)] == []


def test_the_decision_is_judged_by_the_median_of_its_kinds_and_by_its_growth() -> None:
    rows: list[dict[str, Any]] = [
        {"request": "a", "head_median_us": 10.0},
        {"request": "b", "head_median_us": 30.0, "held_median_us": 90.0},
        {"request": "c", "head_median_us": 15.0},
        {"rules": 100, "head_median_us": 10.0, "ratio": 1.0},
        {"rules": 1000, "head_median_us": 14.0, "ratio": 1.4},
    ]

    assert [outcome.met for outcome in decided(rows)] == [True, False]


def test_a_load_is_told_to_the_client_in_flags() -> None:
    flags = replace(POST, fresh=True).flags(2.0)

    assert flags[flags.index("-method") + 1] == "POST"
    assert "-fresh" in flags
    assert "-halt" not in flags


def test_a_profile_adds_up_functions_by_what_they_did_and_by_what_they_called() -> None:
    told = top("main (a.py:1);work (b.py:2) 3\nmain (a.py:9);work (b.py:5) 6\nmain (a.py:1) 1")

    assert told.splitlines() == [
        "10 samples",
        "",
        "itself",
        " 90.0 %  work (b.py)",
        " 10.0 %  main (a.py)",
        "",
        "with what it calls",
        "100.0 %  main (a.py)",
        " 90.0 %  work (b.py)",
    ]
