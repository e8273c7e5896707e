"""What there is to see of a server beyond its faces, in Prometheus' form: queue, webhooks, store, disk, memory.

Counted from what the store holds and not from what the code meant to do; every label comes from a closed list, and no
domain, address or id is one. Not here: what the faces count (faces/*/metrics.py), the page itself (faces/rest).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from mailwright.core.errors import StorageBusy
from mailwright.core.events import EventType
from mailwright.store.sqlite.census import Census, Numbers
from mailwright.store.sqlite.writer import Counters
from mailwright.system.strain import REASONS, Strain

log = structlog.get_logger()

EVERY = 5.0  # seconds between two looks at the store
WAITING = ("queued", "deferred", "scheduled")
VERDICTS = ("pass", "fail", "none", "temperror", "permerror")
OUTCOMES = {
    "message.sent": "sent",
    "message.delivered": "delivered",
    "message.deferred": "deferred",
    "message.bounced": "bounced",
    "message.unknown": "unknown",
}
REPLIES = {0: "none", 2: "2xx", 4: "4xx", 5: "5xx"}


class Clock(Protocol):
    """`core.ports.Clock`."""

    def now(self) -> int:
        """Milliseconds since 1970."""


class Gauges:
    """All of them, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Nothing was looked at yet."""

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"mailwright_{name}", text, labels, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"mailwright_{name}", text, labels, registry=registry)

        self.events = counter("events", "Events told, by type: messages received, held, queued, bounced, and all else.", "type")
        self.attempts = counter(
            "delivery_attempts",
            "Deliveries that were tried or came back, by outcome and by class of the reply.",
            *("outcome", "reply"),
        )
        self.verdicts = counter("inbound_dmarc", "Messages that came in, by what DMARC found.", "result")
        self.queue = gauge("queue_deliveries", "Deliveries that wait or are under way, by state.", "status")
        self.queue_age = gauge("queue_oldest_seconds", "Age of the oldest delivery that waits, by state.", "status")
        self.queue_late = gauge("queue_late_seconds", "For how long the first delivery has been due: 0 where none is.")
        self.webhooks = gauge("webhook_deliveries", "Tellings to webhooks that wait.")
        self.webhook_lag = gauge("webhook_lag_seconds", "Age of the oldest event that some webhook was not told.")
        self.approvals = gauge("approvals_pending", "Questions to approvers that are open.")
        self.approvals_age = gauge("approvals_oldest_seconds", "Age of the oldest of them.")
        self.database = gauge("database_bytes", "Size of the database file.")
        self.log = gauge("database_log_bytes", "Size of the database's write-ahead log.")
        self.disk = gauge("disk_free_bytes", "Free space of the data folder's disk.")
        self.memory = gauge("memory_bytes", "Memory of all processes of this server.")
        self.store_wait = gauge("store_wait_seconds", "How long the store took for a transaction that writes nothing.")
        self.strained = gauge("strained", "1 while new work is refused for this reason.", "reason")
        ProcessCollector(registry=registry)

    def show(self, found: Numbers, now: int) -> None:
        """What a look at the store found."""
        for status in WAITING:
            waiting = found.deliveries.get(status)
            self.queue.labels(status).set(waiting.count if waiting else 0)
            self.queue_age.labels(status).set(_age(waiting.since if waiting else None, now))
        self.queue_late.set(_age(found.due_since, now))
        self.webhooks.set(found.webhooks.count)
        self.webhook_lag.set(_age(found.webhooks.since, now))
        self.approvals.set(found.approvals.count)
        self.approvals_age.set(_age(found.approvals.since, now))
        self.database.set(found.database)
        self.log.set(found.log)
        for (kind, digit), count in found.events.items():
            self.events.labels(kind if kind in _TYPES else "other").inc(count)
            if kind in OUTCOMES:
                self.attempts.labels(OUTCOMES[kind], REPLIES.get(digit or 0, "other")).inc(count)
        for result, count in found.verdicts.items():
            self.verdicts.labels(result if result in VERDICTS else "other").inc(count)

    def show_strain(self, strain: Strain) -> None:
        """What the last look at the machine found."""
        self.disk.set(strain.free_disk)
        self.memory.set(strain.memory)
        self.store_wait.set(strain.store_seconds)
        for reason in REASONS:
            self.strained.labels(reason).set(reason in strain.reasons)


_TYPES = frozenset(one.value for one in EventType)


class StoreCollector(Collector):
    """What the store counted since the start, read when somebody asks."""

    def __init__(self, counters: Callable[[], Counters]) -> None:
        """Of this store."""
        self._counters = counters

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One family for each count."""
        found = self._counters()
        for name, text, value in (
            ("writes", "Transactions that were committed.", found.writes),
            ("commits", "Commits: writes by commits is how many share one sync.", found.commits),
            ("refused", "Transactions that were refused: disk full, overloaded, broken.", found.refused),
            ("failed_commits", "Commits that failed.", found.failed_commits),
            ("script_seconds", "Seconds spent in scripts on the event loop.", found.script_seconds),
            ("commit_seconds", "Seconds spent waiting for the disk: by commits, it is their mean time.", found.commit_seconds),
        ):
            yield CounterMetricFamily(f"mailwright_store_{name}", text, value)

    def describe(self) -> Iterable[CounterMetricFamily]:
        """The same, so that a name that is taken is noticed at the start."""
        return self.collect()


async def watch(gauges: Gauges, census: Census, strain: Strain, clock: Clock, stop: asyncio.Event) -> None:
    """Look every few seconds, until `stop`."""
    while not stop.is_set():
        now = clock.now()
        try:
            gauges.show(await asyncio.to_thread(census.look, now), now)
            gauges.show_strain(strain)
        except (StorageBusy, OSError):
            log.exception("gauges.failed")
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            pass


def _age(since: int | None, now: int) -> float:
    return 0.0 if since is None else max(0.0, (now - since) / 1000)
