"""Sums over processes: counters of those that ended stay, what is open now goes with them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from mailwright.system.counting import Totals, families_of


def counted(accepted: int, open_now: int, why: str = "quit") -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("accepted", "Messages.", registry=registry).inc(accepted)
    Gauge("open", "Connections.", registry=registry).set(open_now)
    Counter("ended", "Sessions.", ["why"], registry=registry).labels(why).inc()
    return registry


def sums(totals: Totals) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(totals)
    return registry


def test_processes_are_added_up_and_so_is_this_one() -> None:
    totals = Totals(counted(1, 0))
    totals.told(10, families_of(counted(2, 3)))
    totals.told(11, families_of(counted(4, 5, "timeout")))
    found = sums(totals)
    assert 7 == found.get_sample_value("accepted_total")
    assert 8 == found.get_sample_value("open")
    assert 2 == found.get_sample_value("ended_total", {"why": "quit"})
    assert 1 == found.get_sample_value("ended_total", {"why": "timeout"})


def test_the_latest_word_of_a_process_counts() -> None:
    totals = Totals(CollectorRegistry())
    totals.told(10, families_of(counted(2, 3)))
    totals.told(10, families_of(counted(6, 1)))
    assert (6, 1) == (sums(totals).get_sample_value("accepted_total"), sums(totals).get_sample_value("open"))


def test_of_a_process_that_ended_the_counters_stay() -> None:
    totals = Totals(CollectorRegistry())
    totals.told(10, families_of(counted(2, 3)))
    totals.ended(10)
    totals.ended(10)
    totals.told(11, families_of(counted(1, 1)))
    assert (3, 1) == (sums(totals).get_sample_value("accepted_total"), sums(totals).get_sample_value("open"))
