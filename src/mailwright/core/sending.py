"""Sending: from what a caller asks to a message that is queued or held. Nothing else makes outgoing mail.

`prepare` composes outside of any transaction; `submit` judges and writes in one. The steps of `submit`, in order:
the mailbox and its domain as they are now · suppression · whose turn it is · policy · thread · rows · queue or question.
Not here: answers and forwards (answering.py), delivery (delivery.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mailwright.core import approvals, audit, queueing, suppression, threads, turns
from mailwright.core.accounts import mailbox_of, require
from mailwright.core.errors import (
    AgentPaused,
    ApprovalStale,
    BlockedByPolicy,
    BodyTooLarge,
    DomainNotAligned,
    FromNotOwned,
    InvalidInput,
    NotPending,
    RecipientSuppressed,
    Refusal,
    StorageBusy,
)
from mailwright.core.events import EventType, publish
from mailwright.core.messages import checked_labels, load
from mailwright.core.model import (
    Approval,
    Caller,
    Delivery,
    Direction,
    Domain,
    Mailbox,
    Message,
    MessageStatus,
    OversightMode,
    Permission,
)
from mailwright.core.policy import Decision, Hold, Outgoing, Refuse, Send, judge, tighten
from mailwright.core.ports import Ports, Spool, Tx
from mailwright.mail import compose
from mailwright.mail.address import Address, InvalidAddress, parse_mailbox
from mailwright.mail.references import MessageIds

IN_MEMORY = 256 * 1024  # a longer message waits in a file
PREVIEW = 200
YEAR = 366 * 86_400_000

REFUSALS: dict[str, type[Refusal]] = {
    refusal.code: refusal for refusal in (BlockedByPolicy, AgentPaused, DomainNotAligned, ApprovalStale)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller wants sent. Addresses are text (`Ada <ada@example.com>`); From is the mailbox's, whatever is asked."""

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: tuple[compose.Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    send_at: int | None = None
    oversight_mode: OversightMode | None = None
    header_from: str | None = None
    stream: str = "transactional"
    require_tls: bool = False
    thread_id: str | None = None  # known for an answer; nobody outside can set it
    answers: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that is written and not judged yet."""

    mailbox_id: str
    wanted: Wanted
    draft: compose.Draft
    blob_id: str
    blob: bytes | Spool
    size: int
    content: bytes  # SHA-256 of the message
    recipients: tuple[str, ...]  # of the envelope: bare addresses, each once


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of it: queued, scheduled or held (then with the approval that is asked for)."""

    message: Message
    approval: Approval | None
    suppressed: tuple[str, ...]


async def prepare(ports: Ports, caller: Caller, mailbox_id: str, wanted: Wanted) -> Prepared:
    """Check and compose. Raises InvalidInput naming every field that is wrong, FromNotOwned, BodyTooLarge, NotFound."""
    mailbox = await ports.store.read(lambda tx: mailbox_of(tx, caller, mailbox_id))
    _check_from(mailbox, wanted)
    _check_rest(ports, wanted)
    draft = _draft(ports, mailbox, wanted)
    recipients = _envelope(draft)
    if not recipients:
        raise InvalidInput.at("to", "give at least one recipient in to, cc or bcc")
    if len(recipients) > ports.settings.recipients_limit:
        raise InvalidInput.at("to", f"at most {ports.settings.recipients_limit} recipients in one message")
    try:
        raw = compose.compose(draft)
    except compose.ComposeError as wrong:
        details = [{"path": fault.path, "message": fault.message} for fault in wrong.faults]
        raise InvalidInput(str(wrong), details=details) from None
    if len(raw) > ports.settings.message_limit:
        raise BodyTooLarge(details={"limit": ports.settings.message_limit, "size": len(raw)})
    blob_id = ports.ids.new("blb")
    blob = await _keep(ports, blob_id, raw)
    content = hashlib.sha256(raw).digest()
    return Prepared(mailbox.id, wanted, draft, blob_id, blob, len(raw), content, recipients)


def _check_from(mailbox: Mailbox, wanted: Wanted) -> None:
    if wanted.header_from is None:
        return
    asked = _addresses("from", (wanted.header_from,))[0]
    if f"{asked.local_part.lower()}@{asked.domain_ascii}" != mailbox.address:
        raise FromNotOwned(details={"from": asked.addr_spec, "owned": mailbox.address})


def _check_rest(ports: Ports, wanted: Wanted) -> None:
    checked_labels(wanted.labels)
    now = ports.clock.now()
    if wanted.send_at is not None and not now - 60_000 <= wanted.send_at <= now + YEAR:
        raise InvalidInput.at("send_at", "a time within the next year")
    if wanted.stream != "transactional":
        raise BlockedByPolicy("Bulk mail needs one-click unsubscribe, which this server does not write yet.")


def _draft(ports: Ports, mailbox: Mailbox, wanted: Wanted) -> compose.Draft:
    local, _, domain = mailbox.address.rpartition("@")
    unique = ports.ids.new("m").partition("_")[2]
    return compose.Draft(
        header_from=Address(mailbox.display_name, local, domain),
        message_id=f"<{unique}@{domain}>",
        sent_at=datetime.fromtimestamp(ports.clock.now() // 1000, UTC),
        to=_addresses("to", wanted.to),
        cc=_addresses("cc", wanted.cc),
        bcc=_addresses("bcc", wanted.bcc),
        reply_to=_addresses("reply_to", wanted.reply_to),
        subject=wanted.subject,
        text=wanted.text,
        html=wanted.html,
        attachments=wanted.attachments,
        headers=wanted.headers,
        in_reply_to=(wanted.in_reply_to,) if wanted.in_reply_to else (),
        references=wanted.references,
        # RFC 3834 §5: a program wrote it, and other programs shall know before they answer.
        auto_submitted=compose.AutoSubmitted.REPLIED if wanted.answers else compose.AutoSubmitted.GENERATED,
    )


def _addresses(path: str, texts: Sequence[str]) -> tuple[Address, ...]:
    found, faults = [], []
    for index, text in enumerate(texts):
        try:
            found.append(parse_mailbox(text))
        except InvalidAddress as wrong:
            faults.append({"path": f"{path}[{index}]", "message": str(wrong)})
    if faults:
        raise InvalidInput(f"{faults[0]['path']}: {faults[0]['message']}", details=faults)
    return tuple(found)


def bare(address: Address) -> str:
    """The address without its display name, the domain as A-labels in lower case."""
    return f"{Address('', address.local_part, address.domain_ascii).addr_spec}"


def _envelope(draft: compose.Draft) -> tuple[str, ...]:
    once: dict[str, str] = {}
    for address in (*draft.to, *draft.cc, *draft.bcc):
        once.setdefault(suppression.normal(bare(address)), bare(address))
    return tuple(once.values())


async def _keep(ports: Ports, blob_id: str, raw: bytes) -> bytes | Spool:
    if len(raw) <= IN_MEMORY:
        return raw
    spool = ports.store.blobs.spool()
    try:
        spool.write(raw)
    except OSError as full:
        spool.discard()
        raise StorageBusy(details={"reason": full.strerror}) from full
    await ports.store.blobs.settle(spool, blob_id)
    return spool


async def submit(tx: Tx, ports: Ports, caller: Caller, prepared: Prepared) -> Submitted:
    """Judge what was prepared, and write what follows from it."""
    wanted = prepared.wanted
    mailbox = await mailbox_of(tx, caller, prepared.mailbox_id)
    domain = await tx.domains.get(mailbox.tenant_id, mailbox.domain_id)
    assert domain is not None
    _check_from(mailbox, wanted)
    listed = await suppression.suppressed(tx, caller.tenant_id, with_copy(prepared.recipients, mailbox.overseer))
    blocked = {address: entry for address, entry in listed.items() if address in prepared.recipients}
    if len(blocked) == len(prepared.recipients):
        reasons = [{"address": address, "reason": entry.reason} for address, entry in blocked.items()]
        raise RecipientSuppressed(details=reasons)
    alone = await _unattended(tx, ports, mailbox, wanted)
    mode = tighten(mailbox.oversight_mode, OversightMode.GATED_SEND if alone else None)
    mode = tighten(mode, wanted.oversight_mode)
    digest = approvals.digest(prepared.content, prepared.recipients, mode=mode, send_at=wanted.send_at)
    outgoing = Outgoing(digest, mode, copied=may_copy(mailbox.overseer, listed))
    decision = _judged(ports, outgoing, mailbox, domain)
    message = await _file(tx, ports, mailbox, prepared, _Verdict(mode, digest, isinstance(decision, Hold)))
    await audit.record(tx, ports, caller, f"message.{message.status.value}", message.id, {"digest": digest}, of=mailbox)
    if isinstance(decision, Hold):
        decision = replace(decision, reasons=(*decision.reasons, alone)) if alone else decision
        approval = await hold(tx, ports, message, prepared.recipients, decision, wanted.send_at)
        return Submitted(message, approval, tuple(blocked))
    assert isinstance(decision, Send)
    recipients = with_copy(prepared.recipients, decision.copy_to)
    queued = await queueing.enqueue(tx, ports, message, recipients, send_at=wanted.send_at, suppressed=tuple(blocked))
    return Submitted(queued, None, tuple(blocked))


async def _unattended(tx: Tx, ports: Ports, mailbox: Mailbox, wanted: Wanted) -> str | None:
    """Why a person is to look at this turn of a conversation, if one is; raises RateLimited."""
    references = [*([wanted.in_reply_to] if wanted.in_reply_to else []), *reversed(wanted.references)][: threads.MAX_REMEMBERED]
    allowed = turns.budget(ports.settings)
    earlier = await turns.conversation(tx, mailbox, wanted.thread_id, references, allowed.messages)
    return turns.judge(earlier, allowed, ports.clock.now())


def with_copy(recipients: tuple[str, ...], overseer: str | None) -> tuple[str, ...]:
    """The overseer of a monitored mailbox gets a copy, unless one goes there anyway."""
    known = {suppression.normal(address) for address in recipients}
    return recipients if overseer is None or suppression.normal(overseer) in known else (*recipients, overseer)


def may_copy(overseer: str | None, suppressed: Iterable[str]) -> bool:
    """Whether the overseer may be written to, where one is named."""
    return overseer is None or suppression.normal(overseer) not in map(suppression.normal, suppressed)


def _judged(ports: Ports, outgoing: Outgoing, mailbox: Mailbox, domain: Domain) -> Decision:
    decision = judge(outgoing, mailbox, domain, require_alignment=ports.settings.require_alignment, now=ports.clock.now())
    if isinstance(decision, Refuse):
        raise REFUSALS[decision.code](f"{REFUSALS[decision.code].summary()} Here: {decision.reason}.")
    return decision


@dataclass(frozen=True, slots=True)
class _Verdict:
    mode: OversightMode
    digest: str
    held: bool


async def _file(tx: Tx, ports: Ports, mailbox: Mailbox, prepared: Prepared, verdict: _Verdict) -> Message:
    draft, wanted, now = prepared.draft, prepared.wanted, ports.clock.now()
    preview = " ".join((draft.text or "").split(maxsplit=PREVIEW)[:PREVIEW])[:PREVIEW]
    joining = threads.Joining(
        ids=MessageIds(draft.message_id, draft.in_reply_to, draft.references),
        header_from=mailbox.address,
        others=tuple(suppression.normal(bare(a)) for a in (*draft.to, *draft.cc)),
        subject=draft.subject,
        preview=preview,
        at=now,
    )
    thread = await threads.join(tx, ports, mailbox, joining, wanted.thread_id)
    uid, modseq = await tx.mailboxes.advance(mailbox.id, 1)
    message = Message(
        id=ports.ids.new("msg"),
        tenant_id=mailbox.tenant_id,
        mailbox_id=mailbox.id,
        thread_id=thread.id,
        direction=Direction.OUTBOUND,
        status=MessageStatus.HELD if verdict.held else MessageStatus.QUEUED,
        blob_id=prepared.blob_id,
        size=prepared.size,
        rfc_message_id=draft.message_id,
        subject=draft.subject,
        preview=preview,
        header_from=str(draft.header_from),
        from_address=mailbox.address,
        reply_to=tuple(str(a) for a in draft.reply_to),
        to=tuple(str(a) for a in draft.to),
        cc=tuple(str(a) for a in draft.cc),
        bcc=tuple(str(a) for a in draft.bcc),
        labels=tuple(dict.fromkeys(wanted.labels)),
        mail_from=mailbox.address,
        uid=uid,
        modseq=modseq,
        date=now,
        created_at=now,
        in_reply_to=draft.in_reply_to[0] if draft.in_reply_to else None,
        references=draft.references,
        oversight_mode=verdict.mode,
        approval_id=ports.ids.new("apr") if verdict.held else None,
        digest=verdict.digest,
        stream=wanted.stream,
        attachments=len(draft.attachments),
        require_tls=wanted.require_tls,
    )
    await tx.blobs.add(prepared.blob_id, prepared.blob)
    await tx.messages.add(message)
    return message


async def hold(
    tx: Tx, ports: Ports, message: Message, recipients: Sequence[str], decision: Hold, send_at: int | None
) -> Approval:
    """Ask a person about a message, and tell that it waits."""
    approval = await approvals.ask(tx, ports, message, recipients, decision.reasons, send_at=send_at)
    data = {
        "message_id": message.id,
        "thread_id": message.thread_id,
        "approval_id": approval.id,
        "subject": message.subject,
        "to": list(message.to),
        "reasons": list(decision.reasons),
        "expires_at": approval.expires_at,
    }
    await publish(tx, ports, EventType.MESSAGE_HELD, tenant_id=message.tenant_id, mailbox_id=message.mailbox_id, data=data)
    return approval


async def cancel(tx: Tx, ports: Ports, caller: Caller, message_id: str) -> Message:
    """Stop what has not left yet: held, scheduled, queued and deferred recipients.

    Raises NotPending where nothing is left to stop, MissingPermission for an agent where an operator's rule sends it.
    A recipient whose delivery is under way right now may still be reached; that is then told (delivery.after_cancel). Once
    anybody may have been reached, the overseer's copy leaves all the same.
    """
    message = await load(tx, caller, message_id)
    if message.direction is not Direction.OUTBOUND:
        raise NotPending("Only outgoing messages can be cancelled.")
    if message.forwarded_by is not None:
        # A rule is an operator's: whose mail somebody reads along must not be able to stop that, copy by copy.
        require(caller, Permission.MAILBOXES_MANAGE)
    rows = await tx.queue.of_message(caller.tenant_id, message.id)
    copies = _copies(message, rows)
    waiting = [row for row in rows if not queueing.over(row.status) and row not in copies]
    if message.status is not MessageStatus.HELD and not waiting:
        raise NotPending(f"This message is {message.status.value}.", details={"status": message.status.value})
    for row in waiting:
        await tx.queue.put(replace(row, status=MessageStatus.CANCELLED, at=ports.clock.now()))
    voided = await approvals.void(tx, ports, caller, message)
    statuses = [MessageStatus.CANCELLED if row in waiting else row.status for row in rows] or [MessageStatus.CANCELLED]
    message = replace(message, status=queueing.worst(statuses))
    await tx.messages.put(message)
    await queueing.tell_cancelled(tx, ports, message, voided.recipients if voided else [row.recipient for row in waiting])
    await audit.record(tx, ports, caller, "message.cancelled", message.id)
    return message


def _copies(message: Message, rows: Sequence[Delivery]) -> list[Delivery]:
    """What goes to an overseer and must, since somebody else may have got the message: who could stop it would send unseen."""
    if message.oversight_mode is not OversightMode.MONITORED or message.forwarded_by is not None:
        return []
    written = {suppression.normal(bare(parse_mailbox(text))) for text in (*message.to, *message.cc, *message.bcc)}
    copies = [row for row in rows if suppression.normal(row.recipient) not in written]
    return copies if any(row.attempts for row in rows if row not in copies) else []
