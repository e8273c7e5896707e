"""Into the queue: one delivery for each recipient, and the message's state as the worst of them.

Only sending.py and approvals.py call `enqueue`, and only after policy.py said `Send` in the same transaction (I5).
Not here: getting them out again (delivery.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailwright.core.events import EventType, publish
from mailwright.core.model import TERMINAL, Delivery, Message, MessageStatus
from mailwright.core.ports import Ports, Tx

HOUR = 3_600_000

# The message shows the first of these that any recipient is in.
WORST_FIRST = (
    MessageStatus.BOUNCED,
    MessageStatus.UNKNOWN,
    MessageStatus.DEFERRED,
    MessageStatus.QUEUED,
    MessageStatus.SCHEDULED,
    MessageStatus.CANCELLED,
    MessageStatus.SUPPRESSED,
    MessageStatus.DELIVERED,
)


def worst(statuses: Iterable[MessageStatus]) -> MessageStatus:
    """What a message with recipients in these states shows."""
    found = set(statuses)
    return next((status for status in WORST_FIRST if status in found), MessageStatus.QUEUED)


async def enqueue(
    tx: Tx,
    ports: Ports,
    message: Message,
    recipients: Sequence[str],
    *,
    send_at: int | None = None,
    suppressed: Sequence[str] = (),
) -> Message:
    """Queue a message for its recipients; `suppressed` ones get a row that says so, are told, and are never tried."""
    now = ports.clock.now()
    due = max(now, send_at or 0)
    waiting = MessageStatus.SCHEDULED if due > now else MessageStatus.QUEUED
    skip = set(suppressed)
    rows = [
        Delivery(
            id=ports.ids.new("dlv"),
            tenant_id=message.tenant_id,
            mailbox_id=message.mailbox_id,
            message_id=message.id,
            recipient=address,
            domain=address.rpartition("@")[2].lower(),
            status=MessageStatus.SUPPRESSED if address in skip else waiting,
            due_at=due,
            expires_at=due + ports.settings.delivery_hours * HOUR,
            created_at=now,
        )
        for address in recipients
    ]
    await tx.queue.add(rows)
    status, queued = worst(row.status for row in rows), message
    if status is not message.status:
        queued = replace(message, status=status)
        await tx.messages.show(message.tenant_id, message.id, status)
    for row in rows:
        if row.status is MessageStatus.SUPPRESSED:
            await tell_suppressed(tx, ports, message, row.recipient)
    if all(over(row.status) for row in rows):
        return queued
    data = {
        "message_id": message.id,
        "thread_id": message.thread_id,
        "rfc_message_id": message.rfc_message_id,
        "subject": message.subject,
        "to": list(message.to),
        "recipients": [{"address": row.recipient, "status": row.status.value} for row in rows],
        "send_at": send_at,
    }
    await publish(tx, ports, EventType.MESSAGE_QUEUED, tenant_id=message.tenant_id, mailbox_id=message.mailbox_id, data=data)
    return queued


async def tell_suppressed(tx: Tx, ports: Ports, message: Message, recipient: str) -> None:
    """A recipient is left out."""
    data = {"message_id": message.id, "thread_id": message.thread_id, "recipient": recipient}
    event = EventType.MESSAGE_SUPPRESSED
    await publish(tx, ports, event, tenant_id=message.tenant_id, mailbox_id=message.mailbox_id, data=data)


async def tell_cancelled(tx: Tx, ports: Ports, message: Message, recipients: Sequence[str]) -> None:
    """These recipients will not get it."""
    data = {"message_id": message.id, "thread_id": message.thread_id, "recipients": list(recipients)}
    event = EventType.MESSAGE_CANCELLED
    await publish(tx, ports, event, tenant_id=message.tenant_id, mailbox_id=message.mailbox_id, data=data)


async def show_worst(tx: Tx, tenant_id: str, message_id: str) -> None:
    """Bring the message's state up to date with its recipients'."""
    statuses = await tx.queue.statuses(tenant_id, message_id)
    if statuses:
        await tx.messages.show(tenant_id, message_id, worst(statuses))


def over(status: MessageStatus) -> bool:
    """Whether nothing more will happen by itself."""
    return status in TERMINAL
