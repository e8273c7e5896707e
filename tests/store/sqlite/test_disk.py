"""What happens when the disk is full, or nearly."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailwright.core.errors import StorageBusy
from mailwright.store.blobs import IN_MEMORY
from mailwright.store.sqlite import Options, SqliteStore, open_store

from ..examples import AGENT, OURS, adding, ids, numbered

AGENTS = numbered(AGENT, 2000, name=lambda n: f"a{n:04}", client_id=lambda n: None, responsible=lambda n: "x" * 3000)


async def there(store: SqliteStore) -> set[str]:
    """Which agents are there."""
    return set(ids(await store.read(lambda tx: tx.agents.page(OURS, None, 9999))))


async def filled(store: SqliteStore) -> set[str]:
    """Add agents, several at a time, until one is refused; those that were acknowledged."""
    acknowledged: set[str] = set()
    for start in range(0, len(AGENTS), 10):
        rows = AGENTS[start : start + 10]
        results = await asyncio.gather(*[adding(store, "agents", row) for row in rows], return_exceptions=True)
        acknowledged |= {end for end, result in zip(ids(rows), results, strict=True) if result is None}
        if any(result is not None for result in results):
            assert {StorageBusy} == {type(result) for result in results if result is not None}
            return acknowledged
    raise AssertionError("it was never full")


async def test_a_full_database_refuses_loses_nothing_and_recovers(tmp_path: Path) -> None:
    async with await open_store(tmp_path) as store:
        connection = store._writer.connection
        connection.pragma("max_page_count", int(connection.pragma("page_count")) + 60)
        acknowledged = await filled(store)
        assert acknowledged == await there(store)
        assert store.trouble is not None
        assert "FullError" in store.trouble
        connection.pragma("max_page_count", 1_000_000)
        await adding(store, "agents", AGENTS[-1])
        assert acknowledged | {"2000"} == await there(store)
        assert [] == await store.integrity()


async def test_with_too_little_free_space_nothing_is_accepted(tmp_path: Path) -> None:
    async with await open_store(tmp_path, Options(free_space=1 << 60)) as store:
        with pytest.raises(StorageBusy) as caught:
            await adding(store, "agents", AGENT)
        assert {"reason": "full"} == caught.value.details
        assert set() == await there(store)


async def test_what_is_kept_free_may_be_said_later(tmp_path: Path) -> None:
    async with await open_store(tmp_path, Options(free_space=0)) as store:
        await adding(store, "agents", AGENT)
        store.keep_free(1 << 60)
        with pytest.raises(StorageBusy):
            await adding(store, "agents", AGENTS[-1])
        assert 1 == len(await there(store))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes; skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_refuses_loses_nothing_and_recovers(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 2_000_000)
    async with await open_store(small_disk, Options(free_space=0)) as store:
        acknowledged = await filled(store)
        assert acknowledged <= await there(store)
        spool = store.blobs.spool()
        with pytest.raises(OSError, match="No space left"):
            spool.write(b"x" * IN_MEMORY * 20)
        spool.discard()
        ballast.unlink()
        await adding(store, "agents", AGENTS[-1])
        assert acknowledged | {"2000"} <= await there(store)
    async with await open_store(small_disk, Options(free_space=0)) as store:
        assert acknowledged | {"2000"} <= await there(store)
        assert [] == await store.integrity()
