"""Blobs: the bytes of messages, small and large."""

from __future__ import annotations

import errno
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailwright.core.ports import Store, Taken
from mailwright.store.blobs import IN_MEMORY, BlobFolder
from mailwright.store.sqlite import SqliteStore, open_store

SMALL = b"Subject: hi\r\n\r\n\x00\xff"
LARGE = bytes(range(256)) * (IN_MEMORY // 256) + b"!"


@pytest.mark.parametrize("raw", [b"", SMALL, LARGE, LARGE * 3], ids=["empty", "small", "large", "larger"])
async def test_bytes_in_are_bytes_out(store: Store, raw: bytes) -> None:
    """I9."""
    spool = store.blobs.spool()
    for start in range(0, len(raw), 100_000):
        spool.write(raw[start : start + 100_000])
        assert raw[: spool.size] == bytes(spool.raw())
    assert len(raw) == spool.size
    await store.blobs.settle(spool, "blb_1")
    await store.write(lambda tx: tx.blobs.add("blb_1", spool))
    spool.discard()
    spool.discard()
    found = await store.blobs.open("blb_1")
    assert raw == bytes(found)
    assert raw[5:9] == found[5:9]


async def test_a_script_reads_a_small_one_and_learns_where_there_is_none(store: Store) -> None:
    await store.write(lambda tx: tx.blobs.add("blb_1", SMALL))
    assert SMALL == await store.write(lambda tx: tx.blobs.read("blb_1"))
    assert await store.write(lambda tx: tx.blobs.read("blb_2")) is None


async def test_a_disk_that_does_not_let_go_of_a_file_is_no_trouble_for_who_wanted_it_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sick(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    spool = store.blobs.spool()
    spool.write(LARGE)
    monkeypatch.setattr(Path, "unlink", sick)
    spool.discard()
    assert 0 == len(spool.raw())


@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["small", "large"])
async def test_bytes_may_be_given_as_they_are(store: Store, raw: bytes) -> None:
    await store.write(lambda tx: tx.blobs.add("blb_1", raw))
    assert raw == bytes(await store.blobs.open("blb_1"))


@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["small", "large"])
async def test_a_blob_is_there_when_its_row_is(store: Store, raw: bytes) -> None:
    spool = store.blobs.spool()
    spool.write(raw)
    await store.blobs.settle(spool, "blb_1")
    with pytest.raises(KeyError):
        await store.blobs.open("blb_1")
    await store.write(lambda tx: tx.blobs.add("blb_1", spool))
    with pytest.raises(Taken):
        await store.write(lambda tx: tx.blobs.add("blb_1", spool))
    await store.write(lambda tx: tx.blobs.remove("blb_1"))
    with pytest.raises(KeyError):
        await store.blobs.open("blb_1")
    await store.write(lambda tx: tx.blobs.remove("blb_1"))


async def large_blob(store: SqliteStore, blob_id: str) -> None:
    """Settle a large blob, and leave its row to the caller."""
    spool = store.blobs.spool()
    spool.write(LARGE)
    await store.blobs.settle(spool, blob_id)
    await store.write(lambda tx: tx.blobs.add(blob_id, spool))


async def test_a_large_blob_is_a_file_that_goes_after_its_row(sqlite: SqliteStore, tmp_path: Path) -> None:
    await large_blob(sqlite, "blb_xyz")
    file = tmp_path / "data/blobs/yz/blb_xyz"
    assert LARGE == file.read_bytes()

    async def removed_and_regretted(tx: object) -> None:
        await tx.blobs.remove("blb_xyz")  # type: ignore[attr-defined]
        raise ValueError

    with pytest.raises(ValueError):
        await sqlite.write(removed_and_regretted)
    assert file.exists()
    await sqlite.write(lambda tx: tx.blobs.remove("blb_xyz"))
    assert not file.exists()


async def test_an_open_large_blob_outlives_its_removal(sqlite: SqliteStore) -> None:
    await large_blob(sqlite, "blb_1")
    found = await sqlite.blobs.open("blb_1")
    await sqlite.write(lambda tx: tx.blobs.remove("blb_1"))
    assert bytes(found) == LARGE


async def test_a_large_spool_that_was_not_settled_under_this_id_gets_no_row(sqlite: SqliteStore) -> None:
    spool = sqlite.blobs.spool()
    spool.write(LARGE)
    with pytest.raises(ValueError, match="settle"):
        await sqlite.write(lambda tx: tx.blobs.add("blb_1", spool))
    await sqlite.blobs.settle(spool, "blb_2")
    await sqlite.blobs.settle(spool, "blb_2")
    with pytest.raises(ValueError, match="settle"):
        await sqlite.write(lambda tx: tx.blobs.add("blb_1", spool))


@pytest.mark.parametrize("blob_id", ["../../etc/passwd", "blb_../x", "blb_a/b", "", "blb_", "BLB_1", "blb_a\0", "/blb_1"])
async def test_s22_what_is_no_id_of_ours_never_becomes_a_path(sqlite: SqliteStore, blob_id: str) -> None:
    """S22."""
    spool = sqlite.blobs.spool()
    spool.write(LARGE)
    with pytest.raises(ValueError):
        await sqlite.blobs.settle(spool, blob_id)
    with pytest.raises(ValueError):
        await sqlite.write(lambda tx: tx.blobs.add(blob_id, SMALL))
    with pytest.raises(KeyError):
        await sqlite.blobs.open(blob_id)


async def test_spools_that_were_dropped_leave_no_file(sqlite: SqliteStore, tmp_path: Path) -> None:
    incoming = tmp_path / "data/incoming"
    for discarded in (True, False):
        spool = sqlite.blobs.spool()
        spool.write(LARGE)
        assert len(list(incoming.iterdir())) == 1
        if discarded:
            spool.discard()
        del spool
        gc.collect()
        assert [] == list(incoming.iterdir())


async def test_what_a_dead_server_was_receiving_is_removed_at_the_next_start(tmp_path: Path) -> None:
    BlobFolder(tmp_path)
    (tmp_path / "incoming/tmpabc").write_bytes(b"half a message")
    async with await open_store(tmp_path):
        assert [] == list((tmp_path / "incoming").iterdir())


async def test_what_a_process_that_died_was_receiving_is_removed_and_nothing_that_is_held(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    left = tmp_path / "data/incoming/tmpabc"
    left.write_bytes(b"half a message")
    held, adopted = sqlite.blobs.spool(), sqlite.blobs.spool()
    for one in (held, adopted):
        one.write(LARGE)
    assert adopted.path is not None
    ours = sqlite.blobs.adopt(Path(adopted.path).name)
    adopted._close()  # type: ignore[attr-defined]  # as the end of the process that filled it does
    assert 0 == await sqlite.clear_spools()  # it may have been written to a moment ago
    assert 1 == await sqlite.clear_spools(age=-5)
    assert not left.exists()
    assert [LARGE, LARGE] == [bytes(one.raw()) for one in (held, ours)]
    assert 2 == len(list(left.parent.iterdir()))
    ours._close()  # type: ignore[attr-defined]
    ours._map = None  # type: ignore[attr-defined]
    assert 1 == await sqlite.clear_spools(age=-5)


async def test_what_was_settled_for_nothing_is_taken_away_again_and_what_has_a_row_is_not(store: Store) -> None:
    for blob_id in ("blb_1", "blb_2"):
        spool = store.blobs.spool()
        spool.write(LARGE)
        await store.blobs.settle(spool, blob_id)
        if blob_id == "blb_1":
            await store.write(lambda tx, spool=spool: tx.blobs.add("blb_1", spool))  # type: ignore[misc]
        await store.blobs.unsettle(blob_id)
    assert bytes(await store.blobs.open("blb_1")) == LARGE
    if isinstance(store, SqliteStore):
        assert [] == list(store._folder._files.glob("*/blb_2"))
    await store.blobs.unsettle("blb_never")


async def test_files_whose_transaction_never_came_are_swept_away_once_they_are_old(sqlite: SqliteStore, tmp_path: Path) -> None:
    await large_blob(sqlite, "blb_kept")
    stray = sqlite._folder.path("blb_stray")  # of a server that died before its row
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(LARGE)
    assert 0 == await sqlite.sweep()
    assert 1 == await sqlite.sweep(age=-5)
    assert ["blb_kept"] == [file.name for file in (tmp_path / "data/blobs").glob("*/*")]
    assert [] == await sqlite.integrity()
    next((tmp_path / "data/blobs").glob("*/*")).unlink()
    assert ["the file of blob blb_kept is missing"] == await sqlite.integrity()


async def test_a_file_that_comes_while_the_others_are_listed_is_not_swept_away_either(
    sqlite: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by `make crash`: the list is long, and the clock had jumped."""
    folder = sqlite._folder
    spool = folder.spool()
    spool.write(LARGE)

    class Listing(type(tmp_path)):  # type: ignore[misc]
        def glob(self, pattern: str) -> Iterator[Path]:
            folder.settle(spool, "blb_1")
            return super().glob(pattern)

    monkeypatch.setattr(folder, "_files", Listing(folder._files))
    assert 0 == await sqlite.sweep(age=-86_400)
    assert LARGE == bytes(folder.open("blb_1"))


async def test_a_file_whose_transaction_may_be_under_way_is_not_swept_away_though_the_clock_jumps(sqlite: SqliteStore) -> None:
    """Found by `make crash`: a message that got its 250 lost its bytes."""
    spool = sqlite.blobs.spool()
    spool.write(LARGE)
    await sqlite.blobs.settle(spool, "blb_1")
    assert 0 == await sqlite.sweep(age=-86_400)
    await sqlite.write(lambda tx: tx.blobs.add("blb_1", spool))
    assert 0 == await sqlite.sweep(age=-86_400)
    assert LARGE == bytes(await sqlite.blobs.open("blb_1"))
