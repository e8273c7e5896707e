"""Is everything there that should be? Of a data folder, beside a running server or not, and of a backup.

The database by SQLite's own check and by ours (rows that point to nothing, UIDs given twice, gaps); every hash of the audit
log, which must go on from where a backup saw it end; every file of a large message by its size, and by its SHA-256 where a
backup remembers it; and files that belong to nobody.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from mailwright.core.audit import GENESIS, first_break
from mailwright.keeping.archive import Archive, Broken, fetch
from mailwright.keeping.backup import Progress
from mailwright.keeping.manifest import PIECE, BadManifest, File, Head
from mailwright.store.sqlite.snapshot import DAMAGE, Snapshot

STRAY_AGE = 3600.0  # seconds after which a file without a row belongs to nobody


@dataclass(slots=True)
class Findings:
    """`problems` are damage; `notes` are not. `hashed` are the large messages whose content was compared with a backup's."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    large_messages: int = 0
    hashed: int = 0
    audit_entries: int = 0


def verify_data(data: Path, against: Archive | None, progress: Progress) -> Findings:
    """Look at a data folder. Raises NoDatabase."""
    found = Findings()
    # Before the snapshot: a backup that is finished meanwhile would know of more than is looked at.
    remembered = against.manifest(against.names()[-1]) if against is not None else None
    progress("database", 0, 1)
    try:
        with Snapshot(data) as snapshot:
            found.problems += snapshot.problems()
            progress("database", 1, 1)
            _audit(snapshot, remembered.audit if remembered else None, found, progress)
            _files(data, snapshot, remembered.blobs if remembered else {}, found, progress)
    except DAMAGE as wrong:  # so broken that no more can be read
        found.problems.append(f"the database can't be read: {wrong}")
    return found


def _audit(snapshot: Snapshot, remembered: Head | None, found: Findings, progress: Progress) -> None:
    previous = GENESIS
    seen = remembered is None
    for entries in snapshot.audit():
        broken = first_break(entries, previous)
        if broken is not None:
            found.problems.append(f"audit entry {broken} does not follow from the one before: one was changed or is missing")
            return
        # Whoever can write there can make all hashes anew, or cut off the end: only what lies elsewhere tells.
        seen = seen or any(remembered == Head(one.index, one.hash) for one in entries)
        previous = entries[-1].hash
        found.audit_entries += len(entries)
        progress("audit log", found.audit_entries, found.audit_entries)
    if not seen and remembered is not None:
        found.problems.append(f"the audit log does not hold entry {remembered.index} as it was when the backup was made")


def _files(data: Path, snapshot: Snapshot, remembered: dict[str, File], found: Findings, progress: Progress) -> None:
    wanted = snapshot.blob_files()
    for number, (blob_id, size) in enumerate(sorted(wanted.items()), 1):
        path = data / "blobs" / blob_id[-2:] / blob_id
        wrong = _wrong_file(path, size, remembered.get(blob_id))
        if wrong and not _removed_since(data, blob_id):
            found.problems.append(f"the file of blob {blob_id} {wrong}")
        found.large_messages += 1
        found.hashed += blob_id in remembered
        progress("large messages", number, len(wanted))
    old = time.time() - STRAY_AGE
    strays = [one for one in (data / "blobs").glob("*/*") if one.name not in wanted and one.stat().st_mtime < old]
    if strays:
        found.notes.append(f"{len(strays)} files in blobs/ belong to no message; the server removes them at its daily sweep")


def _wrong_file(path: Path, size: int, remembered: File | None) -> str | None:
    try:
        there = path.stat().st_size
        if there != size:
            return f"has {there} bytes, not {size}"
        if remembered is None:
            return None
        with path.open("rb") as file:
            same = all(hashlib.sha256(file.read(PIECE)).hexdigest() == piece for piece in remembered.pieces)
        return None if same else "is not what it was when the backup was made"
    except FileNotFoundError:
        return "is missing"
    except OSError as wrong:
        return f"can't be read: {wrong.strerror}"


def _removed_since(data: Path, blob_id: str) -> bool:
    """Whether the message went while we looked: row first, then file."""
    with Snapshot(data) as now:
        return blob_id not in now.blob_files()


def verify_backup(archive: Archive, progress: Progress) -> Findings:
    """Look at every piece of every backup there is."""
    found, seen = Findings(), set[str]()
    for name in archive.names():
        try:
            manifest = archive.manifest(name)
        except BadManifest as wrong:
            found.problems.append(str(wrong))
            continue
        found.large_messages = max(found.large_messages, len(manifest.blobs))
        files = {"the database": manifest.database, **manifest.blobs, **manifest.files}
        for number, (what, file) in enumerate(files.items(), 1):
            if not seen.issuperset(file.pieces):
                seen.update(file.pieces)
                try:
                    for _ in fetch(archive, file):
                        pass
                except Broken as wrong:
                    found.problems.append(f"{name}: {what}: {wrong}")
            progress(name, number, len(files))
    return found
