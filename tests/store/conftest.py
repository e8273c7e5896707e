"""The stores that the contract is held against."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailwright.core.ports import Store
from mailwright.store.sqlite import SqliteStore, open_store
from mailwright.store.sqlite.connection import FILE
from mailwright.testing.memory import MemoryStore


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database: to copy one is faster than to make one."""
    folder = tmp_path_factory.mktemp("template")

    async def make() -> None:
        await (await open_store(folder)).close()

    asyncio.run(make())
    return folder / FILE


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """A new empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
    else:
        shutil.copy(template, tmp_path)
        async with await open_store(tmp_path) as made:
            yield made


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A new empty SQLite store."""
    async with await open_store(tmp_path / "data") as made:
        yield made
