"""The loop of TLS reports: sessions are counted as they come, kept in a file, and told when their day is over.

Standards: RFC 8460. Promises: bounded in memory; what was counted outlives a restart, a crash costs a minute of it; a report
that can't be sent is tried again hourly for a day. Decides nothing; core/tls_reporting.py does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from pathlib import Path

import msgspec
import structlog

from mailwright.core.ports import Ports, Report
from mailwright.core.tls_reporting import DAY, Session, due_at, send, sessions, tls_report
from mailwright.files import place

log = structlog.get_logger()

FILE = "tls-results.json"
KINDS = 50_000  # of sessions that are told apart; what comes beyond is not counted
TURN = 60.0  # seconds
AGAIN = 3600  # seconds
TRIED_FOR = DAY


class Kept(msgspec.Struct, frozen=True):
    """The file."""

    counted: list[tuple[Session, int]]


class Reporting:
    """What is counted, and the loop that tells it. Does nothing where `tls_reports_from` is empty."""

    def __init__(self, ports: Ports, folder: Path) -> None:
        self._ports, self._path = ports, folder / FILE
        self._wanted = bool(ports.settings.tls_reports_from)
        self._counted: Counter[Session] = _read(self._path) if self._wanted else Counter()
        self._tried: dict[tuple[int, str], int] = {}
        self._changed = False

    def note(self, domain: str, report: Report) -> None:
        """Count the sessions of an attempt."""
        if not self._wanted:
            return
        for one in sessions(domain, report, self._ports.clock.now()):
            if one in self._counted or len(self._counted) < KINDS:
                self._counted[one] += 1
                self._changed = True

    async def run(self, stop: asyncio.Event) -> None:
        """Save and tell until `stop`."""
        while self._wanted and not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TURN)
            try:
                if not stop.is_set():
                    await self.turn()
                await self.save()
            except Exception:
                log.exception("tls_reports.crashed")

    async def turn(self) -> None:
        """Send the reports that are due."""
        now = self._ports.clock.now() // 1000
        for day, domain in sorted({(one.day, one.domain) for one in self._counted}):
            due = due_at(day, domain)
            if now < max(due, self._tried.get((day, domain), 0) + AGAIN):
                continue
            self._tried[day, domain] = now
            sent = await send(self._ports, domain, tls_report(self._ports, self._counted, day, domain))
            log.info("tls_reports.sent" if sent else "tls_reports.not_sent", domain=domain, day=day)
            if sent or now > due + TRIED_FOR:
                self._forget(day, domain)

    async def save(self) -> None:
        """Write the file where anything changed."""
        if self._changed:
            self._changed = False
            kept = msgspec.json.encode(Kept(list(self._counted.items())))
            await asyncio.to_thread(place, self._path, kept)

    def _forget(self, day: int, domain: str) -> None:
        self._tried.pop((day, domain), None)
        for one in [one for one in self._counted if (one.day, one.domain) == (day, domain)]:
            del self._counted[one]
        self._changed = True


def _read(path: Path) -> Counter[Session]:
    try:
        return Counter(dict(msgspec.json.decode(path.read_bytes(), type=Kept).counted))
    except FileNotFoundError:
        return Counter()
    except (OSError, msgspec.DecodeError):
        log.exception("tls_reports.unreadable", file=str(path))
        return Counter()
