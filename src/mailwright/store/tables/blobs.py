"""The rows that make blobs exist."""

from __future__ import annotations

from mailwright.core.ports import Spool, Taken
from mailwright.store.blobs import FileSpool, checked
from mailwright.store.database import Database
from mailwright.store.statements import load

_SQL = load("blobs")


class BlobRows:
    """`core.ports.BlobRows`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        self._db = db

    async def add(self, blob_id: str, spool: Spool | bytes) -> None:
        """Insert; raises Taken, and ValueError for a large spool that was not settled under this id."""
        content: bytes | None
        if isinstance(spool, bytes):
            content, size = spool, len(spool)
        elif isinstance(spool, FileSpool) and spool.is_large:
            if spool.settled_as != blob_id:
                raise ValueError(f"{blob_id}: settle a large spool before its row is written")
            content, size = None, spool.size
        else:
            content, size = bytes(spool.raw()), spool.size
        if not await self._db.run(_SQL["add"], (checked(blob_id), size, content)):
            raise Taken(f"blobs: {blob_id}")

    async def remove(self, blob_id: str) -> None:
        """Delete the row; the file, if there is one, goes after the commit."""
        row = await self._db.one(_SQL["remove"], (blob_id,))
        if row is not None and row[0]:
            self._db.notes.unneeded.append(blob_id)

    async def content(self, blob_id: str) -> bytes | None:
        """The bytes, or None for a blob that is a file; raises KeyError."""
        row = await self._db.one(_SQL["get"], (blob_id,))
        if row is None:
            raise KeyError(blob_id)
        content: bytes | None = row[1]
        return content

    async def read(self, blob_id: str) -> bytes | None:
        """The bytes of a small one."""
        row = await self._db.one(_SQL["get"], (blob_id,))
        return row[1] if row is not None else None

    async def files(self) -> set[str]:
        """The ids of the blobs that are files."""
        return {row[0] for row in await self._db.all(_SQL["files"], ())}
