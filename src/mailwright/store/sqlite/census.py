"""Numbers about the whole store, for gauges: what waits, for how long, and what happened since the last look.

With a connection of its own, in a thread of its own; it costs those who write nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailwright.store.sqlite.connection import FILE, TROUBLE, busy, open_reader
from mailwright.store.statements import load

_SQL = load("census")


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait, and since when the oldest does (milliseconds since 1970)."""

    count: int = 0
    since: int | None = None


@dataclass(slots=True)
class Numbers:
    """One look."""

    deliveries: dict[str, Waiting] = field(default_factory=dict)  # by status
    due_since: int | None = None
    webhooks: Waiting = Waiting()
    approvals: Waiting = Waiting()
    events: dict[tuple[str, int | None], int] = field(default_factory=dict)  # by type and first digit of the reply
    verdicts: dict[str | None, int] = field(default_factory=dict)  # by DMARC result
    database: int = 0  # bytes
    log: int = 0  # bytes of the write-ahead log


class Census:
    """Who looks; what happened is counted from its first look on."""

    def __init__(self, folder: Path) -> None:
        """Over the store of this folder."""
        self._path = folder / FILE
        self._connection = open_reader(self._path)
        self._event, self._message = self._all("ends")[0]

    def _all(self, name: str, *values: int) -> list[Any]:
        return self._connection.execute(_SQL[name].sqlite, values).fetchall()

    def look(self, now: int) -> Numbers:
        """Everything, at one moment; it blocks. Raises StorageBusy."""
        try:
            return self._look(now)
        except TROUBLE as wrong:
            raise busy(wrong) from wrong

    def _look(self, now: int) -> Numbers:
        self._connection.execute("BEGIN")
        try:
            event, message = self._all("ends")[0]
            found = Numbers(
                deliveries={status: Waiting(count, since) for status, count, since in self._all("waiting")},
                due_since=self._all("due", now)[0][0],
                webhooks=_earlier(Waiting(*self._all("webhooks")[0]), self._all("untold")[0][0]),
                approvals=Waiting(*self._all("approvals")[0]),
                events={(kind, digit): count for kind, digit, count in self._all("events", self._event, event)},
                verdicts=dict(self._all("verdicts", self._message, message)),
                database=_size(self._path),
                log=_size(self._path.with_name(f"{FILE}-wal")),
            )
        finally:
            self._connection.execute("ROLLBACK")
        self._event, self._message = event, message
        return found

    def close(self) -> None:
        """No more looks."""
        self._connection.close()


def _earlier(waiting: Waiting, since: int | None) -> Waiting:
    times = [one for one in (waiting.since, since) if one is not None]
    return Waiting(waiting.count, min(times, default=None))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
