"""How is a file written so that a crash leaves it whole, or leaves what was there before?

Bytes, then their sync, then the name, then the folder's sync (I1). Not here: messages (store/blobs.py).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place(path: Path, content: bytes) -> None:
    """Write a file, for its owner alone, in one step; durable when this returns."""
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(file, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise
    sync_folder(path.parent)
