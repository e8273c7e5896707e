"""What happened, who is told of it, and what was answered: events, webhooks, the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mailwright.core.model import AuditEntry, Event, Report, Suppression, Webhook, WebhookDelivery
from mailwright.core.ports.table import Table


class Events(Protocol):
    async def append(self, event: Event) -> int:
        """Add to the log; the cursor it got. Cursors rise in the order of commits (I7)."""

    async def after(self, tenant_id: str, cursor: int, mailbox_id: str | None, types: Sequence[str], limit: int) -> list[Event]:
        """Events after the cursor, oldest first; empty `types` means all."""

    async def of_message(self, tenant_id: str, message_id: str) -> list[Event]:
        """Those whose data names the message as `message_id`, oldest first."""

    async def last(self, tenant_id: str) -> int:
        """The newest cursor of the tenant, 0 where there is none."""


class Webhooks(Table[Webhook], Protocol):
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Webhook]: ...
    async def behind(self, limit: int) -> list[Webhook]:
        """Active webhooks, of all tenants, with events after their cursor."""

    async def active(self) -> bool:
        """Whether any webhook is active, of any tenant."""

    async def add_deliveries(self, rows: Sequence[WebhookDelivery]) -> None: ...
    async def claim(self, now: int, lease_until: int, limit: int) -> list[WebhookDelivery]:
        """As `Queue.claim`, in the order of events, and nothing of a webhook that has a delivery claimed.

        So one webhook gets its events in order, except that one which failed does not hold up those after it.
        """

    async def hasten(self, tenant_id: str, webhook_id: str, now: int) -> int:
        """Make whatever waits for that webhook due now, but for what is being told; how many."""

    async def finish(self, row: WebhookDelivery) -> bool: ...
    async def release(self, now: int) -> int:
        """As `Queue.release`."""

    async def latest(self, now: int) -> int | None:
        """As `Queue.latest`."""

    async def catch_up(self, now: int) -> int:
        """As `Queue.catch_up`."""

    async def next_due(self) -> int | None: ...
    async def delivery(self, tenant_id: str, delivery_id: str) -> WebhookDelivery | None: ...
    async def deliveries(self, tenant_id: str, webhook_id: str, before_id: str | None, limit: int) -> list[WebhookDelivery]: ...


class Suppressions(Table[Suppression], Protocol):
    async def matching(self, tenant_id: str, addresses: Sequence[str]) -> list[Suppression]: ...
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Suppression]: ...


class Reports(Table[Report], Protocol):
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Report]: ...


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries of the audit log; None is any."""

    subject: str | None = None
    action: str | None = None
    agent_id: str | None = None
    mailbox_id: str | None = None
    domain: str | None = None
    since: int | None = None
    until: int | None = None  # not included


class Audit(Protocol):
    async def append(self, row: AuditEntry) -> None: ...
    async def head(self) -> tuple[int, str] | None:
        """Index and hash of the newest entry."""

    async def page(self, tenant_id: str, narrow: AuditFilter, after: int, limit: int) -> list[AuditEntry]:
        """Oldest first, from after that index on."""

    async def refusals(self, tenant_id: str, actor: str, since: int, limit: int) -> int:
        """How many requests of that actor were refused from then on, counted to the limit."""


@dataclass(frozen=True, slots=True)
class SavedResponse:
    """What an Idempotency-Key was answered with."""

    request_hash: str
    status: int
    body: bytes
    created_at: int


class Idempotency(Protocol):
    async def get(self, tenant_id: str, key: str) -> SavedResponse | None: ...
    async def add(self, tenant_id: str, key: str, saved: SavedResponse) -> None: ...
    async def forget_before(self, created_at: int) -> int: ...


class Nonces(Protocol):
    """Signed identities that came to a mailbox, each known by domain, selector and nonce."""

    async def add(self, mailbox_id: str, domain: str, selector: str, nonce: str, expires_at: int) -> bool:
        """Remember one until then; False where it is there already."""

    async def forget_before(self, at: int) -> int: ...
