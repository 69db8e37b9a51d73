import json

import pytest

from subrosa.effects.records import (
    DECISION_FIELDS,
    OUTCOME_FIELDS,
    decision_record,
    encode,
    outcome_line,
    timestamp,
)
from subrosa.effects.words import verdict_word
from subrosa.policy.verdict import Outcome, Verdict
from telling import ALLOW, BLOCK, NOW, OBSERVED, decision, outcome


@pytest.mark.parametrize("verdict", [BLOCK, ALLOW, OBSERVED, Verdict()])
def test_every_decision_has_every_field_in_one_order(verdict: Verdict) -> None:
    assert tuple(decision_record(decision(verdict=verdict), NOW, 1e-5)) == DECISION_FIELDS


def test_every_outcome_has_every_field_in_one_order() -> None:
    assert tuple(json.loads(outcome_line(outcome(), NOW))) == OUTCOME_FIELDS


def test_a_record_is_one_line_of_ascii() -> None:
    line = encode(decision_record(decision(host="bücher.example", path="/a\nb\u2028c\ud800"), NOW, 1e-5))

    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["path"] == "/a\nb\u2028c\ud800"


@pytest.mark.parametrize(
    ("verdict", "word", "status"),
    [
        pytest.param(ALLOW, "allow", 0, id="an allowed transfer has no status of ours"),
        pytest.param(BLOCK, "block", 403, id="a refused one has the refusal's"),
        pytest.param(OBSERVED, "would_block", 0, id="observe mode has a word of its own"),
        pytest.param(Verdict(), "block", 403, id="no verdict is a refusal"),
        pytest.param(Verdict(outcome=Outcome.UNDECIDED), "block", 403, id="undecided is never an allow"),
        pytest.param(Verdict(status=431), "block", 431, id="a status of its own is told"),
    ],
)
def test_a_verdict_is_one_word(verdict: Verdict, word: str, status: int) -> None:
    record = decision_record(decision(verdict=verdict), NOW, 1e-5)

    assert verdict_word(verdict) == word
    assert (record["verdict"], record["status"]) == (word, status)


@pytest.mark.parametrize(
    ("now", "text"),
    [
        pytest.param(0.0, "1970-01-01T00:00:00.000000Z", id="the epoch"),
        pytest.param(1_795_574_394.943486, "2026-11-25T02:39:54.943486Z", id="microseconds stay"),
        pytest.param(1_795_574_394.999999, "2026-11-25T02:39:54.999999Z", id="a second is never told early"),
        pytest.param(1_795_574_395.0, "2026-11-25T02:39:55.000000Z", id="a whole second has its zeros"),
    ],
)
def test_times_are_utc_with_microseconds(now: float, text: str) -> None:
    assert timestamp(now) == text
