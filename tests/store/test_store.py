"""What holds for every script: all or nothing, nobody in between, and who is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mailwright.core.ports import Store, Taken, Topic, Tx

from .examples import (
    AGENT,
    APPROVAL,
    DELIVERY,
    DOMAIN,
    EVENT,
    KEY,
    MAILBOX,
    MESSAGE,
    OURS,
    REPORT,
    SUPPRESSION,
    TENANT,
    THEIRS,
    THREAD,
    WEBHOOK,
    WEBHOOK_DELIVERY,
    adding,
    asking,
    ids,
    numbered,
)


async def test_a_script_that_raises_is_undone_as_a_whole(store: Store) -> None:
    await adding(store, "mailboxes", MAILBOX)
    await adding(store, "messages", MESSAGE)

    async def script(tx: Tx) -> None:
        await tx.agents.add(AGENT)
        await tx.mailboxes.advance(MAILBOX.id, 5)
        await tx.messages.put(replace(MESSAGE, subject="changed", labels=("x",)))
        await tx.messages.add(replace(MESSAGE, id="msg_2"))
        await tx.threads.remember("mbx_1", "thr_1", ["<a@x>"])
        await tx.queue.add([DELIVERY])
        await tx.blobs.add("blb_1", b"x")
        await tx.mailboxes.remove(OURS, MAILBOX.id)
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await store.write(script)
    assert await asking(store, lambda tx: tx.agents.get(OURS, AGENT.id)) is None
    assert MAILBOX == await asking(store, lambda tx: tx.mailboxes.get(OURS, MAILBOX.id))
    assert MESSAGE == await asking(store, lambda tx: tx.messages.get(OURS, MESSAGE.id))
    assert await asking(store, lambda tx: tx.messages.get(OURS, "msg_2")) is None
    assert await asking(store, lambda tx: tx.queue.get(DELIVERY.id)) is None
    with pytest.raises(KeyError):
        await store.blobs.open("blb_1")


async def test_a_script_that_raises_takes_no_neighbour_with_it(store: Store) -> None:
    async def make(n: int) -> str:
        async def script(tx: Tx) -> str:
            await tx.agents.add(replace(AGENT, id=f"agt_{n}", name=f"a{n}", client_id=None))
            if n % 3 == 0:
                raise LookupError(str(n))
            return f"agt_{n}"

        return await store.write(script)

    results = await asyncio.gather(*[make(n) for n in range(9)], return_exceptions=True)
    assert [LookupError if n % 3 == 0 else str for n in range(9)] == [type(result) for result in results]
    assert ["1", "2", "4", "5", "7", "8"] == ids(await asking(store, lambda tx: tx.agents.page(OURS, None, 99)))


async def test_a_script_sees_what_it_wrote_and_others_see_it_afterwards(store: Store) -> None:
    async def script(tx: Tx) -> Any:
        await tx.agents.add(AGENT)
        return await tx.agents.get(OURS, AGENT.id)

    assert AGENT == await store.write(script)
    assert AGENT == await asking(store, lambda tx: tx.agents.get(OURS, AGENT.id))


async def test_concurrent_scripts_see_each_other_as_if_one_came_after_the_other(store: Store) -> None:
    await adding(store, "mailboxes", MAILBOX)
    taken = await asyncio.gather(*[store.write(lambda tx: tx.mailboxes.advance(MAILBOX.id, 1)) for _ in range(50)])
    assert [(n, n + 1) for n in range(1, 51)] == sorted(taken)


async def test_of_two_that_want_the_same_name_one_gets_it(store: Store) -> None:
    results = await asyncio.gather(*[adding(store, "agents", AGENT) for _ in range(5)], return_exceptions=True)
    assert 1 == results.count(None)
    assert {Taken, type(None)} == {type(result) for result in results}


@pytest.mark.parametrize("way", ["write", "read", "browse"])
async def test_a_script_that_waits_for_anything_else_is_refused_and_undone(store: Store, way: str) -> None:
    async def script(tx: Tx) -> None:
        if way == "write":
            await tx.agents.add(AGENT)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="await nothing but"):
        await getattr(store, way)(script)
    assert await asking(store, lambda tx: tx.agents.get(OURS, AGENT.id)) is None


@pytest.mark.parametrize("way", ["read", "browse"])
async def test_a_reading_script_may_not_write(store: Store, way: str) -> None:
    with pytest.raises(RuntimeError, match="may not write"):
        await getattr(store, way)(lambda tx: tx.agents.add(AGENT))
    assert await asking(store, lambda tx: tx.agents.get(OURS, AGENT.id)) is None


@pytest.mark.parametrize("way", ["write", "read", "browse"])
async def test_a_transaction_is_of_no_use_after_its_script(store: Store, way: str) -> None:
    async def script(tx: Tx) -> Tx:
        return tx

    tx = await getattr(store, way)(script)
    with pytest.raises(RuntimeError, match="the script is over"):
        await tx.agents.get(OURS, AGENT.id)


async def test_a_cancelled_caller_harms_nobody(store: Store) -> None:
    gone = asyncio.create_task(adding(store, "agents", AGENT))
    others = [
        asyncio.create_task(adding(store, "agents", row))
        for row in numbered(replace(AGENT, client_id=None), 3, name=lambda n: f"b{n}", tenant_id=lambda n: THEIRS)
    ]
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(*others)
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert ["1", "2", "3"] == ids(await asking(store, lambda tx: tx.agents.page(THEIRS, None, 9)))


@pytest.mark.parametrize(
    ("topic", "script"),
    [
        (Topic.EVENTS, lambda tx: tx.events.append(EVENT)),
        (Topic.QUEUE, lambda tx: tx.queue.add([DELIVERY])),
        (Topic.QUEUE, lambda tx: tx.queue.finish(DELIVERY)),
        (Topic.QUEUE, lambda tx: tx.queue.release(0)),
        (Topic.QUEUE, lambda tx: tx.queue.catch_up(0)),
        (Topic.WEBHOOKS, lambda tx: tx.webhooks.add(WEBHOOK)),
        (Topic.WEBHOOKS, lambda tx: tx.webhooks.add_deliveries([WEBHOOK_DELIVERY])),
        (Topic.WEBHOOKS, lambda tx: tx.webhooks.finish(WEBHOOK_DELIVERY)),
        (Topic.WEBHOOKS, lambda tx: tx.webhooks.release(0)),
        (Topic.WEBHOOKS, lambda tx: tx.webhooks.catch_up(0)),
    ],
)
async def test_whoever_waits_for_a_topic_goes_on_when_it_changes_and_not_for_others(
    store: Store, topic: str, script: Any
) -> None:
    seen = {one: store.version(one) for one in (Topic.EVENTS, Topic.QUEUE, Topic.WEBHOOKS)}
    waiting = {one: asyncio.create_task(store.wait(one, seen[one], 30)) for one in seen}
    await asyncio.sleep(0)
    await store.write(script)
    await asyncio.wait_for(waiting[topic], 5)
    await store.wait(topic, seen[topic], 30)  # returns at once: it has changed since
    for one, task in waiting.items():
        assert (one == topic) == task.done()
        assert (one == topic) == (store.version(one) > seen[one])
        task.cancel()


async def test_waiting_ends_when_its_time_is_over(store: Store) -> None:
    await store.wait(Topic.EVENTS, store.version(Topic.EVENTS), 0.01)
    await store.wait(Topic.EVENTS, store.version(Topic.EVENTS), 0)


TABLES = [
    ("keys", KEY),
    ("domains", DOMAIN),
    ("agents", AGENT),
    ("mailboxes", MAILBOX),
    ("messages", MESSAGE),
    ("threads", THREAD),
    ("approvals", APPROVAL),
    ("webhooks", WEBHOOK),
    ("suppressions", SUPPRESSION),
    ("reports", REPORT),
]


@pytest.mark.parametrize(("table", "row"), TABLES)
async def test_another_tenants_row_is_as_good_as_none(store: Store, table: str, row: Any) -> None:
    """S26: neither read nor changed nor removed, not even with its id in hand."""
    theirs = replace(row, tenant_id=THEIRS)
    await adding(store, "tenants", TENANT)
    await adding(store, table, theirs)
    assert await asking(store, lambda tx: getattr(tx, table).get(OURS, row.id)) is None
    assert await asking(store, lambda tx: getattr(tx, table).by_client_id(OURS, getattr(row, "client_id", "x"))) is None
    assert await store.write(lambda tx: getattr(tx, table).remove(OURS, row.id)) is False
    with pytest.raises(KeyError):
        await store.write(lambda tx: getattr(tx, table).put(row))
    assert theirs == await asking(store, lambda tx: getattr(tx, table).get(THEIRS, row.id))
    if table in ("keys", "domains", "agents", "mailboxes", "webhooks", "suppressions", "reports"):
        assert [] == await asking(store, lambda tx: getattr(tx, table).page(OURS, None, 9))
    if table == "mailboxes":
        assert [] == await asking(store, lambda tx: tx.mailboxes.of_agent(OURS, MAILBOX.agent_id))
        assert [] == await asking(store, lambda tx: tx.mailboxes.of_domain(OURS, MAILBOX.domain_id, 9))
    if table == "suppressions":
        for asked in ([SUPPRESSION.address], [SUPPRESSION.address, "carol@there.example"]):
            assert [] == await asking(store, lambda tx, asked=asked: tx.suppressions.matching(OURS, asked))  # type: ignore[misc]
