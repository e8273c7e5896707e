"""Events: the log."""

from __future__ import annotations

from collections.abc import Sequence

from mailwright.core.model import Event
from mailwright.core.ports import Topic
from mailwright.store.database import Database, Found
from mailwright.store.rows import EVENT, json_bytes, words_to_json
from mailwright.store.statements import load

_SQL = load("events", EVENT.columns)


class Events:
    """`core.ports.Events`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        self._db = db

    async def append(self, event: Event) -> int:
        """Add to the log; the cursor it got."""
        self._db.notes.topics.add(Topic.EVENTS)
        about = event.data.get("message_id")
        values = (event.id, event.type, event.tenant_id, event.mailbox_id, event.created_at, json_bytes(event.data), about)
        cursor = await self._db.insert(_SQL["append"], values)
        assert cursor is not None  # nothing in an event is unique
        return cursor

    async def after(self, tenant_id: str, cursor: int, mailbox_id: str | None, types: Sequence[str], limit: int) -> list[Event]:
        """Oldest first."""
        rest = (tenant_id, cursor, words_to_json(list(types)), limit)
        if mailbox_id is None:
            return _events(await self._db.all(_SQL["after"], rest))
        return _events(await self._db.all(_SQL["after_of_mailbox"], (mailbox_id, *rest)))

    async def of_message(self, tenant_id: str, message_id: str) -> list[Event]:
        """Those whose data names the message as `message_id`, oldest first."""
        return _events(await self._db.all(_SQL["of_message"], (tenant_id, message_id)))

    async def last(self, tenant_id: str) -> int:
        """The newest cursor of the tenant, 0 where there is none."""
        row = await self._db.one(_SQL["last"], (tenant_id,))
        return (row[0] or 0) if row else 0


def _events(rows: list[Found]) -> list[Event]:
    return [EVENT.decode(row) for row in rows]
