"""What this face counts, in Prometheus' form. Labels are operation names and statuses: their number is bounded."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


@dataclass(slots=True)
class Metrics:
    """Requests by operation and status, how long they took, and how many streams are open."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    streams: Gauge
    _known: dict[tuple[str, int], tuple[Counter, Histogram]] = field(default_factory=dict)

    def count(self, operation: str, status: int, seconds: float) -> None:
        """One answered request."""
        known = self._known.get((operation, status))
        if known is None:
            known = self.requests.labels(operation, str(status)), self.seconds.labels(operation)
            self._known[operation, status] = known
        known[0].inc()
        known[1].observe(seconds)


def metrics(registry: CollectorRegistry) -> Metrics:
    """The metrics of this face, in that registry."""
    return Metrics(
        registry,
        Counter("mailwright_http_requests", "HTTP requests answered.", ["operation", "status"], registry=registry),
        Histogram("mailwright_http_request_seconds", "Time to answer.", ["operation"], registry=registry, buckets=BUCKETS),
        Gauge("mailwright_http_streams", "Event streams open now.", registry=registry),
    )
