"""Webhooks: who is behind, and deliveries in the order of events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.model import Active, WebhookDelivery
from mailwright.core.ports import Store, Taken
from mailwright.testing.clock import START

from .examples import EVENT, OURS, THEIRS, WEBHOOK, WEBHOOK_DELIVERY, adding, asking, ids, numbered

LEASE = START + 30_000


async def told(store: Store, *rows: WebhookDelivery) -> None:
    """Add deliveries."""
    await store.write(lambda tx: tx.webhooks.add_deliveries(rows))


async def claimed(store: Store, now: int = START, limit: int = 9) -> list[WebhookDelivery]:
    """Claim."""
    return await store.write(lambda tx: tx.webhooks.claim(now, LEASE, limit))


async def test_webhooks_are_behind_while_their_tenant_has_events_after_their_cursor(store: Store) -> None:
    rows = numbered(WEBHOOK, 4, client_id=lambda n: None, cursor=lambda n: 4 - n)
    rows[1] = replace(rows[1], status=Active.DISABLED)
    await adding(store, "webhooks", *rows, replace(WEBHOOK, id="whk_9", tenant_id=THEIRS))
    assert [] == await asking(store, lambda tx: tx.webhooks.behind(9))
    assert await asking(store, lambda tx: tx.webhooks.active())
    for event in numbered(EVENT, 2):
        await store.write(lambda tx, event=event: tx.events.append(event))  # type: ignore[misc]
    assert ["4", "3"] == ids(await asking(store, lambda tx: tx.webhooks.behind(9)))
    assert ["4"] == ids(await asking(store, lambda tx: tx.webhooks.behind(1)))
    last = await asking(store, lambda tx: tx.events.last(OURS))
    await store.write(lambda tx: tx.webhooks.put(replace(rows[3], cursor=last)))
    assert ["3"] == ids(await asking(store, lambda tx: tx.webhooks.behind(9)))


async def test_disabled_webhooks_are_nobody_to_tell(store: Store) -> None:
    await adding(store, "webhooks", replace(WEBHOOK, status=Active.DISABLED))
    assert not await asking(store, lambda tx: tx.webhooks.active())
    await store.write(lambda tx: tx.webhooks.put(WEBHOOK))
    assert await asking(store, lambda tx: tx.webhooks.active())


async def test_a_delivery_comes_back_as_it_was_added_and_as_it_ended(store: Store) -> None:
    await told(store, WEBHOOK_DELIVERY)
    assert WEBHOOK_DELIVERY == await asking(store, lambda tx: tx.webhooks.delivery(OURS, "wdl_1"))
    assert START == await asking(store, lambda tx: tx.webhooks.next_due())
    (row,) = await claimed(store)
    assert replace(WEBHOOK_DELIVERY, due_at=LEASE, fence=1, attempts=1) == row
    done = replace(row, status="succeeded", response_status=200, response_body="ok", error="none", at=START + 1)
    assert await store.write(lambda tx: tx.webhooks.finish(done)) is True
    assert done == await asking(store, lambda tx: tx.webhooks.delivery(OURS, "wdl_1"))
    assert await asking(store, lambda tx: tx.webhooks.next_due()) is None
    assert [] == await claimed(store, now=LEASE * 2)
    with pytest.raises(Taken):
        await told(store, WEBHOOK_DELIVERY)


async def test_deliveries_of_one_webhook_are_claimed_in_the_order_of_events(store: Store) -> None:
    rows = numbered(WEBHOOK_DELIVERY, 6, event_cursor=lambda n: 10 - n, webhook_id=lambda n: f"whk_{n % 2}")
    await told(store, *rows)
    assert ["6", "5", "4", "3", "2", "1"] == ids(await claimed(store))


async def test_nothing_is_claimed_for_a_webhook_that_is_being_called(store: Store) -> None:
    await told(store, *numbered(WEBHOOK_DELIVERY, 4, event_cursor=lambda n: n, webhook_id=lambda n: f"whk_{n % 2}"))
    first = await claimed(store, limit=1)
    assert ["1"] == ids(first)
    assert ["2", "4"] == ids(await claimed(store))
    assert [] == await claimed(store)
    retry = replace(first[0], due_at=START + 5000)
    assert await store.write(lambda tx: tx.webhooks.finish(retry))
    assert ["3"] == ids(await claimed(store))  # one that failed does not hold up those after it


async def test_a_long_line_for_a_webhook_that_is_being_called_does_not_hide_the_others(store: Store) -> None:
    await adding(store, "webhooks", *numbered(WEBHOOK, 2, client_id=lambda n: None))
    await told(store, *numbered(WEBHOOK_DELIVERY, 1100, event_cursor=lambda n: n))
    await told(store, replace(WEBHOOK_DELIVERY, id="wdl_x", webhook_id="whk_2", event_cursor=5000))
    assert ["1"] == ids(await claimed(store, limit=1))
    assert ["x"] == ids(await claimed(store))


async def test_a_late_result_is_refused_and_an_expired_lease_comes_back(store: Store) -> None:
    await told(store, WEBHOOK_DELIVERY)
    (late,) = await claimed(store)
    (second,) = await claimed(store, now=LEASE)
    assert await store.write(lambda tx: tx.webhooks.finish(replace(late, status="failed"))) is False
    assert second == await asking(store, lambda tx: tx.webhooks.delivery(OURS, "wdl_1"))


async def test_a_start_makes_due_what_a_dead_server_had_claimed(store: Store) -> None:
    await told(store, *numbered(WEBHOOK_DELIVERY, 2, due_at=lambda n: START + n - 1))
    assert ["1"] == ids(await claimed(store))
    assert 1 == await store.write(lambda tx: tx.webhooks.release(START))
    assert ["1"] == ids(await claimed(store))


async def test_what_waits_to_be_told_tells_the_latest_time_it_knows_of(store: Store) -> None:
    await told(store, replace(WEBHOOK_DELIVERY, created_at=START, due_at=START + 50))
    assert START == await asking(store, lambda tx: tx.webhooks.latest(START))
    assert await asking(store, lambda tx: tx.webhooks.latest(START + 50)) is None
    await told(
        store, replace(WEBHOOK_DELIVERY, id="wdl_8", webhook_id="whk_2", created_at=START, at=START + 9, due_at=START + 90)
    )
    assert START + 9 == await asking(store, lambda tx: tx.webhooks.latest(START))


async def test_once_the_clock_was_set_back_all_is_due_that_waits_but_what_is_being_told(store: Store) -> None:
    hour_before = START - 3_600_000
    await told(store, WEBHOOK_DELIVERY)
    await claimed(store)
    await told(store, replace(WEBHOOK_DELIVERY, id="wdl_8", webhook_id="whk_2", due_at=START))
    await told(store, replace(WEBHOOK_DELIVERY, id="wdl_9", status="succeeded", due_at=START))
    assert 1 == await store.write(lambda tx: tx.webhooks.catch_up(hour_before))
    assert ["8"] == ids(await claimed(store, now=hour_before))


async def test_what_waits_for_a_webhook_is_made_due_but_not_what_is_being_told(store: Store) -> None:
    late = numbered(WEBHOOK_DELIVERY, 2, due_at=lambda n: START + 1000)
    other = replace(WEBHOOK_DELIVERY, id="wdl_8", webhook_id="whk_2", due_at=START + 1000)
    over = replace(WEBHOOK_DELIVERY, id="wdl_9", status="succeeded", due_at=START + 1000)
    await told(store, *late, other, over)
    assert 0 == await store.write(lambda tx: tx.webhooks.hasten(THEIRS, "whk_1", START))
    assert 2 == await store.write(lambda tx: tx.webhooks.hasten(OURS, "whk_1", START))
    assert ["1", "2"] == sorted(ids(await claimed(store)))
    assert 0 == await store.write(lambda tx: tx.webhooks.hasten(OURS, "whk_1", START))


async def test_deliveries_are_listed_newest_first(store: Store) -> None:
    await told(store, *numbered(WEBHOOK_DELIVERY, 4), replace(WEBHOOK_DELIVERY, id="wdl_5", webhook_id="whk_2"))
    assert ["4", "3"] == ids(await asking(store, lambda tx: tx.webhooks.deliveries(OURS, "whk_1", None, 2)))
    assert ["2", "1"] == ids(await asking(store, lambda tx: tx.webhooks.deliveries(OURS, "whk_1", "wdl_3", 9)))
    assert [] == await asking(store, lambda tx: tx.webhooks.deliveries(OURS, "whk_1", "wdl_9", 9))


async def test_another_tenants_deliveries_are_as_good_as_none(store: Store) -> None:
    """S26."""
    await told(store, replace(WEBHOOK_DELIVERY, tenant_id=THEIRS))
    assert await asking(store, lambda tx: tx.webhooks.delivery(OURS, "wdl_1")) is None
    assert [] == await asking(store, lambda tx: tx.webhooks.deliveries(OURS, "whk_1", None, 9))
    await told(
        store, *numbered(replace(WEBHOOK_DELIVERY, id="wdl_ours_0"), 2), replace(WEBHOOK_DELIVERY, id="wdl_9", tenant_id=THEIRS)
    )
    assert [] == await asking(store, lambda tx: tx.webhooks.deliveries(OURS, "whk_1", "wdl_9", 9))
    assert await store.write(lambda tx: tx.webhooks.finish(WEBHOOK_DELIVERY)) is False
