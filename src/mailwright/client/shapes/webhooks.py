"""Types of webhooks.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class NewWebhook(Struct, frozen=True, kw_only=True):
    """A webhook with its secret, in the answer that made it."""

    id: str
    """The webhook's id."""
    url: str
    """Where events are posted."""
    events: tuple[str, ...]
    """The event types it is told of; empty means all."""
    mailbox_id: str | None
    """The one mailbox whose events it is told of; null means all."""
    status: str
    """`disabled`: it failed for too long and is no longer called."""
    failing_since: str | None
    """Since when its endpoint has been failing; null if it is not."""
    created_at: str
    """When it was made."""
    client_id: str | None
    """The id that its maker gave it."""
    secret: str
    """Signs what is posted (Standard Webhooks). Shown this once."""
    previous_secret_until: str | None = None
    """Until when the secret before this one signs too."""


class Webhook(Struct, frozen=True, kw_only=True):
    """Somebody who is told of events."""

    id: str
    """The webhook's id."""
    url: str
    """Where events are posted."""
    events: tuple[str, ...]
    """The event types it is told of; empty means all."""
    mailbox_id: str | None
    """The one mailbox whose events it is told of; null means all."""
    status: str
    """`disabled`: it failed for too long and is no longer called."""
    failing_since: str | None
    """Since when its endpoint has been failing; null if it is not."""
    created_at: str
    """When it was made."""
    client_id: str | None
    """The id that its maker gave it."""


class WebhookDelivery(Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook."""

    id: str
    """The delivery's id."""
    webhook_id: str
    """The webhook."""
    event_id: str
    """The event; receivers drop what they have seen by it."""
    status: str
    """`pending`, `succeeded` or `failed`."""
    attempts: int
    """How often it was tried."""
    next_attempt_at: str | None
    """When it is tried next; null once it is decided."""
    response_status: int | None
    """The HTTP status of the last answer."""
    response_body: str | None
    """The beginning of the last answer. Untrusted: the endpoint wrote it."""
    error: str | None
    """Why there was no answer, if there was none."""
    last_attempt_at: str | None
    """When it was last tried."""
    created_at: str
    """When it was made."""
