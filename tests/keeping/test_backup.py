"""A backup and the way back, over a store whose rows are known."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from mailwright.core import model as m
from mailwright.core.ports import Tx
from mailwright.keeping import backup, manifest, restore, verify
from mailwright.keeping.archive import Broken, Folder, reading
from mailwright.store.lock import FolderInUse
from mailwright.store.sqlite import open_store
from mailwright.store.sqlite.connection import FILE
from mailwright.store.sqlite.snapshot import NoDatabase, Snapshot
from mailwright.testing.clock import START

LARGE = os.urandom(300_000)
TENANT = m.Tenant("ten_1", "Ours", START)
MAILBOX = m.Mailbox(
    "mbx_1", "ten_1", "dom_1", "agt_1", "ada@here.example", "Ada", m.OversightMode.AUTONOMOUS, m.Active.ACTIVE, 7, 1, 0, START
)


def quiet(part: str, done: int, whole: int) -> None:
    """Nobody looks on."""


def written(data: Path, *scripts: Callable[[Tx], Awaitable[Any]], large: tuple[str, ...] = ()) -> None:
    """Do these in the store of that folder."""

    async def work() -> None:
        async with await open_store(data) as store:
            for script in scripts:
                await store.write(script)
            for blob_id in large:
                spool = store.blobs.spool()
                spool.write(LARGE)
                await store.blobs.settle(spool, blob_id)
                await store.write(lambda tx, blob_id=blob_id, spool=spool: tx.blobs.add(blob_id, spool))

    asyncio.run(work())


def read(data: Path, script: Callable[[Tx], Awaitable[Any]]) -> Any:
    async def work() -> Any:
        async with await open_store(data) as store:
            return await store.read(script)

    return asyncio.run(work())


def event(number: int) -> m.Event:
    return m.Event(f"evt_{number}", "mailbox.created", "ten_1", None, START, {})


async def filled(tx: Tx) -> None:
    await tx.tenants.add(TENANT)
    await tx.mailboxes.add(MAILBOX)
    await tx.mailboxes.advance(MAILBOX.id, 5)
    for number in range(3):
        await tx.events.append(event(number))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    written(folder, filled, large=("blb_aa", "blb_ab"))
    (folder / "return-path.secret").write_bytes(b"s" * 32)
    (folder / "acme").mkdir()
    (folder / "acme" / "account.json").write_text("{}")
    return folder


def backed_up(data: Path, to: Path) -> str:
    with Folder(to).writing() as archive:
        return backup.back_up(data, archive, to, quiet).name


def restored(to: Path, data: Path, name: str | None = None) -> restore.Restored:
    archive = reading(to)
    return restore.restore(archive, name or archive.names()[-1], data, close_queue=True, progress=quiet)


def test_a_restored_folder_holds_what_was_backed_up(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")
    restored(tmp_path / "b", tmp_path / "new")
    assert LARGE == (tmp_path / "new/blobs/aa/blb_aa").read_bytes()
    assert b"s" * 32 == (tmp_path / "new/return-path.secret").read_bytes()
    assert "{}" == (tmp_path / "new/acme/account.json").read_text()
    assert [] == verify.verify_data(tmp_path / "new", None, quiet).problems
    assert "ada@here.example" == read(tmp_path / "new", lambda tx: tx.mailboxes.get("ten_1", "mbx_1")).address


def test_s30_nobody_else_reads_a_restored_folder(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")
    restored(tmp_path / "b", tmp_path / "new")
    assert {0} == {path.stat().st_mode & 0o077 for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("named", [True, False])
def test_root_restores_for_whoever_is_named_or_owns_the_folder(data: Path, tmp_path: Path, named: bool):
    backed_up(data, tmp_path / "b")
    new, archive = tmp_path / "new", reading(tmp_path / "b")
    if not named:
        new.mkdir()
        os.chown(new, 65534, 65534)
    owner = (65534, 65534) if named else None
    restore.restore(archive, archive.names()[-1], new, close_queue=True, progress=quiet, owner=owner)
    assert {65534} == {path.stat().st_uid for path in (new, *new.rglob("*"))}


def test_uids_change_numbers_and_cursors_go_on_beyond_all_that_were_given_since(data: Path, tmp_path: Path):
    """I7, I8: what the lost server handed out after the backup is never handed out for something else."""
    backed_up(data, tmp_path / "b")

    async def more(tx: Tx) -> None:
        await tx.mailboxes.advance("mbx_1", 500)
        for number in range(500):
            await tx.events.append(event(100 + number))

    written(data, more)
    before = read(data, lambda tx: tx.mailboxes.get("ten_1", "mbx_1"))
    last = read(data, lambda tx: tx.events.last("ten_1"))
    restored(tmp_path / "b", tmp_path / "new")
    after = read(tmp_path / "new", lambda tx: tx.mailboxes.get("ten_1", "mbx_1"))
    assert after.uid_validity > before.uid_validity
    assert after.uid_next > before.uid_next
    assert after.modseq > before.modseq
    told = read(tmp_path / "new", lambda tx: tx.events.after("ten_1", last, None, (), 10))
    assert ["store.restored"] == [one.type for one in told]


def test_restored_twice_every_counter_rises_twice(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")
    restored(tmp_path / "b", tmp_path / "new")
    first = read(tmp_path / "new", lambda tx: tx.mailboxes.get("ten_1", "mbx_1"))
    backed_up(tmp_path / "new", tmp_path / "c")
    restored(tmp_path / "c", tmp_path / "newer")
    second = read(tmp_path / "newer", lambda tx: tx.mailboxes.get("ten_1", "mbx_1"))
    assert second.uid_validity > first.uid_validity
    assert second.uid_next > first.uid_next


def test_nothing_is_overwritten(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")
    before = (data / FILE).read_bytes()
    with pytest.raises(restore.NotEmpty, match="restore into a new folder"):
        restored(tmp_path / "b", data)
    assert before == (data / FILE).read_bytes()


def test_a_folder_that_a_server_holds_is_left_alone(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")

    async def work() -> None:
        (tmp_path / "held").mkdir()
        from mailwright.store.lock import FolderLock

        lock = FolderLock(tmp_path / "held")
        try:
            with pytest.raises(FolderInUse):
                restore.restore(
                    reading(tmp_path / "b"),
                    reading(tmp_path / "b").names()[-1],
                    tmp_path / "held",
                    close_queue=True,
                    progress=quiet,
                )
        finally:
            lock.release()

    asyncio.run(work())


def test_a_restore_that_was_broken_off_leaves_no_database_and_is_finished_by_the_next(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")
    new = tmp_path / "new"

    def broken_off(part: str, done: int, whole: int) -> None:
        if part == "database":
            raise KeyboardInterrupt

    archive = reading(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        restore.restore(archive, archive.names()[-1], new, close_queue=True, progress=broken_off)
    assert not (new / FILE).exists()
    assert (new / restore.STAGE).is_dir()
    restored(tmp_path / "b", new)
    assert (new / FILE).exists()
    assert not (new / restore.STAGE).exists()
    assert [] == verify.verify_data(new, None, quiet).problems


def test_a_damaged_backup_is_not_put_back(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")
    piece = max((tmp_path / "b/pieces").glob("*/*"), key=lambda path: path.stat().st_size)
    piece.write_bytes(b"x" + piece.read_bytes()[1:])
    found = verify.verify_backup(reading(tmp_path / "b"), quiet)
    assert 1 == len(found.problems)
    with pytest.raises(Broken):
        restored(tmp_path / "b", tmp_path / "new")
    assert not (tmp_path / "new" / FILE).exists()


def test_the_next_backup_writes_only_what_changed(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")
    written(data, lambda tx: tx.events.append(event(9)), large=("blb_ac",))
    with Folder(tmp_path / "b").writing() as archive:
        backup.back_up(data, archive, tmp_path / "b", quiet)
    whole = reading(tmp_path / "b").manifest(archive.names()[-1]).size
    # The new large message is, byte for byte, one that is there: only pieces of the small database are new.
    assert archive.written < whole / 2
    assert 2 == len(archive.names())


def test_an_earlier_backup_can_be_chosen(data: Path, tmp_path: Path):
    first = backed_up(data, tmp_path / "b")
    written(data, lambda tx: tx.tenants.add(replace(TENANT, id="ten_2")))
    backed_up(data, tmp_path / "b")
    restored(tmp_path / "b", tmp_path / "then", first)
    restored(tmp_path / "b", tmp_path / "now")
    assert (None, "ten_2") == (
        read(tmp_path / "then", lambda tx: tx.tenants.get("ten_2")),
        read(tmp_path / "now", lambda tx: tx.tenants.get("ten_2")).id,
    )


def test_a_message_removed_during_the_backup_is_no_damage(data: Path, tmp_path: Path):
    """The state is taken once more: the file went with a row that the first state still had."""
    removed = False

    def meanwhile(part: str, done: int, whole: int) -> None:
        nonlocal removed
        if part == "database" and not removed:
            removed = True
            connection = apsw.Connection(str(data / FILE))
            connection.execute("DELETE FROM blobs WHERE blob_id = 'blb_ab'")
            connection.close()
            (data / "blobs/ab/blb_ab").unlink()

    with Folder(tmp_path / "b").writing() as archive:
        made = backup.back_up(data, archive, tmp_path / "b", meanwhile)
    assert {"blb_aa"} == set(made.manifest.blobs)
    restored(tmp_path / "b", tmp_path / "new")
    assert [] == verify.verify_data(tmp_path / "new", None, quiet).problems


@pytest.mark.parametrize("how", ["missing", "short"])
def test_a_message_that_is_lost_is_said_and_no_backup_hides_it(data: Path, tmp_path: Path, how: str):
    lost = data / "blobs/ab/blb_ab"
    lost.unlink() if how == "missing" else lost.write_bytes(b"short")
    with pytest.raises(backup.BlobLost), Folder(tmp_path / "b").writing() as archive:
        backup.back_up(data, archive, tmp_path / "b", quiet)
    assert [] == Folder(tmp_path / "b").names()
    assert 1 == len(verify.verify_data(data, None, quiet).problems)


def test_where_there_is_no_database_that_is_said(tmp_path: Path):
    with pytest.raises(NoDatabase), Folder(tmp_path / "b").writing() as archive:
        backup.back_up(tmp_path, archive, tmp_path / "b", quiet)
    assert not (tmp_path / FILE).exists()


# --- verify-data --------------------------------------------------------------------------------------------------------


def test_a_whole_folder_has_no_problems(data: Path):
    found = verify.verify_data(data, None, quiet)
    assert ([], [], 2, 0) == (found.problems, found.notes, found.large_messages, found.hashed)


def test_a_changed_large_message_shows_where_a_backup_remembers_it(data: Path, tmp_path: Path):
    backed_up(data, tmp_path / "b")
    path = data / "blobs/ab/blb_ab"
    path.write_bytes(LARGE[:-1] + b"?")
    assert [] == verify.verify_data(data, None, quiet).problems  # its size is right
    found = verify.verify_data(data, reading(tmp_path / "b"), quiet)
    assert (2, ["the file of blob blb_ab is not what it was when the backup was made"]) == (found.hashed, found.problems)


def logged(data: Path, subject: str = "x") -> None:
    """Five entries in the audit log."""
    from mailwright.core import audit

    async def entries(tx: Tx) -> None:
        previous, at = audit.GENESIS, START
        for index in range(5):
            draft = m.AuditEntry(index, "ten_1", at, "system", "a.b", subject, {}, "")
            whole = replace(draft, hash=audit.entry_hash(previous, draft))
            await tx.audit.append(whole)
            previous = whole.hash

    written(data, entries)


@pytest.mark.parametrize("how", ["cut off", "made anew"])
def test_an_audit_log_that_does_not_go_on_from_a_backup_shows(data: Path, tmp_path: Path, how: str):
    """Its hashes fit each other all the same: what tells is the head that the backup remembers."""
    logged(data)
    backed_up(data, tmp_path / "b")
    assert [] == verify.verify_data(data, reading(tmp_path / "b"), quiet).problems
    connection = apsw.Connection(str(data / FILE))
    connection.execute("DELETE FROM audit" + (""" WHERE "index" > 2""" if how == "cut off" else ""))
    connection.close()
    if how == "made anew":
        logged(data, subject="y")
    assert [] == verify.verify_data(data, None, quiet).problems
    problems = verify.verify_data(data, reading(tmp_path / "b"), quiet).problems
    assert ["the audit log does not hold entry 4 as it was when the backup was made"] == problems


def test_a_backup_of_an_older_version_remembers_no_audit_log(data: Path, tmp_path: Path):
    logged(data)
    backed_up(data, tmp_path / "b")
    archive = reading(tmp_path / "b")
    known = json.loads(manifest.render(archive.manifest(archive.names()[-1]))[1])
    assert 4 == known.pop("audit")["index"]
    assert None is msgspec.json.decode(json.dumps(known), type=manifest.Manifest).audit


def test_a_changed_audit_entry_shows(data: Path):
    logged(data)
    assert 5 == verify.verify_data(data, None, quiet).audit_entries
    connection = apsw.Connection(str(data / FILE))
    connection.execute("""UPDATE audit SET subject = 'y' WHERE "index" = 3""")
    connection.close()
    problems = verify.verify_data(data, None, quiet).problems
    assert ["audit entry 3 does not follow from the one before: one was changed or is missing"] == problems


def test_rows_that_are_missing_show(data: Path):
    connection = apsw.Connection(str(data / FILE))
    connection.execute("INSERT INTO audit VALUES (7, 'ten_1', 0, 'system', 'a.b', 'x', '{}', '', NULL, NULL, NULL)")
    connection.close()
    assert any("gaps in audit" in one for one in verify.verify_data(data, None, quiet).problems)


def test_a_broken_database_is_told_as_one(data: Path):
    with (data / FILE).open("r+b") as file:  # a page in the middle
        file.seek(20 * 4096)
        file.write(b"\xff" * 4096)
    assert verify.verify_data(data, None, quiet).problems


def test_files_of_nobody_are_noted(data: Path):
    stray = data / "blobs/aa/blb_zz"
    stray.write_bytes(b"x")
    os.utime(stray, (1, 1))
    found = verify.verify_data(data, None, quiet)
    assert ([], 1) == (found.problems, len(found.notes))


def test_a_snapshot_does_not_see_what_comes_after_it(data: Path):
    with Snapshot(data) as snapshot:
        connection = apsw.Connection(str(data / FILE))
        connection.execute("DELETE FROM blobs")
        connection.close()
        assert {"blb_aa": 300_000, "blb_ab": 300_000} == snapshot.blob_files()
