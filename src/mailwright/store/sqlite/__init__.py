"""The embedded store: SQLite in WAL mode, for one server on one machine.

Start with store.py (what a caller sees), then writer.py (group commit). One connection writes, and runs scripts on the event
loop between two commits; others read. Synced at every commit (`synchronous=FULL`, I1).
"""

from __future__ import annotations

from mailwright.store.lock import FolderInUse
from mailwright.store.migrations import NewerDatabase
from mailwright.store.sqlite.options import Options
from mailwright.store.sqlite.store import SqliteStore, open_store

__all__ = ["FolderInUse", "NewerDatabase", "Options", "SqliteStore", "open_store"]
