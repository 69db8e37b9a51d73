from dataclasses import replace

import pytest

from subrosa.admin.health import Check, Condition, Health, State, assess, healthy

GOOD = Condition(generation=3, evidence_fault="", listeners=2, listeners_wanted=2, workers=1, enforcing=True)


def states(condition: Condition) -> dict[str, str]:
    return {
        check.name: check.state.value for check in assess(condition).checks if check.state is not State.OK
    }


def test_a_gateway_that_knows_nothing_of_itself_is_not_ready() -> None:
    health = assess(Condition())

    assert not health.ready
    assert states(Condition()) == dict.fromkeys(("policy", "evidence", "listeners", "workers"), "fail")


def test_no_check_at_all_is_not_ready() -> None:
    assert not healthy([]).ready


@pytest.mark.parametrize(
    ("condition", "ready", "found"),
    [
        pytest.param(GOOD, True, {}, id="all is well"),
        pytest.param(replace(GOOD, generation=0), False, {"policy": "fail"}, id="no policy"),
        pytest.param(
            replace(GOOD, reload_fault="x.yaml:3:1"), True, {"reload": "warn"}, id="a stale policy serves"
        ),
        pytest.param(
            replace(GOOD, evidence_fault="disk full"), False, {"evidence": "fail"}, id="no evidence"
        ),
        pytest.param(replace(GOOD, listeners=1), False, {"listeners": "fail"}, id="one listener is down"),
        pytest.param(
            replace(GOOD, listeners=0, listeners_wanted=0), False, {"listeners": "fail"}, id="none is wanted"
        ),
        pytest.param(replace(GOOD, workers_wanted=4), True, {"workers": "warn"}, id="some workers are down"),
        pytest.param(replace(GOOD, workers=0), False, {"workers": "fail"}, id="all workers are down"),
        pytest.param(
            replace(GOOD, stuck=("worker w1 has said nothing",)), True, {"stuck": "warn"}, id="one is stuck"
        ),
        pytest.param(replace(GOOD, stopping=True), False, {"stopping": "fail"}, id="it is told to stop"),
        pytest.param(
            replace(GOOD, lockdown=True), True, {"lockdown": "warn"}, id="lockdown is loud, and serves"
        ),
        pytest.param(replace(GOOD, enforcing=False), True, {"enforcing": "warn"}, id="observe mode is loud"),
    ],
)
def test_conditions_and_what_they_mean(condition: Condition, ready: bool, found: dict[str, str]) -> None:
    assert assess(condition).ready is ready
    assert states(condition) == found


def test_reasons_are_told_worst_first() -> None:
    health = Health((Check("a", State.WARN, "odd"), Check("b", State.OK), Check("c", State.FAIL, "broken")))

    assert health.reasons == ("c: broken", "a: odd")
    assert health.told() == {
        "ready": False,
        "reasons": ["c: broken", "a: odd"],
        "checks": {
            "a": {"state": "warn", "detail": "odd"},
            "b": {"state": "ok"},
            "c": {"state": "fail", "detail": "broken"},
        },
    }
