"""Questions to a person, as told to callers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339, rfc3339_or_none
from mailwright.core import model
from mailwright.core.model import ApprovalStatus, Direction


class Approval(Struct, frozen=True, kw_only=True):
    """A question to a person about exactly these bytes for exactly these recipients."""

    id: Annotated[str, doc("The approval's id.", example="apr_5qm3tk8v0w1x2y3z4a5b")]
    message_id: Annotated[str, doc("The message that waits: look at it before deciding.")]
    mailbox_id: Annotated[str, doc("Its mailbox.")]
    direction: Annotated[Direction, doc("`outbound`: may it be sent? `inbound`: may the agent read it?")]
    status: Annotated[ApprovalStatus, doc("`pending` until it is decided, expires, or the message is cancelled (`voided`).")]
    digest: Annotated[str, doc("SHA-256 of message, recipients, time and mode. Send it back with the decision.")]
    recipients: Annotated[tuple[str, ...], doc("Everyone who would get it, Bcc included.")]
    reasons: Annotated[tuple[str, ...], doc("Why a person is asked.")]
    send_at: Annotated[Time | None, doc("When it is to be sent; null means at once.")]
    created_at: Annotated[Time, doc("When it was asked.")]
    expires_at: Annotated[Time, doc("When silence becomes a no.")]
    decided_by: Annotated[str | None, doc("The id of the key that decided.")]
    decided_at: Annotated[Time | None, doc("When it was decided.")]
    note: Annotated[str | None, doc("What the approver said.")]


def approval(row: model.Approval) -> Approval:
    """A question, as told."""
    return Approval(
        id=row.id,
        message_id=row.message_id,
        mailbox_id=row.mailbox_id,
        direction=row.direction,
        status=row.status,
        digest=row.digest,
        recipients=row.recipients,
        reasons=row.reasons,
        send_at=rfc3339_or_none(row.send_at),
        created_at=rfc3339(row.created_at),
        expires_at=rfc3339(row.expires_at),
        decided_by=row.decided_by,
        decided_at=rfc3339_or_none(row.decided_at),
        note=row.note,
    )
