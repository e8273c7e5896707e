"""The way back: a data folder made of a backup, in which every counter goes on rising and nothing is sent twice in silence.

Nothing is overwritten: the folder must be new, or left by a restore that was broken off, which is then finished. The database
gets its name last, so that no server starts on half of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mailwright.core import restoring
from mailwright.core.ports import Ports, Settings
from mailwright.files import sync_folder
from mailwright.keeping.archive import Archive, fetch
from mailwright.keeping.backup import Progress
from mailwright.keeping.manifest import PIECE, File, Manifest
from mailwright.store.blobs import checked
from mailwright.store.lock import FolderLock
from mailwright.store.sqlite import open_store
from mailwright.store.sqlite.connection import FILE
from mailwright.store.sqlite.snapshot import raise_counters
from mailwright.system.machine import RandomIds, SystemClock

STAGE = "restoring"  # the folder in which the database is made ready


class NotEmpty(Exception):
    """There is something in the folder already."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it."""

    made_at: int
    settled: restoring.Settled


def restore(
    archive: Archive, name: str, data: Path, *, close_queue: bool, progress: Progress, owner: tuple[int, int] | None = None
) -> Restored:
    """Put one backup back. As root, for `owner` (a user's and a group's id), or whoever owns the folder already.

    Raises NotEmpty, FolderInUse, Broken, BadManifest.
    """
    manifest = archive.manifest(name)
    _refuse_to_overwrite(data, manifest)
    if owner is None and data.is_dir():
        owner = data.stat().st_uid, data.stat().st_gid
    lock = FolderLock(data)
    try:
        _put_files(archive, manifest, data, progress)
        settled = asyncio.run(_put_database(archive, manifest, data, close_queue, progress))
        if owner is not None and os.geteuid() == 0:
            for path in (data, *data.rglob("*")):
                os.chown(path, *owner, follow_symlinks=False)
    finally:
        lock.release()
    return Restored(manifest.made_at, settled)


def _refuse_to_overwrite(data: Path, manifest: Manifest) -> None:
    ours = {"lock", "blobs", STAGE, *(path.partition("/")[0] for path in manifest.files)}
    there = set(os.listdir(data)) if data.is_dir() else set()
    begun = STAGE in there
    strangers = there - ours if begun else there - {"lock"}
    if strangers:
        raise NotEmpty(f"{data} holds {', '.join(sorted(strangers)[:3])}: restore into a new folder, or move this one away")


def _put_files(archive: Archive, manifest: Manifest, data: Path, progress: Progress) -> None:
    stage = data / STAGE
    stage.mkdir(mode=0o700, exist_ok=True)
    sync_folder(data)
    for path, file in manifest.files.items():
        _put(archive, file, data / path)
    for number, (blob_id, file) in enumerate(manifest.blobs.items(), 1):
        _put(archive, file, data / "blobs" / checked(blob_id)[-2:] / blob_id)
        progress("large messages", number, len(manifest.blobs))


async def _put_database(
    archive: Archive, manifest: Manifest, data: Path, close_queue: bool, progress: Progress
) -> restoring.Settled:
    stage = data / STAGE
    shutil.rmtree(stage)  # what an earlier try left of the database has had some of this done to it
    stage.mkdir(mode=0o700)
    progress("database", 0, 1)
    _put(archive, manifest.database, stage / FILE)
    ids, clock = RandomIds(), SystemClock()
    raise_counters(stage, made_at=manifest.made_at, now=clock.now(), event_id=ids.new("evt"))
    async with await open_store(stage) as store:
        nobody = cast(Any, None)  # nothing of this reaches beyond the store
        ports = Ports(store, nobody, nobody, nobody, nobody, clock, ids, Settings())
        settled = await restoring.settle(ports, manifest.made_at, close_queue=close_queue)
    for beside in (f"{FILE}-wal", f"{FILE}-shm"):
        if (stage / beside).exists():  # a store that closed leaves one file
            raise OSError(f"{stage / beside} is still there")
    os.rename(stage / FILE, data / FILE)
    sync_folder(data)
    shutil.rmtree(stage)
    progress("database", 1, 1)
    return settled


def _put(archive: Archive, file: File, target: Path) -> None:
    if target.is_file() and _same(target, file):
        return
    for folder in reversed(target.parents):
        if not folder.is_dir():  # `parents=True` would make those above with another mode
            folder.mkdir(mode=0o700)
    part = target.with_name(target.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        for content in fetch(archive, file):
            out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.rename(target)
    sync_folder(target.parent)


def _same(target: Path, file: File) -> bool:
    if target.stat().st_size != file.size:
        return False
    with target.open("rb") as there:
        return all(hashlib.sha256(there.read(PIECE)).hexdigest() == piece for piece in file.pieces)
