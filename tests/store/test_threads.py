"""Threads: in the order of their last activity, and what they know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.model import Thread
from mailwright.core.ports import Store, Taken, place
from mailwright.mail.references import Candidate
from mailwright.testing.clock import START

from .examples import OURS, THEIRS, THREAD, adding, asking, ids, numbered


def threads(count: int) -> list[Thread]:
    """Threads that were last active a second apart."""
    return numbered(THREAD, count, last_at=lambda n: START + 1000 * n)


async def listed(store: Store, mailbox_id: str | None, before: str | None = None, limit: int = 9) -> list[str]:
    """The ends of the ids of a page."""
    return ids(await asking(store, lambda tx: tx.threads.page(OURS, mailbox_id, before, limit)))


async def test_a_thread_comes_back_as_it_was_added_and_as_it_was_put(store: Store) -> None:
    await adding(store, "threads", THREAD)
    assert THREAD == await asking(store, lambda tx: tx.threads.get(OURS, THREAD.id))
    changed = replace(THREAD, participants=("x@y",), message_count=3, last_at=START + 9, labels=(), preview="", subject="S")
    await store.write(lambda tx: tx.threads.put(changed))
    assert changed == await asking(store, lambda tx: tx.threads.get(OURS, THREAD.id))
    with pytest.raises(Taken):
        await adding(store, "threads", THREAD)
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.threads.put(replace(THREAD, id="thr_2")))
    assert await store.write(lambda tx: tx.threads.remove(OURS, THREAD.id))
    assert await asking(store, lambda tx: tx.threads.get(OURS, THREAD.id)) is None


async def test_the_latest_activity_comes_first_in_one_mailbox_or_in_all(store: Store) -> None:
    rows = threads(5)
    rows[2] = replace(rows[2], mailbox_id="mbx_2")
    await adding(store, "threads", *rows)
    await store.write(lambda tx: tx.threads.put(replace(rows[0], last_at=START + 9000)))
    assert ["1", "5", "4", "3", "2"] == await listed(store, None)
    assert ["1", "5", "4", "2"] == await listed(store, "mbx_1")
    assert ["4", "2"] == await listed(store, "mbx_1", "thr_5")
    assert ["4"] == await listed(store, "mbx_1", "thr_5", 1)


async def test_a_page_goes_on_where_it_ended_though_that_thread_moved_to_the_top(store: Store) -> None:
    rows = threads(4)
    await adding(store, "threads", *rows)
    assert ["4", "3"] == await listed(store, None, None, 2)
    end = place(rows[2].last_at, "thr_3")
    await store.write(lambda tx: tx.threads.put(replace(rows[2], last_at=START + 9000)))
    assert ["2", "1"] == await listed(store, None, end, 2)
    await store.write(lambda tx: tx.threads.remove(OURS, "thr_3"))
    assert ["2", "1"] == await listed(store, None, end, 2)


async def test_threads_are_candidates_where_they_know_an_id_within_the_mailbox(store: Store) -> None:
    """S26: nothing joins across mailboxes."""
    one, two = threads(2)
    await adding(store, "threads", one, two, replace(THREAD, id="thr_3", mailbox_id="mbx_2"))
    await store.write(lambda tx: tx.threads.remember("mbx_1", "thr_1", ["<a@x>", "<b@x>"]))
    await store.write(lambda tx: tx.threads.remember("mbx_1", "thr_2", ["<c@x>"]))
    await store.write(lambda tx: tx.threads.remember("mbx_2", "thr_3", ["<a@x>"]))
    found = await asking(store, lambda tx: tx.threads.candidates("mbx_1", ["<a@x>", "<b@x>", "<c@x>", "<d@x>"]))
    people = frozenset(THREAD.participants)
    assert [
        Candidate("thr_1", frozenset({"<a@x>", "<b@x>"}), people, "tea", one.last_at / 1000),
        Candidate("thr_2", frozenset({"<c@x>"}), people, "tea", two.last_at / 1000),
    ] == sorted(found, key=lambda candidate: candidate.thread_id)
    assert [] == await asking(store, lambda tx: tx.threads.candidates("mbx_1", []))


async def test_an_id_stays_with_the_thread_that_knew_it_first_while_that_is_there(store: Store) -> None:
    await adding(store, "threads", *threads(2))
    await store.write(lambda tx: tx.threads.remember("mbx_1", "thr_1", ["<a@x>"]))
    await store.write(lambda tx: tx.threads.remember("mbx_1", "thr_2", ["<a@x>"]))
    assert ["thr_1"] == [c.thread_id for c in await asking(store, lambda tx: tx.threads.candidates("mbx_1", ["<a@x>"]))]
    await store.write(lambda tx: tx.threads.remove(OURS, "thr_1"))
    assert [] == await asking(store, lambda tx: tx.threads.candidates("mbx_1", ["<a@x>"]))
    await store.write(lambda tx: tx.threads.remember("mbx_1", "thr_2", ["<a@x>"]))
    assert ["thr_2"] == [c.thread_id for c in await asking(store, lambda tx: tx.threads.candidates("mbx_1", ["<a@x>"]))]


async def test_a_thread_of_another_tenant_is_as_good_as_none(store: Store) -> None:
    """S26."""
    await adding(store, "threads", replace(THREAD, tenant_id=THEIRS))
    assert [] == await listed(store, None)
    assert [] == await listed(store, "mbx_1")
    await adding(store, "threads", replace(THREAD, id="thr_2", last_at=THREAD.last_at - 1))
    assert [] == await listed(store, None, "thr_1")  # no page begins there
    assert not await store.write(lambda tx: tx.threads.remove(OURS, THREAD.id))
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.threads.put(THREAD))
