"""Numbers about the whole store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mailwright.core import model as m
from mailwright.store.sqlite import SqliteStore, open_store
from mailwright.store.sqlite.census import Census, Waiting
from mailwright.testing.clock import START

from ..examples import APPROVAL, DELIVERY, EVENT, MESSAGE, THEIRS, WEBHOOK, WEBHOOK_DELIVERY, adding, numbered


@pytest.fixture
async def kept(tmp_path: Path):
    """A store, and a census of it."""
    async with await open_store(tmp_path) as store:
        census = Census(tmp_path)
        yield store, census
        census.close()


async def event(store: SqliteStore, kind: str, **data: object) -> None:
    await store.write(lambda tx: tx.events.append(replace(EVENT, type=kind, data=data)))


async def test_an_empty_store_has_nothing(kept):
    _, census = kept
    found = census.look(START)
    assert ({}, {}, {}, None) == (found.deliveries, found.events, found.verdicts, found.due_since)
    assert (Waiting(), Waiting()) == (found.webhooks, found.approvals)
    assert found.database > 0


async def test_what_waits_is_counted_by_state_with_the_age_of_the_oldest(kept):
    store, census = kept
    rows = numbered(DELIVERY, 5, created_at=lambda n: START + n, due_at=lambda n: START + 100 * n)
    states = ("queued", "queued", "deferred", "delivered", "bounced")
    rows = [replace(row, status=m.MessageStatus(state), tenant_id=THEIRS) for row, state in zip(rows, states, strict=True)]
    await store.write(lambda tx: tx.queue.add(rows))
    found = census.look(START + 250)
    assert {"queued": Waiting(2, START + 1), "deferred": Waiting(1, START + 3)} == found.deliveries
    assert START + 100 == found.due_since
    assert census.look(START).due_since is None


async def test_what_happened_is_counted_once_from_the_first_look_on(kept, tmp_path: Path):
    store, census = kept
    await event(store, "message.received")
    await event(store, "message.delivered", code=250)
    await event(store, "message.deferred", code=None)
    assert {("message.received", None): 1, ("message.delivered", 2): 1, ("message.deferred", 0): 1} == census.look(START).events
    assert {} == census.look(START).events
    await event(store, "message.bounced", code=550)
    assert {("message.bounced", 5): 1} == census.look(START).events
    assert {} == Census(tmp_path).look(START).events  # who comes later counts from there on


async def test_what_dmarc_found_is_counted_of_what_came_in(kept):
    store, census = kept
    results = ["pass", "pass", "fail", None]
    rows = [
        replace(row, direction=m.Direction.INBOUND, authentication={"dmarc": {"result": result}} if result else None)
        for row, result in zip(numbered(MESSAGE, 4), results, strict=True)
    ]
    await adding(store, "messages", *rows, replace(MESSAGE, id="msg_9", direction=m.Direction.OUTBOUND))
    assert {"pass": 2, "fail": 1, None: 1} == census.look(START).verdicts


async def test_webhooks_lag_by_the_oldest_event_that_was_not_told(kept):
    store, census = kept
    await adding(store, "webhooks", replace(WEBHOOK, tenant_id=EVENT.tenant_id))
    await store.write(lambda tx: tx.events.append(replace(EVENT, created_at=START + 7)))
    assert Waiting(0, START + 7) == census.look(START).webhooks
    await store.write(lambda tx: tx.webhooks.add_deliveries([replace(WEBHOOK_DELIVERY, created_at=START + 3)]))
    assert Waiting(1, START + 3) == census.look(START).webhooks


async def test_a_webhook_does_not_lag_behind_the_events_of_another_tenant(kept):
    store, census = kept
    await adding(store, "webhooks", WEBHOOK)
    await store.write(lambda tx: tx.events.append(replace(EVENT, tenant_id=THEIRS)))
    assert Waiting() == census.look(START).webhooks


async def test_open_questions_are_counted(kept):
    store, census = kept
    done = replace(APPROVAL, id="apr_2", status=m.ApprovalStatus.APPROVED)
    await adding(store, "approvals", APPROVAL, done)
    assert Waiting(1, START) == census.look(START).approvals
