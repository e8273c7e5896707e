"""Types of approvals.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class Approval(Struct, frozen=True, kw_only=True):
    """A question to a person about exactly these bytes for exactly these recipients."""

    id: str
    """The approval's id."""
    message_id: str
    """The message that waits: look at it before deciding."""
    mailbox_id: str
    """Its mailbox."""
    direction: str
    """`outbound`: may it be sent? `inbound`: may the agent read it?"""
    status: str
    """`pending` until it is decided, expires, or the message is cancelled (`voided`)."""
    digest: str
    """SHA-256 of message, recipients, time and mode. Send it back with the decision."""
    recipients: tuple[str, ...]
    """Everyone who would get it, Bcc included."""
    reasons: tuple[str, ...]
    """Why a person is asked."""
    send_at: str | None
    """When it is to be sent; null means at once."""
    created_at: str
    """When it was asked."""
    expires_at: str
    """When silence becomes a no."""
    decided_by: str | None
    """The id of the key that decided."""
    decided_at: str | None
    """When it was decided."""
    note: str | None
    """What the approver said."""
