"""Approvals: what people are asked."""

from __future__ import annotations

from mailwright.core.model import Approval, ApprovalStatus
from mailwright.store.database import Database
from mailwright.store.rows import APPROVAL
from mailwright.store.statements import load
from mailwright.store.tables.base import ENDLESS, Rows

_SQL = load("approvals", APPROVAL.columns)


class Approvals(Rows[Approval]):
    """`core.ports.Approvals`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, APPROVAL, _SQL)

    async def page(
        self, tenant_id: str, status: ApprovalStatus | None, mailbox_id: str | None, after: str | None, limit: int
    ) -> list[Approval]:
        """Oldest first, from after that approval on."""
        seq = 0
        if after is not None:
            row = await self._db.one(_SQL["place"], (tenant_id, after))
            seq = row[0] if row else ENDLESS
        if status is None:
            return await self._all("page", tenant_id, mailbox_id, seq, limit)
        return await self._all("page_of_status", tenant_id, status, mailbox_id, seq, limit)

    async def overdue(self, now: int, limit: int) -> list[Approval]:
        """Pending ones of all tenants whose time is over, the longest over first."""
        return await self._all("overdue", now, limit)

    async def lapse(self, tenant_id: str, mailbox_id: str, now: int) -> None:
        """The time of a mailbox's open questions is over."""
        await self._db.run(_SQL["lapse"], (tenant_id, mailbox_id, now))
