"""Delivery: one recipient's copy, from the queue to an outcome that is told.

claim (a lease) -> begin (once there is a slot: the attempt's row and a lease of full length are durable before anybody
dials) -> attempt (route, sign, SMTP; no transaction open) -> record; each a short transaction, guarded by the fence. What
an outcome means is decided by `decide`, pure; every delivery ends in exactly one terminal state, told as an event (I2). A
worker that dies leaves an attempt without an outcome: it may have delivered, so it is told as `unknown` before anything is
sent again (I6). What was claimed and not begun is claimed again, and nothing is told of it.
Not here: the loop (workers.py), routing by MX (routing.py), bounces that come back later (returning.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field, replace

from mailwright.core import approvals, audit, identity, queueing, resending, return_path, suppression
from mailwright.core.accounts import system
from mailwright.core.events import EventType, publish
from mailwright.core.limits import retry_delay
from mailwright.core.model import (
    Active,
    Agent,
    Alignment,
    Approval,
    ApprovalStatus,
    Attempt,
    Delivery,
    Domain,
    Json,
    Mailbox,
    Message,
    MessageStatus,
    OversightMode,
)
from mailwright.core.policy import MODES, Outbound
from mailwright.core.ports import (
    Deferred,
    Delivered,
    Host,
    Outcome,
    Parcel,
    Ports,
    Rejected,
    Report,
    Route,
    Signed,
    Tx,
    Unknown,
)
from mailwright.core.routing import LOOP, NULL_MX, Here, exchangers
from mailwright.core.signing import signing_keys
from mailwright.core.tls_policies import relaxed, required, with_sts
from mailwright.mail.bounces.explain import refusal
from mailwright.mail.header import Header, Raw, parse_header
from mailwright.mailauth import authres, dkim

CHUNK = 256 * 1024  # of a large message's body, hashed at a time
LEASE = 16 * 60_000  # longer than any one SMTP transaction may take
FRESH = 60_000  # a lease that is no older is long enough to begin with
DIED = Unknown("the server stopped during this attempt: the message may have been delivered")
PAUSED_FOR = 30_000  # how often a mailbox that must not send is looked at again


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed delivery with all that it takes to carry it out."""

    delivery: Delivery
    attempt: Attempt
    message: Message
    mailbox: Mailbox
    domain: Domain
    approval: Approval | None
    local: bool  # the recipient's domain is served here, as its records say
    claimed: bool = False  # the recipient's domain is on this server, whoever added it
    agent: Agent | None = None  # whose mailbox it is
    raw: bytes | None = field(default=None, repr=False)  # of a small message, once it has begun


# --- claim --------------------------------------------------------------------------------------------------------------


async def claim(
    ports: Ports, limit: int, busy_domains: Sequence[str] = (), room: Callable[[str], int] | None = None
) -> list[Job]:
    """Lease due deliveries, at most `room(domain)` of one recipient domain.

    Those that must not go now are put back or closed.
    """

    async def script(tx: Tx) -> list[Job]:
        now = ports.clock.now()
        rows = await tx.queue.claim(now, now + LEASE, limit, busy_domains, room)
        seen = await _seen(tx, rows)
        return [job for row in rows if (job := await _look(tx, ports, row, seen))]

    return await ports.store.write(script)


def _unbegun(row: Delivery, due_at: int) -> Delivery:
    return replace(row, attempts=row.attempts - 1, due_at=due_at)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one claim reads once: all its messages, who is suppressed, and what many of its deliveries share."""

    messages: dict[str, Message]
    suppressed: frozenset[tuple[str, str]]  # tenant, recipient
    mailboxes: dict[str, Mailbox | None] = field(default_factory=dict)
    domains: dict[str, Domain | None] = field(default_factory=dict)
    agents: dict[str, Agent | None] = field(default_factory=dict)
    there: dict[str, Domain | None] = field(default_factory=dict)  # recipients' domains that are on this server

    async def of(self, tx: Tx, row: Delivery) -> tuple[Message | None, Mailbox | None, Domain | None]:
        if row.mailbox_id not in self.mailboxes:
            self.mailboxes[row.mailbox_id] = await tx.mailboxes.get(row.tenant_id, row.mailbox_id)
        mailbox = self.mailboxes[row.mailbox_id]
        if mailbox is not None and mailbox.domain_id not in self.domains:
            self.domains[mailbox.domain_id] = await tx.domains.get(row.tenant_id, mailbox.domain_id)
        return self.messages.get(row.message_id), mailbox, self.domains[mailbox.domain_id] if mailbox else None

    async def agent_of(self, tx: Tx, mailbox: Mailbox) -> Agent | None:
        if mailbox.agent_id not in self.agents:
            self.agents[mailbox.agent_id] = await tx.agents.get(mailbox.tenant_id, mailbox.agent_id)
        return self.agents[mailbox.agent_id]

    async def domain_there(self, tx: Tx, name: str) -> Domain | None:
        if name not in self.there:
            self.there[name] = await tx.domains.by_name(name)
        return self.there[name]


async def _seen(tx: Tx, rows: Sequence[Delivery]) -> _Seen:
    messages: dict[str, Message] = {}
    suppressed: set[tuple[str, str]] = set()
    for tenant_id in {row.tenant_id for row in rows}:
        own = [row for row in rows if row.tenant_id == tenant_id]
        messages |= {one.id: one for one in await tx.messages.several(tenant_id, list({row.message_id for row in own}))}
        listed = await suppression.suppressed(tx, tenant_id, [row.recipient for row in own])
        suppressed |= {(tenant_id, recipient) for recipient in listed}
    return _Seen(messages, frozenset(suppressed))


async def _look(tx: Tx, ports: Ports, row: Delivery, seen: _Seen) -> Job | None:
    now = ports.clock.now()
    message, mailbox, domain = await seen.of(tx, row)
    if message is None:  # and nothing is left to tell of
        await tx.queue.put(replace(row, status=MessageStatus.CANCELLED, text="the message was removed", at=now))
        return None
    if mailbox is None or domain is None:
        await _drop(tx, ports, row, message)
        return None
    if row.attempts > 1 and await _died(tx, ports, row, message, mailbox):
        return None
    if mailbox.status is not Active.ACTIVE or not _allowed(row, message, mailbox):
        await tx.queue.finish(_unbegun(row, now + PAUSED_FOR))
        return None
    if (row.tenant_id, row.recipient) in seen.suppressed:
        await _leave_out(tx, ports, row, message)
        return None
    approval = await tx.approvals.get(row.tenant_id, message.approval_id) if message.approval_id else None
    attempt = Attempt(ports.ids.new("att"), row.tenant_id, row.id, row.message_id, row.attempts, now)
    there = await seen.domain_there(tx, row.domain)
    # S26: that somebody added a domain here does not bring its mail here; that its records lead here does.
    local = there is not None and there.status is Alignment.ALIGNED
    agent = await seen.agent_of(tx, mailbox)
    return Job(row, attempt, message, mailbox, domain, approval, local, there is not None, agent)


def _allowed(row: Delivery, message: Message, mailbox: Mailbox) -> bool:
    """Tightening the oversight is immediate: what a mailbox may not send now waits, whatever it was when it was queued."""
    rule = MODES[mailbox.oversight_mode][1]
    monitored = message.oversight_mode is OversightMode.MONITORED and mailbox.overseer is not None
    if monitored and suppression.normal(row.recipient) == suppression.normal(mailbox.overseer or ""):
        return True  # an agent that tightens its own oversight must not keep from the overseer what it has just sent
    # What a person was to be asked about is checked by what they said, in `unapproved`.
    return rule is not Outbound.REFUSE and not (rule is Outbound.HOLD and _unasked(message))


def _unasked(message: Message) -> bool:
    """Whether the mode in which it was handed in asks nobody."""
    mode = message.oversight_mode
    return message.approval_id is None and mode is not None and MODES[mode][1] in (Outbound.SEND, Outbound.SEND_AND_COPY)


async def _drop(tx: Tx, ports: Ports, row: Delivery, message: Message) -> None:
    """End a delivery whose mailbox or domain was removed; it is told, as every end is (I2)."""
    now, text = ports.clock.now(), "the mailbox or its domain was removed"
    left_open = await tx.queue.open_attempt(row.id)
    status = MessageStatus.CANCELLED if left_open is None else MessageStatus.UNKNOWN
    step = Step(_closed(row, status, None, None, text, now), EventType.MESSAGE_UNKNOWN)
    await tx.queue.put(step.row)
    await queueing.show_worst(tx, row.tenant_id, row.message_id)
    if left_open is not None:  # I6: it may have been sent before its worker died
        closed = replace(left_open, finished_at=now, outcome="unknown", text=text)
        await tx.queue.finish_attempt(closed)
        await _tell(tx, ports, message, closed, step)
        return
    await queueing.tell_cancelled(tx, ports, message, (row.recipient,))
    await audit.record(tx, ports, system(row.tenant_id), "delivery.cancelled", row.id)


async def _leave_out(tx: Tx, ports: Ports, row: Delivery, message: Message) -> None:
    """The recipient was suppressed while the message waited."""
    now = ports.clock.now()
    await tx.queue.finish(replace(row, status=MessageStatus.SUPPRESSED, attempts=row.attempts - 1, at=now))
    await queueing.show_worst(tx, row.tenant_id, row.message_id)
    await queueing.tell_suppressed(tx, ports, message, row.recipient)
    await audit.record(tx, ports, system(row.tenant_id), "delivery.suppressed", row.id)


async def _died(tx: Tx, ports: Ports, row: Delivery, message: Message, mailbox: Mailbox) -> bool:
    """Close an attempt whose worker died; True where that ends the delivery."""
    left_open = await tx.queue.open_attempt(row.id)
    if left_open is None:
        return False
    now = ports.clock.now()
    closed = replace(left_open, finished_at=now, outcome="unknown", text=DIED.text)
    await tx.queue.finish_attempt(closed)
    step = decide(row, DIED, at_most_once=mailbox.at_most_once, now=now, spread=0.0)
    ends = queueing.over(step.row.status)
    if ends:
        await tx.queue.finish(step.row)
        await queueing.show_worst(tx, row.tenant_id, row.message_id)
    else:
        step = replace(step, row=replace(step.row, due_at=now))  # the next attempt follows at once
    await _tell(tx, ports, message, closed, step, mailbox)
    return ends


async def close_abandoned(tx: Tx, ports: Ports) -> None:
    """At the start: what was cancelled while a server that died was delivering it may have arrived, and nobody claims it."""
    now = ports.clock.now()
    for left_open in await tx.queue.abandoned():
        closed = replace(left_open, finished_at=now, outcome="unknown", text=DIED.text)
        await tx.queue.finish_attempt(closed)
        row = await tx.queue.get(left_open.delivery_id)
        message = await tx.messages.get(left_open.tenant_id, left_open.message_id)
        if row is None or message is None:
            continue
        step = Step(_closed(row, MessageStatus.UNKNOWN, None, None, DIED.text, now), EventType.MESSAGE_UNKNOWN)
        await tx.queue.put(step.row)
        await queueing.show_worst(tx, row.tenant_id, row.message_id)
        await _tell(tx, ports, message, closed, step)


async def begin(tx: Tx, ports: Ports, jobs: Sequence[Job]) -> list[Job | None]:
    """Write that these attempts begin, with leases of full length; None where one was lost: somebody else has it."""
    now = ports.clock.now()
    held = await tx.queue.held([job.delivery for job in jobs])
    begun = [await _begun(tx, job, now) if ours else None for job, ours in zip(jobs, held, strict=True)]
    await tx.queue.start_attempts([job.attempt for job in begun if job is not None])
    return begun


async def _begun(tx: Tx, job: Job, now: int) -> Job:
    delivery, lease_until = job.delivery, now + LEASE
    if lease_until - delivery.due_at > FRESH:
        delivery = replace(delivery, due_at=lease_until)
        await tx.queue.renew(delivery, lease_until)
    attempt = replace(job.attempt, started_at=now)
    return replace(job, delivery=delivery, attempt=attempt, raw=await tx.blobs.read(job.message.blob_id))


async def put_back(ports: Ports, job: Job) -> None:
    """Return a claimed delivery that was not begun, so that whoever runs next takes it up at once."""

    async def script(tx: Tx) -> None:
        await tx.queue.finish(_unbegun(job.delivery, ports.clock.now()))

    await ports.store.write(script)


# --- attempt ------------------------------------------------------------------------------------------------------------


async def attempt(ports: Ports, job: Job, route: Route | Deferred | Rejected) -> tuple[Report, bytes]:
    """Sign and hand over; the report, and the fields that were put on top. Never raises for trouble with the peer."""
    if not isinstance(route, Route):
        return Report((route,), ()), b""
    raw = await ports.store.blobs.open(job.message.blob_id) if job.raw is None else job.raw
    job = replace(job, raw=None)
    if ports.carrier is not None and isinstance(raw, bytes):
        return await ports.carrier.carry(job, route, raw)
    return await carry(ports, job, route, raw)


async def carry(ports: Ports, job: Job, route: Route, raw: Raw) -> tuple[Report, bytes]:
    """What `attempt` does with the message at hand; needs no store."""
    if refused := await ports.cpu.run(lambda: unapproved(job, raw)):
        return Report((Rejected(None, "5.7.1", refused),), ()), b""
    way: Route | Deferred | Rejected = route
    if job.message.require_tls:
        way = _required(job, route)
    elif any(host.policy is not None and host.policy.enforce for host in route.hosts):
        way = relaxed(route, parse_header(raw))
    if not isinstance(way, Route):
        return Report((way,), ()), b""
    signed = await ports.cpu.run(lambda: sign(ports, job, raw))
    return await ports.courier.deliver(way, _parcel(ports, job, signed, way)), signed.prefix


def _required(job: Job, route: Route) -> Route | Deferred | Rejected:
    if route.ours and not job.message.mail_from:
        # Between mailboxes here the return path alone says so (receiving.py), and a report has none.
        return Rejected(None, "5.7.30", "it requires TLS, and a report that is handed on here can't say so")
    return required(route)


def _parcel(ports: Ports, job: Job, signed: Signed, route: Route) -> Parcel:
    local = return_path.local_part(ports.settings.verp_secret, job.delivery.id)
    mail_from = f"{local}@{ports.settings.bounce_label}.{job.domain.name}"
    if not job.message.mail_from:
        mail_from = ""  # RFC 5321 §4.5.5: a report that is handed on must not be answered by another
    utf8 = not job.delivery.recipient.isascii() or not job.message.from_address.isascii()
    require_tls = job.message.require_tls and not route.ours
    return Parcel(mail_from, (job.delivery.recipient,), signed, job.delivery.id, smtputf8=utf8, require_tls=require_tls)


def unapproved(job: Job, raw: Raw) -> str | None:
    """Why the message must not reach DATA, if it must not: the approval is of other bytes or other people (I5)."""
    approval, mode = job.approval, job.message.oversight_mode
    if _unasked(job.message):
        return None
    if approval is None or approval.status is not ApprovalStatus.APPROVED or mode is None:
        return "it was not approved"
    content = hashlib.sha256(raw).digest()
    actual = approvals.digest(content, approval.recipients, mode=mode, send_at=approval.send_at)
    if actual != approval.digest:
        return "it is not what was approved"
    return None if job.delivery.recipient in approval.recipients else "it was not approved for this recipient"


def sign(ports: Ports, job: Job, raw: Raw) -> Signed:
    """Say who wrote it, then sign with every DKIM key of the domain, RSA first. CPU work of about a millisecond."""
    if job.message.forwarded_by is not None:
        return _as_it_came(ports, job, raw)
    header, now = parse_header(raw), ports.clock.now() // 1000
    who = _identity(ports, job, header, raw)
    # AI-10: DKIM covers the identity, and lists it once more than it is there, so that none can be added.
    top = replace(header, fields=(*parse_header(who).fields, *header.fields))
    prefix = dkim.sign(top, _body(raw, header.body_start), signing_keys(job.domain), now=now)
    return Signed(prefix + who, raw)


def _as_it_came(ports: Ports, job: Job, raw: Raw) -> Signed:
    """A message that somebody else wrote: sealed, and neither signed nor said to be by our agent."""
    # RFC 8601 §5: what claims to be our verdict, and is not, would be believed by whoever believes us.
    raw = authres.without_claims(raw, parse_header(raw), ports.settings.hostname)
    header = parse_header(raw)
    fields = resending.prefix(
        job.message,
        job.mailbox,
        job.domain,
        job.delivery.recipient,
        header=header,
        body=lambda: _body(raw, header.body_start),
        hostname=ports.settings.hostname,
        now=ports.clock.now() // 1000,
    )
    return Signed(fields, raw)


def _identity(ports: Ports, job: Job, header: Header, raw: Raw) -> bytes:
    if job.agent is None:
        return b""
    copy = identity.Copy(job.message, job.domain, job.agent, job.delivery.recipient, job.approval)
    return identity.field(header, raw, copy, now=ports.clock.now() // 1000, nonce=ports.ids.secret(12))


def _body(raw: Raw, start: int) -> bytes | Iterator[bytes]:
    if isinstance(raw, bytes):
        return raw[start:]
    return (raw[at : at + CHUNK] for at in range(start, len(raw), CHUNK))


async def find_route(
    ports: Ports, job: Job, local: Host | None, shuffle: Callable[[MutableSequence[str]], None]
) -> Route | Deferred | Rejected:
    """Where it goes: the sending domain's smarthost, this server itself, or the recipient's exchangers."""
    if job.local and local is not None:
        return local_route(local)
    relay = job.domain.smarthost
    if relay is not None:
        host = Host(relay.host, (), relay.port)
        return Route(f"smarthost:{relay.host}:{relay.port}", (host,), relay.tls, relay.username, relay.password)
    settings = ports.settings
    # On one machine, other exchangers share our address and differ by port.
    addresses = () if settings.allow_private_hosts else settings.addresses
    here = Here(settings.hostname, addresses, settings.delivery_port, settings.allow_private_hosts)
    route = await ports.resolver.resolve(exchangers(job.delivery.domain, here, shuffle))
    if isinstance(route, Route) and ports.sts is not None:
        return with_sts(route, job.delivery.domain, *await ports.sts.of(job.delivery.domain))
    comes_back = isinstance(route, Rejected) and route.enhanced == LOOP
    return local_route(local) if comes_back and job.claimed and local is not None else route


def local_route(local: Host) -> Route:
    """To our own mail exchanger."""
    return Route(f"local:{local.port}", (local,), "none", ours=True)


# --- record -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """What an outcome leads to: the row as it will be, the event that tells it, and whether the address is dead."""

    row: Delivery
    event: EventType
    suppress: bool = False


def decide(row: Delivery, outcome: Outcome, *, at_most_once: bool, now: int, spread: float) -> Step:
    """What follows from an outcome; pure. `spread` in [0, 1) jitters the next try."""
    match outcome:
        case Delivered(code, enhanced, text):
            return Step(_closed(row, MessageStatus.DELIVERED, code, enhanced, text, now), EventType.MESSAGE_DELIVERED)
        case Rejected(code, enhanced, text):
            step = _closed(row, MessageStatus.BOUNCED, code, enhanced, text, now)
            # What DNS says is not the word of the receiver: a domain may be back tomorrow. A null MX its owner put there.
            said = code is not None or enhanced == NULL_MX
            return Step(step, EventType.MESSAGE_BOUNCED, suppress=said and dead_address(code, enhanced))
        case Unknown(text):
            again = _deferred(row, None, None, text, now, spread)
            if at_most_once or again.status is MessageStatus.BOUNCED:
                # Too old to be tried again, it still did not bounce: nobody knows.
                again = _closed(row, MessageStatus.UNKNOWN, None, None, text, now)
            return Step(again, EventType.MESSAGE_UNKNOWN)
        case Deferred(code, enhanced, text):
            again = _deferred(row, code, enhanced, text, now, spread)
            # I2: an entry ends by age, never by count, and its end is told.
            event = EventType.MESSAGE_BOUNCED if again.status is MessageStatus.BOUNCED else EventType.MESSAGE_DEFERRED
            return Step(again, event)


def _closed(row: Delivery, status: MessageStatus, code: int | None, enhanced: str | None, text: str, now: int) -> Delivery:
    return replace(row, status=status, code=code, enhanced=enhanced, text=text, at=now)


def _deferred(row: Delivery, code: int | None, enhanced: str | None, text: str, now: int, spread: float) -> Delivery:
    due = now + retry_delay(row.attempts, spread)
    if due >= row.expires_at:
        text = f"given up after {(now - row.created_at) // 3_600_000} h: {text}"
        return _closed(row, MessageStatus.BOUNCED, code, enhanced or "4.4.7", text, now)
    return replace(row, status=MessageStatus.DEFERRED, due_at=due, code=code, enhanced=enhanced, text=text, at=now)


def dead_address(code: int | None, enhanced: str | None) -> bool:
    """Whether a permanent refusal says that the address itself is no good: never from a bare 550, which says anything.

    RFC 3463: X.1.1 no such mailbox, X.1.2 no such domain, X.1.3 bad syntax, X.1.6 moved, X.1.10 null MX (RFC 7505),
    X.2.1 mailbox disabled.
    """
    subject = (enhanced or "").partition(".")[2]
    return subject in ("1.1", "1.2", "1.3", "1.6", "1.10", "2.1") and (code is None or 500 <= code < 600)


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that ended: what came of it, the fields that were put on top, and what spreads the next try."""

    job: Job
    report: Report
    prefix: bytes
    spread: float


async def record(tx: Tx, ports: Ports, ended: Sequence[Ended]) -> list[Step]:
    """Write what became of attempts, each unless its lease was lost meanwhile."""
    return [await _record(tx, ports, one) for one in ended]


async def _record(tx: Tx, ports: Ports, ended: Ended) -> Step:
    job, report, now = ended.job, ended.report, ports.clock.now()
    outcome = report.outcomes[0]
    row = replace(job.delivery, mx=report.host)
    step = decide(row, outcome, at_most_once=job.mailbox.at_most_once, now=now, spread=ended.spread)
    if step.event is EventType.MESSAGE_DELIVERED and job.domain.smarthost is not None and not job.local:
        step = replace(step, event=EventType.MESSAGE_SENT)  # by the smarthost's word, not the receiver's
    done = replace(
        job.attempt,
        finished_at=now,
        outcome=type(outcome).__name__.lower(),
        mx=report.host,
        address=report.address,
        tls=report.tls,
        code=step.row.code,
        enhanced=step.row.enhanced,
        text=step.row.text,
        transcript=report.transcript,
        signature=ended.prefix,
    )
    counts = await _what_counts(tx, step, done)
    await tx.queue.finish_attempt(done)
    if counts is not None:
        await queueing.show_worst(tx, job.delivery.tenant_id, job.message.id)
        await _tell(tx, ports, job.message, done, counts, job.mailbox)
        if counts.suppress:
            await _suppress(tx, ports, job, counts)
    return step


async def _what_counts(tx: Tx, step: Step, done: Attempt) -> Step | None:
    """Write what counts of a result: all of it where the lease is ours, or ran out and nobody began anything since.

    I6: were it dropped, the message would be sent again and nobody would be told. Whoever began another attempt has told this
    one as unknown, and closed it; where a bounce came back, that counts more.
    """
    if await tx.queue.finish(step.row):
        return step
    now, left_open = await tx.queue.get(step.row.id), await tx.queue.open_attempt(step.row.id)
    if now is None or left_open is None or left_open.id != done.id:
        return None
    counts = after_cancel(step) if now.status is MessageStatus.CANCELLED else None if queueing.over(now.status) else step
    if counts is not None:
        await tx.queue.put(counts.row)
    return counts


def after_cancel(step: Step) -> Step | None:
    """What counts of a result where somebody cancelled meanwhile; pure. It arrived, or it may have: that is told (I2)."""
    match step.event:
        case EventType.MESSAGE_DELIVERED | EventType.MESSAGE_SENT:
            return step
        case EventType.MESSAGE_UNKNOWN:  # and nothing is tried again
            return replace(step, row=replace(step.row, status=MessageStatus.UNKNOWN))
        case _:
            return None


async def _suppress(tx: Tx, ports: Ports, job: Job, step: Step) -> None:
    detail = f"{step.row.code or ''} {step.row.enhanced or ''} {step.row.text or ''}".strip()[:500]
    await suppression.add(
        tx,
        ports,
        system(job.message.tenant_id),
        job.delivery.recipient,
        "hard_bounce",
        detail=detail,
        message_id=job.message.id,
    )


async def _tell(tx: Tx, ports: Ports, message: Message, done: Attempt, step: Step, mailbox: Mailbox | None = None) -> None:
    row = step.row
    data: Json = {
        "message_id": message.id,
        "thread_id": message.thread_id,
        "recipient": row.recipient,
        "attempt_id": done.id,
        "attempt": done.number,
        "mx": done.mx,
        "code": done.code,
        "enhanced": done.enhanced,
        "text": done.text,
    }
    if row.status is MessageStatus.DEFERRED:
        data["next_attempt_at"] = row.due_at
    if step.event is EventType.MESSAGE_BOUNCED:
        hosts = (done.mx, row.recipient.rpartition("@")[2])
        data |= refusal(done.code, done.enhanced, done.text or "", hosts, final=True)
    await publish(tx, ports, step.event, tenant_id=message.tenant_id, mailbox_id=message.mailbox_id, data=data)
    caller, data = system(message.tenant_id), {"attempt": done.id, "code": done.code}
    await audit.record(tx, ports, caller, f"delivery.{done.outcome}", row.id, data, of=mailbox)
