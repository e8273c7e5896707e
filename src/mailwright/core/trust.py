"""How far is the origin of a message to be trusted? Said once, when it is filed; an agent can't raise it.

unauthenticated < dmarc_pass < known_contact < verified_agent < owner. `verified_agent` says that a domain vouches by
signature for which agent wrote exactly this to exactly this recipient; it says nothing of the content, nor that we know
that agent (AI-11).
A second arrival of what was signed once is a copy, whoever sends it, and raises nothing (AI-8).
Not here: the verdicts themselves (examining.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailwright.core import suppression
from mailwright.core.model import Direction, Json, Thread, Trust
from mailwright.core.ports import MessageFilter, Tx
from mailwright.mailauth import provenance
from mailwright.values import dataclass

if TYPE_CHECKING:  # a value that is looked at; else all of mailauth would stand below this
    from mailwright.core.examining import Examined

LOOKED_AT = 20  # of our own messages in a conversation, the latest, for whom they went to


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is kept of a message's origin. `replayed`: this very copy has come to this mailbox before."""

    trust: Trust
    authentication: Json
    replayed: bool


async def weigh(tx: Tx, facts: Examined, thread: Thread, rcpt: str, *, earlier: int) -> Weighed:
    """Weigh what was found for one envelope recipient; `earlier` are the messages that were in the conversation before."""
    identity = facts.identity.seen_by(rcpt)
    replayed = identity.genuine and not await _first(tx, thread.mailbox_id, identity)
    told = {**facts.authentication, "identity": _summary(identity, replayed=replayed)}
    trust = await _trust(tx, facts, thread, earlier=earlier)
    if facts.identity_aligned and not replayed and _made_for(identity):
        trust = Trust.VERIFIED_AGENT
    return Weighed(trust, told, replayed)


def _summary(identity: provenance.Result, *, replayed: bool) -> Json:
    """The verdict on Agent-Identity as callers are told it: what the field says only where it is genuine (S9)."""
    tags = dict(identity.tags or {}) if identity.genuine else {}
    return {
        "verdict": identity.verdict.value,
        "reason": identity.reason,
        "agent_id": tags.get("agent_id"),
        "oversight": tags.get("oversight"),
        "domain": tags.get("d"),
        "replayed": replayed,
        "tags": tags,
        "steps": list(identity.steps),
        "required": identity.required,
    }


def _made_for(identity: provenance.Result) -> bool:
    """Whether the whole message is as it was signed, for this recipient and no other."""
    return identity.verdict is provenance.Verdict.PASS and "rc" in (identity.tags or {})


async def _first(tx: Tx, mailbox_id: str, identity: provenance.Result) -> bool:
    tags = identity.tags
    assert tags is not None
    return await tx.nonces.add(mailbox_id, tags["d"].lower(), tags["s"].lower(), tags["n"].lower(), int(tags["x"]) * 1000)


async def _trust(tx: Tx, facts: Examined, thread: Thread, *, earlier: int) -> Trust:
    if facts.verified_domain is None:
        return Trust.UNAUTHENTICATED
    known = earlier > 0 and await _was_written_to(tx, facts.from_address, thread)
    return Trust.KNOWN_CONTACT if known else Trust.DMARC_PASS


async def _was_written_to(tx: Tx, address: str, thread: Thread) -> bool:
    """Whether this mailbox has written to the address in this conversation; that somebody writes to us makes nobody known."""
    ours = MessageFilter(thread_id=thread.id, direction=Direction.OUTBOUND)
    for message in await tx.messages.page(thread.tenant_id, ours, None, LOOKED_AT):
        if message.forwarded_by is not None:
            continue  # to whom a rule sends mail, nobody here has written
        rows = await tx.queue.of_message(message.tenant_id, message.id)
        if any(suppression.normal(row.recipient) == address for row in rows):
            return True
    return False
