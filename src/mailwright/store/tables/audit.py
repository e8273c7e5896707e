"""The audit log."""

from __future__ import annotations

from mailwright.core.model import AuditEntry
from mailwright.core.ports import AuditFilter
from mailwright.store.database import Database
from mailwright.store.rows import AUDIT
from mailwright.store.statements import Statement, load

_SQL = load("audit", AUDIT.columns)


class Audit:
    """`core.ports.Audit`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        self._db = db

    async def append(self, row: AuditEntry) -> None:
        """Add an entry; raises Taken where its index is."""
        await self._db.run(_SQL["append"], AUDIT.encode(row))

    async def head(self) -> tuple[int, str] | None:
        """Index and hash of the newest entry."""
        row = await self._db.one(_SQL["head"], ())
        return None if row is None else (row[0], row[1])

    async def page(self, tenant_id: str, narrow: AuditFilter, after: int, limit: int) -> list[AuditEntry]:
        """Oldest first, from after that index on."""
        statement = _along(narrow)
        named = {name: getattr(narrow, name) for name in AuditFilter.__dataclass_fields__}
        named |= {"tenant_id": tenant_id, "after": after, "limit": limit}
        rows = await self._db.all(statement, tuple(named[name] for name in statement.arguments))
        return [AUDIT.decode(row) for row in rows]

    async def refusals(self, tenant_id: str, actor: str, since: int, limit: int) -> int:
        """How many requests of that actor were refused from then on, counted to the limit."""
        row = await self._db.one(_SQL["refusals"], (tenant_id, actor, since, limit))
        return int(row[0]) if row else 0


def _along(narrow: AuditFilter) -> Statement:
    """The statement that walks along the index which narrows most."""
    if narrow.subject is not None:
        return _SQL["page_of_subject"]
    if narrow.mailbox_id is not None:
        return _SQL["page_of_mailbox"]
    return _SQL["page"] if narrow.agent_id is None else _SQL["page_of_agent"]
