"""The database as it was at one moment, beside a server that goes on writing; and what a copy needs when it is put back.

A snapshot is a connection with one open reading transaction: nobody waits for it, and the log can't start anew until it ends.
Not here: where copies go (keeping/), what else has to change in a store that was put back (core/restoring.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from mailwright.core.model import AuditEntry, Domain
from mailwright.store.rows import AUDIT, DOMAIN
from mailwright.store.sqlite.checks import database_problems
from mailwright.store.sqlite.connection import FILE, open_reader
from mailwright.store.statements import load

PAGES = 1024  # copied between two words about how far it is
AUDITS = 1000  # entries read at once

DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError)  # what reading a broken database raises

_CHECKS = load("snapshot")
_DOMAINS = load("domains", DOMAIN.columns)
_AUDIT = load("audit", AUDIT.columns)
_RESTORING = load("restoring")


class NoDatabase(Exception):
    """There is no database in this folder."""


class Snapshot:
    """One state of the database in a data folder."""

    def __init__(self, folder: Path) -> None:
        """Of now; raises NoDatabase."""
        if not (folder / FILE).is_file():
            raise NoDatabase(f"there is no {FILE} in {folder}")
        self._connection = open_reader(folder / FILE)
        self._connection.set_busy_timeout(5000)
        self._connection.execute("BEGIN")
        self.blob_files()  # the transaction begins with the first look

    def blob_files(self) -> dict[str, int]:
        """The blobs that are files, with their sizes."""
        return {row[0]: row[1] for row in self._connection.execute(_CHECKS["blob_files"].sqlite)}

    def copy_to(self, target: Path, progress: Callable[[int, int], None]) -> None:
        """A database file with this state; `progress` hears of pages done and pages in all."""
        copy = apsw.Connection(str(target))
        try:
            with copy.backup("main", self._connection, "main") as copying:
                while not copying.done:
                    copying.step(PAGES)
                    progress(copying.page_count - copying.remaining, copying.page_count)
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, with nothing beside it
        finally:
            copy.close()

    def problems(self) -> list[str]:
        """What is wrong inside the database, as sentences; it reads all of it."""
        return database_problems(self._connection)

    def quick_problems(self) -> list[str]:
        """What SQLite sees at a quick look: torn pages and rows out of order, not indexes that disagree."""
        return [str(row[0]) for row in self._connection.execute("PRAGMA quick_check(10)") if row[0] != "ok"]

    def domains(self, limit: int) -> list[Domain]:
        """Domains of all tenants, so many of each."""
        tenants = [row[0] for row in self._connection.execute(_CHECKS["tenants"].sqlite)]
        rows = (row for one in tenants for row in self._connection.execute(_DOMAINS["page"].sqlite, (one, "", limit)))
        return [DOMAIN.decode(row) for row in rows]

    def latest_event_at(self) -> int | None:
        """When the latest event was told, in milliseconds; None: nothing ever happened."""
        moments: list[int] = [row[0] for row in self._connection.execute(_CHECKS["latest_event"].sqlite)]
        return moments[0] if moments else None

    def audit(self) -> Iterator[list[AuditEntry]]:
        """The whole log of all tenants in order, some entries at a time."""
        after = -1
        while found := self._connection.execute(_AUDIT["whole"].sqlite, (after, AUDITS)).fetchall():
            entries = [AUDIT.decode(row) for row in found]
            after = entries[-1].index
            yield entries

    def audit_head(self) -> tuple[int, str] | None:
        """Index and hash of the log's last entry."""
        for index, digest in self._connection.execute(_AUDIT["head"].sqlite):
            return index, digest
        return None

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def __enter__(self) -> Snapshot:
        """The snapshot itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def raise_counters(folder: Path, *, made_at: int, now: int, event_id: str) -> None:
    """In a database that was put back: UIDs, change numbers and cursors go on beyond all that were given out since `made_at`.

    How many that were nobody knows. A leap of 100 for each millisecond is more than any server hands out, and a hundred leaps
    over ten years each are still exact in a JSON number.
    """
    since = max(0, now - made_at)
    leap = 1_000_000 + 100 * since
    uids = min(1_000_000, 1000 + since // 1000)  # they have 32 bits; the new UIDVALIDITY is what counts
    connection = apsw.Connection(str(folder / FILE))
    try:
        with connection:
            connection.execute(_RESTORING["raise_mailboxes"].sqlite, (now // 1000, uids, leap))
            connection.execute(_RESTORING["raise_cursor"].sqlite, (leap, event_id, now))
    finally:
        connection.close()
