"""Group commit: who is told what, and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from mailwright.core.errors import StorageBusy
from mailwright.core.ports import Tx
from mailwright.store.database import Notes
from mailwright.store.sqlite import Options, SqliteStore, open_store
from mailwright.store.sqlite.connection import FILE

from ..examples import AGENT, OURS, adding, ids, numbered

AGENTS = numbered(AGENT, 300, name=lambda n: f"a{n}", client_id=lambda n: None)


async def there(store: SqliteStore) -> list[str]:
    """Which agents are there."""
    return ids(await store.read(lambda tx: tx.agents.page(OURS, None, 9999)))


async def refused(write: Any) -> str:
    """Why a write was refused."""
    with pytest.raises(StorageBusy) as caught:
        await write
    return str(caught.value.details["reason"])


async def test_writes_that_come_together_share_a_commit(sqlite: SqliteStore) -> None:
    await asyncio.gather(*[adding(sqlite, "agents", row) for row in AGENTS])
    assert 300 == sqlite.counters.writes == len(await there(sqlite))
    assert 10 > sqlite.counters.commits


async def test_scripts_that_write_nothing_need_no_commit(sqlite: SqliteStore) -> None:
    assert await sqlite.write(lambda tx: tx.agents.get(OURS, "agt_1")) is None
    assert 0 == sqlite.counters.commits


async def test_every_commit_is_synced(sqlite: SqliteStore) -> None:
    """I1."""
    connection = sqlite._writer.connection
    assert ("wal", 2, 0) == tuple(connection.pragma(name) for name in ("journal_mode", "synchronous", "wal_autocheckpoint"))


async def test_a_group_ends_when_its_time_is_over_and_the_loop_goes_on(tmp_path: Path) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with await open_store(tmp_path, Options(group_time=0.0, group_size=3)) as store:
        counting = asyncio.create_task(count())
        await asyncio.gather(*[adding(store, "agents", row) for row in AGENTS[:9]])
        counting.cancel()
        assert 3 <= store.counters.commits <= 9
        assert turns >= store.counters.commits


async def test_a_script_that_raises_after_writing_is_undone_and_its_neighbours_are_run_again(sqlite: SqliteStore) -> None:
    runs: list[str] = []

    async def write(n: int) -> str:
        async def script(tx: Tx) -> str:
            runs.append(str(n))
            await tx.agents.add(AGENTS[n])
            if n == 1:
                raise LookupError("after writing")
            return str(n)

        return await sqlite.write(script)

    results = await asyncio.gather(*[write(n) for n in range(3)], return_exceptions=True)
    assert ["0", LookupError, "2"] == [type(r) if isinstance(r, Exception) else r for r in results]
    assert ["0", "1", "0", "1", "2"] == runs
    assert ["1", "3"] == await there(sqlite)


async def test_a_script_that_raises_before_writing_costs_its_neighbours_nothing(sqlite: SqliteStore) -> None:
    runs = 0

    async def good(tx: Tx) -> None:
        nonlocal runs
        runs += 1
        await tx.agents.add(AGENTS[0])

    async def bad(tx: Tx) -> None:
        raise LookupError

    results = await asyncio.gather(sqlite.write(good), sqlite.write(bad), return_exceptions=True)
    assert results[0] is None
    assert isinstance(results[1], LookupError)
    assert 1 == runs


async def test_a_caller_who_gave_up_before_it_began_has_nothing_run(sqlite: SqliteStore) -> None:
    task = asyncio.create_task(adding(sqlite, "agents", AGENT))
    await asyncio.sleep(0)
    task.cancel()
    await adding(sqlite, "agents", AGENTS[1])
    assert ["2"] == await there(sqlite)


async def test_too_many_waiting_writes_are_refused_at_once(tmp_path: Path) -> None:
    async with await open_store(tmp_path, Options(queued_writes=5)) as store:
        results = await asyncio.gather(*[adding(store, "agents", row) for row in AGENTS[:9]], return_exceptions=True)
        assert [True] * 5 + [False] * 4 == [result is None for result in results]
        assert {"overloaded"} == {result.details["reason"] for result in results if isinstance(result, StorageBusy)}
        assert 4 == store.counters.refused
        await adding(store, "agents", AGENTS[8])


async def test_another_program_that_writes_is_waited_for(sqlite: SqliteStore, tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / "data" / FILE))
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(adding(sqlite, "agents", AGENT))
    await asyncio.sleep(0.02)
    assert not task.done()
    assert [] == await there(sqlite)
    other.execute("COMMIT")
    await task
    assert ["1"] == await there(sqlite)
    other.close()


async def test_another_program_that_does_not_stop_writing_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async with await open_store(tmp_path, Options(lock_wait=0.02)) as store:
        other = apsw.Connection(str(tmp_path / FILE))
        other.execute("BEGIN IMMEDIATE")
        assert "busy" == await refused(adding(store, "agents", AGENT))
        assert store.trouble is not None
        other.execute("COMMIT")
        other.close()
        await adding(store, "agents", AGENT)
        assert store.trouble is None


async def test_when_a_commit_fails_nobody_is_told_that_it_was_stored(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1."""

    def broken(notes: Notes) -> None:
        raise apsw.IOError("the disk is gone")

    await adding(sqlite, "agents", AGENTS[0])
    monkeypatch.setattr(sqlite._writer, "_commit", broken)
    results = await asyncio.gather(*[adding(sqlite, "agents", row) for row in AGENTS[1:4]], return_exceptions=True)
    assert [StorageBusy] * 3 == [type(result) for result in results]
    assert "IOError: the disk is gone" == sqlite.trouble
    assert 1 == sqlite.counters.failed_commits
    monkeypatch.undo()
    await adding(sqlite, "agents", AGENTS[5])
    assert ["1", "6"] == await there(sqlite)


async def test_a_connection_that_can_not_even_roll_back_is_replaced(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def execute(self, sql: str) -> None:
            raise apsw.IOError(sql)

    await adding(sqlite, "agents", AGENTS[0])
    real = sqlite._writer._control
    commit = sqlite._writer._commit

    def breaking(notes: Notes) -> None:
        sqlite._writer._control = Broken()  # type: ignore[assignment]
        commit(notes)

    monkeypatch.setattr(sqlite._writer, "_commit", breaking)
    assert "broken" == await refused(adding(sqlite, "agents", AGENTS[1]))
    monkeypatch.undo()
    await adding(sqlite, "agents", AGENTS[2])
    assert sqlite._writer._control is not real
    assert ["1", "3"] == await there(sqlite)


async def test_a_script_that_hides_the_loss_of_its_transaction_does_not_get_away_with_it(sqlite: SqliteStore) -> None:
    """SQLite itself rolls back when the disk is full; whatever is written after that would be in no transaction."""

    async def script(tx: Tx) -> None:
        await tx.agents.add(AGENTS[0])
        sqlite._writer._control.execute("ROLLBACK")
        with pytest.raises(apsw.IOError, match="lost"):
            await tx.agents.add(AGENTS[1])

    results = await asyncio.gather(sqlite.write(script), adding(sqlite, "agents", AGENTS[2]), return_exceptions=True)
    assert [StorageBusy] == list({type(result) for result in results if result is not None})
    assert isinstance(results[0], StorageBusy)
    await adding(sqlite, "agents", AGENTS[3])
    assert set(await there(sqlite)) <= {"3", "4"}


async def test_what_goes_wrong_after_a_commit_takes_nothing_back(sqlite: SqliteStore) -> None:
    def wrong(connection: apsw.Connection, notes: Notes) -> None:
        raise OSError("no such folder")

    sqlite._writer.after_commit = wrong
    await adding(sqlite, "agents", AGENT)
    assert ["1"] == await there(sqlite)


async def test_closing_finishes_what_was_begun_and_refuses_what_comes(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    tasks = [asyncio.create_task(adding(store, "agents", row)) for row in AGENTS[:50]]
    await asyncio.sleep(0)
    await store.close()
    assert [None] * 50 == await asyncio.gather(*tasks)
    assert "closed" == await refused(adding(store, "agents", AGENTS[60]))
    assert "closed" == await refused(store.read(lambda tx: tx.agents.get(OURS, "agt_1")))
    assert "closed" == await refused(store.browse(lambda tx: tx.agents.get(OURS, "agt_1")))
    assert "closed" == await refused(store.blobs.open("blb_1"))
    await store.close()
    async with await open_store(tmp_path) as again:
        assert 50 == len(await there(again))


async def test_a_new_name_that_is_taken_by_put_takes_no_neighbour_with_it(sqlite: SqliteStore) -> None:
    await adding(sqlite, "agents", *AGENTS[:2])
    rename = replace(AGENTS[1], name=AGENTS[0].name)
    results = await asyncio.gather(
        sqlite.write(lambda tx: tx.agents.put(rename)), adding(sqlite, "agents", AGENTS[2]), return_exceptions=True
    )
    assert results[1] is None
    assert ["1", "2", "3"] == await there(sqlite)
