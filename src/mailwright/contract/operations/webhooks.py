"""Operations on webhooks."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from mailwright.contract.operations.listing import Listing, listed
from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.resources import webhooks as shown
from mailwright.contract.resources.page import Page
from mailwright.contract.scalars import ClientId, Id, doc
from mailwright.core import webhooks
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports, Tx

Url = Annotated[str, Meta(min_length=1, max_length=2000)]
Types = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=64)]


class WebhookCreate(Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook to be made."""

    url: Annotated[Url, doc("Where events are posted: https, to a public address.", example="https://app.example.com/hooks")]
    events: Annotated[Types, doc("The event types to be told of; left out or empty, all.", example=["message.received"])] = ()
    mailbox_id: Annotated[Id | None, doc("Only events of this mailbox.")] = None
    client_id: Annotated[ClientId | None, doc("Your own id: asking again with it gives the webhook made the first time.")] = (
        None
    )


class WebhookId(Struct, frozen=True, forbid_unknown_fields=True):
    """One webhook."""

    webhook_id: Annotated[Id, doc("The webhook's id.")]


class WebhookChange(WebhookId, frozen=True, forbid_unknown_fields=True):
    """What shall be different about a webhook; what is left out stays."""

    url: Annotated[Url | None, doc("Where events are posted.")] = None
    events: Annotated[Types | None, doc("The event types to be told of; empty means all.")] = None
    enabled: Annotated[bool | None, doc("False: stop calling it. True: go on, with the events after its last one.")] = None


class DeliveryList(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries to list."""

    webhook_id: Annotated[Id, doc("The webhook's id.")]


class DeliveryId(WebhookId, frozen=True, forbid_unknown_fields=True):
    """One delivery to one webhook."""

    delivery_id: Annotated[Id, doc("The delivery's id.")]


async def _create(tx: Tx, ports: Ports, caller: Caller, given: WebhookCreate) -> shown.NewWebhook:
    wanted = webhooks.NewWebhook(given.url, given.events, given.mailbox_id, given.client_id)
    return shown.new_webhook(await webhooks.create(tx, ports, caller, wanted))


async def _list(ports: Ports, caller: Caller, given: Listing) -> Page[shown.Webhook]:
    return await listed(given, "whk", lambda after, limit: webhooks.page(ports, caller, after, limit), shown.webhook)


async def _get(ports: Ports, caller: Caller, given: WebhookId) -> shown.Webhook:
    return shown.webhook(await webhooks.get(ports, caller, given.webhook_id))


async def _change(tx: Tx, ports: Ports, caller: Caller, given: WebhookChange) -> shown.Webhook:
    change = webhooks.WebhookChange(given.url, given.events, given.enabled)
    return shown.webhook(await webhooks.change(tx, ports, caller, given.webhook_id, change))


async def _remove(tx: Tx, ports: Ports, caller: Caller, given: WebhookId) -> None:
    await webhooks.remove(tx, ports, caller, given.webhook_id)


async def _rotate(tx: Tx, ports: Ports, caller: Caller, given: WebhookId) -> shown.NewWebhook:
    return shown.new_webhook(await webhooks.rotate_secret(tx, ports, caller, given.webhook_id))


async def _test(tx: Tx, ports: Ports, caller: Caller, given: WebhookId) -> shown.WebhookDelivery:
    return shown.webhook_delivery(await webhooks.test(tx, ports, caller, given.webhook_id))


async def _deliveries(ports: Ports, caller: Caller, given: DeliveryList) -> Page[shown.WebhookDelivery]:
    async def fetch(before_id: str | None, limit: int) -> list[Any]:
        return await webhooks.deliveries(ports, caller, given.webhook_id, before_id, limit)

    return await listed(given, "whd", fetch, shown.webhook_delivery)


async def _redeliver(tx: Tx, ports: Ports, caller: Caller, given: DeliveryId) -> shown.WebhookDelivery:
    return shown.webhook_delivery(await webhooks.redeliver(tx, ports, caller, given.webhook_id, given.delivery_id))


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="webhooks.create",
        summary="Be told of events by HTTP POST",
        permission=Permission.WEBHOOKS_MANAGE,
        method="POST",
        path="/v1/webhooks",
        status=201,
        input=WebhookCreate,
        output=shown.NewWebhook,
        act=_create,
        secret=True,
        tool="create_webhook",
        command="webhooks create",
        examples=(Example("New mail", {"url": "https://app.example.com/hooks", "events": ["message.received"]}),),
        notes="Signed as Standard Webhooks 1.0 says; the secret is in this answer, and in that to a repetition of the "
        "same request, and nowhere else. What is not answered with 2xx is posted again after 1 and 5 minutes, 15, 1 h, 4 h, "
        "8 h and 16 h; then the webhook is disabled, and an event says so.",
    ),
    Operation(
        name="webhooks.list",
        summary="List webhooks",
        permission=Permission.WEBHOOKS_READ,
        method="GET",
        path="/v1/webhooks",
        input=Listing,
        output=Page[shown.Webhook],
        read=_list,
        tool="list_webhooks",
        command="webhooks list",
    ),
    Operation(
        name="webhooks.get",
        summary="Read a webhook",
        permission=Permission.WEBHOOKS_READ,
        method="GET",
        path="/v1/webhooks/{webhook_id}",
        input=WebhookId,
        output=shown.Webhook,
        read=_get,
        tool="get_webhook",
        command="webhooks show",
    ),
    Operation(
        name="webhooks.change",
        summary="Change a webhook, or stop and start it",
        permission=Permission.WEBHOOKS_MANAGE,
        method="PATCH",
        path="/v1/webhooks/{webhook_id}",
        input=WebhookChange,
        output=shown.Webhook,
        act=_change,
        tool="change_webhook",
        command="webhooks change",
        examples=(Example("Start it again", {"enabled": True}),),
    ),
    Operation(
        name="webhooks.remove",
        summary="Remove a webhook",
        permission=Permission.WEBHOOKS_MANAGE,
        method="DELETE",
        path="/v1/webhooks/{webhook_id}",
        status=204,
        input=WebhookId,
        output=None,
        act=_remove,
        destructive=True,
        tool="remove_webhook",
        command="webhooks remove",
    ),
    Operation(
        name="webhooks.rotate_secret",
        summary="Give a webhook a new secret",
        permission=Permission.WEBHOOKS_MANAGE,
        method="POST",
        path="/v1/webhooks/{webhook_id}/rotate-secret",
        input=WebhookId,
        output=shown.NewWebhook,
        act=_rotate,
        secret=True,
        command="webhooks rotate-secret",
        notes="For 24 hours every post carries the signatures of both secrets.",
    ),
    Operation(
        name="webhooks.test",
        summary="Post a test event to a webhook",
        permission=Permission.WEBHOOKS_MANAGE,
        method="POST",
        path="/v1/webhooks/{webhook_id}/test",
        status=202,
        input=WebhookId,
        output=shown.WebhookDelivery,
        act=_test,
        tool="test_webhook",
        command="webhooks test",
    ),
    Operation(
        name="webhooks.deliveries",
        summary="List what a webhook was told, newest first",
        permission=Permission.WEBHOOKS_READ,
        method="GET",
        path="/v1/webhooks/{webhook_id}/deliveries",
        input=DeliveryList,
        output=Page[shown.WebhookDelivery],
        read=_deliveries,
        tool="list_webhook_deliveries",
        command="webhooks deliveries",
    ),
    Operation(
        name="webhooks.redeliver",
        summary="Tell a webhook the same event again",
        permission=Permission.WEBHOOKS_MANAGE,
        method="POST",
        path="/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
        status=202,
        input=DeliveryId,
        output=shown.WebhookDelivery,
        act=_redeliver,
        tool="redeliver_webhook",
        command="webhooks redeliver",
    ),
)
