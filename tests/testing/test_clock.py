"""The clock and the ids that a test holds in its hand."""

from __future__ import annotations

from mailwright.store.blobs import checked
from mailwright.testing.clock import START, CountingIds, ManualClock


def test_the_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock()
    assert START == clock.now() == clock.now()
    assert START + 3_601_501 == clock.advance(1, seconds=1.5, hours=1) == clock.now()
    clock.at = 5
    assert 5 == clock.now()


def test_ids_are_the_same_in_every_run_and_sort_as_they_were_made() -> None:
    one, two = CountingIds(), CountingIds()
    made = [one.new("msg") for _ in range(12)]
    assert [two.new("msg") for _ in range(12)] == made == sorted(set(made))
    assert "msg_000000000000000000000001" == made[0] == checked(made[0])
    assert one.secret(32) == two.secret(32) != one.secret(32)
    assert (16, 64) == (len(one.secret(16)), len(one.secret(64)))
    assert CountingIds("b").new("msg") != made[0]
