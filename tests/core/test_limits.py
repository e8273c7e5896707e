"""How many at once, and when again."""

from __future__ import annotations

import pytest

from mailwright.core.limits import BACK_OFF, DEAD_AFTER, LEAST, MOST, Pace, failed, retry_delay, succeeded

MINUTE = 60_000


def test_success_raises_the_limit_by_one_over_n():
    assert 5.2 == succeeded(Pace(5.0)).limit


def test_the_limit_has_a_ceiling():
    pace = Pace()
    for _ in range(1000):
        pace = succeeded(pace)
    assert MOST == pace.limit


def test_only_the_first_failure_of_a_run_halves_the_limit():
    once = failed(Pace(8.0))
    assert (4.0, 4.0) == (once.limit, failed(once).limit)


def test_a_dead_destination_gets_one_slot_until_something_succeeds():
    pace = Pace(20.0)
    for _ in range(DEAD_AFTER):
        pace = failed(pace)
    assert (LEAST, 1) == (pace.limit, pace.slots)
    assert 0 == succeeded(pace).failures


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 120), (7, 240), (99, 240)])
def test_back_off_grows_with_the_tries(attempts, minutes):
    assert minutes * MINUTE == retry_delay(attempts, 0.5)


def test_back_off_is_spread_by_a_fifth_either_way():
    assert (int(BACK_OFF[0] * 0.8), int(BACK_OFF[0] * 1.2)) == (retry_delay(1, 0.0), retry_delay(1, 1.0))
