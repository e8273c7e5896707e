"""The queue: who gets what when, and whose result counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.model import Delivery, MessageStatus
from mailwright.core.ports import Store, Taken
from mailwright.testing.clock import START

from .examples import ATTEMPT, DELIVERY, OURS, THEIRS, asking, ids, numbered

LEASE = START + 60_000


async def queued(store: Store, *rows: Delivery) -> None:
    """Put rows into the queue."""
    await store.write(lambda tx: tx.queue.add(rows))


async def claimed(store: Store, now: int = START, limit: int = 9, busy: tuple[str, ...] = ()) -> list[Delivery]:
    """Claim."""
    return await store.write(lambda tx: tx.queue.claim(now, LEASE, limit, busy))


async def test_deliveries_come_back_as_they_were_added_in_the_order_of_recipients(store: Store) -> None:
    rows = numbered(DELIVERY, 3)[::-1]
    await queued(store, *rows)
    assert rows == await asking(store, lambda tx: tx.queue.of_message(OURS, "msg_1"))
    assert rows[0] == await asking(store, lambda tx: tx.queue.get("dlv_3"))
    assert await asking(store, lambda tx: tx.queue.get("dlv_4")) is None
    with pytest.raises(Taken):
        await queued(store, rows[0])


async def test_the_longest_due_is_claimed_first_and_leased(store: Store) -> None:
    rows = numbered(DELIVERY, 4, due_at=lambda n: START - n if n != 4 else START + 1)
    await queued(store, *rows)
    assert START - 3 == await asking(store, lambda tx: tx.queue.next_due())
    first = await claimed(store, limit=2)
    assert ["3", "2"] == ids(first)
    assert replace(rows[2], due_at=LEASE, fence=1, attempts=1) == first[0]
    assert first[0] == await asking(store, lambda tx: tx.queue.get("dlv_3"))
    assert ["1"] == ids(await claimed(store))
    assert [] == await claimed(store)
    assert START + 1 == await asking(store, lambda tx: tx.queue.next_due())


async def test_a_lease_is_renewed_by_whoever_holds_it_and_still_released_with_the_others(store: Store) -> None:
    await queued(store, DELIVERY)
    (row,) = await claimed(store)
    assert await store.write(lambda tx: tx.queue.renew(row, LEASE + 5))
    assert LEASE + 5 == (await asking(store, lambda tx: tx.queue.get(row.id))).due_at
    assert not await store.write(lambda tx: tx.queue.renew(replace(row, fence=row.fence - 1), LEASE + 9))
    assert 1 == await store.write(lambda tx: tx.queue.release(START))
    assert not await store.write(lambda tx: tx.queue.renew(row, LEASE))


async def test_a_claimed_row_is_held_until_its_fence_moves_on(store: Store) -> None:
    await queued(store, DELIVERY)
    assert [False] == await asking(store, lambda tx: tx.queue.held([DELIVERY]))
    (row,) = await claimed(store)
    others = [replace(row, id="dlv_none"), replace(row, tenant_id=THEIRS), replace(row, fence=row.fence - 1)]
    assert [True, False, False, False] == await asking(store, lambda tx: tx.queue.held([row, *others]))
    await store.write(lambda tx: tx.queue.put(row))
    assert [False] == await asking(store, lambda tx: tx.queue.held([row]))


async def test_the_states_of_a_messages_deliveries_are_told_each_once(store: Store) -> None:
    first, second, third, other = numbered(DELIVERY, 4)
    await queued(store, first, second, replace(third, status=MessageStatus.BOUNCED), replace(other, message_id="msg_2"))
    told = await asking(store, lambda tx: tx.queue.statuses(OURS, "msg_1"))
    assert {MessageStatus.QUEUED, MessageStatus.BOUNCED} == told
    assert set() == await asking(store, lambda tx: tx.queue.statuses(THEIRS, "msg_1"))


async def test_those_due_at_the_same_time_are_claimed_in_the_order_they_came(store: Store) -> None:
    await queued(store, *numbered(DELIVERY, 4)[::-1])
    assert ["4", "3"] == ids(await claimed(store, limit=2))
    assert ["2", "1"] == ids(await claimed(store, limit=2))


async def test_only_what_waits_to_be_sent_is_claimed(store: Store) -> None:
    """I5: what is held has no way out of here."""
    statuses = list(MessageStatus)
    await queued(store, *numbered(DELIVERY, len(statuses), status=lambda n: statuses[n - 1]))
    waiting = {row.status for row in await claimed(store, limit=99)}
    assert {MessageStatus.QUEUED, MessageStatus.DEFERRED, MessageStatus.SCHEDULED} == waiting


async def test_busy_domains_are_passed_over(store: Store) -> None:
    await queued(store, *numbered(DELIVERY, 4, domain=lambda n: f"d{n % 2}.example"))
    assert ["2", "4"] == ids(await claimed(store, busy=("d1.example", "x.example")))
    assert [] == await claimed(store, busy=("d1.example",))
    assert ["1", "3"] == ids(await claimed(store))


async def test_no_more_of_a_domain_is_claimed_than_there_is_room_for(store: Store) -> None:
    domains = ("a.example", "a.example", "b.example", "a.example")
    await queued(store, *(replace(row, domain=name) for row, name in zip(numbered(DELIVERY, 4), domains, strict=True)))
    room = {"a.example": 2, "b.example": 0}
    taken = await store.write(lambda tx: tx.queue.claim(START, LEASE, 9, (), room.__getitem__))
    assert ["1", "2"] == ids(taken)
    assert ["3", "4"] == ids(await claimed(store))


async def test_a_long_line_for_one_busy_domain_does_not_hide_the_others(store: Store) -> None:
    line = numbered(DELIVERY, 1200, domain=lambda n: "busy.example")
    rest = [replace(DELIVERY, id=f"dlv_r{n}", domain=f"d{n:04}.example", due_at=START - (n > 590)) for n in range(600)]
    later = replace(DELIVERY, id="dlv_l", domain="aaa.example", due_at=START + 1)
    await queued(store, *line, later)
    await queued(store, *[replace(row, due_at=START + 5) for row in rest])
    assert [] == await claimed(store, busy=("busy.example",))
    taken: list[str] = []
    for _ in range(40):
        taken += ids(await claimed(store, now=START + 5, limit=50, busy=("busy.example",)))
    assert sorted([*(f"r{n}" for n in range(600)), "l"]) == sorted(taken)


async def test_an_expired_lease_comes_back_and_the_late_result_is_refused(store: Store) -> None:
    """I2, and the fence."""
    await queued(store, DELIVERY)
    (late,) = await claimed(store)
    assert [] == await claimed(store, now=LEASE - 1)
    (second,) = await claimed(store, now=LEASE)
    assert (2, 2) == (second.fence, second.attempts)
    done = replace(late, status=MessageStatus.DELIVERED, code=250)
    assert await store.write(lambda tx: tx.queue.finish(done)) is False
    assert second == await asking(store, lambda tx: tx.queue.get(DELIVERY.id))
    assert await store.write(lambda tx: tx.queue.finish(replace(done, fence=2))) is True
    assert [] == await claimed(store, now=LEASE * 2)


async def test_a_result_is_written_whole(store: Store) -> None:
    await queued(store, DELIVERY)
    (row,) = await claimed(store)
    result = replace(
        row,
        status=MessageStatus.DEFERRED,
        due_at=START + 5,
        attempts=0,
        code=451,
        enhanced="4.7.1",
        text="later",
        mx="mx.there.example",
        at=START + 1,
    )
    assert await store.write(lambda tx: tx.queue.finish(result))
    assert result == await asking(store, lambda tx: tx.queue.get(DELIVERY.id))
    assert ["1"] == ids(await claimed(store, now=START + 5))


async def test_a_persons_word_overrules_whoever_holds_the_lease(store: Store) -> None:
    await queued(store, DELIVERY)
    (row,) = await claimed(store)
    cancelled = replace(row, status=MessageStatus.CANCELLED, fence=0, expires_at=START)
    await store.write(lambda tx: tx.queue.put(cancelled))
    assert replace(cancelled, fence=2) == await asking(store, lambda tx: tx.queue.get(DELIVERY.id))
    assert await store.write(lambda tx: tx.queue.finish(row)) is False
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.queue.put(replace(row, id="dlv_2")))


async def test_a_start_makes_due_what_a_dead_server_had_claimed_and_nothing_else(store: Store) -> None:
    rows = numbered(DELIVERY, 4)
    rows[3] = replace(rows[3], due_at=START + 500_000)  # backs off
    await queued(store, *rows)
    taken = await claimed(store, limit=3)
    await store.write(lambda tx: tx.queue.finish(replace(taken[0], status=MessageStatus.DELIVERED)))
    await store.write(lambda tx: tx.queue.finish(replace(taken[1], status=MessageStatus.DEFERRED, due_at=START + 400_000)))
    assert 1 == await store.write(lambda tx: tx.queue.release(START + 7))
    assert START + 7 == await asking(store, lambda tx: tx.queue.next_due())
    assert ["3"] == ids(await claimed(store, now=START + 7))
    assert 1 == await store.write(lambda tx: tx.queue.release(START + 8))


async def test_what_waits_tells_the_latest_time_it_knows_of(store: Store) -> None:
    first, second, third = numbered(DELIVERY, 3)
    await queued(
        store, replace(first, created_at=START, due_at=START + 50), replace(second, created_at=START + 2, due_at=START)
    )
    assert START == await asking(store, lambda tx: tx.queue.latest(START))
    assert START + 2 == await asking(store, lambda tx: tx.queue.latest(START - 1))
    assert await asking(store, lambda tx: tx.queue.latest(START + 50)) is None
    await queued(store, replace(third, created_at=START, at=START + 9, due_at=START + 90, status=MessageStatus.DEFERRED))
    assert START + 9 == await asking(store, lambda tx: tx.queue.latest(START))


async def test_once_the_clock_was_set_back_all_is_due_that_waits_but_what_is_taken_or_scheduled(store: Store) -> None:
    rows = numbered(DELIVERY, 4)
    await queued(store, rows[0])
    await claimed(store)
    later = (MessageStatus.QUEUED, MessageStatus.DEFERRED, MessageStatus.SCHEDULED)
    await queued(store, *(replace(row, status=status, due_at=START) for row, status in zip(rows[1:], later, strict=True)))
    assert 2 == await store.write(lambda tx: tx.queue.catch_up(START - 3_600_000))
    assert ["2", "3"] == ids(await claimed(store, now=START - 3_600_000))
    assert 0 == await store.write(lambda tx: tx.queue.catch_up(START - 3_600_000))


async def test_what_waits_of_one_mailbox_is_due_at_once_scheduled_or_not_but_for_what_is_taken(store: Store) -> None:
    first, *others = numbered(DELIVERY, 4)
    await queued(store, first)
    await claimed(store)
    states = (MessageStatus.QUEUED, MessageStatus.SCHEDULED, MessageStatus.CANCELLED)
    await queued(store, *(replace(row, status=status, due_at=START + 9) for row, status in zip(others, states, strict=True)))
    for tenant_id, mailbox_id in ((THEIRS, DELIVERY.mailbox_id), (OURS, "mbx_other")):
        await store.write(lambda tx, ids=(tenant_id, mailbox_id): tx.queue.hurry(*ids, START))  # type: ignore[misc]
    assert [] == await claimed(store)
    await store.write(lambda tx: tx.queue.hurry(OURS, DELIVERY.mailbox_id, START))
    assert ["2", "3"] == ids(await claimed(store))


async def test_attempts_are_kept_and_an_open_one_tells_of_a_dead_worker(store: Store) -> None:
    await queued(store, DELIVERY)
    first, second, other = numbered(ATTEMPT, 3, number=lambda n: n)
    other = replace(other, delivery_id="dlv_2")
    await store.write(lambda tx: tx.queue.start_attempts([first, second, other]))
    done = replace(
        first,
        finished_at=START + 5,
        outcome="deferred",
        mx="mx",
        address="192.0.2.1",
        tls="TLSv1.3",
        code=451,
        enhanced="4.7.1",
        text="later",
        transcript=("S: 220", "C: EHLO x"),
        signature=b"DKIM-Signature: \xff",
    )
    await store.write(lambda tx: tx.queue.finish_attempt(done))
    assert [done, second, other] == await asking(store, lambda tx: tx.queue.attempts(OURS, "msg_1"))
    assert second == await asking(store, lambda tx: tx.queue.open_attempt("dlv_1"))
    assert [] == await asking(store, lambda tx: tx.queue.abandoned())
    await store.write(lambda tx: tx.queue.finish_attempt(replace(second, outcome="unknown")))
    assert await asking(store, lambda tx: tx.queue.open_attempt("dlv_1")) is None
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.queue.finish_attempt(replace(done, id="att_9")))


async def test_what_was_cancelled_meanwhile_and_has_no_outcome_is_found(store: Store) -> None:
    await queued(store, DELIVERY)
    done, left_open = numbered(ATTEMPT, 2, number=lambda n: n)
    await store.write(lambda tx: tx.queue.start_attempts([replace(done, outcome="deferred"), left_open]))
    await store.write(lambda tx: tx.queue.put(replace(DELIVERY, status=MessageStatus.CANCELLED)))
    assert [left_open] == await asking(store, lambda tx: tx.queue.abandoned())


async def test_another_tenants_queue_is_as_good_as_empty(store: Store) -> None:
    """S26. Claims serve all tenants."""
    await queued(store, replace(DELIVERY, tenant_id=THEIRS))
    await store.write(lambda tx: tx.queue.start_attempts([replace(ATTEMPT, tenant_id=THEIRS)]))
    assert [] == await asking(store, lambda tx: tx.queue.of_message(OURS, "msg_1"))
    assert [] == await asking(store, lambda tx: tx.queue.attempts(OURS, "msg_1"))
    assert set() == await asking(store, lambda tx: tx.queue.statuses(OURS, "msg_1"))
    assert await store.write(lambda tx: tx.queue.finish(DELIVERY)) is False
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.queue.put(DELIVERY))
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.queue.finish_attempt(ATTEMPT))
    (row,) = await claimed(store)
    assert THEIRS == row.tenant_id
    mistaken = replace(row, tenant_id=OURS)
    assert [False] == await asking(store, lambda tx: tx.queue.held([mistaken]))
    assert await store.write(lambda tx: tx.queue.renew(mistaken, START + 9)) is False
    assert await store.write(lambda tx: tx.queue.renew(row, START + 9)) is True
