"""Webhooks and what was sent to them, as told to callers. The secret is told when it is made, and never again."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339, rfc3339_or_none
from mailwright.core import model
from mailwright.core.model import Active


class Webhook(Struct, frozen=True, kw_only=True):
    """Somebody who is told of events."""

    id: Annotated[str, doc("The webhook's id.", example="whk_5qm3tk8v0w1x2y3z4a5b")]
    url: Annotated[str, doc("Where events are posted.", example="https://app.example.com/hooks/mail")]
    events: Annotated[tuple[str, ...], doc("The event types it is told of; empty means all.")]
    mailbox_id: Annotated[str | None, doc("The one mailbox whose events it is told of; null means all.")]
    status: Annotated[Active, doc("`disabled`: it failed for too long and is no longer called.")]
    failing_since: Annotated[Time | None, doc("Since when its endpoint has been failing; null if it is not.")]
    created_at: Annotated[Time, doc("When it was made.")]
    client_id: Annotated[str | None, doc("The id that its maker gave it.")]


class NewWebhook(Webhook, frozen=True, kw_only=True):
    """A webhook with its secret, in the answer that made it."""

    secret: Annotated[str, doc("Signs what is posted (Standard Webhooks). Shown this once.", example="whsec_...")]
    previous_secret_until: Annotated[Time | None, doc("Until when the secret before this one signs too.")] = None


class WebhookDelivery(Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook."""

    id: Annotated[str, doc("The delivery's id.")]
    webhook_id: Annotated[str, doc("The webhook.")]
    event_id: Annotated[str, doc("The event; receivers drop what they have seen by it.")]
    status: Annotated[str, doc("`pending`, `succeeded` or `failed`.", example="succeeded")]
    attempts: Annotated[int, doc("How often it was tried.", example=1)]
    next_attempt_at: Annotated[Time | None, doc("When it is tried next; null once it is decided.")]
    response_status: Annotated[int | None, doc("The HTTP status of the last answer.", example=200)]
    response_body: Annotated[str | None, doc("The beginning of the last answer. Untrusted: the endpoint wrote it.")]
    error: Annotated[str | None, doc("Why there was no answer, if there was none.")]
    last_attempt_at: Annotated[Time | None, doc("When it was last tried.")]
    created_at: Annotated[Time, doc("When it was made.")]


def webhook(row: model.Webhook) -> Webhook:
    """A webhook, as told."""
    return Webhook(
        id=row.id,
        url=row.url,
        events=row.events,
        mailbox_id=row.mailbox_id,
        status=row.status,
        failing_since=rfc3339_or_none(row.failing_since),
        created_at=rfc3339(row.created_at),
        client_id=row.client_id,
    )


def new_webhook(row: model.Webhook) -> NewWebhook:
    """A webhook with its secret, for the answer that made it."""
    shown = webhook(row)
    told = {name: getattr(shown, name) for name in Webhook.__struct_fields__}
    return NewWebhook(**told, secret=row.secret, previous_secret_until=rfc3339_or_none(row.previous_until))


def webhook_delivery(row: model.WebhookDelivery) -> WebhookDelivery:
    """A delivery to a webhook, as told."""
    return WebhookDelivery(
        id=row.id,
        webhook_id=row.webhook_id,
        event_id=row.event_id,
        status=row.status,
        attempts=row.attempts,
        next_attempt_at=rfc3339(row.due_at) if row.status == "pending" else None,
        response_status=row.response_status,
        response_body=row.response_body,
        error=row.error,
        last_attempt_at=rfc3339_or_none(row.at),
        created_at=rfc3339(row.created_at),
    )
