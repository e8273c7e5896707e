"""After a store was put back from a backup: what nobody can know any more is told, and not tried again in silence.

A delivery that waited when the backup was made may have been delivered since, by the server that was lost. So each is closed
as `unknown` and told as an event (I2, I6); whoever sent it decides. A question that was open may have been answered since: it
stays open, and says so to whoever is asked. Each tenant's event log and audit log say what happened.
Not here: counters that must rise (store/sqlite/snapshot.py), files (keeping/restore.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from mailwright.core import audit, queueing
from mailwright.core.accounts import system
from mailwright.core.events import EventType, publish
from mailwright.core.model import ApprovalStatus, Attempt, Delivery, Message, MessageStatus
from mailwright.core.ports import Ports, Tx

TEXT = "the server was put back from a backup: the message may have been delivered since"
REASON = "the server was put back from a backup; this may have been decided since, and sent"
ENDLESS = 1 << 62
BATCH = 200


@dataclass(slots=True)
class Settled:
    """How many deliveries were closed as unknown, and how many open questions were marked."""

    deliveries: int = 0
    approvals: int = 0
    by_tenant: Counter[str] = field(default_factory=Counter)  # deliveries


async def settle(ports: Ports, made_at: int, *, close_queue: bool) -> Settled:
    """Do all of it; before anybody else uses the store. Without `close_queue` what waited goes on waiting, to be sent."""
    settled = Settled()
    while close_queue and (closed := await ports.store.write(lambda tx: _close_some(tx, ports))):
        settled.by_tenant.update(closed)
        settled.deliveries += len(closed)
    after: str | None = None
    while tenants := await ports.store.read(lambda tx, place=after: tx.tenants.page(place, 1)):  # type: ignore[misc]
        after = tenants[0].id
        settled.approvals += await _mark_questions(ports, after)
        data = {"made_at": made_at, "deliveries_unknown": settled.by_tenant[after]}
        await ports.store.write(lambda tx, tenant=after, data=data: _tell(tx, ports, tenant, data))  # type: ignore[misc]
    return settled


async def _close_some(tx: Tx, ports: Ports) -> list[str]:
    rows = await tx.queue.claim(ENDLESS, ENDLESS, BATCH, ())
    for row in rows:
        await _close(tx, ports, row)
    return [row.tenant_id for row in rows]


async def _close(tx: Tx, ports: Ports, row: Delivery) -> None:
    now, attempts = ports.clock.now(), row.attempts - 1  # it was claimed to be closed, not to be tried
    closed = replace(row, status=MessageStatus.UNKNOWN, attempts=attempts, code=None, enhanced=None, text=TEXT, at=now)
    await tx.queue.put(closed)
    left_open = await tx.queue.open_attempt(row.id)
    if left_open is not None:
        left_open = replace(left_open, finished_at=now, outcome="unknown", text=TEXT)
        await tx.queue.finish_attempt(left_open)
    message = await tx.messages.get(row.tenant_id, row.message_id)
    if message is not None:
        await queueing.show_worst(tx, row.tenant_id, row.message_id)
        await _tell_unknown(tx, ports, message, closed, left_open)
    await audit.record(tx, ports, system(row.tenant_id), "delivery.unknown", row.id)


async def _tell_unknown(tx: Tx, ports: Ports, message: Message, row: Delivery, attempt: Attempt | None) -> None:
    data = {
        "message_id": message.id,
        "thread_id": message.thread_id,
        "recipient": row.recipient,
        "attempt_id": attempt.id if attempt else None,
        "attempt": row.attempts,
        "mx": attempt.mx if attempt else None,
        "code": None,
        "enhanced": None,
        "text": TEXT,
    }
    event = EventType.MESSAGE_UNKNOWN
    await publish(tx, ports, event, tenant_id=row.tenant_id, mailbox_id=row.mailbox_id, data=data)


async def _mark_questions(ports: Ports, tenant_id: str) -> int:
    marked, after = 0, None

    async def some(tx: Tx) -> list[str]:
        page = await tx.approvals.page(tenant_id, ApprovalStatus.PENDING, None, after, BATCH)
        for approval in page:
            if REASON not in approval.reasons:
                await tx.approvals.put(replace(approval, reasons=(*approval.reasons, REASON)))
        return [approval.id for approval in page]

    while ids := await ports.store.write(some):
        marked, after = marked + len(ids), ids[-1]
    return marked


async def _tell(tx: Tx, ports: Ports, tenant_id: str, data: dict[str, int]) -> None:
    await publish(tx, ports, EventType.STORE_RESTORED, tenant_id=tenant_id, mailbox_id=None, data=dict(data))
    await audit.record(tx, ports, system(tenant_id), "store.restored", tenant_id, dict(data))
