"""Forwarding by rule: what comes to a mailbox goes on to somewhere else, as it came.

`judge` says for each rule that applies whether it may: a copy leaves like any send, by policy and from its own mailbox, so a
rule loosens no oversight. `hand_on` files the copy as an outgoing message with the bytes that came (I9) and queues it, or asks
a person. Rules are an operator's: an agent can neither make one nor take one away.
Not here: what is put on top of the copy when it leaves (resending.py), a forward that somebody writes (answering.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from mailwright.core import approvals, audit, policy, queueing, sending, suppression
from mailwright.core.accounts import mailbox_of, system
from mailwright.core.errors import InvalidInput, NotFound
from mailwright.core.events import EventType, publish
from mailwright.core.model import Caller, Direction, Forward, Json, Mailbox, Message, MessageStatus, Trust
from mailwright.core.ports import Ports, Tx
from mailwright.mail.address import InvalidAddress, parse_mailbox

HOUR = 3_600_000
MAX_FORWARDS = 10  # of one mailbox: each multiplies what comes in


# --- the rules ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewForward:
    """What a new rule shall be; see `Forward`."""

    to: str
    keep_copy: bool = True
    header_from: str | None = None
    trust: Trust | None = None


async def add(tx: Tx, ports: Ports, caller: Caller, mailbox_id: str, wanted: NewForward) -> Forward:
    """Make a rule; one that says the same is there already stays the only one."""
    mailbox = await mailbox_of(tx, caller, mailbox_id)
    made = Forward(
        id=ports.ids.new("fwd"),
        to=_target(mailbox, wanted.to),
        created_at=ports.clock.now(),
        keep_copy=wanted.keep_copy,
        header_from=None if wanted.header_from is None else _author(wanted.header_from),
        trust=wanted.trust,
    )
    same = next((one for one in mailbox.forwards if replace(one, id=made.id, created_at=made.created_at) == made), None)
    if same is not None:
        return same
    if len(mailbox.forwards) >= MAX_FORWARDS:
        raise InvalidInput.at("to", f"a mailbox has at most {MAX_FORWARDS} forwards")
    await tx.mailboxes.put(replace(mailbox, forwards=(*mailbox.forwards, made)))
    data: Json = {"forward_id": made.id, "to": made.to, "keep_copy": made.keep_copy}
    await audit.record(tx, ports, caller, "forward.added", mailbox.id, data, of=mailbox)
    return made


async def remove(tx: Tx, ports: Ports, caller: Caller, mailbox_id: str, forward_id: str) -> None:
    """Take a rule away; what it queued or had held before is not touched."""
    mailbox = await mailbox_of(tx, caller, mailbox_id)
    left = tuple(one for one in mailbox.forwards if one.id != forward_id)
    if len(left) == len(mailbox.forwards):
        raise NotFound(f"There is no forward {forward_id[:40]}.")
    await tx.mailboxes.put(replace(mailbox, forwards=left))
    await audit.record(tx, ports, caller, "forward.removed", mailbox.id, {"forward_id": forward_id}, of=mailbox)


def _target(mailbox: Mailbox, text: str) -> str:
    try:
        found = sending.bare(parse_mailbox(text))
    except InvalidAddress as wrong:
        raise InvalidInput.at("to", str(wrong)) from None
    if suppression.normal(found) == suppression.normal(mailbox.address):
        raise InvalidInput.at("to", "a mailbox can't forward to itself")
    return found


def _author(text: str) -> str:
    try:
        found = parse_mailbox(text if "@" in text else f"x@{text}")
    except InvalidAddress as wrong:
        raise InvalidInput.at("header_from", f"an address or a domain: {wrong}") from None
    return sending.bare(found).lower() if "@" in text else found.domain_ascii


# --- which apply, and may -------------------------------------------------------------------------------------------------


class Facts(NamedTuple):
    """What a message's bytes say to the rules: their SHA-256, and who says that they handed it on."""

    content: bytes
    forwarded_from: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message by one rule: `decision` is policy's, or why policy was not asked."""

    rule: Forward
    decision: policy.Decision | str
    digest: str = ""


def leaves(verdicts: Sequence[Verdict]) -> bool:
    """Whether nothing stays: every rule that applies wants no copy, and what it wants is done at once."""
    return bool(verdicts) and all(isinstance(one.decision, policy.Send) and not one.rule.keep_copy for one in verdicts)


async def judge(tx: Tx, ports: Ports, mailbox: Mailbox, message: Message, facts: Facts) -> list[Verdict]:
    """For each rule that applies to an incoming message: may it go on?"""
    rules = [rule for rule in mailbox.forwards if applies(rule, message)]
    if not rules:
        return []
    domain = await tx.domains.get(mailbox.tenant_id, mailbox.domain_id)
    assert domain is not None
    now, mode = ports.clock.now(), mailbox.oversight_mode
    room = ports.settings.forwards_per_hour - await tx.messages.forwarded_since(mailbox.tenant_id, mailbox.id, now - HOUR)
    addressed = sending.with_copy(tuple(rule.to for rule in rules), mailbox.overseer)
    blocked = await suppression.suppressed(tx, mailbox.tenant_id, addressed)
    copied = sending.may_copy(mailbox.overseer, blocked)
    found: list[Verdict] = []
    for rule in rules:
        why = refused(rule, mailbox, message, facts.forwarded_from)
        if why is None and rule.to in blocked:
            why = "recipient_suppressed"
        if why is None and room <= 0:
            why = "rate_limited"
        if why is not None:
            found.append(Verdict(rule, why))
            continue
        room -= 1
        digest = approvals.digest(facts.content, (rule.to,), mode=mode, send_at=None)
        required = ports.settings.require_alignment
        outgoing = policy.Outgoing(digest, mode, copied=copied)
        decision = policy.judge(outgoing, mailbox, domain, require_alignment=required, now=now)
        found.append(Verdict(rule, decision, digest))
    return found


def applies(rule: Forward, message: Message) -> bool:
    """Whether the message meets the rule's conditions."""
    if rule.trust is not None and (message.trust is None or _rank(message.trust) < _rank(rule.trust)):
        return False
    author = message.from_address.lower()
    if rule.header_from is None or author == rule.header_from:
        return True
    return "@" not in rule.header_from and f".{author.rpartition('@')[2]}".endswith(f".{rule.header_from}")


def _rank(trust: Trust) -> int:
    return list(Trust).index(trust)


def refused(rule: Forward, mailbox: Mailbox, message: Message, forwarded_from: Sequence[str]) -> str | None:
    """Why a message stays here whatever policy says; pure. Nobody outside is told: an answer could go round, too."""
    if message.status is MessageStatus.HELD:
        return "withheld"  # until a person lets it in (releasing.py)
    if message.status is MessageStatus.FLAGGED:
        return "authentication_failed"  # what we doubt we do not vouch for; whoever gets it would blame us (SPF, ARC)
    if mailbox.address.lower() in forwarded_from:
        return "loop"
    # RFC 3834 §4: what answers the return path of our mail is for whoever sent that; sent on to the one who answers, it
    # would be answered again.
    if "returned" in message.labels or message.from_address.lower() == rule.to.lower():
        return "comes_from_there"
    return None


# --- doing it -------------------------------------------------------------------------------------------------------------


async def hand_on(tx: Tx, ports: Ports, mailbox: Mailbox, message: Message, verdicts: Sequence[Verdict]) -> list[str]:
    """Do what was judged; the ids of the copies. `message` is the incoming one, whose bytes are stored."""
    told: list[Json] = []
    for one in verdicts:
        if isinstance(one.decision, policy.Send | policy.Hold):
            copy = await _copy(tx, ports, mailbox, message, one)
            await _send(tx, ports, mailbox, copy, one)
            told.append({"forwarded_as": copy.id, "status": "held" if copy.approval_id else "queued"})
        else:
            told.append({"reason": one.decision.code if isinstance(one.decision, policy.Refuse) else one.decision})
    copies = [str(each["forwarded_as"]) for each in told if "forwarded_as" in each]
    of = copies[0] if leaves(verdicts) else message.id
    for one, each in zip(verdicts, told, strict=True):
        await _tell(tx, ports, mailbox, replace(message, id=of), one.rule, each)
    return copies


async def _copy(tx: Tx, ports: Ports, mailbox: Mailbox, message: Message, verdict: Verdict) -> Message:
    held = isinstance(verdict.decision, policy.Hold)
    uid, modseq = await tx.mailboxes.advance(mailbox.id, 1)
    copy = replace(
        message,
        id=ports.ids.new("msg"),
        direction=Direction.OUTBOUND,
        status=MessageStatus.HELD if held else MessageStatus.QUEUED,
        labels=("forwarded",),
        # RFC 5321 §4.5.5: what has no return path gets none; of anything else we get the bounces.
        mail_from=mailbox.address if message.mail_from else "",
        trace=message.trace.partition(b"\r\n")[2],  # RFC 5321 §4.4: Return-Path ends at a delivery
        uid=uid,
        modseq=modseq,
        oversight_mode=mailbox.oversight_mode,
        approval_id=ports.ids.new("apr") if held else None,
        digest=verdict.digest,
        forwarded_by=verdict.rule.id,
    )
    await tx.messages.add(copy)
    return copy


async def _send(tx: Tx, ports: Ports, mailbox: Mailbox, copy: Message, verdict: Verdict) -> None:
    data: Json = {"digest": verdict.digest, "forward_id": verdict.rule.id}
    await audit.record(tx, ports, system(mailbox.tenant_id), f"message.{copy.status.value}", copy.id, data, of=mailbox)
    if isinstance(verdict.decision, policy.Hold):
        reasons = (*verdict.decision.reasons, f"a rule of the mailbox forwards it to {verdict.rule.to}")
        await sending.hold(tx, ports, copy, (verdict.rule.to,), replace(verdict.decision, reasons=reasons), None)
        return
    assert isinstance(verdict.decision, policy.Send)
    await queueing.enqueue(tx, ports, copy, sending.with_copy((verdict.rule.to,), verdict.decision.copy_to))


async def _tell(tx: Tx, ports: Ports, mailbox: Mailbox, message: Message, rule: Forward, told: Json) -> None:
    data: Json = {"message_id": message.id, "thread_id": message.thread_id, "forward_id": rule.id, "recipient": rule.to, **told}
    event = EventType.MESSAGE_FORWARDED if "forwarded_as" in told else EventType.MESSAGE_NOT_FORWARDED
    await publish(tx, ports, event, tenant_id=mailbox.tenant_id, mailbox_id=mailbox.id, data=data)
    caller = system(mailbox.tenant_id)
    await audit.record(tx, ports, caller, event.value, message.id, {"forward_id": rule.id, **told}, of=mailbox)
