"""Entries of the audit log, as told to callers. They hold ids and digests, never content."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339
from mailwright.core import model


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One line of the log that only grows."""

    index: Annotated[int, doc("Its place in the log of this server.", example=41)]
    at: Annotated[Time, doc("When.")]
    actor: Annotated[str, doc("Who: the id of the key, or `system`.", example="key_5qm3tk8v0w1x2y3z4a5b")]
    action: Annotated[str, doc("What: noun and verb.", example="message.queued")]
    subject: Annotated[str, doc("The id of what was acted upon.", example="msg_5qm3tk8v0w1x2y3z4a5b")]
    data: Annotated[dict[str, Any], doc("Further facts: ids and digests, never content.")]
    agent_id: Annotated[str | None, doc("The agent that it concerned.")]
    mailbox_id: Annotated[str | None, doc("The mailbox that it concerned.")]
    domain: Annotated[str | None, doc("The domain that it concerned.", example="agents.example.com")]
    hash: Annotated[str, doc("SHA-256 (hex) over the hash of the entry before and this entry.")]


def audit_entry(row: model.AuditEntry) -> AuditEntry:
    """An entry, as told."""
    return AuditEntry(
        index=row.index,
        at=rfc3339(row.at),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        data=row.data,
        agent_id=row.agent_id,
        mailbox_id=row.mailbox_id,
        domain=row.domain,
        hash=row.hash,
    )
