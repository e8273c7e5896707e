"""Events, the audit log, idempotency and approvals: what happened, and who was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.model import ApprovalStatus, Event
from mailwright.core.ports import AuditFilter, Store, Taken
from mailwright.testing.clock import START

from .examples import APPROVAL, ENTRY, EVENT, OURS, SAVED, THEIRS, adding, asking, ids, numbered


async def happened(store: Store, *events: Event) -> list[int]:
    """Append events, each in a transaction of its own; their cursors."""
    return [await store.write(lambda tx, event=event: tx.events.append(event)) for event in events]  # type: ignore[misc]


# --- events -------------------------------------------------------------------------------------------------------------


async def test_events_come_back_as_they_were_with_their_place(store: Store) -> None:
    cursor = (await happened(store, EVENT))[0]
    assert [replace(EVENT, cursor=cursor)] == await asking(store, lambda tx: tx.events.after(OURS, 0, None, (), 9))
    assert cursor == await asking(store, lambda tx: tx.events.last(OURS))
    assert 0 == await asking(store, lambda tx: tx.events.last(THEIRS))


async def test_cursors_rise_in_the_order_of_commits_and_reading_on_neither_skips_nor_repeats(store: Store) -> None:
    """I7."""
    cursors = await happened(store, *numbered(EVENT, 7))
    assert sorted(set(cursors)) == cursors
    seen: list[Event] = []
    for start in (0, cursors[2], cursors[5]):
        seen += await asking(store, lambda tx, start=start: tx.events.after(OURS, start, None, (), 3))  # type: ignore[misc]
    assert ["1", "2", "3", "4", "5", "6", "7"] == ids(seen)
    assert cursors == [event.cursor for event in seen]


async def test_events_of_a_script_that_failed_leave_no_trace(store: Store) -> None:
    before = store.version("events")

    async def script(tx: object) -> None:
        await tx.events.append(EVENT)  # type: ignore[attr-defined]
        raise ValueError

    with pytest.raises(ValueError):
        await store.write(script)
    assert [] == await asking(store, lambda tx: tx.events.after(OURS, 0, None, (), 9))
    assert before == store.version("events")


@pytest.mark.parametrize(
    ("mailbox_id", "types", "expected"),
    [
        (None, (), ["1", "2", "3"]),
        ("mbx_1", (), ["1", "3"]),
        ("mbx_9", (), []),
        (None, ("message.held",), ["3"]),
        (None, ("message.held", "message.received"), ["1", "2", "3"]),
        ("mbx_1", ("message.received",), ["1"]),
        (None, ("nothing",), []),
    ],
)
async def test_events_are_narrowed_by_mailbox_and_type(
    store: Store, mailbox_id: str | None, types: tuple[str, ...], expected: list[str]
) -> None:
    one, two, three = numbered(EVENT, 3)
    theirs = replace(EVENT, id="evt_4", tenant_id=THEIRS)
    await happened(store, one, replace(two, mailbox_id=None), replace(three, type="message.held"), theirs)
    assert expected == ids(await asking(store, lambda tx: tx.events.after(OURS, 0, mailbox_id, types, 9)))


async def test_the_events_of_a_message_are_found_by_what_their_data_names(store: Store) -> None:
    one, two, three = numbered(EVENT, 3)
    await happened(store, one, replace(two, data={"message_id": "msg_2"}), three, replace(EVENT, id="evt_4", data={}))
    await happened(store, replace(EVENT, id="evt_5", tenant_id=THEIRS))
    assert ["1", "3"] == ids(await asking(store, lambda tx: tx.events.of_message(OURS, "msg_1")))


# --- the audit log ------------------------------------------------------------------------------------------------------


async def test_the_audit_log_is_read_in_order_and_its_last_entry_is_that_of_all_tenants(store: Store) -> None:
    assert await asking(store, lambda tx: tx.audit.head()) is None
    rows = [replace(ENTRY, index=n, subject=f"msg_{n % 2}", action="a.b" if n > 2 else ENTRY.action) for n in range(5)]
    theirs = replace(ENTRY, index=5, tenant_id=THEIRS, hash="theirs")
    for row in (*rows, theirs):
        await store.write(lambda tx, row=row: tx.audit.append(row))  # type: ignore[misc]
    assert (5, "theirs") == await asking(store, lambda tx: tx.audit.head())
    assert rows == await asking(store, lambda tx: tx.audit.page(OURS, AuditFilter(), -1, 9))
    assert rows[2:4] == await asking(store, lambda tx: tx.audit.page(OURS, AuditFilter(), 1, 2))
    assert [rows[1], rows[3]] == await asking(store, lambda tx: tx.audit.page(OURS, AuditFilter("msg_1"), -1, 9))
    assert rows[3:] == await asking(store, lambda tx: tx.audit.page(OURS, AuditFilter(None, "a.b"), -1, 9))
    assert rows[4:] == await asking(store, lambda tx: tx.audit.page(OURS, AuditFilter("msg_0", "a.b"), 2, 9))
    assert [] == await asking(store, lambda tx: tx.audit.page(OURS, AuditFilter("msg_9"), -1, 9))


CONCERNED = [
    replace(ENTRY, index=0, at=10, agent_id="agt_1", mailbox_id="mbx_1", domain="a.example"),
    replace(ENTRY, index=1, at=20, agent_id="agt_1", mailbox_id="mbx_2", domain="b.example"),
    replace(ENTRY, index=2, at=30, agent_id="agt_2", mailbox_id="mbx_3", domain="b.example"),
    replace(ENTRY, index=3, at=40),
    replace(ENTRY, index=4, at=40, tenant_id=THEIRS, agent_id="agt_1", mailbox_id="mbx_1", domain="a.example"),
]


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        (AuditFilter(agent_id="agt_1"), [0, 1]),
        (AuditFilter(mailbox_id="mbx_1"), [0]),
        (AuditFilter(mailbox_id="mbx_2"), [1]),
        (AuditFilter(mailbox_id="mbx_2", agent_id="agt_2"), []),
        (AuditFilter(domain="b.example"), [1, 2]),
        (AuditFilter(domain="b.example", agent_id="agt_2"), [2]),
        (AuditFilter(since=20), [1, 2, 3]),
        (AuditFilter(until=30), [0, 1]),
        (AuditFilter(since=20, until=40, agent_id="agt_1"), [1]),
        (AuditFilter(subject=ENTRY.subject, since=31), [3]),
    ],
)
async def test_the_audit_log_is_searched_by_whom_it_concerned_and_when(
    store: Store, narrow: AuditFilter, expected: list[int]
) -> None:
    for row in CONCERNED:
        await store.write(lambda tx, row=row: tx.audit.append(row))  # type: ignore[misc]
    assert expected == [row.index for row in await asking(store, lambda tx: tx.audit.page(OURS, narrow, -1, 9))]


async def test_refused_requests_of_a_key_are_counted_to_a_limit(store: Store) -> None:
    for n in range(5):
        row = replace(ENTRY, index=n, at=n, action="request.refused", actor="key_2" if n == 3 else "key_1")
        await store.write(lambda tx, row=row: tx.audit.append(row))  # type: ignore[misc]
    await store.write(lambda tx: tx.audit.append(replace(ENTRY, index=5, at=5, actor="key_1")))
    assert 3 == await asking(store, lambda tx: tx.audit.refusals(OURS, "key_1", 1, 9))
    assert 2 == await asking(store, lambda tx: tx.audit.refusals(OURS, "key_1", 1, 2))
    assert 0 == await asking(store, lambda tx: tx.audit.refusals(THEIRS, "key_1", 0, 9))


async def test_an_entry_of_the_audit_log_is_never_overwritten(store: Store) -> None:
    """I10."""
    await store.write(lambda tx: tx.audit.append(ENTRY))
    with pytest.raises(Taken):
        await store.write(lambda tx: tx.audit.append(replace(ENTRY, action="forged")))
    assert [ENTRY] == await asking(store, lambda tx: tx.audit.page(OURS, AuditFilter(), -1, 9))


# --- idempotency --------------------------------------------------------------------------------------------------------


async def test_an_answer_is_kept_for_its_key_and_tenant_until_it_is_old(store: Store) -> None:
    await store.write(lambda tx: tx.idempotency.add(OURS, "k", SAVED))
    newer = replace(SAVED, status=201, created_at=START + 1)
    await store.write(lambda tx: tx.idempotency.add(THEIRS, "k", newer))
    assert SAVED == await asking(store, lambda tx: tx.idempotency.get(OURS, "k"))
    assert newer == await asking(store, lambda tx: tx.idempotency.get(THEIRS, "k"))
    with pytest.raises(Taken):
        await store.write(lambda tx: tx.idempotency.add(OURS, "k", newer))
    assert 1 == await store.write(lambda tx: tx.idempotency.forget_before(START + 1))
    assert await asking(store, lambda tx: tx.idempotency.get(OURS, "k")) is None
    assert newer == await asking(store, lambda tx: tx.idempotency.get(THEIRS, "k"))


# --- approvals ----------------------------------------------------------------------------------------------------------


async def test_an_approval_comes_back_as_it_was_added_and_as_it_was_decided(store: Store) -> None:
    await adding(store, "approvals", APPROVAL)
    assert APPROVAL == await asking(store, lambda tx: tx.approvals.get(OURS, APPROVAL.id))
    decided = replace(APPROVAL, status=ApprovalStatus.APPROVED, decided_by="key_1", decided_at=START + 1, note="fine")
    await store.write(lambda tx: tx.approvals.put(decided))
    assert decided == await asking(store, lambda tx: tx.approvals.get(OURS, APPROVAL.id))
    with pytest.raises(Taken):
        await adding(store, "approvals", APPROVAL)
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.approvals.put(replace(APPROVAL, tenant_id=THEIRS)))


async def test_approvals_are_listed_oldest_first_by_status_and_mailbox(store: Store) -> None:
    rows = numbered(APPROVAL, 5, mailbox_id=lambda n: f"mbx_{n % 2}")
    rows[3] = replace(rows[3], status=ApprovalStatus.REJECTED)
    await adding(store, "approvals", replace(APPROVAL, id="apr_9", tenant_id=THEIRS), *rows[::-1])
    pending = ApprovalStatus.PENDING
    assert ["5", "4", "3"] == ids(await asking(store, lambda tx: tx.approvals.page(OURS, None, None, None, 3)))
    assert ["2", "1"] == ids(await asking(store, lambda tx: tx.approvals.page(OURS, None, None, "apr_3", 3)))
    assert ["5", "3", "2", "1"] == ids(await asking(store, lambda tx: tx.approvals.page(OURS, pending, None, None, 9)))
    assert ["3", "1"] == ids(await asking(store, lambda tx: tx.approvals.page(OURS, pending, "mbx_1", "apr_5", 9)))
    assert ["4", "2"] == ids(await asking(store, lambda tx: tx.approvals.page(OURS, None, "mbx_0", None, 9)))
    assert [] == await asking(store, lambda tx: tx.approvals.page(OURS, None, None, "apr_9", 9))


async def test_approvals_that_nobody_answered_in_time_are_found_the_longest_over_first(store: Store) -> None:
    rows = numbered(APPROVAL, 4, expires_at=lambda n: START + 100 - n)
    rows[1] = replace(rows[1], status=ApprovalStatus.APPROVED)
    await adding(store, "approvals", *rows)
    assert [] == await asking(store, lambda tx: tx.approvals.overdue(START + 95, 9))
    assert ["4", "3", "1"] == ids(await asking(store, lambda tx: tx.approvals.overdue(START + 99, 9)))
    assert ["4"] == ids(await asking(store, lambda tx: tx.approvals.overdue(START + 99, 1)))


async def test_the_open_questions_of_one_mailbox_lapse(store: Store) -> None:
    rows = numbered(APPROVAL, 3, mailbox_id=lambda n: f"mbx_{n % 2}", expires_at=lambda n: START + 100)
    await adding(store, "approvals", *rows, replace(rows[0], id="apr_9", tenant_id=THEIRS))
    await adding(store, "approvals", replace(rows[0], id="apr_8", status=ApprovalStatus.APPROVED))
    await store.write(lambda tx: tx.approvals.lapse(OURS, "mbx_1", START))
    assert ["1", "3"] == sorted(ids(await asking(store, lambda tx: tx.approvals.overdue(START, 9))))


# --- nonces -------------------------------------------------------------------------------------------------------------


async def test_an_identity_is_new_to_each_mailbox_once_until_it_expires(store: Store) -> None:
    async def add(*key: str, expires_at: int = START) -> bool:
        return await store.write(lambda tx: tx.nonces.add(*key, expires_at))  # type: ignore[call-arg]

    first = ("mbx_1", "there.example", "a1", "00")
    assert [True, False] == [await add(*first), await add(*first)]
    for other in range(4):
        changed = tuple("other" if place == other else text for place, text in enumerate(first))
        assert await add(*changed, expires_at=START + 1)
    assert 1 == await store.write(lambda tx: tx.nonces.forget_before(START + 1))
    assert await add(*first)
