"""What there is to see of a server: from numbers to lines in Prometheus' form."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mailwright import gauges as gauging
from mailwright.gauges import Gauges, StoreCollector
from mailwright.store.sqlite import open_store
from mailwright.store.sqlite.census import Census, Numbers, Waiting
from mailwright.store.sqlite.writer import Counters
from mailwright.system.strain import Limits, Strain
from mailwright.testing.clock import START, ManualClock


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"mailwright_{name}", labels)


def test_a_look_is_shown(registry):
    gauges = Gauges(registry)
    found = Numbers(
        deliveries={"queued": Waiting(3, START - 5000)},
        due_since=START - 2000,
        webhooks=Waiting(2, START - 1000),
        approvals=Waiting(1, START - 60_000),
        events={
            ("message.delivered", 2): 5,
            ("message.deferred", 0): 1,
            ("message.bounced", 5): 2,
            ("approval.requested", None): 1,
        },
        verdicts={"pass": 4, None: 1},
        database=4096,
    )
    gauges.show(found, START)
    gauges.show(found, START)
    assert (3, 5.0, 0, 0) == tuple(
        value(registry, name, status=status)
        for status in ("queued", "deferred")
        for name in ("queue_deliveries", "queue_oldest_seconds")
    )
    assert (2.0, 2, 1.0, 1, 60.0) == tuple(
        value(registry, name)
        for name in (
            *("queue_late_seconds", "webhook_deliveries", "webhook_lag_seconds"),
            *("approvals_pending", "approvals_oldest_seconds"),
        )
    )
    assert 10 == value(registry, "delivery_attempts_total", outcome="delivered", reply="2xx")
    assert 2 == value(registry, "delivery_attempts_total", outcome="deferred", reply="none")
    assert 4 == value(registry, "delivery_attempts_total", outcome="bounced", reply="5xx")
    assert 2 == value(registry, "events_total", type="approval.requested")
    assert (8, 2) == (
        value(registry, "inbound_dmarc_total", result="pass"),
        value(registry, "inbound_dmarc_total", result="other"),
    )


def test_words_that_are_on_no_list_make_no_labels_of_their_own(registry):
    """A thousand names cost as much as one."""
    gauges = Gauges(registry)
    for number in range(1000):
        gauges.show(Numbers(events={(f"made.up{number}", 7): 1}, verdicts={f"result{number}": 1}), START)
    text = generate_latest(registry).decode()
    assert len(text.splitlines()) < 120
    assert 1000 == value(registry, "events_total", type="other")


def test_what_the_store_counted_is_read_when_it_is_asked(registry):
    counters = Counters()
    registry.register(StoreCollector(lambda: counters))
    counters.writes, counters.commits, counters.commit_seconds = 30, 3, 0.25
    assert (30, 3, 0.25) == tuple(value(registry, f"store_{name}_total") for name in ("writes", "commits", "commit_seconds"))


def test_strain_is_shown_by_its_reason(registry, tmp_path: Path):
    gauges, strain = Gauges(registry), Strain(Limits(memory=1), tmp_path)
    strain.look()
    gauges.show_strain(strain)
    assert (1, 0) == (value(registry, "strained", reason="memory"), value(registry, "strained", reason="disk"))
    assert 1_000_000 < value(registry, "memory_bytes")
    assert 0 < value(registry, "disk_free_bytes")


async def test_it_is_looked_at_every_few_seconds(registry, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(gauging, "EVERY", 0.01)
    async with await open_store(tmp_path) as store:
        gauges, census, stop = Gauges(registry), Census(tmp_path), asyncio.Event()
        strain = Strain(Limits(), tmp_path)
        watching = asyncio.create_task(gauging.watch(gauges, census, strain, ManualClock(), stop))
        assert store.counters.writes == 0
        await asyncio.sleep(0.2)
        assert 0 < value(registry, "database_bytes")
        stop.set()
        await asyncio.wait_for(watching, 10)
        census.close()


def test_every_line_can_be_read_back(registry):
    Gauges(registry)
    registry.register(StoreCollector(Counters))
    names = {family.name for family in text_string_to_metric_families(generate_latest(registry).decode())}
    assert {"mailwright_queue_late_seconds", "mailwright_store_commits", "process_open_fds"} <= names
