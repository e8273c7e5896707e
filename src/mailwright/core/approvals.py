"""Asking a person, and what their word is good for: exactly these bytes for exactly these recipients.

The digest covers the message as it will be signed, the envelope, the time and the mode. Whoever decides says which
digest they saw; another one is `approval_stale`. Expiry rejects. A decision is taken once.
Not here: whether a person must be asked (policy.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailwright.core import arrivals, audit, queueing, suppression, threads
from mailwright.core.accounts import mailbox_of, owns, scope, system
from mailwright.core.errors import ApprovalStale, BlockedByPolicy, InvalidInput, NotFound, NotPending
from mailwright.core.events import EventType, publish
from mailwright.core.model import (
    Approval,
    ApprovalStatus,
    Caller,
    Direction,
    Message,
    MessageStatus,
    OversightMode,
)
from mailwright.core.policy import Outgoing, Send, judge, tighten
from mailwright.core.ports import Ports, Tx

HOUR = 3_600_000
MAX_NOTE = 2_000


def digest(content: bytes, recipients: Iterable[str], *, mode: OversightMode, send_at: int | None) -> str:
    """What is approved, as SHA-256 in hex: `content` (SHA-256 of the message's bytes), the envelope, the mode, the time.

    The envelope is the sorted recipients, Bcc included.
    """
    outer = hashlib.sha256(b"mailwright-approval-1\0" + content)
    for text in (mode.value, str(send_at or 0), *sorted(recipients)):
        encoded = text.encode()
        outer.update(len(encoded).to_bytes(4, "big") + encoded)
    return outer.hexdigest()


def record_digest(approval: Approval) -> str:
    """What `ap` in Agent-Identity names: SHA-256 of the decision as canonical JSON, so that whoever is shown it can compare."""
    record = {
        "approval_id": approval.id,
        "decided_at": approval.decided_at,
        "decided_by": approval.decided_by,
        "decision": approval.status.value,
        "digest": approval.digest,
        "method": "api_key",
        "recipients": sorted(approval.recipients),
    }
    # RFC 8785: these few kinds of values come out of json in its form.
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"aid2-a\0" + text.encode()).hexdigest()


async def ask(
    tx: Tx, ports: Ports, message: Message, recipients: Sequence[str], reasons: Sequence[str], *, send_at: int | None = None
) -> Approval:
    """Put the question about a message that is held."""
    now = ports.clock.now()
    assert message.digest is not None
    assert message.approval_id is not None
    approval = Approval(
        id=message.approval_id,
        tenant_id=message.tenant_id,
        mailbox_id=message.mailbox_id,
        message_id=message.id,
        direction=message.direction,
        status=ApprovalStatus.PENDING,
        digest=message.digest,
        recipients=tuple(recipients),
        reasons=tuple(reasons),
        created_at=now,
        expires_at=now + ports.settings.approval_hours * HOUR,
        send_at=send_at,
    )
    await tx.approvals.add(approval)
    await _tell(tx, ports, approval, EventType.APPROVAL_REQUESTED)
    return approval


async def _tell(tx: Tx, ports: Ports, approval: Approval, event: EventType) -> None:
    data = {
        "approval_id": approval.id,
        "message_id": approval.message_id,
        "direction": approval.direction.value,
        "digest": approval.digest,
        "reasons": list(approval.reasons),
        "recipients": list(approval.recipients),
        "expires_at": approval.expires_at,
        "decided_by": approval.decided_by,
        "note": approval.note,
    }
    await publish(tx, ports, event, tenant_id=approval.tenant_id, mailbox_id=approval.mailbox_id, data=data)


async def load(tx: Tx, caller: Caller, approval_id: str) -> Approval:
    """The approval, where the caller may know of its mailbox."""
    approval = await tx.approvals.get(caller.tenant_id, approval_id)
    if approval is not None and caller.bound:
        mailbox = await tx.mailboxes.get(caller.tenant_id, approval.mailbox_id)
        if mailbox is None or not owns(caller, mailbox):
            approval = None
    if approval is None:
        raise NotFound(f"There is no approval {approval_id[:40]}.")
    return approval


async def get(ports: Ports, caller: Caller, approval_id: str) -> Approval:
    """The approval, by id."""
    return await ports.store.read(lambda tx: load(tx, caller, approval_id))


async def page(
    ports: Ports, caller: Caller, status: ApprovalStatus | None, mailbox_id: str | None, after: str | None, limit: int
) -> list[Approval]:
    """Approvals that the caller may see, oldest first."""
    narrow = await scope(ports, caller, mailbox_id)
    return await ports.store.browse(lambda tx: tx.approvals.page(caller.tenant_id, status, narrow, after, limit))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decides: the digest of what was seen, and a note for the record."""

    approval_id: str
    digest: str
    note: str | None = None


async def _open_question(tx: Tx, ports: Ports, caller: Caller, ruling: Ruling) -> Approval:
    approval = await load(tx, caller, ruling.approval_id)
    if ruling.note is not None and len(ruling.note) > MAX_NOTE:
        raise InvalidInput.at("note", f"at most {MAX_NOTE} characters")
    if approval.status is not ApprovalStatus.PENDING:
        raise NotPending(f"This approval is {approval.status.value}.", details={"status": approval.status.value})
    if approval.expires_at <= ports.clock.now():
        raise NotPending("This approval has expired: nothing was sent.", details={"status": "expired"})
    if ruling.digest != approval.digest:
        raise ApprovalStale(details={"digest": approval.digest})
    return approval


def _decided(ports: Ports, caller: Caller, approval: Approval, status: ApprovalStatus, note: str | None) -> Approval:
    return replace(approval, status=status, decided_by=caller.actor, decided_at=ports.clock.now(), note=note)


async def approve(tx: Tx, ports: Ports, caller: Caller, ruling: Ruling) -> Approval:
    """Allow it: policy judges once more, with the approval in hand, and the message goes to the queue (or to the agent)."""
    approval = _decided(ports, caller, await _open_question(tx, ports, caller, ruling), ApprovalStatus.APPROVED, ruling.note)
    message = await tx.messages.get(approval.tenant_id, approval.message_id)
    if message is None or message.status is not MessageStatus.HELD:
        raise NotPending("The message is no longer held.", details={"status": message.status.value if message else "gone"})
    await tx.approvals.put(approval)
    await audit.record(tx, ports, caller, "approval.approved", approval.id, {"digest": approval.digest})
    await _tell(tx, ports, approval, EventType.APPROVAL_APPROVED)
    if approval.direction is Direction.INBOUND:
        await _release(tx, ports, caller, message)
    else:
        await _to_queue(tx, ports, caller, approval, message)
    return approval


async def _to_queue(tx: Tx, ports: Ports, caller: Caller, approval: Approval, message: Message) -> None:
    mailbox = await mailbox_of(tx, caller, message.mailbox_id)
    domain = await tx.domains.get(mailbox.tenant_id, mailbox.domain_id)
    assert domain is not None
    assert message.oversight_mode is not None
    assert message.digest is not None
    # What was tightened meanwhile counts; what was loosened does not change what was asked.
    mode = tighten(mailbox.oversight_mode, message.oversight_mode)
    outgoing = Outgoing(message.digest, mode, approval)
    decision = judge(outgoing, mailbox, domain, require_alignment=ports.settings.require_alignment, now=ports.clock.now())
    if not isinstance(decision, Send):
        raise BlockedByPolicy(f"It can't be sent now: {getattr(decision, 'reason', decision)}")
    blocked = await suppression.suppressed(tx, message.tenant_id, approval.recipients)
    await queueing.enqueue(tx, ports, message, approval.recipients, send_at=approval.send_at, suppressed=tuple(blocked))


async def _release(tx: Tx, ports: Ports, caller: Caller, message: Message) -> None:
    await mailbox_of(tx, caller, message.mailbox_id)
    # I8: to the mailbox it is new only now; whoever has read on to a higher UID would never see the one of its arrival.
    uid, modseq = await tx.mailboxes.advance(message.mailbox_id, 1)
    flagged = message.authentication is not None and arrivals.suspicious(message.authentication)
    released = replace(message, status=arrivals.standing(suspicious=flagged), uid=uid, modseq=modseq)
    await tx.messages.put(released)
    await threads.reveal(tx, released)
    await arrivals.tell(tx, ports, released, None)  # the text is in the blob, and a script reads none


async def reject(tx: Tx, ports: Ports, caller: Caller, ruling: Ruling) -> Approval:
    """Refuse it: the message is never sent, or never shown to the agent."""
    approval = _decided(ports, caller, await _open_question(tx, ports, caller, ruling), ApprovalStatus.REJECTED, ruling.note)
    await _close(tx, ports, caller, approval, MessageStatus.REJECTED, EventType.APPROVAL_REJECTED)
    return approval


async def expire(tx: Tx, ports: Ports, limit: int = 100) -> int:
    """Close questions that nobody answered in time; how many."""
    overdue = await tx.approvals.overdue(ports.clock.now(), limit)
    for approval in overdue:
        closed = replace(approval, status=ApprovalStatus.EXPIRED, decided_at=ports.clock.now())
        await _close(tx, ports, system(approval.tenant_id), closed, MessageStatus.EXPIRED, EventType.APPROVAL_EXPIRED)
    return len(overdue)


async def void(tx: Tx, ports: Ports, caller: Caller, message: Message) -> Approval | None:
    """The message was cancelled: its question falls away. The question, where there was one."""
    approval = await tx.approvals.get(message.tenant_id, message.approval_id) if message.approval_id else None
    if approval is None or approval.status is not ApprovalStatus.PENDING:
        return None
    voided = replace(approval, status=ApprovalStatus.VOIDED, decided_at=ports.clock.now())
    await tx.approvals.put(voided)
    await audit.record(tx, ports, caller, "approval.voided", approval.id)
    return voided


async def _close(tx: Tx, ports: Ports, caller: Caller, approval: Approval, status: MessageStatus, event: EventType) -> None:
    await tx.approvals.put(approval)
    message = await tx.messages.get(approval.tenant_id, approval.message_id)
    if message is not None and message.status is MessageStatus.HELD:
        await tx.messages.put(replace(message, status=status))
    await audit.record(tx, ports, caller, event.value, approval.id, {"digest": approval.digest})
    await _tell(tx, ports, approval, event)
    if event is EventType.APPROVAL_REJECTED and approval.direction is Direction.OUTBOUND:
        data = {"message_id": approval.message_id, "approval_id": approval.id, "note": approval.note}
        await publish(
            tx,
            ports,
            EventType.MESSAGE_REJECTED,
            tenant_id=approval.tenant_id,
            mailbox_id=approval.mailbox_id,
            data=data,
        )
