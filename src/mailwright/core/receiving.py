"""Receiving: from the envelope to a message that is filed in its thread and told.

The steps, in order: whom each recipient stands for (`recipient`) · look at the message (`look`: is it a report to one of our
return paths? else examining.py: hops, author, SPF, DKIM, DMARC, trace) · keep the bytes · in one transaction (`take`), take in
the report (returning.py) or file the message in each mailbox: thread, message, event, log.
`look` is pure, so it can be done in the process that speaks SMTP (smtpd/), away from the store.
A refusal leaves nothing behind, and nothing is ever bounced afterwards (I4): we say no while the peer still listens.
Not here: SMTP (faces/smtp).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailwright.core import approvals, arrivals, audit, forwarding, policy, reports, return_path, returning, threads, trust
from mailwright.core.accounts import system
from mailwright.core.errors import RelayDenied, UnknownRecipient
from mailwright.core.examining import Envelope as Envelope
from mailwright.core.examining import Examined, delivered_to, examine, refuse_loops
from mailwright.core.examining import Peer as Peer
from mailwright.core.mailboxes import own_local_part
from mailwright.core.model import Direction, Mailbox, Message, MessageStatus
from mailwright.core.ports import Ports, Resolver, Settings, Spool, Tx
from mailwright.core.sending import IN_MEMORY
from mailwright.mail.arf import Complaint
from mailwright.mail.dsn import Dsn
from mailwright.mail.header import Raw, parse_header
from mailwright.mail.questions import Asks
from mailwright.values import dataclass


@dataclass(frozen=True, slots=True)
class Recipient:
    """An envelope recipient that we take mail for: one of our mailboxes, or the return path of one of our deliveries."""

    address: str
    mailbox: Mailbox | None = None
    delivery_id: str | None = None
    role: bool = False  # postmaster@ or abuse@ without a mailbox of that name
    thread_id: str | None = None  # where the conversation is known: that of the delivery's message


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came in, and all that there is to know of it but its bytes."""

    mail_from: str
    recipients: tuple[Recipient, ...]
    report: Dsn | Complaint | None  # to a return path of ours
    examined: Examined | None  # None where nobody but return paths is meant


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was made of it: the ids of the messages (or bounces) that the peer may let go of."""

    ids: tuple[str, ...]


# --- RCPT ---------------------------------------------------------------------------------------------------------------


async def recipient(ports: Ports, address: str) -> Recipient:
    """Whom an envelope recipient stands for. Raises RelayDenied for domains not ours, UnknownRecipient for names not here,
    StorageBusy while there is no room for more.

    A subaddress (`ada+tag@`) is its mailbox's; postmaster@ and abuse@ of our domains always exist (RFC 5321 §4.5.1).
    """
    ports.admit()
    local, _, domain = address.rpartition("@")
    local, domain = own_local_part(local), domain.lower()
    found = await ports.store.read(lambda tx: _lookup(tx, ports, local, domain))
    if found is None:
        raise UnknownRecipient(f"There is no mailbox {address[:100]} here.")
    return found


async def _lookup(tx: Tx, ports: Ports, local: str, domain: str) -> Recipient | None:
    address = f"{local}@{domain}"
    above = domain.removeprefix(f"{ports.settings.bounce_label}.")
    bounces = above != domain and await tx.domains.by_name(above) is not None
    # S26: before any mailbox, lest somebody who adds this very domain reads the bounces of another.
    if bounces and (delivery_id := return_path.read(ports.settings.verp_secret, local)):
        return Recipient(address, delivery_id=delivery_id) if await tx.queue.get(delivery_id) else None
    mailbox = await tx.mailboxes.by_address(address)
    if mailbox is None and "+" in local:
        mailbox = await tx.mailboxes.by_address(f"{local.partition('+')[0]}@{domain}")
    if mailbox is not None:
        return Recipient(address, mailbox)
    if bounces:
        return None
    ours = await tx.domains.by_name(domain)
    if ours is None:
        raise RelayDenied(f"We do not accept mail for {domain[:100]}.")
    if local in ("postmaster", "abuse") or address == (ours.dmarc_rua or "").lower():
        users = await tx.mailboxes.of_domain(ours.tenant_id, ours.id, 1)
        return Recipient(address, users[0], role=True) if users else None
    return None


# --- DATA ---------------------------------------------------------------------------------------------------------------


async def receive(ports: Ports, peer: Peer, mail_from: str, recipients: Sequence[Recipient], spool: Spool) -> Receipt:
    """Take responsibility for a message, or raise the refusal that the peer shall hear; durable when this returns."""
    peer = seen_from_outside(ports.settings, peer, mail_from)
    envelope = envelope_of(ports.settings, peer, mail_from, recipients, ports.clock.now())
    return await take(ports, await looked_at(ports.resolver, spool.raw(), envelope, recipients), spool)


async def looked_at(resolver: Resolver, raw: Raw, envelope: Envelope, recipients: Sequence[Recipient]) -> Arrival:
    """`look`, with this resolver; a large message is read where it holds up nobody."""
    resolve = resolver.resolve_aside if len(raw) > IN_MEMORY else resolver.resolve
    return await resolve(look(raw, envelope, recipients))


def envelope_of(settings: Settings, peer: Peer, mail_from: str, recipients: Sequence[Recipient], now: int) -> Envelope:
    """With what a message came; `now` in milliseconds."""
    return Envelope(
        peer,
        mail_from,
        tuple(one.address for one in recipients),
        settings.hostname,
        now,
        settings.honor_reject,
        settings.received_limit,
        settings.trusted_sealers,
    )


def is_ourselves(settings: Settings, peer: Peer) -> bool:
    """Whether the peer looks like our own end: mail of one mailbox here for another goes out and comes in."""
    return peer.ip in (*settings.inner_addresses, *settings.addresses) and peer.helo.lower() == settings.hostname.lower()


def seen_from_outside(settings: Settings, peer: Peer, mail_from: str) -> Peer:
    """Ourselves, with mail of one mailbox here for another, have the address that the domain's SPF record knows."""
    if not (settings.addresses and is_ourselves(settings, peer)):
        return peer
    return replace(peer, ip=settings.addresses[0]) if _own_delivery(settings, mail_from) else peer


def _own_delivery(settings: Settings, mail_from: str) -> str | None:
    """The delivery that a message is, where one of ours has brought it."""
    local, _, domain = mail_from.rpartition("@")
    return return_path.read(settings.verp_secret, local) if domain.startswith(f"{settings.bounce_label}.") else None


def look(raw: Raw, envelope: Envelope, recipients: Sequence[Recipient]) -> Asks[Arrival]:
    """Find out all that there is to know of a message. Raises MailLoop, and what `examine` raises."""
    report = None
    returned = [one for one in recipients if one.delivery_id is not None]
    if returned:
        header = parse_header(raw)
        refuse_loops(header, envelope.received_limit, ())
        report = returning.read_report(header, raw, envelope.mail_from)
    examined = None
    if report is None or len(returned) < len(recipients):
        examined = yield from examine(raw, envelope)
    return Arrival(envelope.mail_from, tuple(recipients), report, examined)


async def take(ports: Ports, arrival: Arrival, spool: Spool) -> Receipt:
    """Keep the message and file it, or raise the refusal that the peer shall hear; durable when this returns."""
    boxes = {one.mailbox.id: one for one in reversed(arrival.recipients) if one.mailbox is not None}
    returned = [one for one in arrival.recipients if one.delivery_id is not None]
    report = arrival.report
    if returned and report is None:
        boxes = await ports.store.read(lambda tx: _letters(tx, returned)) | boxes
    if report is None and not boxes:
        raise UnknownRecipient("The mailbox that this return path was made for is gone.")
    blob_id = ports.ids.new("blb")
    await ports.store.blobs.settle(spool, blob_id)

    async def script(tx: Tx) -> list[str]:
        await tx.blobs.add(blob_id, spool)
        ids = await _take_reports(tx, ports, returned, report, blob_id) if report is not None else []
        if arrival.examined is not None:
            marked = arrival.examined.require_tls or await _marked_here(tx, ports, arrival.mail_from)
            filing = _Filing(arrival.mail_from, arrival.examined, blob_id, spool.size, marked)
            for one in boxes.values():
                ids.append(await _file(tx, ports, filing, one))
                if arrival.examined.told is not None and one.mailbox is not None:
                    await reports.take(tx, ports, one.mailbox, ids[-1], arrival.examined.told, arrival.examined.verified_domain)
        if not ids:
            raise UnknownRecipient("The delivery that this return path was made for is gone.")
        return ids

    return Receipt(tuple(await ports.store.write(script)))


async def _marked_here(tx: Tx, ports: Ports, mail_from: str) -> bool:
    # What one mailbox here sends another never was on a line that could be encrypted, so SMTP did not say it.
    delivery_id = _own_delivery(ports.settings, mail_from)
    row = await tx.queue.get(delivery_id) if delivery_id else None
    message = await tx.messages.get(row.tenant_id, row.message_id) if row else None
    return message is not None and message.require_tls


async def _letters(tx: Tx, returned: Sequence[Recipient]) -> dict[str, Recipient]:
    # RFC 3834 §4: automatic answers go to the return path; they are for whoever sent what they answer.
    found: dict[str, Recipient] = {}
    for one in returned:
        assert one.delivery_id is not None
        home = await returning.addressee(tx, one.delivery_id)
        if home is not None:
            found.setdefault(home[0].id, replace(one, mailbox=home[0], thread_id=home[1]))
    return found


async def _take_reports(
    tx: Tx, ports: Ports, returned: Sequence[Recipient], report: Dsn | Complaint, blob_id: str
) -> list[str]:
    ids = [one.delivery_id for one in returned if one.delivery_id is not None]
    return [one for one in ids if await returning.apply(tx, ports, one, report, blob_id)]


# --- file ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Filing:
    mail_from: str
    examined: Examined
    blob_id: str
    size: int
    require_tls: bool


async def _file(tx: Tx, ports: Ports, filing: _Filing, to: Recipient) -> str:
    assert to.mailbox is not None
    mailbox = await tx.mailboxes.advanced(to.mailbox.tenant_id, to.mailbox.id)
    if mailbox is None:
        raise UnknownRecipient(f"There is no mailbox {to.address} here any more.")
    facts, now = filing.examined, ports.clock.now()
    author = facts.from_address
    held = policy.judge_incoming(mailbox) is policy.Inbound.HOLD
    subject = facts.subject[: threads.SHOWN]
    # S26: a From that nobody vouches for is nobody's; the message joins by reference and subject together, or not at all.
    proved = author if facts.verified_domain else ""
    apart = held or bool(mailbox.forwards)  # it may never be shown here
    joining = threads.Joining(facts.ids, proved, facts.people, subject, facts.preview, now, withheld=apart)
    thread = await threads.join(tx, ports, mailbox, joining, to.thread_id)
    weighed = await trust.weigh(tx, facts, thread, to.address, earlier=thread.message_count - (0 if apart else 1))
    message = Message(
        id=ports.ids.new("msg"),
        tenant_id=mailbox.tenant_id,
        mailbox_id=mailbox.id,
        thread_id=thread.id,
        direction=Direction.INBOUND,
        status=MessageStatus.HELD if held else arrivals.standing(suspicious=facts.suspicious or weighed.replayed),
        blob_id=filing.blob_id,
        size=filing.size,
        rfc_message_id=facts.ids.own,
        subject=facts.subject,
        preview=facts.preview,
        header_from=facts.header_from,
        from_address=author,
        reply_to=facts.reply_to,
        to=facts.to,
        cc=facts.cc,
        bcc=(),
        labels=("role",) if to.role else ("returned",) if to.delivery_id else (),
        mail_from=filing.mail_from,
        uid=mailbox.uid_next - 1,
        modseq=mailbox.modseq,
        date=now,
        created_at=now,
        in_reply_to=facts.ids.in_reply_to[0] if facts.ids.in_reply_to else None,
        references=facts.ids.references,
        trace=delivered_to(facts.trace, to.address),
        authentication=weighed.authentication,
        verified_domain=facts.verified_domain,
        trust=weighed.trust,
        automatic=facts.automatic,
        approval_id=ports.ids.new("apr") if held else None,
        digest=approvals.digest(facts.content, (mailbox.address,), mode=mailbox.oversight_mode, send_at=None) if held else None,
        attachments=facts.attachments,
        require_tls=filing.require_tls,
    )
    return await _settle(tx, ports, mailbox, message, facts)


async def _settle(tx: Tx, ports: Ports, mailbox: Mailbox, message: Message, facts: Examined) -> str:
    """Keep the message, hand it on where a rule says so, or both; the id of what is there then."""
    verdicts = await forwarding.judge(tx, ports, mailbox, message, forwarding.Facts(facts.content, facts.forwarded_from))
    if forwarding.leaves(verdicts):
        return (await forwarding.hand_on(tx, ports, mailbox, message, verdicts))[0]
    await tx.messages.add(message)
    if mailbox.forwards and message.status is not MessageStatus.HELD:
        await threads.reveal(tx, message)
    await _tell(tx, ports, message, facts)
    await audit.record(tx, ports, system(mailbox.tenant_id), "message.received", message.id, {"size": message.size}, of=mailbox)
    await forwarding.hand_on(tx, ports, mailbox, message, verdicts)
    return message.id


async def _tell(tx: Tx, ports: Ports, message: Message, facts: Examined) -> None:
    if message.status is MessageStatus.HELD:
        reasons = ("a person reads the mail of this mailbox first",)
        await approvals.ask(tx, ports, message, (), reasons)
        return
    await arrivals.tell(tx, ports, message, facts.text, truncated=facts.truncated)
