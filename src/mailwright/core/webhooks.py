"""Webhooks: programs that are told of events, each from its own place in the log.

Signed as Standard Webhooks 1.0 says (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,...`). A webhook
that answers no event with 2xx for all its tries is disabled, and that is an event too. While it is not active, what it was to
be told waits.
fan_out (events become deliveries) -> claim -> post -> record.
Not here: the loop (workers.py), the egress guard (net/poster.py).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from mailwright.core import audit
from mailwright.core.accounts import mailbox_of, system
from mailwright.core.errors import InvalidInput, NotFound
from mailwright.core.events import EventType, publish
from mailwright.core.model import Active, Caller, Event, Webhook, WebhookDelivery
from mailwright.core.ports import NotPosted, Ports, Posted, Tx

MINUTE = 60_000
# After each failed try, how long until the next; jittered. Then the webhook is disabled.
RETRIES = tuple(m * MINUTE for m in (1, 5, 15, 60, 240, 480, 960))
# One event that an end point chokes on is given up alone; only where nothing was answered for about as long, it is the webhook.
FAILED_FOR = sum(RETRIES) * 3 // 4
PORTS = (443, 8443)  # of URLs; the egress guard opens no others
WAITING = 5 * MINUTE  # how often what waits for a paused or disabled webhook is looked at again; enabling it makes it due
LEASE = 2 * MINUTE
# Deliveries of one webhook in hand at once: so few that the others find a place beside an end point that hangs, and that
# all of them have timed out before the lease ends, four at a time.
IN_HAND = 24
SECRET_OVERLAP = 24 * 60 * MINUTE  # how long a rotated secret still signs beside the new one
KEPT_BODY = 1_000
BATCH = 200


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """What a new webhook shall be; no `events` means all."""

    url: str
    events: tuple[str, ...] = ()
    mailbox_id: str | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What shall be different; None leaves a value as it is."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    enabled: bool | None = None


def _checked_url(ports: Ports, url: str) -> str:
    # The address it resolves to is checked at every delivery (S15); here only what can be seen at once.
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidInput.at("url", "it is not a URL") from None
    schemes = ("https", "http") if ports.settings.allow_private_hosts else ("https",)
    if parts.scheme not in schemes or not parts.hostname or parts.username or parts.password or parts.fragment:
        raise InvalidInput.at("url", f"a URL with {' or '.join(schemes)}, a host, and no user name or fragment")
    if any(ord(c) <= 32 or ord(c) == 127 for c in url) or len(url) > 2000 or port == 0:
        raise InvalidInput.at("url", "at most 2000 characters, without spaces or control characters")
    if port not in (None, *PORTS) and not ports.settings.allow_private_hosts:
        raise InvalidInput.at("url", f"port {port} is closed to webhooks: {' or '.join(map(str, PORTS))}")
    return url


def _checked_events(events: Sequence[str]) -> tuple[str, ...]:
    known = {event.value for event in EventType}
    for index, one in enumerate(events):
        if one not in known:
            raise InvalidInput.at(f"events[{index}]", f"no event type: {one[:60]}")
    return tuple(dict.fromkeys(events))


def _secret(ports: Ports) -> str:
    return "whsec_" + b64encode(ports.ids.secret(32)).decode()


async def create(tx: Tx, ports: Ports, caller: Caller, wanted: NewWebhook) -> Webhook:
    """Make a webhook; it is told of events from now on. Its secret can be read as long as it exists."""
    if wanted.client_id and (known := await tx.webhooks.by_client_id(caller.tenant_id, wanted.client_id)):
        return known
    if wanted.mailbox_id is not None:
        await mailbox_of(tx, caller, wanted.mailbox_id)
    webhook = Webhook(
        id=ports.ids.new("whk"),
        tenant_id=caller.tenant_id,
        url=_checked_url(ports, wanted.url),
        events=_checked_events(wanted.events),
        status=Active.ACTIVE,
        secret=_secret(ports),
        cursor=await tx.events.last(caller.tenant_id),
        created_at=ports.clock.now(),
        mailbox_id=wanted.mailbox_id,
        client_id=wanted.client_id,
    )
    await tx.webhooks.add(webhook)
    await audit.record(tx, ports, caller, "webhook.created", webhook.id)
    return webhook


async def load(tx: Tx, caller: Caller, webhook_id: str) -> Webhook:
    """The webhook, by id."""
    webhook = await tx.webhooks.get(caller.tenant_id, webhook_id)
    if webhook is None:
        raise NotFound(f"There is no webhook {webhook_id[:40]}.")
    return webhook


async def get(ports: Ports, caller: Caller, webhook_id: str) -> Webhook:
    """The webhook, by id."""
    return await ports.store.read(lambda tx: load(tx, caller, webhook_id))


async def page(ports: Ports, caller: Caller, after: str | None, limit: int) -> list[Webhook]:
    """The tenant's webhooks."""
    return await ports.store.browse(lambda tx: tx.webhooks.page(caller.tenant_id, after, limit))


async def change(tx: Tx, ports: Ports, caller: Caller, webhook_id: str, wanted: WebhookChange) -> Webhook:
    """Change a webhook; enabling one that was not goes on at once with what waits and the events after its last one."""
    webhook = await load(tx, caller, webhook_id)
    before = status = webhook.status
    if wanted.enabled is not None:
        status = Active.ACTIVE if wanted.enabled else Active.PAUSED
    webhook = replace(
        webhook,
        url=webhook.url if wanted.url is None else _checked_url(ports, wanted.url),
        events=webhook.events if wanted.events is None else _checked_events(wanted.events),
        status=status,
        failing_since=None if status is Active.ACTIVE else webhook.failing_since,
    )
    await tx.webhooks.put(webhook)
    if status is Active.ACTIVE and before is not Active.ACTIVE:
        await tx.webhooks.hasten(caller.tenant_id, webhook.id, ports.clock.now())
    await audit.record(tx, ports, caller, "webhook.changed", webhook.id)
    return webhook


async def remove(tx: Tx, ports: Ports, caller: Caller, webhook_id: str) -> None:
    """Remove a webhook and what it has not been told yet."""
    if not await tx.webhooks.remove(caller.tenant_id, webhook_id):
        raise NotFound(f"There is no webhook {webhook_id[:40]}.")
    await audit.record(tx, ports, caller, "webhook.removed", webhook_id)


async def rotate_secret(tx: Tx, ports: Ports, caller: Caller, webhook_id: str) -> Webhook:
    """A new secret; for 24 hours every delivery carries the signatures of both."""
    webhook = await load(tx, caller, webhook_id)
    until = ports.clock.now() + SECRET_OVERLAP
    webhook = replace(webhook, secret=_secret(ports), previous_secret=webhook.secret, previous_until=until)
    await tx.webhooks.put(webhook)
    await audit.record(tx, ports, caller, "webhook.secret_rotated", webhook.id)
    return webhook


async def deliveries(ports: Ports, caller: Caller, webhook_id: str, before_id: str | None, limit: int) -> list[WebhookDelivery]:
    """What the webhook was told, newest first."""
    await get(ports, caller, webhook_id)
    return await ports.store.browse(lambda tx: tx.webhooks.deliveries(caller.tenant_id, webhook_id, before_id, limit))


async def redeliver(tx: Tx, ports: Ports, caller: Caller, webhook_id: str, delivery_id: str) -> WebhookDelivery:
    """Tell the same event again, now, as a delivery of its own; the `webhook-id` stays, so the receiver can tell."""
    webhook = await load(tx, caller, webhook_id)
    row = await tx.webhooks.delivery(caller.tenant_id, delivery_id)
    if row is None or row.webhook_id != webhook.id:
        raise NotFound(f"There is no delivery {delivery_id[:40]} of this webhook.")
    again = _delivery(ports, webhook, row.event_cursor, row.event_id)
    await tx.webhooks.add_deliveries([again])
    await audit.record(tx, ports, caller, "webhook.redelivered", webhook.id, {"event_id": row.event_id})
    return again


async def test(tx: Tx, ports: Ports, caller: Caller, webhook_id: str) -> WebhookDelivery:
    """Tell the webhook of an event of type `webhook.test`, whatever it listens to."""
    webhook = await load(tx, caller, webhook_id)
    event = Event(
        ports.ids.new("evt"),
        EventType.WEBHOOK_TEST.value,
        caller.tenant_id,
        webhook.mailbox_id,
        ports.clock.now(),
        {"webhook_id": webhook.id},
    )
    cursor = await tx.events.append(event)
    row = _delivery(ports, webhook, cursor, event.id)
    await tx.webhooks.add_deliveries([row])
    await audit.record(tx, ports, caller, "webhook.tested", webhook.id)
    return row


def _delivery(ports: Ports, webhook: Webhook, cursor: int, event_id: str) -> WebhookDelivery:
    now = ports.clock.now()
    return WebhookDelivery(ports.ids.new("whd"), webhook.tenant_id, webhook.id, cursor, event_id, "pending", now, now)


# --- telling ------------------------------------------------------------------------------------------------------------


async def fan_out(ports: Ports) -> int:
    """Turn events that webhooks have not seen into deliveries, in one transaction for each webhook; how many events."""
    behind = await ports.store.read(lambda tx: tx.webhooks.behind(BATCH))
    seen = 0
    for webhook in behind:
        seen += await ports.store.write(lambda tx, webhook=webhook: _advance(tx, ports, webhook))  # type: ignore[misc]
    return seen


async def _advance(tx: Tx, ports: Ports, stale: Webhook) -> int:
    webhook = await tx.webhooks.get(stale.tenant_id, stale.id)
    if webhook is None or webhook.status is not Active.ACTIVE:
        return 0
    # All events are walked, not only the wanted ones: the cursor must pass what this webhook does not care for.
    events = await tx.events.after(webhook.tenant_id, webhook.cursor, None, (), BATCH)
    if not events:
        return 0
    wanted = [event for event in events if _wants(webhook, event)]
    await tx.webhooks.add_deliveries([_delivery(ports, webhook, event.cursor, event.id) for event in wanted])
    await tx.webhooks.put(replace(webhook, cursor=events[-1].cursor))
    return len(events)


def _wants(webhook: Webhook, event: Event) -> bool:
    if event.type == EventType.WEBHOOK_TEST.value:
        return False  # tests go to the one that is tested
    of_mailbox = webhook.mailbox_id is None or webhook.mailbox_id == event.mailbox_id
    return of_mailbox and (not webhook.events or event.type in webhook.events)


@dataclass(frozen=True, slots=True)
class Telling:
    """A claimed delivery with all that it takes to carry it out."""

    row: WebhookDelivery
    webhook: Webhook
    event: Event


async def claim(ports: Ports, limit: int) -> list[Telling]:
    """Take due deliveries, `IN_HAND` of one webhook at most; those of one that is not active wait, those of none are closed."""

    async def script(tx: Tx) -> list[Telling]:
        now = ports.clock.now()
        found: list[Telling] = []
        in_hand: Counter[str] = Counter()
        for row in await tx.webhooks.claim(now, now + LEASE, limit):
            in_hand[row.webhook_id] += 1
            if in_hand[row.webhook_id] > IN_HAND:
                await tx.webhooks.finish(replace(row, attempts=row.attempts - 1, due_at=now))
                continue
            webhook = await tx.webhooks.get(row.tenant_id, row.webhook_id)
            events = await tx.events.after(row.tenant_id, row.event_cursor - 1, None, (), 1)
            if webhook is None or not events or events[0].id != row.event_id:
                await tx.webhooks.finish(replace(row, status="failed", error="the webhook was removed", at=now))
                continue
            if webhook.status is not Active.ACTIVE:
                await tx.webhooks.finish(replace(row, attempts=row.attempts - 1, due_at=now + WAITING))
                continue
            found.append(Telling(row, webhook, events[0]))
        return found

    return await ports.store.write(script)


def headers(webhook: Webhook, event_id: str, body: bytes, now: int) -> list[tuple[str, str]]:
    """What goes with a delivery: id, time stamp (seconds) and one signature for each secret in force."""
    stamp = str(now // 1000)
    secrets = [webhook.secret]
    if webhook.previous_secret and webhook.previous_until and now < webhook.previous_until:
        secrets.append(webhook.previous_secret)
    signatures = " ".join(f"v1,{signature(secret, event_id, stamp, body)}" for secret in secrets)
    return [
        ("content-type", "application/json"),
        ("webhook-id", event_id),
        ("webhook-timestamp", stamp),
        ("webhook-signature", signatures),
    ]


def signature(secret: str, event_id: str, stamp: str, body: bytes) -> str:
    """Base64 of HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks 1.0)."""
    key = b64decode(secret.removeprefix("whsec_"))
    return b64encode(hmac.digest(key, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256)).decode()


async def tell(ports: Ports, telling: Telling, body: bytes, spread: float) -> None:
    """Post one delivery and write what came of it; `spread` in [0, 1) jitters the next try."""
    sent = headers(telling.webhook, telling.event.id, body, ports.clock.now())
    answer = await ports.poster.post(telling.webhook.url, sent, body)
    await ports.store.write(lambda tx: _record(tx, ports, telling, answer, spread))


async def _record(tx: Tx, ports: Ports, telling: Telling, answer: Posted | NotPosted, spread: float) -> None:
    row, now = telling.row, ports.clock.now()
    match answer:
        case Posted(status, body):
            row = replace(row, response_status=status, response_body=body[:KEPT_BODY], error=None, at=now)
            good = 200 <= status < 300
        case NotPosted(reason, detail):
            row = replace(row, response_status=None, response_body=None, error=f"{reason}: {detail}"[:500], at=now)
            good = False
    last = row.attempts > len(RETRIES)
    if good:
        row = replace(row, status="succeeded")
    elif last:
        row = replace(row, status="failed")
    else:
        row = replace(row, status="pending", due_at=now + int(RETRIES[row.attempts - 1] * (0.8 + 0.4 * spread)))
    if await tx.webhooks.finish(row):
        await _judge(tx, ports, telling.webhook, good=good, last=last)


async def _judge(tx: Tx, ports: Ports, told: Webhook, *, good: bool, last: bool) -> None:
    """Note since when nothing was answered, and disable a webhook that has failed for too long."""
    webhook, now = await tx.webhooks.get(told.tenant_id, told.id), ports.clock.now()
    if webhook is None or webhook.status is not Active.ACTIVE:
        return
    since = None if good else webhook.failing_since or now
    if not last or since is None or now - since < FAILED_FOR:
        if since != webhook.failing_since:
            await tx.webhooks.put(replace(webhook, failing_since=since))
        return
    await tx.webhooks.put(replace(webhook, status=Active.DISABLED))
    data = {"webhook_id": webhook.id}  # a URL often holds a token, and agents and other webhooks are told of this
    event = EventType.WEBHOOK_DISABLED
    await publish(tx, ports, event, tenant_id=webhook.tenant_id, mailbox_id=webhook.mailbox_id, data=data)
    await audit.record(tx, ports, system(webhook.tenant_id), "webhook.disabled", webhook.id)
