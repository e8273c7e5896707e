"""Reports: what receivers say of our mail."""

from __future__ import annotations

from mailwright.core.model import Report
from mailwright.store.database import Database
from mailwright.store.rows import REPORT
from mailwright.store.statements import load
from mailwright.store.tables.base import NamedRows

_SQL = load("reports", REPORT.columns)


class Reports(NamedRows[Report]):
    """`core.ports.Reports`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, REPORT, _SQL)
