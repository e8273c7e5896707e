"""Which signed identities came to which mailbox, until they expire: a second arrival is a copy."""

from __future__ import annotations

from mailwright.store.database import Database
from mailwright.store.statements import load

_SQL = load("nonces")


class Nonces:
    """`core.ports.Nonces`."""

    def __init__(self, db: Database) -> None:
        """On this connection."""
        self._db = db

    async def add(self, mailbox_id: str, domain: str, selector: str, nonce: str, expires_at: int) -> bool:
        """Remember it; False where it was there already."""
        return bool(await self._db.run(_SQL["add"], (mailbox_id, domain, selector, nonce, expires_at)))

    async def forget_before(self, at: int) -> int:
        """Drop what has expired; how many."""
        return await self._db.run(_SQL["forget_before"], (at,))
