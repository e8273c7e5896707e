"""Events, the audit log and saved responses, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from mailwright.core.model import AuditEntry, Event
from mailwright.core.ports import AuditFilter, SavedResponse, Taken, Topic
from mailwright.testing.memory.journal import Journal, Shelf


class Events:
    """`core.ports.Events`."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self._journal = journal
        self._rows: Shelf[int, Event] = Shelf(journal)
        self._next = 1

    async def append(self, event: Event) -> int:
        """Add to the log; the cursor it got."""
        self._journal.topics.add(Topic.EVENTS)
        cursor, self._next = self._next, self._next + 1
        # As it would come back from a database: nothing but what JSON knows.
        data = msgspec.json.decode(msgspec.json.encode(event.data))
        self._rows.set(cursor, replace(event, cursor=cursor, data=data))
        return cursor

    async def after(self, tenant_id: str, cursor: int, mailbox_id: str | None, types: Sequence[str], limit: int) -> list[Event]:
        """Oldest first."""
        return [
            row
            for row in self._rows
            if row.tenant_id == tenant_id
            and row.cursor > cursor
            and mailbox_id in (None, row.mailbox_id)
            and (not types or row.type in types)
        ][:limit]

    async def of_message(self, tenant_id: str, message_id: str) -> list[Event]:
        """Those whose data names the message as `message_id`, oldest first."""
        return [row for row in self._rows if (row.tenant_id, row.data.get("message_id")) == (tenant_id, message_id)]

    async def last(self, tenant_id: str) -> int:
        """The newest cursor of the tenant, 0 where there is none."""
        return max((row.cursor for row in self._rows if row.tenant_id == tenant_id), default=0)


class Audit:
    """`core.ports.Audit`."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self._rows: Shelf[int, AuditEntry] = Shelf(journal)
        self._head: Shelf[str, tuple[int, str]] = Shelf(journal)

    async def append(self, row: AuditEntry) -> None:
        """Add an entry; raises Taken where its index is."""
        if self._rows.get(row.index) is not None:
            raise Taken(str(row.index))
        self._rows.set(row.index, row)
        head = await self.head()
        if head is None or head[0] < row.index:
            self._head.set("head", (row.index, row.hash))

    async def head(self) -> tuple[int, str] | None:
        """Index and hash of the newest entry."""
        return self._head.get("head")

    async def page(self, tenant_id: str, narrow: AuditFilter, after: int, limit: int) -> list[AuditEntry]:
        """Oldest first, from after that index on."""
        rows = sorted(self._rows, key=lambda row: row.index)
        return [row for row in rows if row.tenant_id == tenant_id and row.index > after and _among(row, narrow)][:limit]

    async def refusals(self, tenant_id: str, actor: str, since: int, limit: int) -> int:
        """How many requests of that actor were refused from then on, counted to the limit."""
        wanted = (tenant_id, actor, "request.refused")
        return len([row for row in self._rows if (row.tenant_id, row.actor, row.action) == wanted and row.at >= since][:limit])


def _among(row: AuditEntry, narrow: AuditFilter) -> bool:
    return (
        narrow.subject in (None, row.subject)
        and narrow.action in (None, row.action)
        and narrow.agent_id in (None, row.agent_id)
        and narrow.mailbox_id in (None, row.mailbox_id)
        and narrow.domain in (None, row.domain)
        and (narrow.since is None or row.at >= narrow.since)
        and (narrow.until is None or row.at < narrow.until)
    )


class Idempotency:
    """`core.ports.Idempotency`."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self._rows: Shelf[tuple[str, str], SavedResponse] = Shelf(journal)

    async def get(self, tenant_id: str, key: str) -> SavedResponse | None:
        """The answer that was given."""
        return self._rows.get((tenant_id, key))

    async def add(self, tenant_id: str, key: str, saved: SavedResponse) -> None:
        """Keep the answer; raises Taken where there is one."""
        if self._rows.get((tenant_id, key)) is not None:
            raise Taken(key)
        self._rows.set((tenant_id, key), saved)

    async def forget_before(self, created_at: int) -> int:
        """Drop old answers; how many."""
        old = [key for key, row in self._rows.entries() if row.created_at < created_at]
        for key in old:
            self._rows.drop(key)
        return len(old)


class Nonces:
    """`core.ports.Nonces`."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self._rows: Shelf[tuple[str, str, str, str], int] = Shelf(journal)

    async def add(self, mailbox_id: str, domain: str, selector: str, nonce: str, expires_at: int) -> bool:
        """Remember it; False where it was there already."""
        key = (mailbox_id, domain, selector, nonce)
        if self._rows.get(key) is not None:
            return False
        self._rows.set(key, expires_at)
        return True

    async def forget_before(self, at: int) -> int:
        """Drop what has expired; how many."""
        old = [key for key, expires_at in self._rows.entries() if expires_at < at]
        for key in old:
            self._rows.drop(key)
        return len(old)
