"""What is kept of rows that seldom change: nobody sees what is not committed, and everybody what is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mailwright.core.model import Active, Mailbox
from mailwright.core.ports import Store, Tx
from mailwright.store import kept
from mailwright.store.kept import Kept

from .examples import KEY, MAILBOX, OURS, THEIRS, adding

PAUSED = replace(MAILBOX, status=Active.PAUSED)


async def known(tx: Tx) -> Mailbox | None:
    return await tx.mailboxes.get(OURS, MAILBOX.id)


async def pause(tx: Tx) -> None:
    assert MAILBOX == await known(tx)
    await tx.mailboxes.put(PAUSED)
    assert PAUSED == await known(tx)


async def test_what_a_script_changed_is_seen_by_it_at_once_and_by_all_when_it_is_committed(store: Store) -> None:
    await adding(store, "mailboxes", MAILBOX)
    assert MAILBOX == await store.read(known)
    await store.write(pause)
    assert [PAUSED] * 3 == [await store.read(known), await store.write(known), await store.browse(known)]


async def test_what_was_undone_was_never_there(store: Store) -> None:
    async def broken(tx: Tx) -> None:
        await pause(tx)
        raise ValueError

    await adding(store, "mailboxes", MAILBOX)
    assert MAILBOX == await store.read(known)
    with pytest.raises(ValueError):
        await store.write(broken)
    assert [MAILBOX] * 2 == [await store.read(known), await store.write(known)]


async def test_whoever_reads_while_others_commit_sees_one_state_or_the_other_and_then_the_new_one(store: Store) -> None:
    await adding(store, "mailboxes", MAILBOX)
    for wanted in (PAUSED, MAILBOX) * 10:
        before = await store.read(known)
        change = asyncio.create_task(store.write(lambda tx, row=wanted: tx.mailboxes.put(row)))
        while not change.done():
            assert await store.read(known) in (before, wanted)
            await asyncio.sleep(0)
        assert wanted == await store.read(known)


async def test_a_key_that_was_revoked_opens_nothing_any_more(store: Store) -> None:
    await adding(store, "keys", KEY)
    assert KEY == await store.read(lambda tx: tx.keys.by_hash(KEY.secret_hash))
    revoked = replace(KEY, revoked_at=5)
    await store.write(lambda tx: tx.keys.put(revoked))
    assert revoked == await store.read(lambda tx: tx.keys.by_hash(KEY.secret_hash))
    await store.write(lambda tx: tx.keys.remove(OURS, KEY.id))
    assert await store.read(lambda tx: tx.keys.by_hash(KEY.secret_hash)) is None


async def test_what_is_kept_for_one_tenant_is_not_there_for_another(store: Store) -> None:
    await adding(store, "mailboxes", MAILBOX)
    assert MAILBOX == await store.read(known)
    assert await store.read(lambda tx: tx.mailboxes.get(THEIRS, MAILBOX.id)) is None


async def test_what_was_not_there_is_found_when_it_comes(store: Store) -> None:
    assert await store.read(known) is None
    await adding(store, "mailboxes", MAILBOX)
    assert MAILBOX == await store.read(known)


def test_only_so_many_rows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 2)
    rows = Kept()
    for number in range(5):
        room = rows.of("keys")
        assert room is not None
        room[(number,)] = KEY
        assert 2 >= len(room)


def test_nothing_is_kept_of_a_noun_while_it_changes() -> None:
    rows = Kept()
    room = rows.of("keys")
    assert room is not None
    room["x",] = KEY
    rows.changes("keys")
    rows.changes("messages")
    assert (None, {}) == (rows.of("keys"), rows.of("domains"))
    rows.settle()
    assert {} == rows.of("keys")
