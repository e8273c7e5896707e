"""Types of sent.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class Sent(Struct, frozen=True, kw_only=True):
    """What became of a message: it waits for delivery, for its time, or for a person. Fields that say nothing are left out."""

    message_id: str
    """The message's id."""
    thread_id: str
    """The conversation it belongs to."""
    status: str
    """`queued`, `scheduled` or `held`."""
    approval_id: str | None = None
    """Held: the question that a person is asked."""
    expires_at: str | None = None
    """Held: when silence becomes a no."""
    reason: str | None = None
    """Held: why a person is asked."""
    suppressed: tuple[str, ...] = ()
    """Recipients left out, since they are on the suppression list."""


class SentEmail(Struct, frozen=True, kw_only=True):
    """What became of a message, with what its receivers will find."""

    message_id: str
    """The message's id."""
    thread_id: str
    """The conversation it belongs to."""
    status: str
    """`queued`, `scheduled` or `held`."""
    approval_id: str | None = None
    """Held: the question that a person is asked."""
    expires_at: str | None = None
    """Held: when silence becomes a no."""
    reason: str | None = None
    """Held: why a person is asked."""
    suppressed: tuple[str, ...] = ()
    """Recipients left out, since they are on the suppression list."""
    authentication: SendAuthentication
    """What receivers will find."""


class SendAuthentication(Struct, frozen=True, kw_only=True):
    """What receivers will find, judged by the domain's records as they were last looked at."""

    spf: str
    """Whether SPF passes."""
    dkim: str
    """Whether the DKIM keys are published."""
    dmarc: str
    """Whether the domain is aligned, so that DMARC passes."""
    identity_signed: bool
    """Whether the message carries a signed Agent-Identity field."""
