"""Migrations: once each, whole or not at all, and never backwards."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from mailwright.store.migrations import Migration, NewerDatabase, known, migrate
from mailwright.store.sqlite import open_store
from mailwright.store.sqlite.connection import FILE, MigrationRunner
from mailwright.store.statements import load

TEA = Migration(1, "tea", "CREATE TABLE tea (id INTEGER);\nCREATE INDEX tea_id ON tea (id);")
MILK = Migration(2, "milk", "ALTER TABLE tea ADD COLUMN milk TEXT;")
BROKEN = Migration(3, "broken", "CREATE TABLE sugar (id INTEGER);\nCREATE TABLE tea (id INTEGER);")


@pytest.fixture
def connection() -> apsw.Connection:
    """An empty database."""
    return apsw.Connection(":memory:")


def test_each_runs_once_and_in_order(connection: apsw.Connection) -> None:
    runner = MigrationRunner(connection)
    assert [TEA] == migrate(runner, [TEA])
    assert [MILK] == migrate(runner, [TEA, MILK])
    assert [] == migrate(runner, [TEA, MILK])
    connection.execute("INSERT INTO tea (id, milk) VALUES (1, 'a drop')")


def test_one_that_fails_leaves_nothing_behind(connection: apsw.Connection) -> None:
    runner = MigrationRunner(connection)
    with pytest.raises(apsw.SQLError):
        migrate(runner, [TEA, MILK, BROKEN])
    assert not connection.table_exists(None, "sugar")
    assert [1, 2] == runner.run(load("migrations")["done"])


def test_a_database_of_a_newer_version_is_left_alone(connection: apsw.Connection) -> None:
    runner = MigrationRunner(connection)
    migrate(runner, [TEA, MILK])
    with pytest.raises(NewerDatabase, match="at step 2, this version knows 1"):
        migrate(runner, [TEA])


async def test_a_store_of_a_newer_version_is_not_opened_and_its_folder_stays_free(tmp_path: Path) -> None:
    await (await open_store(tmp_path)).close()
    connection = apsw.Connection(str(tmp_path / FILE))
    connection.execute(load("migrations")["note"].sqlite, (999, "tomorrow"))
    connection.close()
    for _ in range(2):
        with pytest.raises(NewerDatabase):
            await open_store(tmp_path)


def test_scripts_are_numbered_without_gaps(tmp_path: Path) -> None:
    assert [1] == [one.number for one in known()][:1]
    (tmp_path / "0001_tea.sql").write_text(TEA.script)
    (tmp_path / "notes.txt").write_text("not a script")
    assert [TEA] == known(tmp_path)
    (tmp_path / "0003_milk.sql").write_text("")
    with pytest.raises(ValueError, match="numbered"):
        known(tmp_path)
