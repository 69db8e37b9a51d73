from subrosa.runtime.workers.backoff import CAP, FIRST, FREE, WINDOW, Backoff


def delays(times: list[float]) -> list[float]:
    backoff, found = Backoff(), []
    for now in times:
        backoff.died(now)
        found.append(backoff.delay(now))
    return found


def test_the_first_deaths_cost_no_wait_and_further_ones_double_it() -> None:
    found = delays([0.1 * at for at in range(FREE + 4)])

    assert found == [0.0] * FREE + [FIRST, FIRST * 2, FIRST * 4, FIRST * 8]


def test_the_wait_has_a_cap() -> None:
    assert delays([0.01 * at for at in range(500)])[-1] == CAP


def test_deaths_are_forgotten_after_a_while() -> None:
    backoff = Backoff()
    for _ in range(20):
        backoff.died(100.0)

    assert backoff.delay(100.0) == CAP
    assert backoff.delay(100.0 + WINDOW + 1) == 0.0
