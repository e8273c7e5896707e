"""Deliveries, attempts, webhooks and their deliveries, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from mailwright.core.model import Active, Attempt, Delivery, MessageStatus, Webhook, WebhookDelivery
from mailwright.core.ports import Taken, Topic
from mailwright.testing.memory.journal import Journal, Shelf, Table, client_key
from mailwright.testing.memory.log import Events

OPEN = (MessageStatus.QUEUED, MessageStatus.DEFERRED, MessageStatus.SCHEDULED)


class Queue:
    """`core.ports.Queue`."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self._journal = journal
        self._rows: Shelf[str, Delivery] = Shelf(journal)
        self._leased: Shelf[str, bool] = Shelf(journal)
        self._attempts: Shelf[str, Attempt] = Shelf(journal)

    async def add(self, rows: Sequence[Delivery]) -> None:
        """Insert; raises Taken."""
        for row in rows:
            if self._rows.get(row.id) is not None:
                raise Taken(row.id)
            self._rows.set(row.id, row)
        self._journal.topics.add(Topic.QUEUE)

    async def get(self, delivery_id: str) -> Delivery | None:
        """The delivery of that id, of any tenant."""
        return self._rows.get(delivery_id)

    async def of_message(self, tenant_id: str, message_id: str) -> list[Delivery]:
        """In the order in which they were added."""
        return [row for row in self._rows if (row.tenant_id, row.message_id) == (tenant_id, message_id)]

    async def statuses(self, tenant_id: str, message_id: str) -> set[MessageStatus]:
        """Those that deliveries of the message have."""
        return {row.status for row in await self.of_message(tenant_id, message_id)}

    async def claim(
        self, now: int, lease_until: int, limit: int, busy_domains: Sequence[str], room: Callable[[str], int] | None = None
    ) -> list[Delivery]:
        """Take due deliveries, oldest due first."""
        count: Counter[str] = Counter()
        due = [row for row in self._rows if row.status in OPEN and row.due_at <= now and row.domain not in busy_domains]
        taken = []
        for row in sorted(due, key=lambda row: row.due_at)[:limit]:
            if room is not None and count[row.domain] >= room(row.domain):
                continue
            count[row.domain] += 1
            claimed = replace(row, due_at=lease_until, fence=row.fence + 1, attempts=row.attempts + 1)
            self._rows.set(row.id, claimed)
            self._leased.set(row.id, True)
            taken.append(claimed)
        return taken

    async def finish(self, row: Delivery) -> bool:
        """Write a result; False where the fence moved on."""
        self._changes(row)
        before = self._of(row)
        if before is None or before.fence != row.fence:
            return False
        self._write(before, row, before.expires_at, before.fence)
        return True

    async def held(self, rows: Sequence[Delivery]) -> list[bool]:
        """Of each whether its fence stands where it did."""
        return [self._holds(row) for row in rows]

    def _holds(self, row: Delivery) -> bool:
        before = self._of(row)
        return before is not None and before.fence == row.fence and bool(self._leased.get(row.id))

    async def renew(self, row: Delivery, lease_until: int) -> bool:
        """Begin the lease anew; False where the fence moved on."""
        before = self._of(row)
        if before is None or not self._holds(row):
            return False
        self._rows.set(row.id, replace(before, due_at=lease_until))
        return True

    async def put(self, row: Delivery) -> None:
        """Write and raise the fence; raises KeyError where there is no such delivery."""
        self._changes(row)
        before = self._of(row)
        if before is None:
            raise KeyError(row.id)
        self._write(before, row, row.expires_at, before.fence + 1)

    def _changes(self, row: Delivery) -> None:
        if row.status in OPEN:
            self._journal.topics.add(Topic.QUEUE)

    def _of(self, row: Delivery) -> Delivery | None:
        before = self._rows.get(row.id)
        return before if before is not None and before.tenant_id == row.tenant_id else None

    def _write(self, before: Delivery, row: Delivery, expires_at: int, fence: int) -> None:
        changed = replace(
            before,
            status=row.status,
            due_at=row.due_at,
            attempts=row.attempts,
            code=row.code,
            enhanced=row.enhanced,
            text=row.text,
            mx=row.mx,
            at=row.at,
            expires_at=expires_at,
            fence=fence,
        )
        self._rows.set(row.id, changed)
        self._leased.drop(row.id)

    async def next_due(self) -> int | None:
        """When the next delivery is due."""
        return min((row.due_at for row in self._rows if row.status in OPEN), default=None)

    async def release(self, now: int) -> int:
        """Make every claimed delivery due now."""
        self._journal.topics.add(Topic.QUEUE)
        claimed = [row for row in self._rows if self._leased.get(row.id)]
        for row in claimed:
            self._rows.set(row.id, replace(row, due_at=now))
            self._leased.drop(row.id)
        return len(claimed)

    async def latest(self, now: int) -> int | None:
        """The last that happened to any that waits beyond `now`."""
        waits = (MessageStatus.QUEUED, MessageStatus.DEFERRED, MessageStatus.SCHEDULED)
        return max((row.at or row.created_at for row in self._rows if row.status in waits and row.due_at > now), default=None)

    async def catch_up(self, now: int) -> int:
        """Make due now what waits."""
        self._journal.topics.add(Topic.QUEUE)
        waits = (MessageStatus.QUEUED, MessageStatus.DEFERRED)
        waiting = [row for row in self._rows if row.status in waits and not self._leased.get(row.id) and row.due_at > now]
        for row in waiting:
            self._rows.set(row.id, replace(row, due_at=now))
        return len(waiting)

    async def hurry(self, tenant_id: str, mailbox_id: str, now: int) -> None:
        """Make due now what waits of a mailbox, also what was scheduled."""
        self._journal.topics.add(Topic.QUEUE)
        own = [row for row in self._rows if (row.tenant_id, row.mailbox_id) == (tenant_id, mailbox_id) and row.status in OPEN]
        for row in own:
            if not self._leased.get(row.id) and row.due_at > now:
                self._rows.set(row.id, replace(row, due_at=now))

    async def start_attempts(self, rows: Sequence[Attempt]) -> None:
        """Note that tries begin."""
        for row in rows:
            self._attempts.set(row.id, row)

    async def finish_attempt(self, row: Attempt) -> None:
        """Note how a try ended; raises KeyError where it never began."""
        before = self._attempts.get(row.id)
        if before is None or before.tenant_id != row.tenant_id:
            raise KeyError(row.id)
        self._attempts.set(row.id, row)

    async def open_attempt(self, delivery_id: str) -> Attempt | None:
        """The latest try without an outcome."""
        found = [row for row in self._attempts if row.delivery_id == delivery_id and row.outcome is None]
        return found[-1] if found else None

    async def abandoned(self) -> list[Attempt]:
        """Tries without an outcome, whose deliveries were cancelled."""
        cancelled = {row.id for row in self._rows if row.status is MessageStatus.CANCELLED}
        return [row for row in self._attempts if row.outcome is None and row.delivery_id in cancelled]

    async def attempts(self, tenant_id: str, message_id: str) -> list[Attempt]:
        """In the order in which they began."""
        return [row for row in self._attempts if (row.tenant_id, row.message_id) == (tenant_id, message_id)]


class Webhooks(Table[Webhook]):
    """`core.ports.Webhooks`."""

    unique = (client_key,)

    def __init__(self, journal: Journal, events: Events) -> None:
        """Empty."""
        super().__init__(journal)
        self._events = events
        self._deliveries: Shelf[str, WebhookDelivery] = Shelf(journal)
        self._leased: Shelf[str, bool] = Shelf(journal)

    async def add(self, row: Webhook) -> None:
        """Insert; raises Taken."""
        self.journal.topics.add(Topic.WEBHOOKS)
        await super().add(row)

    async def put(self, row: Webhook) -> None:
        """Replace; raises KeyError."""
        self.journal.topics.add(Topic.WEBHOOKS)
        await super().put(row)

    async def behind(self, limit: int) -> list[Webhook]:
        """Active ones with events after their cursor, the furthest behind first."""
        found = [
            row for row in self.rows if row.status is Active.ACTIVE and await self._events.last(row.tenant_id) > row.cursor
        ]
        return sorted(found, key=lambda row: row.cursor)[:limit]

    async def active(self) -> bool:
        """Whether any is, of any tenant."""
        return any(row.status is Active.ACTIVE for row in self.rows)

    async def add_deliveries(self, rows: Sequence[WebhookDelivery]) -> None:
        """Insert; raises Taken."""
        for row in rows:
            if self._deliveries.get(row.id) is not None:
                raise Taken(row.id)
            self._deliveries.set(row.id, row)
        self.journal.topics.add(Topic.WEBHOOKS)

    async def claim(self, now: int, lease_until: int, limit: int) -> list[WebhookDelivery]:
        """Take what is due, in the order of events; nothing of a webhook that is being called."""
        busy = {row.webhook_id for row in self._deliveries if self._leased.get(row.id) and row.due_at > now}
        pending = [row for row in self._deliveries if row.status == "pending" and row.due_at <= now]
        due = [row for row in pending if row.webhook_id not in busy]
        taken = []
        for row in sorted(due, key=lambda row: (row.due_at, row.event_cursor))[:limit]:
            claimed = replace(row, due_at=lease_until, fence=row.fence + 1, attempts=row.attempts + 1)
            self._deliveries.set(row.id, claimed)
            self._leased.set(row.id, True)
            taken.append(claimed)
        return sorted(taken, key=lambda row: (row.event_cursor, row.created_at))

    async def finish(self, row: WebhookDelivery) -> bool:
        """Write a result; False where the fence moved on."""
        self.journal.topics.add(Topic.WEBHOOKS)
        before = self._deliveries.get(row.id)
        if before is None or (before.tenant_id, before.fence) != (row.tenant_id, row.fence):
            return False
        self._deliveries.set(row.id, row)
        self._leased.drop(row.id)
        return True

    async def hasten(self, tenant_id: str, webhook_id: str, now: int) -> int:
        """Make whatever waits for that webhook due now."""
        self.journal.topics.add(Topic.WEBHOOKS)
        waiting = [
            row
            for row in self._deliveries
            if (row.tenant_id, row.webhook_id, row.status) == (tenant_id, webhook_id, "pending")
            and not self._leased.get(row.id)
            and row.due_at > now
        ]
        for row in waiting:
            self._deliveries.set(row.id, replace(row, due_at=now))
        return len(waiting)

    async def release(self, now: int) -> int:
        """Make every claimed delivery due now."""
        self.journal.topics.add(Topic.WEBHOOKS)
        claimed = [row for row in self._deliveries if self._leased.get(row.id)]
        for row in claimed:
            self._deliveries.set(row.id, replace(row, due_at=now))
            self._leased.drop(row.id)
        return len(claimed)

    async def latest(self, now: int) -> int | None:
        """The last that happened to any that waits beyond `now`."""
        waiting = [row for row in self._deliveries if row.status == "pending" and row.due_at > now]
        return max((row.at or row.created_at for row in waiting), default=None)

    async def catch_up(self, now: int) -> int:
        """Make due now what waits."""
        self.journal.topics.add(Topic.WEBHOOKS)
        waiting = [
            row for row in self._deliveries if row.status == "pending" and not self._leased.get(row.id) and row.due_at > now
        ]
        for row in waiting:
            self._deliveries.set(row.id, replace(row, due_at=now))
        return len(waiting)

    async def next_due(self) -> int | None:
        """When the next delivery is due."""
        return min((row.due_at for row in self._deliveries if row.status == "pending"), default=None)

    async def delivery(self, tenant_id: str, delivery_id: str) -> WebhookDelivery | None:
        """The delivery of that id."""
        row = self._deliveries.get(delivery_id)
        return row if row is not None and row.tenant_id == tenant_id else None

    async def deliveries(self, tenant_id: str, webhook_id: str, before_id: str | None, limit: int) -> list[WebhookDelivery]:
        """Newest first, from after that one on."""
        end: float = float("inf")
        if before_id is not None:
            end = (self._deliveries.seq(before_id) or 0) if await self.delivery(tenant_id, before_id) else 0
        found = [
            row
            for seq, row in self._deliveries.items()
            if (row.tenant_id, row.webhook_id) == (tenant_id, webhook_id) and seq < end
        ]
        return found[::-1][:limit]
