"""What the SMTP processes count, added up for `/metrics`. What a process that ended had counted stays in the sums."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

GAUGE = "gauge"  # what is so now; all else only grows
Key = tuple[str, tuple[tuple[str, str], ...]]  # of a sample: its name and labels


class Family(Struct, frozen=True, array_like=True):
    """One metric of one process."""

    name: str
    documentation: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]  # name, labels, value


def families_of(registry: CollectorRegistry) -> list[Family]:
    """All that was counted in there."""
    return [
        Family(found.name, found.documentation, found.type, [(one.name, one.labels, one.value) for one in found.samples])
        for found in registry.collect()
    ]


class Totals:
    """The sums: a collector of prometheus_client. `own` is what is counted in this process itself."""

    def __init__(self, own: CollectorRegistry) -> None:
        """Nothing is counted yet but in `own`."""
        self._own = own
        self._now: dict[int, list[Family]] = {}
        self._ended: list[Family] = []

    def told(self, process: int, families: list[Family]) -> None:
        """The process of that number has counted so far."""
        self._now[process] = families

    def ended(self, process: int) -> None:
        """The process of that number will count no more."""
        past = [family for family in self._now.pop(process, []) if family.kind != GAUGE]
        self._ended = _added([*self._ended, *past])

    def collect(self) -> Iterator[Metric]:
        """All sums."""
        alive = [family for families in self._now.values() for family in families]
        for family in _added([*families_of(self._own), *self._ended, *alive]):
            metric = Metric(family.name, family.documentation, family.kind)
            metric.samples = []
            for name, labels, value in family.samples:
                metric.add_sample(name, labels, value)
            yield metric


def _added(families: list[Family]) -> list[Family]:
    kinds: dict[str, Family] = {}
    sums: dict[str, dict[Key, float]] = {}
    for family in families:
        kinds.setdefault(family.name, family)
        found = sums.setdefault(family.name, {})
        for name, labels, value in family.samples:
            key = (name, tuple(sorted(labels.items())))
            # When a counter began is no number to add up: the earliest is told.
            found[key] = min(found.get(key, value), value) if name.endswith("_created") else found.get(key, 0.0) + value
    return [
        Family(name, kind.documentation, kind.kind, [(one, dict(labels), value) for (one, labels), value in sums[name].items()])
        for name, kind in kinds.items()
    ]
