"""The arithmetic of the benchmarks; nothing here is timed."""

import pytest

from bench.load import Told
from bench.measure import CONNECTION, GIGABYTE, REQUEST, Goal, Reading, Spread, Unit, best, judge, ratio
from bench.processes import Stat, tree
from bench.soak import Sample, grown


def reading(cpu: float, requests: int, octets: int = 0) -> Reading:
    return Reading(cpu, Told(requests, 0, "", octets, 2.0, 0.0, 0.0, {}), 0)


@pytest.mark.parametrize(
    ("unit", "measured", "cost", "rate"),
    [
        pytest.param(REQUEST, reading(1.0, 10_000), 100.0, 5000.0, id="a request costs microseconds"),
        pytest.param(CONNECTION, reading(1.0, 500), 2.0, 250.0, id="a connection costs milliseconds"),
        pytest.param(GIGABYTE, reading(3.0, 1, 2 * 10**9), 1.5, 1000.0, id="a gigabyte costs seconds"),
        pytest.param(REQUEST, reading(0.0, 0), 0.0, 0.0, id="a round without a request costs what it cost"),
    ],
)
def test_a_cost_is_the_cpu_of_the_proxy_over_what_was_done(
    unit: Unit, measured: Reading, cost: float, rate: float
) -> None:
    assert unit.cost(measured) == pytest.approx(cost)
    assert unit.rate(measured.told) == pytest.approx(rate)


def test_a_spread_is_the_median_and_the_range() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert Spread.of([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)


def test_a_ratio_is_taken_round_by_round() -> None:
    # The second round was disturbed, for both alike.
    assert ratio([1.0, 10.0, 1.2], [2.0, 20.0, 2.0]) == Spread(0.5, 0.5, 0.6)


def test_a_ratio_to_nothing_is_none() -> None:
    assert ratio([1.0], [0.0]) == Spread(0.0, 0.0, 0.0)


def test_the_best_peer_is_the_one_with_the_lowest_median() -> None:
    costs = {"a": [1.0, 1.0, 9.0], "b": [2.0, 2.0, 0.1], "c": []}

    assert best(costs, ["a", "b", "c", "d"]) == "a"
    assert best(costs, ["c", "d"]) is None


COSTS = {"ours": [0.5, 0.6, 0.7], "squid": [1.0, 1.0, 1.0], "envoy": [2.0, 2.0, 2.0]}


@pytest.mark.parametrize(
    ("goal", "met", "measured"),
    [
        pytest.param(
            Goal("ours", 0.6, ("squid", "envoy")), True, "0.60 × squid", id="a goal that is just met"
        ),
        pytest.param(Goal("ours", 0.5, ("squid",)), False, "0.60 × squid", id="a goal that is missed"),
        pytest.param(Goal("ours", 0.5), False, "0.60 (0.50", id="a goal without a peer is in the unit"),
        pytest.param(Goal("ours", 0.5, ("nobody",)), None, "not measured", id="a goal whose peer is missing"),
        pytest.param(Goal("other", 0.5), None, "not measured", id="a goal of a cell that is missing"),
    ],
)
def test_a_goal_is_judged_against_the_best_peer(goal: Goal, met: bool | None, measured: str) -> None:
    outcome = judge(goal, "work", GIGABYTE, COSTS)

    assert outcome.met is met
    assert outcome.measured.startswith(measured)


def test_a_process_is_read_whatever_its_name_holds() -> None:
    line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 100 50 25 25 20 0 1 0 9 1 1"

    assert Stat.parse(line) == Stat(pid=42, parent=7, cpu=2.0)


def test_a_tree_holds_all_descendants_and_nobody_else() -> None:
    stats = [Stat(1, 0, 0), Stat(5, 4, 0), Stat(2, 1, 0), Stat(4, 2, 0), Stat(9, 1, 0)]

    assert [stat.pid for stat in tree([2], stats)] == [2, 4, 5]


@pytest.mark.parametrize(
    ("values", "grew"),
    [
        pytest.param(
            [100, 150, 200, 201, 200, 202], False, id="what is taken in the first minute is no growth"
        ),
        pytest.param([100, 200, 200, 200, 220, 240, 260, 280, 300, 320], True, id="what rises later is"),
        pytest.param([10, 10, 10, 11, 12, 12, 13, 13], False, id="a few more of few are no growth"),
    ],
)
def test_growth_is_what_rises_after_the_settling(values: list[float], grew: bool) -> None:
    samples = [Sample(30.0 * at, {"MiB": value}) for at, value in enumerate(values)]

    assert grown(samples, "MiB", 60.0)[2] is grew
