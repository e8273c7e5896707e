"""A backup of a running server: the database as it was at one moment, every large message that it names, and the secrets.

The server is not stopped and not slowed but by reading. First the state of the database, then the files that it names (I1: blob
first, then row). A message removed meanwhile may take its file along: then the state is taken once more. A broken-off
backup is begun again and finds the pieces that it wrote.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailwright import __version__
from mailwright.keeping.archive import Archive, store
from mailwright.keeping.manifest import FORMAT, BadManifest, File, Head, Manifest
from mailwright.store.blobs import checked
from mailwright.store.sqlite.connection import FILE
from mailwright.store.sqlite.snapshot import Snapshot

Progress = Callable[[str, int, int], None]  # which part, how much of it, of how much
TRIES = 3
LEFT_OUT = frozenset({"lock", FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal", "blobs", "incoming", "restoring"})


class BlobLost(Exception):
    """A message's file is missing, and its row is not: that is damage, and no backup hides it."""


class _BlobGone(Exception):
    """A file went while it was wanted."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it."""

    name: str
    manifest: Manifest


def back_up(data: Path, archive: Archive, work: Path, progress: Progress) -> Made:
    """Make one; `work` takes a copy of the database meanwhile. Raises NoDatabase, BlobLost, OSError."""
    known = _known_blobs(archive)
    for _ in range(TRIES):
        try:
            manifest = _taken(data, archive, work, known, progress)
        except _BlobGone:
            continue
        return Made(archive.add(manifest), manifest)
    raise BlobLost("files of messages are missing: `mailwright verify-data` names them")


def _taken(data: Path, archive: Archive, work: Path, known: dict[str, File], progress: Progress) -> Manifest:
    # The secrets first: what the database is signed with later than this is not in it.
    files = {str(path.relative_to(data)): _stored(archive, path) for path in _small_files(data)}
    with Snapshot(data) as snapshot:
        made_at = time.time_ns() // 1_000_000
        wanted = snapshot.blob_files()
        head = snapshot.audit_head()
        with tempfile.TemporaryDirectory(prefix="database-", dir=work) as folder:
            copy = Path(folder) / FILE
            snapshot.copy_to(copy, lambda done, whole: progress("database", done, whole))
            database = _stored(archive, copy)
    blobs: dict[str, File] = {}
    for number, (blob_id, size) in enumerate(sorted(wanted.items()), 1):
        before = known.get(blob_id)
        # A blob never changes: what an earlier backup has under this id is not read again.
        same = before is not None and before.size == size and all(map(archive.has, before.pieces))
        blobs[blob_id] = before if same and before is not None else _blob(data, archive, blob_id, size)
        progress("large messages", number, len(wanted))
    return Manifest(FORMAT, __version__, made_at, database, blobs, files, None if head is None else Head(*head))


def _blob(data: Path, archive: Archive, blob_id: str, size: int) -> File:
    try:
        stored = _stored(archive, data / "blobs" / checked(blob_id)[-2:] / blob_id)
    except FileNotFoundError:
        raise _BlobGone(blob_id) from None
    if stored.size != size:
        raise BlobLost(f"the file of blob {blob_id} has {stored.size} bytes, not {size}")
    return stored


def _stored(archive: Archive, path: Path) -> File:
    with path.open("rb", buffering=0) as file:
        return store(archive, file)


def _small_files(data: Path) -> Iterator[Path]:
    """Secrets and certificates: whatever lies in the folder and is not the store's."""
    for name in sorted(os.listdir(data)):
        path = data / name
        if name in LEFT_OUT or name.startswith("."):  # half a file that a crash left
            continue
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.is_file())
        elif path.is_file():
            yield path


def _known_blobs(archive: Archive) -> dict[str, File]:
    """The blobs of the newest backup that can be read."""
    for name in reversed(archive.names()):
        try:
            return archive.manifest(name).blobs
        except BadManifest:
            continue
    return {}
