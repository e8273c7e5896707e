"""The bytes of messages outside the database: spools while they come in, files once they are large.

A message up to IN_MEMORY stays in memory and is written with its row, in the same transaction and by the same sync. A larger
one is a file: temporary in the same file system, synced, renamed to blobs/<two letters>/<id>, the folder synced, and only
then its row written (I1). Paths are made from ids of our own making and nothing else (S22). Whoever has a spool open holds a
lock on its file, which ends with the process at the latest: what nobody holds, and is not quite new, belongs to nobody.
Not here: the rows (tables/blobs.py).
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mailwright.faults import Point, passes
from mailwright.files import sync_folder

IN_MEMORY = 256 * 1024

_ID = re.compile(r"[a-z]{1,8}_[a-z0-9]{1,64}")


def checked(blob_id: str) -> str:
    """The id, if it can be the name of a file; raises ValueError."""
    # S22: nothing that came from outside becomes a path.
    if not _ID.fullmatch(blob_id):
        raise ValueError(f"{blob_id!r} is no id of a blob")
    return blob_id


class FileSpool:
    """`core.ports.Spool`: in memory up to IN_MEMORY, then in a temporary file."""

    def __init__(self, folder: Path) -> None:
        """`folder` takes the temporary file, if it comes to that."""
        self.size = 0
        self.settled_as: str | None = None
        self._folder = folder
        self._chunks: list[bytes] = []
        self._file: int | None = None
        self._path = ""
        self._map: mmap.mmap | None = None

    @classmethod
    def adopt(cls, path: Path) -> FileSpool:
        """The spool whose file that is; raises OSError."""
        spool = cls(path.parent)
        spool._file = os.open(path, os.O_RDWR)
        fcntl.flock(spool._file, fcntl.LOCK_SH)
        spool._path = str(path)
        spool.size = os.fstat(spool._file).st_size
        return spool

    @property
    def is_large(self) -> bool:
        """Whether it is in a file."""
        return self._file is not None or self.settled_as is not None

    @property
    def path(self) -> str | None:
        """Its temporary file, if it is in one."""
        return self._path or None

    def write(self, chunk: bytes) -> None:
        """Append; raises OSError when the disk is full."""
        if self._file is None and self.size + len(chunk) > IN_MEMORY:
            self._file, self._path = tempfile.mkstemp(dir=self._folder)
            fcntl.flock(self._file, fcntl.LOCK_SH)
            _write_all(self._file, b"".join(self._chunks))
            self._chunks = []
        if self._file is None:
            self._chunks.append(bytes(chunk))
        else:
            _write_all(self._file, chunk)
            self._map = None
        self.size += len(chunk)

    def raw(self) -> bytes | mmap.mmap:
        """All of it so far."""
        if self._file is not None:
            if self._map is None:
                self._map = mmap.mmap(self._file, self.size, access=mmap.ACCESS_READ)
            return self._map
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    def place(self, target: Path, blob_id: str) -> None:
        """Make the file durable under its name; blocks for the disk, so it is run in a thread. Safe to repeat."""
        if self._file is None:
            return
        os.fsync(self._file)
        passes(Point.BLOB_SYNCED)
        os.rename(self._path, target)
        self._path = ""
        passes(Point.BLOB_NAMED)
        # I1: the name is as durable as the bytes only once the folder is on disk.
        sync_folder(target.parent)
        passes(Point.BLOB_SETTLED)
        self.settled_as = blob_id
        self._close()

    def discard(self) -> None:
        """Forget it, and its temporary file; one that a sick disk does not let go of stays for the sweep."""
        if self._path:
            with suppress(OSError):
                Path(self._path).unlink()
            self._path = ""
        self._close()
        self._chunks = []
        self._map = None

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # its number is free all the same
                os.close(self._file)
            self._file = None

    def __del__(self) -> None:
        """A spool that was dropped leaves no file behind."""
        self.discard()


def _write_all(file: int, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[os.write(file, left) :]


class BlobFolder:
    """The files of large blobs, below one folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folders; temporary files of a server that died are removed."""
        self._files = folder / "blobs"
        self.incoming = folder / "incoming"
        self._durable: set[Path] = set()
        self._settled: set[str] = set()  # since we started, and not seen with a row yet
        for one in (self._files, self.incoming):
            one.mkdir(mode=0o700, exist_ok=True)
        for stray in self.incoming.iterdir():
            stray.unlink()
        sync_folder(folder)

    def spool(self) -> FileSpool:
        """A new empty spool."""
        return FileSpool(self.incoming)

    def adopt(self, name: str) -> FileSpool:
        """The spool whose file has that name in our folder of spools; raises OSError."""
        return FileSpool.adopt(self.incoming / Path(name).name)

    def path(self, blob_id: str) -> Path:
        """Where the blob of that id is, or would be."""
        return self._files / checked(blob_id)[-2:] / blob_id

    def settle(self, spool: FileSpool, blob_id: str) -> None:
        """Make a large spool durable as this blob; blocks for the disk, so it is run in a thread."""
        target = self.path(blob_id)
        if target.parent not in self._durable:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._files)
            self._durable.add(target.parent)
        self._settled.add(blob_id)
        spool.place(target, blob_id)

    def open(self, blob_id: str) -> mmap.mmap:
        """The bytes of a file; raises KeyError where it is not there."""
        try:
            with self.path(blob_id).open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise KeyError(blob_id) from None

    def remove(self, blob_id: str) -> None:
        """Delete a file, after its row."""
        self._settled.discard(blob_id)
        self.path(blob_id).unlink(missing_ok=True)

    def clear_spools(self, before: float) -> int:
        """Remove spools that nobody holds, last changed before that time (seconds since 1970); how many."""
        left = [entry for entry in self.incoming.iterdir() if _changed_at(entry) < before and _is_held_by_nobody(entry)]
        for entry in left:
            entry.unlink(missing_ok=True)
        return len(left)

    def strays(self, rows: Callable[[], set[str]], before: float) -> list[str]:
        """Files with no row, last changed before that time (seconds since 1970): their transaction never came.

        `rows` tells which have one, and is asked once the files are listed: one that comes meanwhile is not looked at. What
        was settled since we started is no stray, however old a clock that jumped says it is: its transaction may be under way.
        """
        old = [entry.name for entry in self._files.glob("*/*") if _changed_at(entry) < before]
        known = rows()
        strays = [name for name in old if name not in known and name not in self._settled]
        self._settled -= known
        return strays


def _changed_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:  # removed since it was listed
        return math.inf


def _is_held_by_nobody(file: Path) -> bool:
    try:
        with file.open("rb") as spool:
            fcntl.flock(spool, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # it is held, or gone
        return False
    return True
