"""What comes back later, to the return path of one of our own deliveries: bounces, complaints, and answers of machines.

The address names the delivery and proves that we made it (return_path.py), so a report is believed about that recipient and
no other: once, and not for ever. A failure ends the delivery and, where the address itself is dead, suppresses it; a complaint
suppresses at once (DS-4). What is no report is mail for whoever sent the message (receiving.py files it). The bytes of all of
it are kept. Nothing is ever answered (I4).
"""

from __future__ import annotations

from dataclasses import replace

from mailwright.core import audit, queueing, suppression
from mailwright.core.accounts import system
from mailwright.core.delivery import dead_address
from mailwright.core.events import EventType, publish
from mailwright.core.model import Delivery, Json, Mailbox, MessageStatus
from mailwright.core.ports import Ports, Tx
from mailwright.mail import bounces, mime
from mailwright.mail.arf import Complaint, parse_complaint
from mailwright.mail.dsn import Action, Dsn, RecipientStatus, parse_dsn, parse_status
from mailwright.mail.header import Header, Raw

KEPT = 400  # characters of a diagnostic
LATE = 7 * 86_400_000  # ms after our own last try in which another host's last try may end


def read_report(header: Header, raw: Raw, mail_from: str) -> Dsn | Complaint | None:
    """The report that the message is; None where it is mail like any other, an out-of-office answer for one (RFC 3834 §4)."""
    root = mime.parse(raw, header)
    # RFC 3464 §2: a delivery report has the null reverse path; what has another is somebody's letter.
    report = parse_dsn(root) if mail_from == "" else None
    return report or parse_complaint(root) or (_in_words(root) if mail_from == "" else None)


def _in_words(root: mime.Part) -> Dsn | None:
    """A bounce in no standard form, as the report that it would be."""
    found = bounces.read(root, "")
    if found.kind is not bounces.Kind.BOUNCE:
        return None
    told = [
        RecipientStatus(one.address, _action(one), parse_status(one.status), diagnostic=one.diagnostic)
        for one in found.recipients
    ]
    return Dsn(tuple(told))


def _action(one: bounces.Bounced) -> Action:
    return Action.FAILED if one.final else Action.DELAYED


async def addressee(tx: Tx, delivery_id: str) -> tuple[Mailbox, str | None] | None:
    """The mailbox that the delivery was sent from and the conversation of its message; None where either is gone."""
    row = await tx.queue.get(delivery_id)
    mailbox = await tx.mailboxes.get(row.tenant_id, row.mailbox_id) if row else None
    if row is None or mailbox is None:
        return None
    message = await tx.messages.get(row.tenant_id, row.message_id)
    return mailbox, message.thread_id if message else None


async def apply(tx: Tx, ports: Ports, delivery_id: str, report: Dsn | Complaint, blob_id: str) -> bool:
    """Take in a report about a delivery, whose bytes are that blob; False where the delivery is gone."""
    row = await tx.queue.get(delivery_id)
    if row is None:
        return False
    kind = "bounce.received" if isinstance(report, Dsn) else "complaint.received"
    await audit.record(tx, ports, system(row.tenant_id), kind, row.id, {"blob_id": blob_id})
    if isinstance(report, Dsn):
        await _bounced(tx, ports, row, report)
    elif report.feedback_type != "not-spam":
        await _complained(tx, ports, row, report)
    return True


async def _bounced(tx: Tx, ports: Ports, row: Delivery, report: Dsn) -> None:
    told = next((one for one in report.recipients if one.action == "failed"), None)
    if told is None or row.status is MessageStatus.BOUNCED:
        return  # delayed, relayed, delivered: nothing changes; and what has bounced does not bounce again
    if ports.clock.now() > row.expires_at + LATE:
        return  # whoever took it has long stopped trying (RFC 5321 §4.5.4.1); such a report is made up, or a broken host's
    now = ports.clock.now()
    text = (told.diagnostic or "the receiver returned the message")[:KEPT]
    enhanced = str(told.cause) if told.cause else None
    # What the receiver said when it took the message counts no more; a report may quote the reply of whoever refused it later.
    code = told.reply.code
    bounced = replace(row, status=MessageStatus.BOUNCED, code=code, enhanced=enhanced, text=text, at=now)
    await tx.queue.put(bounced)
    await queueing.show_worst(tx, row.tenant_id, row.message_id)
    message = await tx.messages.get(row.tenant_id, row.message_id)
    data: Json = {
        "message_id": row.message_id,
        "thread_id": message.thread_id if message else None,
        "recipient": row.recipient,
        "code": code,
        "enhanced": enhanced,
        "text": text,
        "returned": True,
        **bounces.as_json(bounces.explain(told.diagnostic, told.cause, _hosts(told, row), final=True)),
    }
    await publish(tx, ports, EventType.MESSAGE_BOUNCED, tenant_id=row.tenant_id, mailbox_id=row.mailbox_id, data=data)
    if enhanced and enhanced.startswith("5") and dead_address(None, enhanced):
        await suppression.add(
            tx, ports, system(row.tenant_id), row.recipient, "hard_bounce", detail=text, message_id=row.message_id
        )


def _hosts(told: RecipientStatus, row: Delivery) -> tuple[str, ...]:
    return tuple(host for host in (told.remote_mta, row.mx or "", row.recipient.rpartition("@")[2]) if host)


async def _complained(tx: Tx, ports: Ports, row: Delivery, complaint: Complaint) -> None:
    before = await tx.events.of_message(row.tenant_id, row.message_id)
    if any(one.type == EventType.MESSAGE_COMPLAINED.value and one.data["recipient"] == row.recipient for one in before):
        return
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
