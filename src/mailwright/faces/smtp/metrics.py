"""What this face counts, in Prometheus' form. Labels come from closed lists: their number is bounded."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge


@dataclass(frozen=True, slots=True)
class Metrics:
    """Connections open and ended, and what became of messages."""

    connections: Gauge
    turned_away: Counter
    ended: Counter
    accepted: Counter
    refused: Counter


def metrics(registry: CollectorRegistry) -> Metrics:
    """The metrics of this face, in that registry."""
    ended = Counter("mailwright_smtp_ended", "SMTP sessions ended, by reason.", ["why"], registry=registry)
    return Metrics(
        Gauge("mailwright_smtp_connections", "SMTP connections open now.", registry=registry),
        Counter("mailwright_smtp_turned_away", "SMTP connections turned away at the door.", registry=registry),
        ended,
        Counter("mailwright_smtp_accepted", "Messages accepted over SMTP.", registry=registry),
        Counter("mailwright_smtp_refused", "Messages and recipients refused.", ["code"], registry=registry),
    )
