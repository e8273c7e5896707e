"""Asynchronous calls: webhooks.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.page import Page
from mailwright.client.shapes.webhooks import NewWebhook, Webhook, WebhookDelivery


class AsyncWebhooks:
    """Operations on webhooks."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def create(
        self,
        *,
        url: str,
        events: Sequence[str] | None = None,
        mailbox_id: str | None = None,
        client_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> NewWebhook:
        """Be told of events by HTTP POST."""
        call = Call(
            "POST",
            "/v1/webhooks",
            body=body({"url": url, "events": events, "mailbox_id": mailbox_id, "client_id": client_id}),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, NewWebhook)

    def list(self, *, after: str | None = None, limit: int | None = None) -> AsyncPages[Webhook]:
        """List webhooks."""
        call = Call("GET", "/v1/webhooks", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[Webhook])

    async def get(self, webhook_id: str) -> Webhook:
        """Read a webhook."""
        call = Call("GET", f"/v1/webhooks/{part(webhook_id)}")
        return await self._line.ask(call, Webhook)

    async def change(
        self, webhook_id: str, *, url: str | None = None, events: Sequence[str] | None = None, enabled: bool | None = None
    ) -> Webhook:
        """Change a webhook, or stop and start it."""
        call = Call("PATCH", f"/v1/webhooks/{part(webhook_id)}", body=body({"url": url, "events": events, "enabled": enabled}))
        return await self._line.ask(call, Webhook)

    async def remove(self, webhook_id: str) -> None:
        """Remove a webhook."""
        call = Call("DELETE", f"/v1/webhooks/{part(webhook_id)}")
        await self._line.nothing(call)

    async def rotate_secret(self, webhook_id: str, *, idempotency_key: str | None = None) -> NewWebhook:
        """Give a webhook a new secret."""
        call = Call("POST", f"/v1/webhooks/{part(webhook_id)}/rotate-secret", body=body({}), once=once(idempotency_key))
        return await self._line.ask(call, NewWebhook)

    async def test(self, webhook_id: str, *, idempotency_key: str | None = None) -> WebhookDelivery:
        """Post a test event to a webhook."""
        call = Call("POST", f"/v1/webhooks/{part(webhook_id)}/test", body=body({}), once=once(idempotency_key))
        return await self._line.ask(call, WebhookDelivery)

    def deliveries(self, webhook_id: str, *, after: str | None = None, limit: int | None = None) -> AsyncPages[WebhookDelivery]:
        """List what a webhook was told, newest first."""
        call = Call("GET", f"/v1/webhooks/{part(webhook_id)}/deliveries", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[WebhookDelivery])

    async def redeliver(self, webhook_id: str, delivery_id: str, *, idempotency_key: str | None = None) -> WebhookDelivery:
        """Tell a webhook the same event again."""
        call = Call(
            "POST",
            f"/v1/webhooks/{part(webhook_id)}/deliveries/{part(delivery_id)}/redeliver",
            body=body({}),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, WebhookDelivery)
