"""The audit log."""

from __future__ import annotations

from mailwright.core.model import AuditEntry
from mailwright.store.database import Database
from mailwright.store.rows import AUDIT
from mailwright.store.statements import load

_SQL = load("audit", AUDIT.columns)


class Audit:
    """`core.ports.Audit`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        self._db = db

    async def append(self, row: AuditEntry) -> None:
        """Add an entry; raises Taken where its index is."""
        await self._db.run(_SQL["append"], AUDIT.encode(row))

    async def last(self) -> AuditEntry | None:
        """The newest entry."""
        row = await self._db.one(_SQL["last"], ())
        return None if row is None else AUDIT.decode(row)

    async def page(self, tenant_id: str, subject: str | None, action: str | None, after: int, limit: int) -> list[AuditEntry]:
        """Oldest first."""
        rest = (tenant_id, action, after, limit)
        if subject is None:
            rows = await self._db.all(_SQL["page"], rest)
        else:
            rows = await self._db.all(_SQL["page_of_subject"], (subject, *rest))
        return [AUDIT.decode(row) for row in rows]
