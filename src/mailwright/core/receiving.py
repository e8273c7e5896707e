"""Receiving: from the envelope to a message that is filed in its thread and told.

The steps, in order; `receive` reads as this list:
  count the hops · find the author · authenticate (SPF, DKIM, DMARC) · judge · put our trace fields on top · read what a
  list shows · keep the bytes · file in each mailbox, in one transaction: thread, message, event, log.
A refusal leaves nothing behind, and nothing is ever bounced afterwards (I4): we say no while the peer still listens.
Not here: SMTP (faces/smtp.py), bounces to our return paths (returning.py).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate

from mailwright.core import approvals, audit, policy, return_path, threads
from mailwright.core.accounts import system
from mailwright.core.errors import BlockedByPolicy, MailLoop, RelayDenied, UnknownRecipient, UnusableMessage
from mailwright.core.events import EventType, publish
from mailwright.core.model import Direction, Json, Mailbox, Message, MessageStatus, Trust
from mailwright.core.ports import Ports, Spool, Tx
from mailwright.core.returning import returned
from mailwright.core.sending import IN_MEMORY
from mailwright.mail import mime
from mailwright.mail.address import Address, AddressList, parse_address_list
from mailwright.mail.dsn import is_automatic
from mailwright.mail.header import Header, Raw, parse_header
from mailwright.mail.references import MessageIds, message_ids
from mailwright.mail.words import decode_unstructured
from mailwright.mailauth.authenticate import Authentication, authenticate, authentication_results

EVENT_TEXT = 4_000  # characters of the text that travel in an event; the rest is fetched
SHOWN = 200  # characters of a subject or a name that a list shows
MAX_ADDRESSES = 200  # of To and of Cc, kept as facts


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is talking: its address, what it calls itself, how the line is protected ("" for plain text)."""

    ip: str
    helo: str
    tls: str = ""
    protocol: str = "ESMTP"


@dataclass(frozen=True, slots=True)
class Recipient:
    """An envelope recipient that we take mail for: one of our mailboxes, or the return path of one of our deliveries."""

    address: str
    mailbox: Mailbox | None = None
    delivery_id: str | None = None
    role: bool = False  # postmaster@ or abuse@ without a mailbox of that name


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was made of it: the ids of the messages (or bounces) that the peer may let go of."""

    ids: tuple[str, ...]


# --- RCPT ---------------------------------------------------------------------------------------------------------------


async def recipient(ports: Ports, address: str) -> Recipient:
    """Whom an envelope recipient stands for. Raises RelayDenied for domains not ours, UnknownRecipient for names not here.

    A subaddress (`ada+tag@`) is its mailbox's; postmaster@ and abuse@ of our domains always exist (RFC 5321 §4.5.1).
    """
    local, _, domain = address.rpartition("@")
    local, domain = local.lower(), domain.lower()
    found = await ports.store.read(lambda tx: _lookup(tx, ports, local, domain))
    if found is None:
        raise UnknownRecipient(f"There is no mailbox {address[:100]} here.")
    return found


async def _lookup(tx: Tx, ports: Ports, local: str, domain: str) -> Recipient | None:
    address = f"{local}@{domain}"
    mailbox = await tx.mailboxes.by_address(address)
    if mailbox is None and "+" in local:
        mailbox = await tx.mailboxes.by_address(f"{local.partition('+')[0]}@{domain}")
    if mailbox is not None:
        return Recipient(address, mailbox)
    bounces_of = domain.removeprefix(f"{ports.settings.bounce_label}.")
    if bounces_of != domain and await tx.domains.by_name(bounces_of) is not None:
        delivery_id = return_path.read(ports.settings.verp_secret, local)
        return Recipient(address, delivery_id=delivery_id) if delivery_id else None
    ours = await tx.domains.by_name(domain)
    if ours is None:
        raise RelayDenied(f"We do not accept mail for {domain[:100]}.")
    if local in ("postmaster", "abuse"):
        users = await tx.mailboxes.of_domain(ours.tenant_id, ours.id, 1)
        return Recipient(address, users[0], role=True) if users else None
    return None


# --- DATA ---------------------------------------------------------------------------------------------------------------


async def receive(ports: Ports, peer: Peer, mail_from: str, recipients: Sequence[Recipient], spool: Spool) -> Receipt:
    """Take responsibility for a message, or raise the refusal that the peer shall hear; durable when this returns."""
    raw = spool.raw()
    header = parse_header(raw)
    _refuse_loops(ports, header, recipients)
    bounced = [one.delivery_id for one in recipients if one.delivery_id is not None]
    boxes = {one.mailbox.id: one for one in reversed(recipients) if one.mailbox is not None}
    ids = [done for one in bounced if (done := await returned(ports, one, mail_from, header, raw))]
    if boxes:
        author = _author(header)
        authentication = await _authenticated(ports, peer, mail_from, header, raw)
        _judge(authentication)
        trace = _trace(ports, peer, mail_from, recipients, authentication)
        facts = await _facts(ports, header, raw, author)
        filing = _Filing(mail_from, header, authentication, trace, facts)
        ids += await _keep_and_file(ports, filing, list(boxes.values()), spool)
    return Receipt(tuple(ids))


def _refuse_loops(ports: Ports, header: Header, recipients: Sequence[Recipient]) -> None:
    # SM-8, RFC 5321 §6.3: counting the hops is the one loop check that always works.
    if len(header.all("received")) > ports.settings.received_limit:
        raise MailLoop
    own = {one.address for one in recipients}
    if any(field.value.lower() in own for field in header.all("delivered-to")):
        raise MailLoop("The message was delivered to this mailbox before.")  # RFC 9228 §4


def _author(header: Header) -> Address:
    # DM-12: without exactly one author there is nobody to authenticate; readers would disagree on whom to show (S11).
    fields = header.all("from")
    if len(fields) != 1:
        raise UnusableMessage(f"The message has {len(fields)} From fields; exactly one is needed.")
    found = parse_address_list(fields[0].value)
    if len(found.mailboxes) != 1 or not found.sound or not found.mailboxes[0].domain:
        raise UnusableMessage("The From field does not hold exactly one readable address.")
    return found.mailboxes[0]


async def _authenticated(ports: Ports, peer: Peer, mail_from: str, header: Header, raw: Raw) -> Authentication:
    check = authenticate(
        raw,
        header,
        ip=ipaddress.ip_address(peer.ip),
        helo=peer.helo,
        mail_from=mail_from,
        now=ports.clock.now() // 1000,
        honor_reject=ports.settings.honor_reject,
    )
    if len(raw) > IN_MEMORY:
        return await ports.resolver.resolve_aside(check)
    return await ports.resolver.resolve(check)


def _judge(authentication: Authentication) -> None:
    # DM-13, RFC 9989 §7.4: refusing only because the policy says `reject` is the operator's own decision.
    if authentication.dmarc.disposition == "reject":
        raise BlockedByPolicy(f"DMARC fails for {authentication.dmarc.domain}, whose policy is to reject such mail.")


def _trace(ports: Ports, peer: Peer, mail_from: str, recipients: Sequence[Recipient], authentication: Authentication) -> bytes:
    """The fields on top: Return-Path, Authentication-Results, Received (RFC 5321 §4.4). Kept apart from the message (I9)."""
    host, now = ports.settings.hostname, ports.clock.now() // 1000
    single = f"\r\n\tfor <{recipients[0].address}>" if len(recipients) == 1 else ""
    secured = f"\r\n\t({_printable(peer.tls)})" if peer.tls else ""
    protocol = peer.protocol + ("S" if peer.tls and not peer.protocol.endswith("S") else "")
    received = (
        f"Received: from {_printable(peer.helo) or 'unknown'} ([{_literal(peer.ip)}]){secured}\r\n"
        f"\tby {host} with {protocol}{single};\r\n\t{formatdate(now)}\r\n"
    )
    results = authentication_results(authentication, host)
    return f"Return-Path: <{_printable(mail_from)}>\r\n".encode() + results + received.encode()


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and c not in "()<>\\;")[:255]


def _literal(ip: str) -> str:
    return f"IPv6:{ip}" if ":" in ip else ip


# --- facts --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Facts:
    author: Address
    ids: MessageIds
    subject: str
    text: str
    preview: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    reply_to: tuple[str, ...]
    people: tuple[str, ...]
    attachments: int
    content: bytes  # SHA-256 of the message


@dataclass(frozen=True, slots=True)
class _Filing:
    mail_from: str
    header: Header
    authentication: Authentication
    trace: bytes
    facts: _Facts


async def _facts(ports: Ports, header: Header, raw: Raw, author: Address) -> _Facts:
    if len(raw) > IN_MEMORY:
        return await ports.cpu.run(lambda: _read_facts(header, raw, author))
    return _read_facts(header, raw, author)


def _read_facts(header: Header, raw: Raw, author: Address) -> _Facts:
    root = mime.parse(raw, header)
    text = mime.body_text(root, EVENT_TEXT + 1)
    to, cc = _list(header, "to"), _list(header, "cc")
    people = tuple(f"{a.local_part}@{a.domain}".lower() for a in (*to.mailboxes, *cc.mailboxes)[:MAX_ADDRESSES])
    return _Facts(
        author=author,
        ids=message_ids(header),
        subject=decode_unstructured(header.value("subject") or "")[:998],
        text=text,
        preview=mime.preview(text),
        to=_shown(to),
        cc=_shown(cc),
        reply_to=_shown(_list(header, "reply-to")),
        people=people,
        attachments=len(mime.attachments(root)),
        content=hashlib.sha256(raw).digest(),
    )


def _list(header: Header, name: str) -> AddressList:
    return parse_address_list(header.value(name) or "")


def _shown(found: AddressList) -> tuple[str, ...]:
    return tuple(str(address) for address in found.mailboxes[:MAX_ADDRESSES])


# --- file ---------------------------------------------------------------------------------------------------------------


async def _keep_and_file(ports: Ports, filing: _Filing, boxes: Sequence[Recipient], spool: Spool) -> list[str]:
    blob_id = ports.ids.new("blb")
    await ports.store.blobs.settle(spool, blob_id)

    async def script(tx: Tx) -> list[str]:
        await tx.blobs.add(blob_id, spool)
        return [await _file(tx, ports, filing, one, blob_id, spool.size) for one in boxes]

    return await ports.store.write(script)


async def _file(tx: Tx, ports: Ports, filing: _Filing, to: Recipient, blob_id: str, size: int) -> str:
    assert to.mailbox is not None
    mailbox = await tx.mailboxes.get(to.mailbox.tenant_id, to.mailbox.id)
    if mailbox is None:
        raise UnknownRecipient(f"There is no mailbox {to.address} here any more.")
    facts, now = filing.facts, ports.clock.now()
    author = f"{facts.author.local_part}@{facts.author.domain_ascii}".lower()
    joining = threads.Joining(facts.ids, author, facts.people, facts.subject[:SHOWN], facts.preview, now)
    thread = await threads.join(tx, ports, mailbox, joining)
    held = policy.judge_incoming(mailbox) is policy.Inbound.HOLD
    flagged = filing.authentication.dmarc.disposition == "quarantine"
    uid, modseq = await tx.mailboxes.advance(mailbox.id, 1)
    message = Message(
        id=ports.ids.new("msg"),
        tenant_id=mailbox.tenant_id,
        mailbox_id=mailbox.id,
        thread_id=thread.id,
        direction=Direction.INBOUND,
        status=MessageStatus.HELD if held else MessageStatus.FLAGGED if flagged else MessageStatus.RECEIVED,
        blob_id=blob_id,
        size=size,
        rfc_message_id=facts.ids.own,
        subject=facts.subject,
        preview=facts.preview,
        header_from=str(facts.author),
        from_address=author,
        reply_to=facts.reply_to,
        to=facts.to,
        cc=facts.cc,
        bcc=(),
        labels=("role",) if to.role else (),
        mail_from=filing.mail_from,
        uid=uid,
        modseq=modseq,
        date=now,
        created_at=now,
        in_reply_to=facts.ids.in_reply_to[0] if facts.ids.in_reply_to else None,
        references=facts.ids.references,
        trace=filing.trace,
        authentication=summary(filing.authentication),
        verified_domain=filing.authentication.dmarc.domain if filing.authentication.dmarc.result == "pass" else None,
        trust=_trust(filing.authentication, thread.message_count > 1 and author in thread.participants),
        automatic=is_automatic(filing.header, filing.mail_from),
        approval_id=ports.ids.new("apr") if held else None,
        digest=approvals.digest(facts.content, (mailbox.address,), mode=mailbox.oversight_mode, send_at=None) if held else None,
        attachments=facts.attachments,
    )
    await tx.messages.add(message)
    await _tell(tx, ports, message, facts)
    await audit.record(tx, ports, system(mailbox.tenant_id), "message.received", message.id, {"size": size})
    return message.id


def _trust(authentication: Authentication, known: bool) -> Trust:
    if authentication.dmarc.result != "pass":
        return Trust.UNAUTHENTICATED
    return Trust.KNOWN_CONTACT if known else Trust.DMARC_PASS


def summary(authentication: Authentication) -> Json:
    """The verdicts as callers are told them; each says in `steps` how it came about."""
    spf, dmarc = authentication.spf, authentication.dmarc
    return {
        "spf": {"result": spf.result.value, "domain": spf.domain, "scope": spf.scope.value, "steps": list(spf.steps)},
        "dkim": [
            {
                "result": one.result.value,
                "domain": one.domain,
                "selector": one.selector,
                "reason": one.reason,
                "steps": list(one.steps),
            }
            for one in authentication.dkim
        ],
        "dmarc": {
            "result": dmarc.result.value,
            "domain": dmarc.domain,
            "policy": dmarc.policy,
            "disposition": dmarc.disposition,
            "steps": list(dmarc.steps),
        },
    }


async def _tell(tx: Tx, ports: Ports, message: Message, facts: _Facts) -> None:
    if message.status is MessageStatus.HELD:
        reasons = ("a person reads the mail of this mailbox first",)
        await approvals.ask(tx, ports, message, (), reasons)
        return
    event = EventType.MESSAGE_FLAGGED if message.status is MessageStatus.FLAGGED else EventType.MESSAGE_RECEIVED
    data = _event_data(message, facts)
    await publish(tx, ports, event, tenant_id=message.tenant_id, mailbox_id=message.mailbox_id, data=data)


def _event_data(message: Message, facts: _Facts) -> Json:
    authentication = message.authentication or {}
    return {
        "message_id": message.id,
        "thread_id": message.thread_id,
        "rfc_message_id": message.rfc_message_id,
        "from": message.header_from,
        "to": list(message.to),
        "cc": list(message.cc),
        "subject": message.subject,
        "preview": message.preview,
        "text": facts.text[:EVENT_TEXT],
        "truncated": len(facts.text) > EVENT_TEXT,
        "in_reply_to": message.in_reply_to,
        "attachments": message.attachments,
        "automatic": message.automatic,
        "trust": message.trust.value if message.trust else None,
        "authentication": {
            "spf": authentication["spf"]["result"],
            "dkim": [one["result"] for one in authentication["dkim"]],
            "dmarc": authentication["dmarc"]["result"],
        },
    }
