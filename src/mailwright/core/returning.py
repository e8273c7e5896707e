"""What comes back later, to the return path of one of our own deliveries: bounces and complaints.

The address names the delivery and proves that we made it (return_path.py), so a report is believed about that recipient and
no other. A failure ends the delivery and, where the address itself is dead, suppresses it; a complaint suppresses at once
(DS-4). Nothing is ever answered (I4).
"""

from __future__ import annotations

from dataclasses import replace

from mailwright.core import audit, queueing, suppression
from mailwright.core.accounts import system
from mailwright.core.delivery import dead_address
from mailwright.core.events import EventType, publish
from mailwright.core.model import Delivery, Json, MessageStatus
from mailwright.core.ports import Ports, Tx
from mailwright.mail import mime
from mailwright.mail.arf import Complaint, parse_complaint
from mailwright.mail.dsn import Dsn, parse_dsn
from mailwright.mail.header import Header, Raw

KEPT = 400  # characters of a diagnostic


async def returned(ports: Ports, delivery_id: str, mail_from: str, header: Header, raw: Raw) -> str | None:
    """Take in what came to a return path: the delivery's id, or None where the delivery is gone."""
    root = mime.parse(raw, header)
    report, complaint = parse_dsn(root), parse_complaint(root)

    async def script(tx: Tx) -> str | None:
        row = await tx.queue.get(delivery_id)
        if row is None:
            return None
        await audit.record(tx, ports, system(row.tenant_id), "bounce.received", row.id, {"mail_from": mail_from == ""})
        if report is not None:
            await _apply(tx, ports, row, report)
        elif complaint is not None and complaint.feedback_type != "not-spam":
            await _complained(tx, ports, row, complaint)
        return row.id

    return await ports.store.write(script)


async def _apply(tx: Tx, ports: Ports, row: Delivery, report: Dsn) -> None:
    told = next((one for one in report.recipients if one.action == "failed"), None)
    if told is None or row.status is MessageStatus.BOUNCED:
        return  # delayed, relayed, delivered: nothing changes; and what has bounced does not bounce again
    now = ports.clock.now()
    text = (told.diagnostic or "the receiver returned the message")[:KEPT]
    enhanced = str(told.cause) if told.cause else None
    bounced = replace(row, status=MessageStatus.BOUNCED, enhanced=enhanced or row.enhanced, text=text, at=now)
    await tx.queue.put(bounced)
    await queueing.show_worst(tx, row.tenant_id, row.message_id)
    message = await tx.messages.get(row.tenant_id, row.message_id)
    data: Json = {
        "message_id": row.message_id,
        "thread_id": message.thread_id if message else None,
        "recipient": row.recipient,
        "code": None,
        "enhanced": enhanced,
        "text": text,
        "returned": True,
    }
    await publish(tx, ports, EventType.MESSAGE_BOUNCED, tenant_id=row.tenant_id, mailbox_id=row.mailbox_id, data=data)
    if enhanced and enhanced.startswith("5") and dead_address(None, enhanced):
        await suppression.add(
            tx, ports, system(row.tenant_id), row.recipient, "hard_bounce", detail=text, message_id=row.message_id
        )


async def _complained(tx: Tx, ports: Ports, row: Delivery, complaint: Complaint) -> None:
    message = await tx.messages.get(row.tenant_id, row.message_id)
    data: Json = {
        "message_id": row.message_id,
        "thread_id": message.thread_id if message else None,
        "recipient": row.recipient,
        "feedback_type": complaint.feedback_type,
        "user_agent": complaint.user_agent,
    }
    await publish(tx, ports, EventType.MESSAGE_COMPLAINED, tenant_id=row.tenant_id, mailbox_id=row.mailbox_id, data=data)
    await suppression.add(
        tx,
        ports,
        system(row.tenant_id),
        row.recipient,
        "complaint",
        detail=complaint.feedback_type,
        message_id=row.message_id,
    )
