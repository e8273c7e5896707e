"""Webhooks, and the events on their way to them."""

from __future__ import annotations

from collections.abc import Sequence

from mailwright.core.model import Webhook, WebhookDelivery
from mailwright.core.ports import Taken, Topic
from mailwright.store.database import Database
from mailwright.store.rows import WEBHOOK, WEBHOOK_DELIVERY, to_json, words_to_json
from mailwright.store.statements import load
from mailwright.store.tables.base import ENDLESS, ClientRows

_SQL = load("webhooks", WEBHOOK.columns)
_DELIVERIES = load("webhook_deliveries", WEBHOOK_DELIVERY.columns)

WINDOW = 1000  # rows at the head of the line that a claim looks at


class Webhooks(ClientRows[Webhook]):
    """`core.ports.Webhooks`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        super().__init__(db, WEBHOOK, _SQL)

    async def add(self, row: Webhook) -> None:
        """Insert; raises Taken."""
        self._db.notes.topics.add(Topic.WEBHOOKS)
        await super().add(row)

    async def put(self, row: Webhook) -> None:
        """Replace; raises KeyError."""
        self._db.notes.topics.add(Topic.WEBHOOKS)
        await super().put(row)

    async def behind(self, limit: int) -> list[Webhook]:
        """Active ones with events after their cursor, the furthest behind first."""
        return await self._all("behind", limit)

    async def active(self) -> bool:
        """Whether any is, of any tenant."""
        return await self._db.one(_SQL["active"], ()) is not None

    async def add_deliveries(self, rows: Sequence[WebhookDelivery]) -> None:
        """Insert; raises Taken."""
        for row in rows:
            if not await self._db.run(_DELIVERIES["add"], WEBHOOK_DELIVERY.encode(row)):
                raise Taken(f"webhook_deliveries: {row.id}")
        self._db.notes.topics.add(Topic.WEBHOOKS)

    async def claim(self, now: int, lease_until: int, limit: int) -> list[WebhookDelivery]:
        """Take what is due, in the order of events; nothing of a webhook that is being called."""
        busy = words_to_json([row[0] for row in await self._db.all(_DELIVERIES["under_way"], (now,))])
        found = await self._db.all(_DELIVERIES["due"], (now, busy, max(WINDOW, limit), limit))
        if not found and busy != "[]":
            found = await self._db.all(_DELIVERIES["due_elsewhere"], (now, busy, limit))
        if not found:
            return []
        seqs = to_json([row[0] for row in found])
        taken = await self._db.all(_DELIVERIES["claim"], (seqs, lease_until))
        return sorted(map(WEBHOOK_DELIVERY.decode, taken), key=lambda row: (row.event_cursor, row.created_at))

    async def finish(self, row: WebhookDelivery) -> bool:
        """Write a result; False where the fence moved on."""
        self._db.notes.topics.add(Topic.WEBHOOKS)
        result = (row.status, row.due_at, row.attempts, row.response_status, row.response_body, row.error, row.at)
        return bool(await self._db.run(_DELIVERIES["finish"], (row.tenant_id, row.id, *result, row.fence)))

    async def hasten(self, tenant_id: str, webhook_id: str, now: int) -> int:
        """Make whatever waits for that webhook due now."""
        self._db.notes.topics.add(Topic.WEBHOOKS)
        return await self._db.run(_DELIVERIES["hasten"], (tenant_id, webhook_id, now))

    async def release(self, now: int) -> int:
        """Make every claimed delivery due now."""
        self._db.notes.topics.add(Topic.WEBHOOKS)
        return await self._db.run(_DELIVERIES["release"], (now,))

    async def latest(self, now: int) -> int | None:
        """The last that happened to any that waits beyond `now`."""
        row = await self._db.one(_DELIVERIES["latest"], (now,))
        return row[0] if row else None

    async def catch_up(self, now: int) -> int:
        """Make due now what waits."""
        self._db.notes.topics.add(Topic.WEBHOOKS)
        return await self._db.run(_DELIVERIES["catch_up"], (now,))

    async def next_due(self) -> int | None:
        """When the next delivery is due."""
        row = await self._db.one(_DELIVERIES["next_due"], ())
        return row[0] if row else None

    async def delivery(self, tenant_id: str, delivery_id: str) -> WebhookDelivery | None:
        """The delivery of that id."""
        row = await self._db.one(_DELIVERIES["get"], (tenant_id, delivery_id))
        return None if row is None else WEBHOOK_DELIVERY.decode(row)

    async def deliveries(self, tenant_id: str, webhook_id: str, before_id: str | None, limit: int) -> list[WebhookDelivery]:
        """Newest first, from after that one on."""
        seq = ENDLESS
        if before_id is not None:
            row = await self._db.one(_DELIVERIES["place"], (tenant_id, before_id))
            seq = row[0] if row else 0
        rows = await self._db.all(_DELIVERIES["page"], (tenant_id, webhook_id, seq, limit))
        return [WEBHOOK_DELIVERY.decode(row) for row in rows]
