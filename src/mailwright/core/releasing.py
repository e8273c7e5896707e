"""A person decides yes. What is let in may then go on by rule, as if it had come now (forwarding.py).

The rules need facts about the bytes, which no transaction reads: `prepare` looks before it begins.
Not here: what a decision does to the message itself (approvals.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from mailwright.core import approvals, forwarding
from mailwright.core.model import Approval, Caller, Direction, Mailbox, Message
from mailwright.core.ports import Ports, Tx
from mailwright.mail.header import Raw, parse_header
from mailwright.mail.received import handed_on_by


@dataclass(frozen=True, slots=True)
class Prepared:
    """A ruling, and the facts for the rules of the mailbox, where there are any."""

    ruling: approvals.Ruling
    facts: forwarding.Facts | None = None


async def prepare(ports: Ports, caller: Caller, ruling: approvals.Ruling) -> Prepared:
    """Look at the message that the ruling is about. Raises NotFound."""
    approval = await approvals.get(ports, caller, ruling.approval_id)
    if approval.direction is not Direction.INBOUND:
        return Prepared(ruling)
    message, mailbox = await ports.store.read(lambda tx: _about(tx, approval))
    if message is None or mailbox is None or not mailbox.forwards:
        return Prepared(ruling)
    raw = await ports.store.blobs.open(message.blob_id)
    return Prepared(ruling, await ports.cpu.run(lambda: _facts(raw)))


async def approve(tx: Tx, ports: Ports, caller: Caller, prepared: Prepared) -> Approval:
    """As `approvals.approve`; and each rule that applies to what is let in asks for its copy, or sends it."""
    approval = await approvals.approve(tx, ports, caller, prepared.ruling)
    message, mailbox = await _about(tx, approval)
    if prepared.facts is not None and message is not None and mailbox is not None:
        verdicts = await forwarding.judge(tx, ports, mailbox, message, prepared.facts)
        # The copy in the mailbox has been seen: it stays, whatever the rules say.
        await forwarding.hand_on(tx, ports, mailbox, message, verdicts)
    return approval


async def _about(tx: Tx, approval: Approval) -> tuple[Message | None, Mailbox | None]:
    message = await tx.messages.get(approval.tenant_id, approval.message_id)
    return message, await tx.mailboxes.get(approval.tenant_id, approval.mailbox_id)


def _facts(raw: Raw) -> forwarding.Facts:
    return forwarding.Facts(hashlib.sha256(raw).digest(), handed_on_by(parse_header(raw)))
