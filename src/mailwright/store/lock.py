"""One server to a data folder: who holds it?

A lock on a file in the folder, held while the process lives and gone with it, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from mailwright.files import sync_folder


class FolderInUse(Exception):
    """Another server works on this data folder."""


class FolderLock:
    """Held from construction to `release`."""

    def __init__(self, folder: Path) -> None:
        """Take it, and make the folder if need be; raises FolderInUse."""
        _make(folder)
        path = folder / "lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 20).decode("ascii", "replace").strip()
            os.close(self._file)
            raise FolderInUse(f"{folder} is in use by the server with process id {holder or 'unknown'}") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let go of it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    # I1: what is kept in a folder is as durable as the folder's own name, whoever made it, and however long ago.
    with suppress(PermissionError):  # not ours to sync: whoever runs us made it
        sync_folder(folder.parent)
