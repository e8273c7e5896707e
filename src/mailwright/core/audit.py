"""The audit log: what was done, by whom, to what; it only grows.

Every entry is written in the transaction of the act it tells (I10) and carries a hash over itself and the hash before
it, so that a changed or missing entry shows. Entries hold ids and digests, never content or addresses. A request that was
refused changed nothing, so its entry is a small transaction of its own; what is only badly written has none.
Not here: who may read it (accounts.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

from mailwright.core.errors import Refusal
from mailwright.core.model import AuditEntry, Caller, Json, Mailbox
from mailwright.core.ports import AuditFilter, Ports, Tx

GENESIS = "0" * 64
REFUSED = "request.refused"
REFUSALS_A_MINUTE = 60  # of one key: a program that asks in a loop must not bury what others did
MINUTE = 60_000
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_canonical = msgspec.json.Encoder(order="sorted").encode
ANY = AuditFilter()


def entry_hash(previous: str, entry: AuditEntry) -> str:
    """SHA-256 (hex) over the hash before and the entry as canonical JSON: sorted keys, no spaces (RFC 8785 for our values)."""
    concerned = (entry.agent_id, entry.mailbox_id, entry.domain)
    acted = (entry.tenant_id, entry.at, entry.actor, entry.action, entry.subject, entry.data)
    return hashlib.sha256(_canonical((previous, entry.index, *acted, concerned))).hexdigest()


async def record(
    tx: Tx, ports: Ports, caller: Caller, action: str, subject: str, data: Json | None = None, *, of: Mailbox | None = None
) -> None:
    """Append one entry: `action` is noun.verb ("message.queued"), `subject` the id of what was acted upon.

    `of` is the mailbox that it concerns; where it is not given it is found by the subject, which must then still be there.
    """
    last, previous = await tx.audit.head() or (-1, GENESIS)
    concerned = _concerning(of) if of is not None else await _concerned(tx, caller, subject)
    done = (last + 1, caller.tenant_id, ports.clock.now(), caller.actor, action, subject, data or {})
    hash = entry_hash(previous, AuditEntry(*done, "", *concerned))
    await tx.audit.append(AuditEntry(*done, hash, *concerned))


Concerned = tuple[str | None, str | None, str | None]  # agent, mailbox, domain


def _concerning(mailbox: Mailbox) -> Concerned:
    return mailbox.agent_id, mailbox.id, mailbox.address.rpartition("@")[2]


async def _concerned(tx: Tx, caller: Caller, subject: str) -> Concerned:
    """The agent, mailbox and domain that the subject belongs to, or else those of the key that acted."""
    if subject.startswith("dom_"):
        domain = await tx.domains.get(caller.tenant_id, subject)
        return None, None, domain.name if domain else None
    if subject.startswith("agt_"):
        agent = await tx.agents.get(caller.tenant_id, subject)
        return agent.id if agent else None, None, None
    mailbox_id = await _mailbox_id(tx, caller.tenant_id, subject) or caller.mailbox_id
    mailbox = await tx.mailboxes.get(caller.tenant_id, mailbox_id) if mailbox_id else None
    return _concerning(mailbox) if mailbox else (caller.agent_id, mailbox_id, None)


async def _mailbox_id(tx: Tx, tenant_id: str, subject: str) -> str | None:
    match subject[:4]:
        case "mbx_":
            mailbox = await tx.mailboxes.get(tenant_id, subject)
            return mailbox.id if mailbox else None
        case "msg_":
            message = await tx.messages.get(tenant_id, subject)
            return message.mailbox_id if message else None
        case "apr_":
            approval = await tx.approvals.get(tenant_id, subject)
            return approval.mailbox_id if approval else None
        case "dlv_":
            delivery = await tx.queue.get(subject)
            return delivery.mailbox_id if delivery and delivery.tenant_id == tenant_id else None
    return None


async def refused(ports: Ports, caller: Caller, operation: str, subject: str | None, refusal: Refusal) -> None:
    """Note that a request was refused, where that was a decision; in a transaction of its own, durable before it is told.

    Of one key at most REFUSALS_A_MINUTE are written in a minute; the last of them says that more may have followed.
    """
    if not refusal.decides:
        return

    async def script(tx: Tx) -> None:
        before = await tx.audit.refusals(caller.tenant_id, caller.actor, ports.clock.now() - MINUTE + 1, REFUSALS_A_MINUTE)
        if before >= REFUSALS_A_MINUTE:
            return
        data: Json = {"operation": operation, "code": refusal.code}
        if before == REFUSALS_A_MINUTE - 1:
            data["more_not_written"] = True
        about = subject if subject and ID.fullmatch(subject) else None
        about = about or caller.mailbox_id or caller.agent_id or caller.actor
        await record(tx, ports, caller, REFUSED, about, data)

    await ports.store.write(script)


async def page(
    ports: Ports, caller: Caller, narrow: AuditFilter = ANY, *, after: int = -1, limit: int = 50
) -> list[AuditEntry]:
    """Entries of the caller's tenant after that index, oldest first."""
    return await ports.store.browse(lambda tx: tx.audit.page(caller.tenant_id, narrow, after, limit))


def first_break(entries: Sequence[AuditEntry], previous: str = GENESIS) -> int | None:
    """The index of the first entry whose hash does not follow from the one before; None where all do.

    `entries` is an unbroken run of the whole log (all tenants); `previous` the hash before its first.
    """
    for entry in entries:
        if entry_hash(previous, entry) != entry.hash:
            return entry.index
        previous = entry.hash
    return None
